//! What can be seen where the kernel takes no programs? Sockets polled by `sock_diag`, owners found
//! through `/proc`. Connections that come and go between two polls are missed, and `LOST` says so.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tripoint_linux::sock_diag::Socket;
use tripoint_model::{Connection, ConnectionId, ConnectionState, Direction, ProcessKey, Protocol, Timestamp};

use crate::Seen;
use crate::namespaces::{Namespaces, socket_owners};
use crate::table::ProcessTable;

/// What this sensor cannot do, for `doctor` and the alert's missing evidence.
pub const LOST: &[&str] = &[
    "connections shorter than the polling period",
    "unconnected UDP",
    "refusing a connection before its first packet",
    "names from DNS answers",
    "processes that live shorter than the polling period",
];

/// The polling sensor.
pub struct DiagSensor {
    table: ProcessTable,
    open: HashMap<u64, Arc<Connection>>,
    owners: HashMap<u32, u32>,
    own_pid: u32,
    started: bool,
}

impl DiagSensor {
    /// `root` is where container runtimes' files lie (`/`).
    pub fn new(root: &str) -> Self {
        Self {
            table: ProcessTable::new(root),
            open: HashMap::new(),
            owners: HashMap::new(),
            own_pid: std::process::id(),
            started: false,
        }
    }

    /// Looks once: what is new, what changed, what is gone. `at` is the moment of the look.
    pub fn poll(&mut self, at: Timestamp) -> Vec<Seen> {
        let mut out = Vec::new();
        if !std::mem::replace(&mut self.started, true) {
            out.extend(self.table.scan().into_iter().map(|process| Seen::Started { process, at, found: true }));
        }
        let sockets = Namespaces::find().sockets();
        let listeners = sockets.iter().filter(|(_, socket)| socket.is_listener());
        let listening: HashSet<(u64, u16)> = listeners.map(|(netns, socket)| (*netns, socket.local.port())).collect();
        let mut present = HashMap::new();
        for (netns, socket) in sockets.iter().filter(|(_, socket)| is_connection(socket)) {
            let known = self.open.remove(&socket.cookie);
            let connection = match known {
                Some(known) if known.bytes_in == socket.bytes_in && known.bytes_out == socket.bytes_out => known,
                known => {
                    let fresh = Arc::new(self.connection(*netns, socket, known.as_deref(), &listening, at));
                    if fresh.process.as_ref().is_none_or(|p| p.key.pid != self.own_pid) {
                        out.push(Seen::Connection { connection: Arc::clone(&fresh), matched: true, at });
                    }
                    fresh
                }
            };
            present.insert(socket.cookie, connection);
        }
        for gone in std::mem::replace(&mut self.open, present).into_values() {
            let closed = Connection { state: ConnectionState::Closed, closed: Some(at), ..Connection::clone(&gone) };
            out.push(Seen::Connection { connection: Arc::new(closed), matched: true, at });
        }
        out
    }

    fn connection(
        &mut self,
        netns: u64,
        socket: &Socket,
        known: Option<&Connection>,
        listening: &HashSet<(u64, u16)>,
        at: Timestamp,
    ) -> Connection {
        let inbound = listening.contains(&(netns, socket.local.port()));
        let process = known.and_then(|known| known.process.clone()).or_else(|| self.owner(socket.inode));
        Connection {
            id: ConnectionId { cookie: socket.cookie, peer: 0 },
            protocol: if socket.protocol == 17 { Protocol::Udp } else { Protocol::Tcp },
            direction: if inbound { Direction::Inbound } else { Direction::Outbound },
            local: socket.local,
            remote: socket.remote,
            translated: None,
            state: if socket.state == 2 { ConnectionState::Opening } else { ConnectionState::Established },
            opened: known.map_or(at, |known| known.opened),
            closed: None,
            bytes_in: socket.bytes_in,
            bytes_out: socket.bytes_out,
            netns,
            predates_sensor: known.is_some_and(|known| known.predates_sensor),
            remote_name: None,
            named: None,
            process,
        }
    }

    fn owner(&mut self, inode: u32) -> Option<Arc<tripoint_model::Process>> {
        if !self.owners.contains_key(&inode) {
            self.owners = socket_owners();
        }
        let pid = *self.owners.get(&inode)?;
        let process = self.table.living(pid)?;
        let mut whole = tripoint_model::Process::clone(&process);
        whole.ancestry = self.table.ancestry(ProcessKey { ..process.key });
        Some(Arc::new(whole))
    }
}

fn is_connection(socket: &Socket) -> bool {
    socket.remote.port() != 0 && !socket.is_listener() && socket.cookie != 0 && socket.inode != 0
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn finds_connections_their_owner_and_their_end() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let (server, _) = listener.accept().unwrap();
        let mut sensor = DiagSensor::new("/");
        sensor.own_pid = 0;
        let ours = |seen: &[Seen], state: ConnectionState| {
            seen.iter().filter(|s| matches!(s, Seen::Connection { connection: c, .. } if c.state == state && (c.remote.port() == port || c.local.port() == port))).count()
        };
        let first = sensor.poll(Timestamp(1));
        assert_eq!(ours(&first, ConnectionState::Established), 2);
        assert!(first.iter().any(|s| matches!(s, Seen::Connection { connection: c, .. } if c.process.as_ref().is_some_and(|p| p.key.pid == std::process::id()))));
        assert_eq!(ours(&sensor.poll(Timestamp(2)), ConnectionState::Established), 0);
        drop((client, server));
        assert!(ours(&sensor.poll(Timestamp(3)), ConnectionState::Closed) >= 1);
    }
}
