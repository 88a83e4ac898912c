//! Which connections are open that the sensor has not told of? It tells of most when they end.

use std::collections::{HashMap, HashSet};

use tripoint_linux::sock_diag::Socket;
use tripoint_model::address::canonical;
use tripoint_model::{ConnectionId, Direction, Protocol, Timestamp};
use tripoint_sensor::namespaces::{Namespaces, socket_owners};
use tripoint_sensor::procfs;

use super::tally::{Key, Tally};

const TCP: u8 = 6;
/// States of TCP in which both sides are there (Linux: `TCP_ESTABLISHED`, `TCP_CLOSE_WAIT`).
const TALKING: [u8; 2] = [1, 8];

/// Looks into every network namespace, and counts what is new. Only TCP: who called whom cannot be told of other
/// sockets.
pub fn look(tally: &mut Tally, at: Timestamp) {
    let sockets = Namespaces::find().sockets();
    let listening: HashSet<(u64, u16)> =
        sockets.iter().filter(|(_, s)| s.is_listener()).map(|(netns, s)| (*netns, s.local.port())).collect();
    let mut owners: Option<HashMap<u32, u32>> = None;
    for (netns, socket) in sockets.iter().filter(|(_, socket)| is_talking(socket)) {
        let id = ConnectionId { cookie: socket.cookie, peer: 0 };
        if tally.is_followed(id, at) {
            continue;
        }
        // Walking all files of all processes: only when somebody is new.
        let owners = owners.get_or_insert_with(socket_owners);
        let process = owners.get(&socket.inode).and_then(|pid| procfs::read(*pid, None));
        let inbound = listening.contains(&(*netns, socket.local.port()));
        let direction = if inbound { Direction::Inbound } else { Direction::Outbound };
        let application = process.map(|process| process.application());
        let key = Key::new(application, direction, Protocol::Tcp, socket.local, socket.remote);
        tally.found(id, key, at);
    }
    tally.looked(at);
}

fn is_talking(socket: &Socket) -> bool {
    socket.protocol == TCP
        && TALKING.contains(&socket.state)
        && socket.remote.port() != 0
        && socket.cookie != 0
        && !canonical(socket.remote.ip()).is_loopback()
}
