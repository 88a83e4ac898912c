//! Where is the cgroup v2 hierarchy, and which path has a cgroup id?

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The mount point of the cgroup v2 hierarchy (`/sys/fs/cgroup`, or `…/unified` on hybrid hosts).
pub fn root() -> Option<PathBuf> {
    crate::faults::refuse(crate::faults::Lack::Cgroup2).ok()?;
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ');
        let (_, point, kind) = (fields.next()?, fields.next()?, fields.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(point))
    })
}

/// Paths by cgroup id (the inode of the folder). A container may come and go between two looks:
/// what identifies it is captured in the kernel; this only completes the path.
#[derive(Default)]
pub struct CgroupPaths {
    known: HashMap<u64, String>,
}

/// How many folders one walk visits at most.
const WALK_MAX: usize = 20_000;

impl CgroupPaths {
    /// The path below the hierarchy's root (`/system.slice/nginx.service`), walking again when the
    /// id is new.
    pub fn path(&mut self, id: u64) -> Option<&str> {
        if !self.known.contains_key(&id) {
            self.walk();
        }
        self.known.get(&id).map(String::as_str)
    }

    /// The path if it is known already, without touching the disk.
    pub fn known(&self, id: u64) -> Option<&str> {
        self.known.get(&id).map(String::as_str)
    }

    fn walk(&mut self) {
        let Some(root) = root() else { return };
        self.known.clear();
        let mut open = vec![root.clone()];
        while let Some(folder) = open.pop() {
            if self.known.len() >= WALK_MAX {
                return;
            }
            self.remember(&root, &folder);
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            open.extend(entries.flatten().filter(|e| e.file_type().is_ok_and(|t| t.is_dir())).map(|e| e.path()));
        }
    }

    fn remember(&mut self, root: &Path, folder: &Path) {
        let Ok(metadata) = fs::metadata(folder) else { return };
        let path = folder.strip_prefix(root).unwrap_or(folder);
        self.known.insert(metadata.ino(), format!("/{}", path.display()));
    }
}

/// The cgroup v2 path in the text of `/proc/PID/cgroup`.
pub fn path_in(proc_cgroup: &str) -> Option<&str> {
    proc_cgroup.lines().find_map(|line| line.strip_prefix("0::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_unified_line() {
        assert_eq!(path_in("9:name=systemd:/x\n0::/system.slice/a.service\n"), Some("/system.slice/a.service"));
        assert_eq!(path_in("4:memory:/x\n"), None);
    }
}
