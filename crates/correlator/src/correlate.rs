//! What does one more fact change?

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use tripoint_model::{
    Alert, AlertId, Connection, ConnectionId, Direction, Fact, ProcessKey, Sighting, Timestamp, What,
};

use crate::alert;
use crate::dossier::{self, Dossier, DossierKey, KEPT_MAX};
use crate::known::{Counters, Known};
use crate::rule;
use crate::severity::Weights;

/// Facts in, alerts out. One per host.
#[derive(Debug)]
pub struct Correlator {
    host: String,
    weights: Weights,
    known: Known,
    dossiers: BTreeMap<DossierKey, Dossier>,
}

impl Correlator {
    /// A correlator that knows nothing yet.
    pub fn new(host: &str, weights: Weights) -> Self {
        Self { host: host.to_owned(), weights, known: Known::default(), dossiers: BTreeMap::new() }
    }

    /// Takes one fact and returns the alerts that it raised or changed, each whole. An alert that
    /// turns out, by a fact that came out of order, never to have been one is returned a last time
    /// with `suppressed_by` set to `WITHDRAWN`.
    pub fn observe(&mut self, fact: &Fact) -> Vec<Alert> {
        let at = fact.at;
        match &fact.what {
            What::Connection { connection } => {
                self.known.add_connection(at, connection);
                if self.known.note_met(connection) {
                    let alerts = self.retell();
                    self.known.shed_connections();
                    return alerts;
                }
                let changed = self.reassign_with_below(connection.id);
                self.known.shed_connections();
                self.recompute(changed)
            }
            What::Sighting { sighting } => {
                self.known.add_sighting(at, sighting);
                let changed = self.reassign_with_below(sighting.connection);
                self.recompute(changed)
            }
            What::ProcessStarted { process } => {
                self.known.start_process(at, process);
                self.touch_process(process.key)
            }
            What::ProcessEnded { process } => {
                self.known.end_process(at, *process);
                self.touch_process(*process)
            }
            What::Findings { process, findings, rejudged } => {
                self.known.add_findings(at, *process, findings, *rejudged);
                self.touch_process(*process)
            }
            What::NameResolved { name, addresses, netns } => {
                self.known.add_name(at, name, addresses, *netns);
                let ids: Vec<ConnectionId> =
                    addresses.iter().flat_map(|address| self.known.connections_to(*address)).collect();
                let mut unties = false;
                for id in &ids {
                    let newest = self.known.connections.get(id).and_then(|record| record.connection.as_ref());
                    let connection = newest.map(|newest| Arc::clone(&newest.value));
                    unties |= connection.is_some_and(|connection| self.known.note_met(&connection));
                }
                if unties {
                    return self.retell();
                }
                let changed = self.reassign(&ids);
                self.recompute(changed)
            }
            What::ExceptionAdded { exception } => {
                self.known.add_exception(at, exception);
                self.recompute_all()
            }
            What::ExceptionRemoved { id } => {
                self.known.remove_exception(at, id);
                self.recompute_all()
            }
            What::Attempts { server, attempts } => {
                let (changed, forgotten) = self.known.attacked.add(at, server, attempts);
                self.known.counters.servers_forgotten += forgotten;
                if changed { self.retell() } else { Vec::new() }
            }
            What::Outcome { alert, outcome } => {
                self.known.add_outcome(at, alert, outcome);
                let changed =
                    self.dossiers.keys().filter(|key| alert::id_of(&self.host, key) == *alert).cloned().collect();
                self.recompute(changed)
            }
            What::Tick => self.tick(at),
        }
    }

    /// Every alert as it stands, by id.
    pub fn alerts(&self) -> Vec<Alert> {
        let mut alerts: Vec<Alert> = self
            .dossiers
            .values()
            .filter_map(|dossier| dossier.emitted.clone())
            .filter(|alert| alert.suppressed_by.as_deref() != Some(WITHDRAWN))
            .collect();
        alerts.sort_by(|a, b| a.id.cmp(&b.id));
        alerts
    }

    /// Whether this alert stands: what it rests on is on record.
    pub fn stands(&self, id: &AlertId) -> bool {
        let mut emitted = self.dossiers.values().filter_map(|dossier| dossier.emitted.as_ref());
        emitted.any(|alert| alert.id == *id && alert.suppressed_by.as_deref() != Some(WITHDRAWN))
    }

    /// Takes what lists say now of the peers of many connections, and judges each dossier that it touches once; otherwise
    /// as one fact after the other.
    pub fn look_again(&mut self, at: Timestamp, news: &[Sighting]) -> Vec<Alert> {
        news.iter().for_each(|sighting| self.known.add_sighting(at, sighting));
        let changed = news.iter().flat_map(|sighting| self.reassign_with_below(sighting.connection)).collect();
        self.recompute(changed)
    }

