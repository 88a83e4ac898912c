//! With which advisories was each process looked at?

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tripoint_model::{Alert, Edition, ProcessKey};

/// The edition that each process was last looked up in. One that has ended is looked up no more: what is said of it
/// stays as old as it is.
#[derive(Debug, Default)]
pub(super) struct Asked {
    known: HashMap<ProcessKey, Lookup>,
    /// So many may be known before those of no interest are forgotten.
    room: usize,
}

#[derive(Debug)]
struct Lookup {
    edition: Edition,
    has_ended: bool,
}

impl Asked {
    /// Notes an answer; says whether it is time to `forget`.
    pub(super) fn note(&mut self, process: ProcessKey, edition: Edition) -> bool {
        let has_ended = self.known.get(&process).is_some_and(|known| known.has_ended);
        self.known.insert(process, Lookup { edition, has_ended });
        self.known.len() > self.room.max(ROOM)
    }

    /// Notes that a process ended.
    pub(super) fn end(&mut self, process: ProcessKey) {
        if let Some(known) = self.known.get_mut(&process) {
            known.has_ended = true;
        }
    }

    /// Forgets what has ended, but for the owners of connections that are on record.
    pub(super) fn forget(&mut self, on_record: &HashSet<ProcessKey>) {
        self.known.retain(|process, known| !known.has_ended || on_record.contains(process));
        // Paid once for as many answers as there were left.
        self.room = self.known.len().saturating_mul(2);
    }

    /// The oldest edition that any process of the alert was looked up in; `None` where none was.
    pub(super) fn oldest(&self, alert: &Alert) -> Option<Edition> {
        let owners = alert.connections.iter().filter_map(|connection| connection.process.as_ref());
        let attacked = alert.call_back.iter().map(|call_back| &call_back.server);
        let all = alert.process.iter().chain(owners).chain(attacked).map(|process: &Arc<_>| process.key);
        all.filter_map(|process| self.known.get(&process)).map(|known| known.edition).min()
    }
}

/// Processes known before it is looked whether any can be forgotten.
const ROOM: usize = 4096;
