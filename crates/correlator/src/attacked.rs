//! Which servers were attacked, by their own logs, and which processes descend from them?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tripoint_model::address::canonical;
use tripoint_model::{ApplicationKind, Attempt, Connection, ConnectionId, Process, ProcessKey, Timestamp};

use crate::known::{Newest, keep};

/// A server and what was tried on it.
#[derive(Debug)]
pub(crate) struct Server {
    process: Option<Newest<Arc<Process>>>,
    application: String,
    /// By time, then by place; the oldest go first.
    attempts: BTreeMap<Place, Option<Newest<Attempt>>>,
}

/// Where an attempt stands: an attempt that is told again is the same.
type Place = (Option<Timestamp>, String, u64, String);

impl Server {
    /// The process whose logs tell of it.
    pub(crate) fn process(&self) -> Option<&Arc<Process>> {
        self.process.as_ref().map(|newest| &newest.value)
    }

    /// What was tried, in the order of time.
    pub(crate) fn attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts.values().flatten().map(|newest| &newest.value)
    }

    fn last(&self) -> Timestamp {
        self.attempts.last_key_value().and_then(|((time, ..), _)| *time).unwrap_or(Timestamp(i64::MIN))
    }
}

/// Every server of whose logs something was told, and the outbound connections of what descends from any process.
#[derive(Debug, Default)]
pub(crate) struct Attacked {
    servers: BTreeMap<ProcessKey, Server>,
    by_ancestor: BTreeMap<ProcessKey, BTreeSet<ConnectionId>>,
}

impl Attacked {
    /// Takes what logs tell; says whether that was news, and how many servers were forgotten for it.
    pub(crate) fn add(&mut self, at: Timestamp, process: &Arc<Process>, attempts: &[Attempt]) -> (bool, u64) {
        if attempts.is_empty() {
            return (false, 0);
        }
        let server = self.servers.entry(process.key).or_insert_with(|| Server {
            process: None,
            application: String::new(),
            attempts: BTreeMap::new(),
        });
        // What is told again as it is known is no news: the logs of an alert are looked into again and again.
        let is_known = server.process().is_some_and(|known| known == process);
        let mut changed = keep(&mut server.process, at, Arc::clone(process)) && !is_known;
        server.application = server.process().map(|process| process.application().key()).unwrap_or_default();
        let mut news: Vec<Place> = Vec::new();
        for attempt in attempts {
            let place = (attempt.time, attempt.file.clone(), attempt.offset, attempt.rule.clone());
            let slot = server.attempts.entry(place.clone()).or_default();
            let is_known = slot.as_ref().is_some_and(|known| known.value == *attempt);
            if keep(slot, at, attempt.clone()) && !is_known {
                news.push(place);
            }
        }
        while server.attempts.len() > ATTEMPTS_PER_SERVER_MAX {
            server.attempts.pop_first();
        }
        // One for which there is no room changes nothing either.
        changed |= news.iter().any(|place| server.attempts.contains_key(place));
        let mut forgotten = 0;
        while self.servers.len() > SERVERS_MAX {
            let idlest = self.servers.iter().min_by_key(|(key, server)| (server.last(), **key)).map(|(key, _)| *key);
            forgotten += u64::from(idlest.and_then(|key| self.servers.remove(&key)).is_some());
        }
        (changed, forgotten)
    }

    /// Whether anything that was sent to any server names this connection's peer.
    pub(crate) fn names(&self, connection: &Connection, names: &[String]) -> bool {
        let peer = canonical(connection.remote.ip());
        let all = || connection.names().chain(names.iter().map(String::as_str));
        let sent = |attempt: &Attempt| attempt.names(peer, all()) || attempt.remote.map(canonical) == Some(peer);
        self.servers.values().flat_map(Server::attempts).any(sent)
    }

    /// The server with this key.
    pub(crate) fn server(&self, key: ProcessKey) -> Option<&Server> {
        self.servers.get(&key)
    }

