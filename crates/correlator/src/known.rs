//! What has been learnt so far, in whatever order it arrived?

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tripoint_model::address::canonical;
use tripoint_model::{
    AlertId, Connection, ConnectionId, Direction, Exception, Finding, Outcome, Process, ProcessKey, Sighting, Timestamp,
};

use crate::attacked::Attacked;
use crate::dossier::DossierKey;
use crate::judged::{Judged, ProcessRecord};
use crate::listed::Listed;
use crate::met::Met;

/// What was dropped or folded to keep memory bounded; all counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections that met no indicator and ended, or were too many; forgotten.
    pub connections_forgotten: u64,
    /// Connections of an alert that are kept as sums only.
    pub connections_folded: u64,
    /// Processes forgotten after their end, or because there were too many.
    pub processes_forgotten: u64,
    /// Names forgotten.
    pub names_forgotten: u64,
    /// Servers of which it was forgotten what their logs told.
    pub servers_forgotten: u64,
    /// Alerts no longer updated because nothing happened for long.
    pub dossiers_forgotten: u64,
}

/// A value and when it was true. The later one wins; of two at the same moment the one whose text
/// is greater, so that the order of arrival does not matter.
#[derive(Clone, Debug)]
pub(crate) struct Newest<T> {
    pub(crate) at: Timestamp,
    pub(crate) value: T,
}

/// Keeps the winner of the two; says whether that changed anything.
pub(crate) fn keep<T: Debug + PartialEq>(slot: &mut Option<Newest<T>>, at: Timestamp, value: T) -> bool {
    let wins = slot.as_ref().is_none_or(|old| {
        at > old.at || (at == old.at && value != old.value && format!("{value:?}") > format!("{:?}", old.value))
    });
    if wins {
        *slot = Some(Newest { at, value });
    }
    wins
}

/// What is known of one connection.
#[derive(Debug, Default)]
pub(crate) struct ConnectionRecord {
    pub(crate) connection: Option<Newest<Arc<Connection>>>,
    /// The owner from the newest state that names one.
    pub(crate) process: Option<Newest<Arc<Process>>>,
    pub(crate) sighting: Option<Newest<Sighting>>,
    /// What any sighting said was listed, also one that another has replaced.
    pub(crate) listed: Listed,
    /// The dossier it is counted in.
    pub(crate) key: Option<DossierKey>,
}

/// An exception as added and withdrawn.
#[derive(Debug, Default)]
struct ExceptionRecord {
    added: Option<Newest<Exception>>,
    removed: Option<Timestamp>,
}

/// Everything learnt, by key.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) connections: BTreeMap<ConnectionId, ConnectionRecord>,
    pub(crate) processes: BTreeMap<ProcessKey, ProcessRecord>,
    by_peer: BTreeMap<IpAddr, BTreeSet<ConnectionId>>,
    /// Processes that were seen to begin, by their application's key.
    begun: BTreeMap<String, BTreeSet<ProcessKey>>,
    names: BTreeMap<IpAddr, BTreeSet<(Timestamp, u64, String)>>,
    exceptions: BTreeMap<String, ExceptionRecord>,
    outcomes: BTreeMap<AlertId, BTreeMap<String, Option<Newest<Outcome>>>>,
    pub(crate) attacked: Attacked,
    pub(crate) met: Met,
    /// The latest tick.
    pub(crate) now: Timestamp,
    pub(crate) counters: Counters,
}

impl Known {
    pub(crate) fn add_connection(&mut self, at: Timestamp, connection: &Arc<Connection>) {
        let id = connection.id;
        let record = self.connections.entry(id).or_default();
        if let Some(process) = &connection.process {
            let owner = |record: &ConnectionRecord| record.process.as_ref().map(|newest| Arc::clone(&newest.value));
            let former = owner(record);
            keep(&mut record.process, at, Arc::clone(process));
            let now = owner(record);
            let (before, key) = (former.as_ref().map(|owner| owner.key), now.as_ref().map(|owner| owner.key));
            if connection.direction == Direction::Outbound
                && let Some(now) = &now
            {
                self.attacked.own(id, former.as_deref(), now);
            }
            if before != key {
                if let Some(old) = before.and_then(|old| self.processes.get_mut(&old)) {
                    old.connections.remove(&id);
                }
                if let Some(key) = key {
                    self.processes.entry(key).or_default().connections.insert(id);
                }
            }
        }
        keep(&mut record.connection, at, Arc::clone(connection));
        self.by_peer.entry(canonical(connection.remote.ip())).or_default().insert(id);
    }