    /// What was last said of the peer of each connection that is on record.
    pub fn sightings(&self) -> impl Iterator<Item = (&Arc<Connection>, &Sighting)> {
        let on_record = self.known.connections.values().filter(|record| record.key.is_some());
        on_record.filter_map(|record| Some((&record.connection.as_ref()?.value, &record.sighting.as_ref()?.value)))
    }

    /// Contacts with bad peers that are on record, alerts or not.
    pub fn recorded(&self) -> usize {
        self.dossiers.len()
    }

    /// What was dropped or folded to keep memory bounded.
    pub fn counters(&self) -> Counters {
        self.known.counters
    }

    /// What logs tell may explain any connection that is kept, also one that no list knows.
    fn retell(&mut self) -> Vec<Alert> {
        let all: Vec<ConnectionId> = self.known.connections.keys().copied().collect();
        let mut changed = self.reassign(&all);
        changed.extend(self.dossiers.keys().cloned());
        self.recompute(changed)
    }

    /// Puts a connection where it belongs, and with one of a listed client those of what the server began since.
    fn reassign_with_below(&mut self, id: ConnectionId) -> BTreeSet<DossierKey> {
        let inbound = self.known.connections.get(&id).filter(|record| {
            record.sighting.is_some()
                && record.connection.as_ref().is_some_and(|newest| newest.value.direction == Direction::Inbound)
        });
        let server = inbound.and_then(|record| record.process.as_ref()).map(|newest| newest.value.key);
        let below = server.into_iter().flat_map(|key| self.known.attacked.below(key));
        let ids: Vec<ConnectionId> = std::iter::once(id).chain(below).collect();
        self.reassign(&ids)
    }

    fn touch_process(&mut self, process: ProcessKey) -> Vec<Alert> {
        if self.known.attacked.server(process).is_some() {
            return self.retell();
        }
        let ids: Vec<ConnectionId> = self
            .known
            .processes
            .get(&process)
            .map(|record| record.connections.iter().copied().collect())
            .unwrap_or_default();
        let mut changed = self.reassign(&ids);
        // What a new process of it runs bears on what its former one did.
        if let Some(application) = self.known.application_of(process) {
            changed.extend(self.of_application(&application).map(|(key, _)| key.clone()));
        }
        self.recompute(changed)
    }

    /// Whether anything is on record of an application; its new processes are then of interest.
    pub fn is_on_record(&self, application: &str) -> bool {
        self.of_application(application).next().is_some()
    }

    /// Puts each connection into the dossier it belongs in now; returns every dossier touched.
    fn reassign(&mut self, ids: &[ConnectionId]) -> BTreeSet<DossierKey> {
        let mut touched = BTreeSet::new();
        for id in ids {
            let Some(record) = self.known.connections.get(id) else { continue };
            let new = dossier::key_of(record, &self.known);
            let opened = record.connection.as_ref().map_or(Timestamp::default(), |newest| newest.value.opened);
            let Some(record) = self.known.connections.get_mut(id) else { continue };
            let old = std::mem::replace(&mut record.key, new.clone());
            if let Some(old) = old {
                // The opening may have been corrected, so the entry is found by its id.
                if let Some(dossier) = self.dossiers.get_mut(&old) {
                    dossier.connections.retain(|(_, other)| other != id);
                }
                touched.insert(old);
            }
            if let Some(new) = new {
                self.dossiers.entry(new.clone()).or_default().connections.insert((opened, *id));
                self.fold(&new);
                touched.insert(new);
            }
        }
        touched
    }

    /// Keeps the newest connections of a dossier and only sums of the rest.
    fn fold(&mut self, key: &DossierKey) {
        let Some(dossier) = self.dossiers.get_mut(key) else { return };
        while dossier.connections.len() > KEPT_MAX {
            let Some((_, id)) = dossier.connections.pop_first() else { return };
            if let Some(newest) = self.known.forget_connection(id).and_then(|record| record.connection) {
                dossier.folded.add(&newest.value);
                self.known.counters.connections_folded += 1;
            }
        }
    }

    fn recompute_all(&mut self) -> Vec<Alert> {
        let all = self.dossiers.keys().cloned().collect();
        self.recompute(all)
    }