    /// The servers that a process may have been made to act for: itself, one that it descends from, one of the same
    /// unit or container, or another worker of the same server.
    pub(crate) fn servers_of<'a>(&'a self, process: &'a Process) -> impl Iterator<Item = &'a Server> {
        let application = (!self.servers.is_empty()).then(|| process.application());
        let shared = application.filter(|application| application.kind != ApplicationKind::Executable);
        let shared = shared.map(|application| application.key());
        self.servers.iter().filter_map(move |(key, server)| {
            let own = server.process()?;
            let is_worker = own.parent == process.parent && own.parent > 1 && own.exe == process.exe;
            (*key == process.key
                || descends(process, own)
                || is_worker
                || shared.as_ref().is_some_and(|shared| *shared == server.application))
            .then_some(server)
        })
    }

    /// An outbound connection has an owner with these ancestors now.
    pub(crate) fn own(&mut self, id: ConnectionId, before: Option<&Process>, after: &Process) {
        if before.is_some_and(|before| before.ancestry == after.ancestry) {
            return;
        }
        before.into_iter().for_each(|before| self.disown(id, before));
        for key in ancestors(after) {
            self.by_ancestor.entry(key).or_default().insert(id);
        }
    }

    /// The connection is forgotten, or its owner is another.
    pub(crate) fn disown(&mut self, id: ConnectionId, owner: &Process) {
        for key in ancestors(owner) {
            if let Some(ids) = self.by_ancestor.get_mut(&key) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.by_ancestor.remove(&key);
                }
            }
        }
    }

    /// Outbound connections of what descends from this process.
    pub(crate) fn below(&self, key: ProcessKey) -> impl Iterator<Item = ConnectionId> {
        self.by_ancestor.get(&key).into_iter().flatten().copied()
    }

    /// Forgets what was tried too long ago to explain anything that is still kept.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        self.servers.retain(|_, server| now.since(server.last()) < KEPT);
    }
}

/// Whether a process descends from another.
pub(crate) fn descends(process: &Process, from: &Process) -> bool {
    process.ancestry.iter().any(|ancestor| match ancestor.key() {
        Some(key) => key == from.key,
        None => ancestor.pid == from.key.pid && ancestor.exe == from.exe,
    })
}

fn ancestors(process: &Process) -> impl Iterator<Item = ProcessKey> {
    process.ancestry.iter().filter_map(tripoint_model::process::Ancestor::key)
}

/// Servers whose attempts are kept, and attempts of each: a raw line has up to four kilobytes.
const SERVERS_MAX: usize = 256;
const ATTEMPTS_PER_SERVER_MAX: usize = 32;
/// As long as a dossier in which nothing happens.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

#[cfg(test)]
mod tests {
    use tripoint_model::Verdict;
    use tripoint_model::attempt::ShownBy;

    use super::*;

    fn attempt(second: i64) -> Attempt {
        Attempt {
            kind: ShownBy::Line,
            file: "/a.log".into(),
            line: 1,
            offset: second.unsigned_abs(),
            lines: vec![],
            time: Some(Timestamp::from_seconds(second)),
            remote: "203.0.113.9".parse().ok(),
            claimed_remote: None,
            family: "jndi".into(),
            attack: vec!["T1190".into()],
            cves: vec![],
            aims: vec![],
            verdict: Verdict::Attempted,
            rule: "x".into(),
            reasons: vec![],
            raw: "x".into(),
            sigma: None,
        }
    }

    #[test]
    fn what_is_told_again_is_no_news_and_what_is_judged_anew_is() {
        let server = Arc::new(Process { key: ProcessKey { pid: 7, start_ns: 1 }, ..Process::default() });
        let mut attacked = Attacked::default();
        let mut add = |at: i64, attempts: &[Attempt]| attacked.add(Timestamp::from_seconds(at), &server, attempts).0;
        let many: Vec<Attempt> = (100..100 + ATTEMPTS_PER_SERVER_MAX as i64).map(attempt).collect();
        assert!(add(1000, &many));
        assert!(!add(1060, &many), "again a minute later");
        assert!(!add(1070, &[attempt(5)]), "older than all that there is room for");
        let worse = Attempt { verdict: Verdict::LikelySucceeded, ..attempt(110) };
        assert!(add(1080, std::slice::from_ref(&worse)) && !add(1090, &[worse]));
        assert!(!add(1000, &[attempt(110)]), "told late, and older");
    }
}