    pub(crate) fn add_sighting(&mut self, at: Timestamp, sighting: &Sighting) {
        let record = self.connections.entry(sighting.connection).or_default();
        record.listed.add(&sighting.claims);
        keep(&mut record.sighting, at, sighting.clone());
    }

    pub(crate) fn start_process(&mut self, at: Timestamp, process: &Arc<Process>) {
        keep(&mut self.processes.entry(process.key).or_default().process, at, Arc::clone(process));
        self.begun.entry(process.application().key()).or_default().insert(process.key);
    }

    /// The application that a process is part of; as it was seen to begin, else as a connection
    /// names it.
    pub(crate) fn application_of(&self, process: ProcessKey) -> Option<String> {
        let record = self.processes.get(&process)?;
        let named = || {
            let of = |id: &ConnectionId| self.connections.get(id)?.process.as_ref().map(|newest| &newest.value);
            record.connections.iter().find_map(of)
        };
        record.process.as_ref().map(|newest| &newest.value).or_else(named).map(|process| process.application().key())
    }

    /// Whether an application that had vulnerable code has none any more: of `seen` and of its
    /// processes that were seen to begin the newest has been looked at and is clean, and so is
    /// every other that lives.
    pub(crate) fn is_mended(&self, application: &str, seen: impl Iterator<Item = ProcessKey>) -> bool {
        let begun = self.begun.get(application).into_iter().flatten().copied();
        let still = |key: &ProcessKey| {
            let process = self.processes.get(key).and_then(|record| record.process.as_ref());
            process.is_some_and(|newest| newest.value.application().key() == application)
        };
        let all: BTreeSet<ProcessKey> = seen.chain(begun.filter(still)).collect();
        let record = |key: &ProcessKey| self.processes.get(key);
        let newest = all.iter().max_by_key(|key| (key.start_ns, key.pid));
        newest.and_then(record).is_some_and(ProcessRecord::is_clean)
            && all.iter().filter_map(record).all(|record| record.ended.is_some() || record.is_clean())
    }

    /// Whether a process was ever found to have one of these vulnerabilities.
    pub(crate) fn has_hole(&self, process: ProcessKey, cves: &[String]) -> bool {
        !cves.is_empty() && self.processes.get(&process).is_some_and(|record| record.had_any_of(cves))
    }

    pub(crate) fn end_process(&mut self, at: Timestamp, process: ProcessKey) {
        let ended = &mut self.processes.entry(process).or_default().ended;
        *ended = Some(ended.map_or(at, |earlier| earlier.min(at)));
    }

    pub(crate) fn add_findings(&mut self, at: Timestamp, process: ProcessKey, list: &Arc<[Finding]>, again: bool) {
        self.processes.entry(process).or_default().add_findings(at, Judged { list: Arc::clone(list), again });
    }

    pub(crate) fn add_name(&mut self, at: Timestamp, name: &str, addresses: &[IpAddr], netns: u64) {
        for address in addresses.iter().take(ADDRESSES_PER_NAME_MAX) {
            let names = self.names.entry(canonical(*address)).or_default();
            names.insert((at, netns, name.to_owned()));
            while names.len() > NAMES_PER_ADDRESS_MAX {
                names.pop_first();
            }
        }
    }

    pub(crate) fn add_exception(&mut self, at: Timestamp, exception: &Exception) {
        let record = self.exceptions.entry(exception.id.clone()).or_default();
        keep(&mut record.added, at, exception.clone());
    }