    fn recompute(&mut self, mut keys: BTreeSet<DossierKey>) -> Vec<Alert> {
        // What bad clients did bears on what the same application did afterwards.
        let inbound: Vec<String> =
            keys.iter().filter(|key| key.direction == Direction::Inbound).map(|key| key.application.clone()).collect();
        for application in inbound.into_iter().collect::<BTreeSet<_>>() {
            let related = self.of_application(&application).map(|(key, _)| key);
            let outbound: Vec<DossierKey> =
                related.filter(|key| key.direction == Direction::Outbound).cloned().collect();
            keys.extend(outbound);
        }
        keys.iter().filter_map(|key| self.recompute_one(key)).collect()
    }

    fn of_application<'a>(&'a self, application: &'a str) -> impl Iterator<Item = (&'a DossierKey, &'a Dossier)> {
        let least = DossierKey {
            application: application.to_owned(),
            direction: Direction::Inbound,
            indicator: tripoint_model::Observable::Address(std::net::IpAddr::from([0, 0, 0, 0])),
        };
        self.dossiers
            .range((Bound::Included(least), Bound::Unbounded))
            .take_while(move |(key, _)| key.application == application)
    }

    fn recompute_one(&mut self, key: &DossierKey) -> Option<Alert> {
        let contacted: Vec<Timestamp> = match key.direction {
            Direction::Inbound => Vec::new(),
            Direction::Outbound => self
                .of_application(&key.application)
                .filter(|(other, _)| other.direction == Direction::Inbound)
                .flat_map(|(_, dossier)| dossier.connections.iter().map(|(opened, _)| *opened))
                .collect(),
        };
        let dossier = self.dossiers.get(key)?;
        let case = dossier::open(key, dossier, &self.known, &contacted);
        let emptied = case.is_none();
        let alert = case.and_then(|case| {
            let rule = rule::judge(&case, &self.weights)?;
            alert::write(&self.host, key, &case, rule, &self.weights, &self.known)
        });
        let dossier = self.dossiers.get_mut(key)?;
        if alert.is_none() && dossier.emitted.is_none() {
            if emptied {
                self.dossiers.remove(key);
            }
            return None;
        }
        if alert.is_some() && alert == dossier.emitted {
            return None;
        }
        let said = match alert {
            Some(alert) => alert,
            None => Alert { suppressed_by: Some(WITHDRAWN.to_owned()), ..dossier.emitted.take()? },
        };
        if emptied {
            self.dossiers.remove(key);
        } else if said.suppressed_by.as_deref() != Some(WITHDRAWN) {
            dossier.emitted = Some(said.clone());
        }
        Some(said)
    }

    /// Time passed: what is open has lasted longer, exceptions have ended, old things are forgotten.
    fn tick(&mut self, at: Timestamp) -> Vec<Alert> {
        if at <= self.known.now {
            return Vec::new();
        }
        self.known.now = at;
        let open: Vec<ConnectionId> = self
            .known
            .connections
            .iter()
            .filter(|(_, record)| {
                record.sighting.is_some()
                    && record.connection.as_ref().is_some_and(|newest| newest.value.state.is_open())
            })
            .map(|(id, _)| *id)
            .collect();
        let changed = self.reassign(&open);
        let alerts = self.recompute(changed);
        self.forget_dossiers();
        self.known.expire();
        alerts
    }

    /// Drops dossiers in which nothing has happened for long, and the idlest beyond the limit.
    fn forget_dossiers(&mut self) {
        let now = self.known.now;
        let mut idle: Vec<(Timestamp, DossierKey)> = self
            .dossiers
            .iter()
            .filter_map(|(key, dossier)| {
                let newest = dossier
                    .connections
                    .iter()
                    .filter_map(|(_, id)| self.known.connections.get(id)?.connection.as_ref());
                let open = newest.clone().any(|newest| newest.value.state.is_open());
                let last = newest.map(|newest| newest.at).max().unwrap_or_default();
                (!open).then(|| (last, key.clone()))
            })
            .collect();
        idle.sort();
        let surplus = self.dossiers.len().saturating_sub(DOSSIERS_MAX);
        for (index, (last, key)) in idle.into_iter().enumerate() {
            if index >= surplus && now.since(last) < DOSSIER_KEPT {
                break;
            }
            if let Some(dossier) = self.dossiers.remove(&key) {
                for (_, id) in dossier.connections {
                    self.known.forget_connection(id);
                }
                self.known.forget_outcomes(&alert::id_of(&self.host, &key));
                self.known.counters.dossiers_forgotten += 1;
            }
        }
    }
}

/// What `suppressed_by` says of an alert that a late fact took back.
pub const WITHDRAWN: &str = "withdrawn";
/// Dossiers kept at once.
const DOSSIERS_MAX: usize = 10_000;
/// How long a dossier is kept in which nothing is open and nothing happens.
const DOSSIER_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

#[cfg(test)]
#[path = "correlate_tests.rs"]
mod tests;
