//! What does `/proc/PID` say a process runs, holds open and was started with?

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::path;

/// A file that a process has mapped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mapped {
    /// As the process sees it, without the mark of a deleted file.
    pub(crate) path: String,
    pub(crate) inode: u64,
    pub(crate) deleted: bool,
    pub(crate) executable: bool,
}

/// The executable's path and whether the file was deleted; `None` for kernel threads.
pub(crate) fn exe(pid: u32) -> io::Result<(String, bool)> {
    let target = fs::read_link(format!("/proc/{pid}/exe"))?;
    let (path, deleted) = undelete(&shown(&target));
    Ok((seen(&changed_root(pid), path), deleted))
}

/// Where the root folder lies that a process changed to within our own mount namespace; empty for
/// others. Only there the kernel tells paths as we see them, not as the process does.
fn changed_root(pid: u32) -> String {
    let root = fs::read_link(format!("/proc/{pid}/root")).map_or_else(|_| String::new(), |root| shown(&root));
    if root == "/" { String::new() } else { root }
}

fn seen(root: &str, path: String) -> String {
    match path.strip_prefix(root) {
        Some(inside) if !root.is_empty() && inside.starts_with('/') => inside.to_owned(),
        _ => path,
    }
}

/// The files mapped by a process, each once: code, and archives that are read through a mapping.
pub(crate) fn maps(pid: u32) -> io::Result<Vec<Mapped>> {
    let mut text = Vec::new();
    File::open(format!("/proc/{pid}/maps"))?.take(MAPS_BYTES_MAX).read_to_end(&mut text)?;
    let root = changed_root(pid);
    let mut out = parse_maps(&path::text(&text));
    for mapped in out.iter_mut().filter(|_| !root.is_empty()) {
        mapped.path = seen(&root, std::mem::take(&mut mapped.path));
    }
    Ok(out)
}

fn parse_maps(text: &str) -> Vec<Mapped> {
    let mut out: Vec<Mapped> = Vec::new();
    for mapped in text.lines().filter_map(parse_mapping) {
        let full = out.len() >= FILES_MAX;
        match out.last_mut() {
            Some(last) if last.path == mapped.path && last.inode == mapped.inode => {
                last.executable |= mapped.executable
            }
            _ if full => break,
            _ => out.push(mapped),
        }
    }
    out.sort();
    out.dedup();
    out
}

/// `start-end perms offset dev inode path`.
fn parse_mapping(line: &str) -> Option<Mapped> {
    let mut rest = line;
    let mut fields = [""; 5];
    for field in &mut fields {
        let (found, next) = rest.split_once(' ')?;
        *field = found;
        rest = next.trim_start();
    }
    if !rest.starts_with('/') {
        return None;
    }
    let (path, deleted) = undelete(rest);
    Some(Mapped { path: unescape(&path), inode: fields[4].parse().ok()?, deleted, executable: fields[1].contains('x') })
}

fn shown(target: &Path) -> String {
    path::text(target.as_os_str().as_bytes()).into_owned()
}

fn undelete(path: &str) -> (String, bool) {
    match path.strip_suffix(" (deleted)") {
        Some(path) => (path.to_owned(), true),
        None => (path.to_owned(), false),
    }
}

/// The kernel writes a newline in a path as `\012`.
fn unescape(path: &str) -> String {
    path.replace("\\012", "\n")
}

/// Arguments, empty ones kept.
pub(crate) fn arguments(pid: u32) -> Vec<String> {
    strings(&format!("/proc/{pid}/cmdline"))
}

/// One variable of the environment the process was started with.
pub(crate) fn environment(pid: u32, name: &str) -> Option<String> {
    strings(&format!("/proc/{pid}/environ"))
        .into_iter()
        .find_map(|pair| pair.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')).map(str::to_owned))
}

fn strings(path: &str) -> Vec<String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(STRINGS_BYTES_MAX).read_to_end(&mut bytes));
    if read.is_err() {
        return Vec::new();
    }
    // Arguments and variables name paths.
    let text = path::text(&bytes);
    text.trim_end_matches('\0').split('\0').map(str::to_owned).collect()
}

/// The working folder.
pub(crate) fn cwd(pid: u32) -> Option<String> {
    let target = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
    Some(seen(&changed_root(pid), shown(&target)))
}

/// An open file: its path, and through which name it can be read although it was replaced.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Open {
    pub(crate) path: String,
    pub(crate) deleted: bool,
    pub(crate) through: PathBuf,
}

/// The open files that have a path.
pub(crate) fn open_files(pid: u32) -> Vec<Open> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    let root = changed_root(pid);
    let mut out: Vec<Open> = entries
        .flatten()
        .take(FILES_MAX)
        .filter_map(|entry| {
            let target = fs::read_link(entry.path()).ok()?;
            let target = shown(&target);
            let (path, deleted) = undelete(Some(&target).filter(|path| path.starts_with('/'))?);
            Some(Open { path: seen(&root, path), deleted, through: entry.path() })
        })
        .collect();
    out.sort();
    out.dedup_by(|a, b| a.path == b.path && a.deleted == b.deleted);
    out
}

const MAPS_BYTES_MAX: u64 = 16 << 20;
const FILES_MAX: usize = 65_536;
const STRINGS_BYTES_MAX: u64 = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_read_whatever_the_paths_hold() {
        let text = "55d0-55d1 r--p 00000000 fd:01 100                        /usr/bin/x y\n\
                    55d1-55d2 r-xp 00001000 fd:01 100                        /usr/bin/x y\n\
                    7f00-7f01 r-xp 00000000 fd:01 200                        /usr/lib/libssl.so.3 (deleted)\n\
                    7f01-7f02 rw-p 00000000 00:00 0 \n\
                    7f02-7f03 r--p 00000000 00:00 0                          [stack]\n\
                    7f03-7f04 r--p 00000000 fd:01 300                        /tmp/a\\012b.jar\n\
                    7f04-7f05 r--p 00000000 fd:01 400                        /tmp/\u{f7e9}.jar\n\
                    garbage\n";
        let found = parse_maps(text);
        let found: Vec<_> = found.iter().map(|m| (m.path.as_str(), m.inode, m.deleted, m.executable)).collect();
        assert_eq!(
            found,
            [
                ("/tmp/a\nb.jar", 300, false, false),
                ("/tmp/\u{f7e9}.jar", 400, false, false),
                ("/usr/bin/x y", 100, false, true),
                ("/usr/lib/libssl.so.3", 200, true, true)
            ]
        );
    }

    #[test]
    fn paths_are_as_the_process_sees_them() {
        for (root, path, expected) in [
            ("", "/usr/bin/x", "/usr/bin/x"),
            ("/srv/cell", "/srv/cell/bin/x", "/bin/x"),
            ("/srv/cell", "/srv/cellar/x", "/srv/cellar/x"),
            ("/srv/cell", "/bin/x", "/bin/x"),
        ] {
            assert_eq!(seen(root, path.to_owned()), expected, "{root} {path}");
        }
    }

    #[test]
    fn a_process_that_is_gone_is_an_error_or_nothing() {
        let pid = u32::MAX;
        assert!(exe(pid).is_err() && maps(pid).is_err());
        assert!(arguments(pid).is_empty() && open_files(pid).is_empty() && cwd(pid).is_none());
    }
}
