//! Which package owns this file?

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

use foldhash::quality::RandomState;
use rustix::fs::FileType;

use crate::root::Root;

/// From path to package, kept as keyed hashes: a host's 200,000 paths in 4 MB.
#[derive(Debug, Default)]
pub struct PathIndex {
    owners: HashMap<u64, u32, BuildHasherDefault<Hashed>>,
    keys: RandomState,
    /// Folders near the top that are links to other folders here (`bin` → `usr/bin`): a package may
    /// list a file by either name.
    links: Links,
}

/// Folders and where they lead.
#[derive(Debug, Default)]
struct Links {
    to: HashMap<String, String>,
    /// Marks of the folders in `to`: nearly every path is told by them to have none.
    marks: u64,
}

impl Links {
    fn insert(&mut self, folder: String, target: String) {
        self.marks |= mark(&folder);
        self.to.insert(folder, target);
    }

    /// Where a folder leads when it is a link.
    fn get(&self, folder: &str) -> Option<&String> {
        if self.marks & mark(folder) == 0 { None } else { self.to.get(folder) }
    }
}

/// One bit that a folder's length and ends choose.
fn mark(folder: &str) -> u64 {
    let bytes = folder.as_bytes();
    let (first, last) = (bytes.first().copied().unwrap_or(0), bytes.last().copied().unwrap_or(0));
    1 << ((bytes.len() as u64 ^ u64::from(first) ^ u64::from(last) << 2) % 64)
}

/// The keys are keyed hashes already: a second hashing would change nothing but the time.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

impl PathIndex {
    /// An empty index that knows which folders are names of others.
    pub fn new(root: &Root) -> Self {
        let mut links = Links::default();
        for folder in LINKED_IN {
            let (entries, _) = root.list(folder, ENTRIES_MAX).unwrap_or_default();
            for entry in entries.iter().filter(|entry| entry.kind == FileType::Symlink) {
                let path = if folder.is_empty() { entry.name.clone() } else { format!("{folder}/{}", entry.name) };
                // Libraries are linked by the hundred; only what leads to a folder matters.
                let leads = root.link(&path).filter(|_| links.to.len() < LINKS_MAX && root.list(&path, 0).is_ok());
                if let Some(target) = leads.and_then(|target| joined(folder, &target)) {
                    links.insert(path, target);
                }
            }
        }
        Self { links, ..Self::default() }
    }

    /// Makes room for so many paths, within reason.
    fn expect(&mut self, paths: usize) {
        self.owners.reserve(paths.min(PATHS_EXPECTED_MAX));
    }

    /// Notes that `path` belongs to the package of that number; `false` when the index is full.
    /// The last one to claim a path has it.
    pub fn insert(&mut self, path: &str, package: u32) -> bool {
        if self.owners.len() >= PATHS_MAX {
            return false;
        }
        let key = self.key(path);
        self.owners.insert(key, package);
        true
    }

    /// The number of the package that owns `path`.
    pub fn owner(&self, path: &str) -> Option<u32> {
        self.owners.get(&self.key(path)).copied()
    }

    /// How many paths are known.
    pub fn len(&self) -> usize {
        self.owners.len()
    }

    /// Whether no path is known.
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// Gives every package its new number; whoever has none owns nothing from then on.
    pub(crate) fn renumber(&mut self, numbers: &[Option<u32>]) {
        self.owners.retain(|_, number| match numbers.get(*number as usize) {
            Some(Some(new)) => {
                *number = *new;
                true
            }
            _ => false,
        });
    }

    fn key(&self, path: &str) -> u64 {
        let path = path.trim_start_matches('/');
        match self.real(path) {
            Some(real) => self.keys.hash_one(real.as_str()),
            None => self.keys.hash_one(path),
        }
    }

    /// The path without links near its top; nothing when there are none.
    fn real(&self, path: &str) -> Option<String> {
        if self.links.marks == 0 {
            return None;
        }
        let mut out: Option<String> = None;
        // A link may lead to a link.
        for _ in 0..LINK_STEPS_MAX {
            let now = out.as_deref().unwrap_or(path);
            let ends = now.match_indices('/').map(|(at, _)| at).take(LINK_DEPTH_MAX);
            let Some((end, target)) = ends.filter_map(|at| Some((at, self.links.get(now.get(..at)?)?))).next() else {
                break;
            };
            out = Some([target, now.get(end..)?].concat());
        }
        out
    }
}

