//! How is what policy would have done added up?

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use serde::Serialize;
use tripoint_model::contact::connections;
use tripoint_model::{AlertId, Contact, Scope, Target, Timestamp};

use super::Past;
use super::judge::{Judge, Made};
use crate::config::Response;

/// The layout of a simulation in JSON.
const SCHEMA: u32 = 1;
/// Blocks that are named one by one.
pub const BLOCKS_MAX: usize = 1_000;
/// Applications that are named of one policy.
pub const APPLICATIONS_MAX: usize = 100;

/// What policy would have done.
#[derive(Debug, Serialize)]
pub struct Simulation {
    /// Of what layout this is.
    pub schema: u32,
    /// From when on was looked.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// The mode in force now: nothing of this happens in `advise`.
    pub mode: &'static str,
    /// Alerts that were gone through.
    pub alerts: u64,
    /// Connections that were gone through.
    pub connections: u64,
    /// By entry of the configuration, in its order; `response` is its keys themselves.
    pub policies: Vec<OfPolicy>,
    /// Alerts that an exception keeps quiet.
    pub suppressed: Vec<ByException>,
    /// Alerts that no entry is content to act on.
    pub unconcerned: u64,
    /// Alerts that carry no connection, of which it cannot be told.
    pub silent: u64,
    /// Blocks, oldest first; at most `BLOCKS_MAX` are named.
    pub blocks: Vec<Blocked>,
    /// How many those are.
    pub blocks_total: u64,
}

/// What one entry would have done.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct OfPolicy {
    /// The entry.
    pub policy: String,
    /// How far it is rolled out.
    pub rollout: String,
    /// Alerts that it decides about.
    pub alerts: u64,
    /// Blocks that it would have made.
    pub blocks: u64,
    /// Blocks that it would only have spoken of.
    pub observed: u64,
    /// Connections that its blocks would have cut, of which `partly` fall into an hour that a block holds in part.
    pub connections: u64,
    /// How many of these may have been before or after the block.
    pub partly: u64,
    /// Keys of their applications, sorted; at most `APPLICATIONS_MAX` are named.
    pub applications: Vec<String>,
    /// How many those are.
    pub applications_total: u64,
    /// Peers that the guard would have spared, by its rule.
    pub refused: BTreeMap<String, u64>,
    /// Those of them that an exception spares.
    pub excepted: Vec<ByException>,
}

/// What an exception spares.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ByException {
    /// Which.
    pub exception: String,
    /// How many alerts, or peers.
    pub count: u64,
}

/// A block that would have been made.
#[derive(Debug, Serialize)]
pub struct Blocked {
    /// Because of which alert.
    pub alert: AlertId,
    /// By which entry.
    pub policy: String,
    /// On whom.
    pub target: Target,
    /// How far.
    pub scope: Scope,
    /// From when on.
    pub from: Timestamp,
    /// Until when, or until when was looked.
    pub until: Timestamp,
    /// Whether it would only have been spoken of.
    pub observed: bool,
    /// Connections that it would have cut.
    pub connections: u64,
    /// Keys of their applications.
    pub applications: Vec<String>,
}

/// Contacts by their peer.
struct Index<'a>(HashMap<IpAddr, Vec<&'a Contact>>);

impl<'a> Index<'a> {
    fn new(contacts: &'a [Contact]) -> Self {
        let mut by_peer: HashMap<IpAddr, Vec<&Contact>> = HashMap::new();
        for contact in contacts {
            by_peer.entry(contact.peer).or_default().push(contact);
        }
        Self(by_peer)
    }

    /// Those that a block would have cut; policy blocks single addresses.
    fn cut(&self, made: &Made) -> Vec<&'a Contact> {
        let Some(net) = made.target.net() else { return Vec::new() };
        let of_peer = self.0.get(&net.addr()).into_iter().flatten().copied();
        of_peer.filter(|c| c.is_within(made.from, made.until) && c.is_meant(&made.target, &made.scope)).collect()
    }
}

pub(super) fn sum(response: &Response, judge: Judge<'_>, past: &Past<'_>, silent: u64) -> Simulation {
    let index = Index::new(past.contacts);
    let names: Vec<(String, String)> = response
        .policy
        .iter()
        .map(|policy| (policy.name.clone(), policy.rollout.to_string()))
        .chain([("response".to_owned(), "all".to_owned())])
        .collect();
    let policies = names.into_iter().map(|(name, rollout)| of_policy(name, rollout, &judge, &index)).collect();
    let blocks = judge.made.iter().take(BLOCKS_MAX).map(|made| blocked(made, &index)).collect();
    Simulation {
        schema: SCHEMA,
        since: past.since,
        until: past.until,
        mode: response.mode.as_str(),
        alerts: past.alerts.len() as u64,
        connections: connections(past.contacts),
        policies,
        suppressed: counted(&judge.suppressed),
        unconcerned: judge.unconcerned.len() as u64,
        silent,
        blocks_total: judge.made.len() as u64,
        blocks,
    }
}

fn of_policy(name: String, rollout: String, judge: &Judge<'_>, index: &Index<'_>) -> OfPolicy {
    let mut of = OfPolicy { policy: name.clone(), rollout, ..OfPolicy::default() };
    if let Some(account) = judge.accounts.get(&name) {
        of.alerts = account.alerts.len() as u64;
        of.refused = account.refused.iter().map(|(rule, peers)| (rule.clone(), peers.len() as u64)).collect();
        of.excepted = counted(&account.excepted);
    }
    // Blocks of one peer may hold one after the other, or beside each other: each contact is cut once.
    let mut cut: HashMap<*const Contact, (&Contact, bool)> = HashMap::new();
    for made in judge.made.iter().filter(|made| made.policy == name) {
        if made.observed {
            of.observed += 1;
            continue;
        }
        of.blocks += 1;
        for contact in index.cut(made) {
            let whole = contact.first_seen >= made.from && contact.last_seen < made.until;
            let known = cut.entry(std::ptr::from_ref(contact)).or_insert((contact, false));
            known.1 |= whole;
        }
    }
    let applications: BTreeSet<String> = cut.values().filter_map(|(contact, _)| contact.application_key()).collect();
    of.connections = connections(cut.values().map(|(contact, _)| *contact));
    of.partly = of.connections.saturating_sub(connections(cut.values().filter(|(_, whole)| *whole).map(|(c, _)| *c)));
    of.applications_total = applications.len() as u64;
    of.applications = applications.into_iter().take(APPLICATIONS_MAX).collect();
    of
}

fn blocked(made: &Made, index: &Index<'_>) -> Blocked {
    let cut = index.cut(made);
    let applications: BTreeSet<String> = cut.iter().filter_map(|contact| contact.application_key()).collect();
    Blocked {
        alert: made.alert.clone(),
        policy: made.policy.clone(),
        target: made.target.clone(),
        scope: made.scope.clone(),
        from: made.from,
        until: made.until,
        observed: made.observed,
        connections: connections(cut),
        applications: applications.into_iter().take(APPLICATIONS_MAX).collect(),
    }
}

fn counted<T>(sets: &BTreeMap<String, BTreeSet<T>>) -> Vec<ByException> {
    let one = |(exception, set): (&String, &BTreeSet<T>)| ByException {
        exception: exception.clone(),
        count: set.len() as u64,
    };
    sets.iter().map(one).collect()
}
