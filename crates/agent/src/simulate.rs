//! What would policy have done in the last hours, had it been in force, and whom would it have cut off?
//!
//! Alerts are gone through in the order of their connections' times, through the same choice of an entry, the same
//! proposal and the same plan as when it happens; the guard, its lists and the exceptions are those of now.

mod judge;
mod told;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use tripoint_model::address::{canonical, canonical_net};
use tripoint_model::{Alert, Connection, Contact, NameLookup, Target, Timestamp};
use tripoint_responder::Guard;

use crate::config::Response;
use judge::Judge;
pub use told::{Blocked, ByException, OfPolicy, Simulation};

/// What is gone through.
pub struct Past<'a> {
    /// Alerts of one host.
    pub alerts: &'a [Alert],
    /// Its contacts.
    pub contacts: &'a [Contact],
    /// From when on.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// Goes through the past. The mode of `response` does not count: it is asked what would be if policy acted.
pub fn simulate(response: &Response, guard: Guard, past: &Past<'_>) -> Simulation {
    let mut guard = guard;
    for exception in &mut guard.exceptions {
        // What is excepted now would have been then: that is what somebody who tries a policy wants to know.
        exception.created = exception.created.min(past.since);
    }
    guard.names = Some(Arc::new(Names::of(past.contacts)));
    let mut judge = Judge::new(response, guard, past.until);
    let mut silent = 0;
    for event in events(past) {
        match event {
            Some(event) => judge.take(event.alert, event.peer, event.at),
            None => silent += 1,
        }
    }
    told::sum(response, judge, past, silent)
}

/// An alert's connection with a peer.
struct Event<'a> {
    at: Timestamp,
    alert: &'a Alert,
    peer: IpAddr,
}

/// Everything that happened in the time, in its order; `None` for each alert of the time that carries no connection.
fn events<'a>(past: &Past<'a>) -> Vec<Option<Event<'a>>> {
    let mut events = Vec::new();
    let mut silent = Vec::new();
    for alert in past.alerts.iter().filter(|alert| alert.last_seen >= past.since && alert.first_seen < past.until) {
        if alert.connections.is_empty() {
            silent.push(None);
        }
        let within = |c: &&Arc<Connection>| c.opened < past.until && c.closed.is_none_or(|closed| closed >= past.since);
        for connection in alert.connections.iter().filter(within) {
            let at = connection.opened.max(past.since);
            events.push(Event { at, alert, peer: canonical(connection.remote.ip()) });
        }
        // An alert carries its newest connections only: policy would have met the peer with the first already.
        if alert.count > alert.connections.len() as u64 {
            let at = alert.first_seen.max(past.since);
            events.extend(crate::wanted::peers(alert).into_iter().map(|peer| Event { at, alert, peer }));
        }
    }
    events.sort_by(|a, b| (a.at, &a.alert.id, a.peer).cmp(&(b.at, &b.alert.id, b.peer)));
    silent.into_iter().chain(events.into_iter().map(Some)).collect()
}

/// The names by which peers were reached, as the contacts have them.
struct Names(HashMap<IpAddr, Vec<String>>);

impl Names {
    fn of(contacts: &[Contact]) -> Self {
        let mut names: HashMap<IpAddr, Vec<String>> = HashMap::new();
        for contact in contacts {
            if let Some(name) = &contact.name {
                let known = names.entry(contact.peer).or_default();
                if !known.contains(name) {
                    known.push(name.clone());
                }
            }
        }
        Self(names)
    }
}

impl NameLookup for Names {
    fn names(&self, net: IpNet) -> Vec<(IpAddr, String)> {
        let net = canonical_net(net);
        // Policy asks about single addresses.
        if net.prefix_len() == net.max_prefix_len() {
            let names = self.0.get(&net.addr()).cloned().unwrap_or_default();
            return names.into_iter().map(|name| (net.addr(), name)).collect();
        }
        let within = self.0.iter().filter(|(address, _)| net.contains(*address));
        within.flat_map(|(address, names)| names.iter().map(|name| (*address, name.clone()))).collect()
    }

    fn addresses(&self, target: &Target) -> Vec<IpAddr> {
        let led = self.0.iter().filter(|(_, names)| names.iter().any(|name| target.names(name)));
        let mut found: Vec<IpAddr> = led.map(|(address, _)| *address).collect();
        found.sort_unstable();
        found
    }
}

#[cfg(test)]
mod tests;
