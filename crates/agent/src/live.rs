//! Which connections are open now, in every network namespace, and whose are they?

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use tripoint_linux::sock_diag::Socket;
use tripoint_model::address::canonical;
use tripoint_model::{ConnectionId, Cut, Observable, Protocol, Target};
use tripoint_sensor::namespaces::{Namespaces, socket_owners};
use tripoint_sensor::procfs;

/// Every open connection of the host whose peer is one of `targets`, with its owner; all of them where the host is one.
pub fn connections_with(targets: &[Target]) -> Vec<Cut> {
    let is_single = |target: &&Target| matches!(target, Target::Peer(Observable::Address(_)));
    let (single, wide): (Vec<_>, Vec<_>) = targets.iter().partition(is_single);
    let all = targets.contains(&Target::Host);
    let single: HashSet<IpAddr> = single.into_iter().filter_map(Target::net).map(|net| canonical(net.addr())).collect();
    let with = |socket: &Socket| {
        all || single.contains(&canonical(socket.remote.ip()))
            || wide.iter().any(|target| target.matches(socket.remote.ip(), socket.remote.port()))
    };
    let mut found = Namespaces::find().sockets();
    found.retain(|(_, socket)| !socket.is_listener() && socket.remote.port() != 0 && with(socket));
    if found.is_empty() {
        return Vec::new();
    }
    let owners = socket_owners();
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