    pub(crate) fn remove_exception(&mut self, at: Timestamp, id: &str) {
        let removed = &mut self.exceptions.entry(id.to_owned()).or_default().removed;
        *removed = Some(removed.map_or(at, |earlier| earlier.max(at)));
    }

    pub(crate) fn add_outcome(&mut self, at: Timestamp, alert: &AlertId, outcome: &Outcome) {
        let of_alert = self.outcomes.entry(alert.clone()).or_default();
        let known = of_alert.len() < OUTCOMES_PER_ALERT_MAX || of_alert.contains_key(&outcome.id);
        if known {
            keep(of_alert.entry(outcome.id.clone()).or_default(), at, outcome.clone());
        }
    }

    /// Each exception with the moment it was withdrawn, if it was; sorted by id.
    pub(crate) fn exceptions(&self) -> impl Iterator<Item = (&Exception, Option<Timestamp>)> {
        self.exceptions.values().filter_map(|record| {
            let added = record.added.as_ref()?;
            Some((&added.value, record.removed.filter(|removed| *removed >= added.at)))
        })
    }

    /// The newest state of each action on an alert's account, oldest first.
    pub(crate) fn outcomes(&self, alert: &AlertId) -> Vec<Outcome> {
        let mut all: Vec<Outcome> = self
            .outcomes
            .get(alert)
            .into_iter()
            .flat_map(BTreeMap::values)
            .flatten()
            .map(|newest| newest.value.clone())
            .collect();
        all.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        all
    }

    /// The name by which a connection's peer was reached: its own, else the newest answer with this
    /// address in its namespace before it was opened.
    pub(crate) fn name_of(&self, connection: &Connection) -> Option<String> {
        if connection.remote_name.is_some() {
            return connection.remote_name.clone();
        }
        let names = self.names.get(&canonical(connection.remote.ip()))?;
        let before = |entry: &&(Timestamp, u64, String)| entry.0 <= connection.opened && entry.1 == connection.netns;
        names.iter().rev().find(before).map(|(_, _, name)| name.clone())
    }

    /// Every name by which a connection's peer may have been reached.
    pub(crate) fn names_for(&self, connection: &Connection) -> Vec<String> {
        let names = self.names.get(&canonical(connection.remote.ip())).into_iter().flatten();
        let before = |entry: &&(Timestamp, u64, String)| entry.0 <= connection.opened && entry.1 == connection.netns;
        names.filter(before).map(|(_, _, name)| name.clone()).collect()
    }

    /// Notes whom a connection's owner met; says whether that may untie what an attack was thought to have caused.
    pub(crate) fn note_met(&mut self, connection: &Connection) -> bool {
        let Some(owner) = &connection.process else { return false };
        let names = self.names_for(connection);
        self.met.note(owner, connection, &names) && self.attacked.names(connection, &names)
    }

    pub(crate) fn connections_to(&self, address: IpAddr) -> Vec<ConnectionId> {
        self.by_peer.get(&canonical(address)).into_iter().flatten().copied().collect()
    }

