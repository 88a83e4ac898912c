//! What do tests have a host do?

use std::sync::Arc;

use tripoint_model::{Connection, ConnectionId, ConnectionState, Direction, Process, ProcessKey, Protocol, Timestamp};
use tripoint_sensor::Seen;

/// A process of this program.
pub fn process(pid: u32, parent: u32, exe: &str, start_ns: u64) -> Arc<Process> {
    let key = ProcessKey { pid, start_ns };
    Arc::new(Process { key, parent, exe: exe.into(), argv: vec![exe.into(), "-c".into()], ..Process::default() })
}

/// It connected to somebody, by a name or without.
pub fn connected(owner: &Arc<Process>, cookie: u64, remote: &str, name: Option<&str>, at: Timestamp) -> Seen {
    let connection = Connection {
        id: ConnectionId { cookie, peer: 0 },
        protocol: Protocol::Tcp,
        direction: Direction::Outbound,
        local: "198.51.100.10:4000".parse().unwrap(),
        remote: remote.parse().unwrap(),
        translated: None,
        state: ConnectionState::Established,
        opened: at,
        closed: None,
        bytes_in: 0,
        bytes_out: 0,
        netns: 1,
        predates_sensor: false,
        remote_name: name.map(str::to_owned),
        named: None,
        process: Some(Arc::clone(owner)),
    };
    Seen::Connection { connection: Arc::new(connection), matched: false, at }
}
