//! Which connections are open now, in every network namespace, and whose are they?

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::MetadataExt;

use tripoint_linux::netns::NetNs;
use tripoint_linux::sock_diag::{SockDiag, Socket};
use tripoint_model::{ConnectionId, Cut, Observable, Protocol};
use tripoint_sensor::procfs;

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
}

/// Every open connection of the host whose peer is one of `targets`, with its owner.
pub fn connections_with(targets: &[Observable]) -> Vec<Cut> {
    let mut found: Vec<(u64, Socket)> = Vec::new();
    for (inode, namespace) in Namespaces::find().all() {
        let Ok(Ok(sockets)) = namespace.run(|| SockDiag::open().and_then(|mut diag| diag.all())) else { continue };
        let with = |socket: &Socket| targets.iter().any(|t| t.matches(socket.remote.ip(), socket.remote.port()));
        let open = sockets.into_iter().filter(|s| !s.is_listener() && s.remote.port() != 0 && with(s));
        found.extend(open.map(|socket| (inode, socket)));
    }
    if found.is_empty() {
        return Vec::new();
    }
    let owners = owners();
    found.into_iter().map(|(inode, socket)| cut(inode, &socket, &owners)).collect()
}

fn cut(netns: u64, socket: &Socket, owners: &HashMap<u32, u32>) -> Cut {
    let pid = owners.get(&socket.inode).copied().unwrap_or(0);
    let application = procfs::read(pid, None).map(|process| process.application().name).unwrap_or_default();
    Cut {
        connection: ConnectionId { cookie: socket.cookie, peer: 0 },
        protocol: if socket.protocol == 17 { Protocol::Udp } else { Protocol::Tcp },
        local: socket.local,
        remote: socket.remote,
        netns,
        pid,
        application,
    }
}

/// Which process holds which socket inode.
fn owners() -> HashMap<u32, u32> {
    let mut owners = HashMap::new();
    for pid in procfs::pids() {
        let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { continue };
        for file in files.flatten() {
            let Ok(target) = fs::read_link(file.path()) else { continue };
            let inode = target.to_str().and_then(|t| t.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
            if let Some(inode) = inode {
                owners.entry(inode).or_insert(pid);
            }
        }
    }
    owners
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn finds_the_connections_with_a_peer_and_their_owner() {
        let listener = TcpListener::bind("127.9.9.9:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let cuts = connections_with(&["127.9.9.9".parse().unwrap()]);
        let ours = cuts.iter().find(|cut| cut.local == client.local_addr().unwrap()).unwrap();
        assert_eq!(ours.pid, std::process::id());
        assert!(cuts.iter().all(|cut| cut.remote.ip() == listener.local_addr().unwrap().ip()));
    }
}
