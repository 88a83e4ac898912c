//! What do tests have a host do?

use std::sync::Arc;

use tripoint_model::{Connection, Process, ProcessKey, Timestamp, testing};
use tripoint_sensor::Seen;

/// A process of this program.
pub fn process(pid: u32, parent: u32, exe: &str, start_ns: u64) -> Arc<Process> {
    let key = ProcessKey { pid, start_ns };
    Arc::new(Process { key, parent, exe: exe.into(), argv: vec![exe.into(), "-c".into()], ..Process::default() })
}

/// It connected to somebody, by a name or without.
pub fn connected(owner: &Arc<Process>, cookie: u64, remote: &str, name: Option<&str>, at: Timestamp) -> Seen {
    let connection = Connection {
        opened: at,
        remote_name: name.map(str::to_owned),
        process: Some(Arc::clone(owner)),
        ..testing::connection(cookie, remote)
    };
    Seen::Connection { connection: Arc::new(connection), matched: false, at }
}
