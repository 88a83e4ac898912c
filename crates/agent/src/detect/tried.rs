//! What do the logs of a server change, and what is looked into although no alert came?

use std::sync::Arc;

use tripoint_model::{Attempt, Connection, ConnectionId, Direction, Process, Timestamp, What};

use super::{Detector, now};
use crate::investigate::{self, Case};

/// Connections that are followed although no list knows their peers.
pub(super) const CALLED_BACK_MAX: usize = 1024;

impl Detector {
    /// Logs tell of attempts; detection judges which connections followed from them.
    pub(super) fn tried(
        &mut self,
        server: Arc<Process>,
        attempts: Arc<[Attempt]>,
        calls: Vec<(Arc<Connection>, Timestamp)>,
    ) {
        self.observe(now(), What::Attempts { server, attempts });
        for (connection, at) in calls {
            // A listed one is known already, with what is said of it.
            let is_known = self.met.contains_key(&connection.id) || self.is_listed(&connection);
            if is_known || self.called_back.contains(&connection.id) {
                continue;
            }
            // One that has ended already is told once; nothing more comes of it.
            if connection.state.is_open() {
                if self.called_back.len() >= CALLED_BACK_MAX {
                    tracing::warn!(remote = %connection.remote, "too many call-backs are followed; of this one only its beginning is told");
                } else {
                    self.called_back.insert(connection.id);
                }
            }
            let connection = self.with_hash(connection);
            self.follow(&connection, at);
            self.observe(at, What::Connection { connection });
        }
    }

    fn is_listed(&self, connection: &Connection) -> bool {
        self.index.as_ref().is_some_and(|index| !index.claims_of(connection).is_empty())
    }

    /// A connection to a peer that no list knows: one that followed an attack is told of until its end.
    pub(super) fn follow_up(&mut self, connection: Arc<Connection>, at: Timestamp) {
        let id: ConnectionId = connection.id;
        if !self.called_back.contains(&id) {
            return;
        }
        let before = self.met.get(&id).and_then(|(known, _)| known.process.clone());
        let owner = before.filter(|before| connection.process.as_ref().is_some_and(|now| now.key == before.key));
        let connection = match owner {
            // What was found out about its owner stays.
            Some(owner) => Arc::new(Connection { process: Some(owner), ..Connection::clone(&connection) }),
            None => connection,
        };
        if !connection.state.is_open() {
            self.called_back.remove(&id);
        }
        let connection = self.with_hash(connection);
        self.follow(&connection, at);
        self.observe(at, What::Connection { connection });
    }

    /// An application that is not known to be vulnerable called a listed peer: no alert, unless its own logs, or those
    /// of the server above it, show an attack before.
    pub(super) fn look_unasked(&self, connection: &Arc<Connection>, alerts: usize) {
        if alerts > 0 || connection.direction != Direction::Outbound {
            return;
        }
        let process = connection.process.as_ref();
        let is_alert = |process: &Arc<Process>| self.vulnerable.contains(&process.key);
        if process.is_some_and(is_alert) {
            return;
        }
        if let Some(case) = Case::unraised(connection) {
            let _ = self.doors.cases.try_send(investigate::Ask::Alert(Box::new(case)));
        }
    }
}
