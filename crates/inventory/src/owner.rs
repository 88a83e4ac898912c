//! Which package owns this file?

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use crate::root::Root;

/// From path to package, kept as keyed hashes: a host's 200,000 paths in 4 MB.
#[derive(Debug, Default)]
pub struct PathIndex {
    owners: HashMap<u64, u32>,
    keys: RandomState,
    /// Top folders that are links into `/usr` here (`bin` → `usr/bin`).
    merged: Vec<&'static str>,
}

impl PathIndex {
    /// An empty index that knows which top folders are merged into `/usr`.
    pub fn new(root: &Root) -> Self {
        let merged = MERGEABLE.iter().copied().filter(|name| root.is_link(name)).collect();
        Self { merged, ..Self::default() }
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
        let top = path.split('/').next().unwrap_or_default();
        let moved = self.merged.contains(&top);
        if moved { self.keys.hash_one(["usr/", path].concat()) } else { self.keys.hash_one(path) }
    }
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

    /// Notes that `path` belongs to the cataloger's package at `at` in what it accepted; `false`
    /// when no more can be noted.
    pub fn own(&mut self, path: &str, at: usize) -> bool {
        u32::try_from(self.base + at).is_ok_and(|number| self.index.insert(path, number))
    }
}

const MERGEABLE: &[&str] = &["bin", "sbin", "lib", "lib32", "lib64", "libx32", "libo32"];
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
    fn numbers_follow_the_packages() {
        let mut index = PathIndex::default();
        Owners::new(&mut index, 1).own("/a", 0);
        Owners::new(&mut index, 1).own("/b", 1);
        index.renumber(&[Some(5), Some(0), None]);
        assert_eq!((index.owner("/a"), index.owner("/b"), index.len()), (Some(0), None, 1));
    }
}
