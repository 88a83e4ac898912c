//! Which network namespaces are alive, and which process holds which socket in them?

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::MetadataExt;

use tripoint_linux::netns::NetNs;
use tripoint_linux::sock_diag::{SockDiag, Socket};

use crate::procfs;

/// One process for each network namespace.
pub struct Namespaces {
    by_inode: BTreeMap<u64, u32>,
}

impl Namespaces {
    /// Looks through every living process.
    pub fn find() -> Self {
        let mut by_inode = BTreeMap::new();
        for pid in procfs::pids() {
            if let Ok(metadata) = fs::metadata(format!("/proc/{pid}/ns/net")) {
                by_inode.entry(metadata.ino()).or_insert(pid);
            }
        }
        Self { by_inode }
    }

    /// The namespace with this inode; 0 stands for our own.
    pub fn get(&self, inode: u64) -> Option<NetNs> {
        if inode == 0 {
            return NetNs::of_thread().ok();
        }
        NetNs::of_process(*self.by_inode.get(&inode)?).ok()
    }

    /// Every namespace with its inode.
    pub fn all(&self) -> impl Iterator<Item = (u64, NetNs)> + '_ {
        self.by_inode.keys().filter_map(|inode| Some((*inode, self.get(*inode)?)))
    }

    /// Every socket of every namespace that can be entered, with the namespace's inode.
    pub fn sockets(&self) -> Vec<(u64, Socket)> {
        let mut all = Vec::new();
        for (inode, namespace) in self.all() {
            if let Ok(Ok(sockets)) = namespace.run(|| SockDiag::open().and_then(|mut diag| diag.all())) {
                all.extend(sockets.into_iter().map(|socket| (inode, socket)));
            }
        }
        all
    }
}

/// Which process holds which socket inode, by a walk over every process's files.
pub fn socket_owners() -> HashMap<u32, u32> {
    let mut owners = HashMap::new();
    for pid in procfs::pids() {
        for inode in sockets_of(pid) {
            owners.entry(inode).or_insert(pid);
        }
    }
    owners
}

/// Inodes of the sockets that a process holds.
pub fn sockets_of(pid: u32) -> Vec<u32> {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    let inode = |file: fs::DirEntry| {
        let target = fs::read_link(file.path()).ok()?;
        target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    };
    files.flatten().filter_map(inode).collect()
}
