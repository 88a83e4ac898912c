//! Which older generations does a log have?

use std::cmp::Reverse;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{How, Log};

/// The log itself and what it was before it was rotated, newest first: `x.log.1`, `x.log.2.gz`, `x.log-20260102.xz`,
/// `x-2026-01-02.log`.
pub fn generations(log: &Log) -> Vec<Log> {
    let mut all = vec![log.clone()];
    if matches!(log.how, How::Deleted { .. }) {
        return all;
    }
    let (Some(folder), Some(name)) = (log.path.parent(), log.path.file_name().and_then(|name| name.to_str())) else {
        return all;
    };
    let inside = log.root.join(folder.strip_prefix("/").unwrap_or(folder));
    let mut older: Vec<(SystemTime, PathBuf)> = fs::read_dir(inside)
        .into_iter()
        .flatten()
        .flatten()
        .take(FILES_MAX)
        .filter(|entry| entry.file_name().to_str().is_some_and(|other| is_older(name, other)))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, folder.join(entry.file_name()))))
        .collect();
    older.sort_by_key(|(written, path)| (Reverse(*written), path.clone()));
    all.extend(older.into_iter().take(GENERATIONS_MAX).map(|(_, path)| Log { path, ..log.clone() }));
    all
}

const FILES_MAX: usize = 20_000;
const GENERATIONS_MAX: usize = 100;

fn is_older(name: &str, other: &str) -> bool {
    let bare = ENDINGS.iter().find_map(|end| other.strip_suffix(end)).unwrap_or(other);
    let is_mark =
        |mark: &str| !mark.is_empty() && mark.bytes().all(|byte| byte.is_ascii_digit() || b"-._T:".contains(&byte));
    let behind = bare.strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', '-', '_']) && is_mark(&rest[1..]));
    let packed = bare == name && other != name;
    let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or(name);
    let end = &name[stem.len()..];
    let within = bare
        .strip_prefix(stem)
        .and_then(|rest| rest.strip_suffix(end))
        .is_some_and(|rest| !end.is_empty() && rest.starts_with(['.', '-', '_']) && is_mark(&rest[1..]));
    (behind || packed || within) && other != name
}

const ENDINGS: &[&str] = &[".gz", ".xz", ".zst", ".bz2"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_older_generations_are_known() {
        for other in
            ["a.log.1", "a.log.2.gz", "a.log-20260102.xz", "a-2026-01-02.log", "a.2026-01-02.log.gz", "a.log.gz"]
        {
            assert!(is_older("a.log", other), "{other}");
        }
        for other in ["a.log", "b.log.1", "a.log.old.txt", "aa.log", "a.log.1.sh", "a.logs", "a_extra.log"] {
            assert!(!is_older("a.log", other), "{other}");
        }
    }
}
