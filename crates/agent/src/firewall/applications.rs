//! In which cgroups does an application run, so that a block can be its own?

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use tripoint_linux::cgroup;
use tripoint_sensor::procfs;

/// The ids of the cgroups that hold the processes of the application with this key. None where it does not run; an
/// error where one of them holds other applications too, which a block would hit.
pub(super) fn cgroups_of(key: &str) -> Result<BTreeSet<u64>, String> {
    Ok(places_of(key)?.into_keys().collect())
}

/// The same with the folder of each.
pub(super) fn places_of(key: &str) -> Result<BTreeMap<u64, PathBuf>, String> {
    let root = cgroup::root().ok_or("there is no cgroup v2 hierarchy")?;
    let mut places = BTreeMap::new();
    for (path, applications) in by_cgroup() {
        if !applications.contains(key) {
            continue;
        }
        if let Some(other) = applications.iter().find(|other| *other != key) {
            return Err(format!("{key} shares the cgroup {path} with {other}; block for the host, or give it its own"));
        }
        let place = root.join(path.trim_start_matches('/'));
        match fs::metadata(&place) {
            Ok(folder) => drop(places.insert(folder.ino(), place)),
            // It ended while we looked.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("cgroup {path}: {error}")),
        }
    }
    Ok(places)
}

/// Which applications run in which cgroup.
fn by_cgroup() -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for pid in procfs::pids() {
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/cgroup")) else { continue };
        let (Some(path), Some(process)) = (cgroup::path_in(&text), procfs::read(pid, None)) else { continue };
        found.entry(path.to_owned()).or_default().insert(process.application().key());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::staged::{Own, Waiting};
    use super::*;

    #[test]
    fn whoever_does_not_run_has_no_cgroup() {
        assert_eq!(cgroups_of("unit:tripoint-nobody-runs-this.service").unwrap(), BTreeSet::new());
    }

    #[test]
    fn a_shared_cgroup_is_refused_and_an_own_one_found() {
        let Some(own) = Own::make("application") else { return };
        let lonely = Waiting::start("lonely");
        own.take(&lonely);
        // The second one runs where this test runs.
        let mut beside = lonely.beside();
        let shared = cgroups_of(&lonely.key);
        beside.kill().unwrap();
        beside.wait().unwrap();
        assert!(shared.unwrap_err().contains("shares the cgroup"));
        assert_eq!(cgroups_of(&lonely.key).unwrap(), BTreeSet::from([own.id()]));
    }
}