/// Where a link in a folder leads, as a path from the top.
fn joined(folder: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = if target.starts_with('/') { Vec::new() } else { folder.split('/').collect() };
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.retain(|part| !part.is_empty());
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// Where a cataloger notes the files of the packages it has accepted.
#[derive(Debug)]
pub struct Owners<'i> {
    index: &'i mut PathIndex,
    /// How many packages the catalogers before it have found.
    base: usize,
}

impl<'i> Owners<'i> {
    /// For a cataloger whose first package is the one of number `base`.
    pub fn new(index: &'i mut PathIndex, base: usize) -> Self {
        Self { index, base }
    }

    /// Makes room for the files of so many packages.
    pub fn expect(&mut self, packages: usize) {
        self.index.expect(packages.saturating_mul(PATHS_OF_ONE));
    }

    /// Notes that `path` belongs to the cataloger's package at `at` in what it accepted; `false`
    /// when no more can be noted.
    pub fn own(&mut self, path: &str, at: usize) -> bool {
        u32::try_from(self.base + at).is_ok_and(|number| self.index.insert(path, number))
    }
}

/// Folders in which links to other folders are looked for.
const LINKED_IN: &[&str] = &["", "usr", "usr/lib", "usr/share", "usr/local", "var", "opt"];
const ENTRIES_MAX: usize = 10_000;
const LINKS_MAX: usize = 256;
const LINK_DEPTH_MAX: usize = 3;
const LINK_STEPS_MAX: usize = 4;
/// In the middle of what distributions install.
const PATHS_OF_ONE: usize = 128;
const PATHS_EXPECTED_MAX: usize = 1 << 18;
/// A package database that names more is not believed.
const PATHS_MAX: usize = 4_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_folders_are_one() {
        let folder = tempfile::tempdir().expect("tempdir");
        std::fs::create_dir_all(folder.path().join("usr/bin")).expect("mkdir");
        std::os::unix::fs::symlink("usr/bin", folder.path().join("bin")).expect("link");
        std::fs::create_dir(folder.path().join("sbin")).expect("mkdir");
        let mut index = PathIndex::new(&Root::open(folder.path()).expect("root"));
        index.insert("/bin/ls", 1);
        index.insert("/sbin/init", 2);
        assert_eq!(index.owner("/usr/bin/ls"), Some(1));
        assert_eq!(index.owner("/bin/ls"), Some(1));
        assert_eq!(index.owner("/usr/sbin/init"), None);
        assert_eq!(index.owner("/sbin/init"), Some(2));
    }

    #[test]
    fn a_folder_has_two_names_where_it_is_a_link() {
        let folder = tempfile::tempdir().expect("tempdir");
        for path in ["opt/python/dist-packages", "usr/lib", "data/app"] {
            std::fs::create_dir_all(folder.path().join(path)).expect("mkdir");
        }
        for (target, link) in
            [("../../opt/python", "usr/lib/python3"), ("/data/app", "opt/app"), ("opt/app", "app"), ("loop", "loop")]
        {
            std::os::unix::fs::symlink(target, folder.path().join(link)).expect("link");
        }
        // Absolute links end at the top of the root filesystem.
        let mut index = PathIndex::new(&Root::open(folder.path()).expect("root"));
        index.insert("/usr/lib/python3/dist-packages/x", 1);
        index.insert("/app/y", 2);
        assert_eq!(index.owner("/opt/python/dist-packages/x"), Some(1));
        assert_eq!((index.owner("/data/app/y"), index.owner("opt/app/y")), (Some(2), Some(2)));
        assert_eq!(index.owner("/loop/y"), None);
    }

    #[test]
    fn numbers_follow_the_packages() {
        let mut index = PathIndex::default();
        Owners::new(&mut index, 1).own("/a", 0);
        Owners::new(&mut index, 1).own("/b", 1);
        index.renumber(&[Some(5), Some(0), None]);
        assert_eq!((index.owner("/a"), index.owner("/b"), index.len()), (Some(0), None, 1));
    }
}