    /// Forgets one connection everywhere but in its dossier.
    pub(crate) fn forget_connection(&mut self, id: ConnectionId) -> Option<ConnectionRecord> {
        let record = self.connections.remove(&id)?;
        if let Some(newest) = &record.connection {
            let peer = canonical(newest.value.remote.ip());
            if let Some(ids) = self.by_peer.get_mut(&peer) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.by_peer.remove(&peer);
                }
            }
        }
        if let Some(owner) = record.process.as_ref().map(|newest| &newest.value) {
            self.attacked.disown(id, owner);
            if let Some(process) = self.processes.get_mut(&owner.key) {
                process.connections.remove(&id);
            }
        }
        Some(record)
    }

    /// Forgets what can no longer matter at `now`, and the oldest of what there is too much of.
    pub(crate) fn expire(&mut self) {
        let now = self.now;
        let done: Vec<ConnectionId> = self
            .connections
            .iter()
            .filter(|(_, record)| record.key.is_none() && is_done(record, now))
            .map(|(id, _)| *id)
            .collect();
        self.forget_all(&done);
        self.shed_connections();
        let before = self.processes.len();
        self.processes.retain(|_, record| {
            record.ended.is_none_or(|ended| now.since(ended) < PROCESS_KEPT) || !record.connections.is_empty()
        });
        // Beyond the limit: those that never had a connection of interest, oldest start first.
        let mut surplus = self.processes.len().saturating_sub(PROCESSES_MAX);
        self.processes.retain(|_, record| {
            let drop = surplus > 0 && record.connections.is_empty();
            surplus -= usize::from(drop);
            !drop
        });
        self.begun.retain(|_, keys| {
            keys.retain(|key| self.processes.contains_key(key));
            !keys.is_empty()
        });
        self.counters.processes_forgotten += (before - self.processes.len()) as u64;
        self.attacked.expire(now);
        self.met.expire(now);
        let before = self.names.len();
        self.names.retain(|_, names| names.last().is_some_and(|newest| now.since(newest.0) < NAME_KEPT));
        while self.names.len() > NAMES_MAX {
            self.names.pop_first();
        }
        self.counters.names_forgotten += (before - self.names.len()) as u64;
        self.exceptions.retain(|_, record| {
            record
                .added
                .as_ref()
                .map_or(record.removed, |added| Some(added.value.expires))
                .is_none_or(|end| now.since(end) < EXCEPTION_KEPT)
        });
    }

    /// Beyond the limit, connections that met no indicator go, oldest first; called as they arrive.
    pub(crate) fn shed_connections(&mut self) {
        let surplus = self.connections.len().saturating_sub(CONNECTIONS_MAX);
        if surplus == 0 {
            return;
        }
        // A tenth more than needed, so that the search is paid once for many arrivals.
        let mut oldest: Vec<(Timestamp, ConnectionId)> = self
            .connections
            .iter()
            .filter(|(_, record)| record.key.is_none())
            .map(|(id, record)| (record.connection.as_ref().map_or(Timestamp(i64::MIN), |newest| newest.at), *id))
            .collect();
        oldest.sort_unstable();
        let ids: Vec<ConnectionId> =
            oldest.into_iter().take(surplus + CONNECTIONS_MAX / 10).map(|(_, id)| id).collect();
        self.forget_all(&ids);
    }

    fn forget_all(&mut self, ids: &[ConnectionId]) {
        for id in ids {
            self.forget_connection(*id);
        }
        self.counters.connections_forgotten += ids.len() as u64;
    }

    /// An alert's outcomes go with its dossier.
    pub(crate) fn forget_outcomes(&mut self, alert: &AlertId) {
        self.outcomes.remove(alert);
    }
}

/// Whether a connection ended long enough ago that no sighting of it can be under way.
fn is_done(record: &ConnectionRecord, now: Timestamp) -> bool {
    match (&record.connection, &record.sighting) {
        (Some(newest), _) => !newest.value.state.is_open() && now.since(newest.at) > UNSEEN_KEPT,
        (None, Some(sighting)) => now.since(sighting.at) > UNSEEN_KEPT,
        (None, None) => true,
    }
}

/// Connections kept at once while nothing bad is said of them, some 700 bytes each.
const CONNECTIONS_MAX: usize = 16_384;
/// Processes kept at once.
const PROCESSES_MAX: usize = 32_768;
const NAMES_MAX: usize = 65_536;
const NAMES_PER_ADDRESS_MAX: usize = 4;
const ADDRESSES_PER_NAME_MAX: usize = 64;
const OUTCOMES_PER_ALERT_MAX: usize = 64;
/// How long an ended connection without indicator waits for one that is still under way.
const UNSEEN_KEPT: Duration = Duration::from_secs(900);
/// How long an ended process waits for findings that are still under way.
const PROCESS_KEPT: Duration = Duration::from_secs(3600);
const NAME_KEPT: Duration = Duration::from_secs(24 * 3600);
const EXCEPTION_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
