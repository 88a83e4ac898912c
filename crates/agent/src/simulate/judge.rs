//! What becomes of each meeting in its turn: nothing, a refusal, or a block that holds from then on?

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tripoint_model::{Alert, AlertId, Connection, Cut, Scope, Target, Timestamp};
use tripoint_responder::{Guard, Usage, plan};

use crate::config::{Policy, Response};
use crate::respond::{Waiting, cut};
use crate::wanted::{PROPOSE_AGAIN, proposal, wanted};

/// Rates are of a minute.
const MINUTE: Duration = Duration::from_secs(60);

/// A block that would have been made.
pub(super) struct Made {
    pub(super) alert: AlertId,
    pub(super) policy: String,
    pub(super) target: Target,
    pub(super) scope: Scope,
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    /// Policy only says what it would have done.
    pub(super) observed: bool,
}

/// What one entry of the configuration came to.
#[derive(Default)]
pub(super) struct Account {
    pub(super) alerts: BTreeSet<AlertId>,
    /// Peers of alerts that were refused, by the guard's rule.
    pub(super) refused: BTreeMap<String, BTreeSet<IpAddr>>,
    /// The same by the exception that refused them.
    pub(super) excepted: BTreeMap<String, BTreeSet<IpAddr>>,
}

/// Policy in a world of its own, where time is what it is given.
pub(super) struct Judge<'a> {
    response: &'a Response,
    guard: Guard,
    until: Timestamp,
    /// Ends of the blocks that hold.
    active: Vec<Timestamp>,
    /// When blocks were made lately.
    acted: VecDeque<Timestamp>,
    proposed: HashMap<(AlertId, IpAddr), Timestamp>,
    pub(super) made: Vec<Made>,
    pub(super) accounts: BTreeMap<String, Account>,
    pub(super) suppressed: BTreeMap<String, BTreeSet<AlertId>>,
    pub(super) unconcerned: BTreeSet<AlertId>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(response: &'a Response, guard: Guard, until: Timestamp) -> Self {
        Self {
            response,
            guard,
            until,
            active: Vec::new(),
            acted: VecDeque::new(),
            proposed: HashMap::new(),
            made: Vec::new(),
            accounts: BTreeMap::new(),
            suppressed: BTreeMap::new(),
            unconcerned: BTreeSet::new(),
        }
    }

    /// The alert's application meets the peer.
    pub(super) fn take(&mut self, alert: &Alert, peer: IpAddr, at: Timestamp) {
        if let Some(exception) = &alert.suppressed_by {
            self.suppressed.entry(exception.clone()).or_default().insert(alert.id.clone());
            return;
        }
        let Some(policy) = wanted(self.response, alert, at) else {
            self.unconcerned.insert(alert.id.clone());
            return;
        };
        self.accounts.entry(policy.name.clone()).or_default().alerts.insert(alert.id.clone());
        let key = (alert.id.clone(), peer);
        if self.proposed.get(&key).is_some_and(|again| *again > at) {
            return;
        }
        self.proposed.insert(key, at.plus(PROPOSE_AGAIN));
        self.propose(alert, &policy, peer, at);
    }

    fn propose(&mut self, alert: &Alert, policy: &Policy, peer: IpAddr, at: Timestamp) {
        // One proposal at a time: there is always a place.
        let Some(place) = Waiting::default().place() else { return };
        let was_open =
            |c: &&Arc<Connection>| c.remote.ip() == peer && c.opened <= at && c.closed.is_none_or(|closed| closed > at);
        let open = alert.connections.iter().filter(was_open).cloned().collect();
        let proposal = proposal(self.response, policy, alert, (peer, open), at, place);
        let action = proposal.action(proposal.scope());
        self.guard.usage = self.usage(at);
        let live: Vec<Cut> = proposal.open.iter().map(|connection| cut(connection)).collect();
        let plan = plan(std::slice::from_ref(&action), &self.guard, &live, at);
        let account = self.accounts.entry(policy.name.clone()).or_default();
        for refusal in plan.refused {
            let exception = self.guard.exceptions.iter().find(|exception| self.guard.excepts(exception, &action, at));
            if let Some(exception) = exception.filter(|_| refusal.rule == "exception") {
                account.excepted.entry(exception.id.clone()).or_default().insert(peer);
            }
            account.refused.entry(refusal.rule).or_default().insert(peer);
        }
        let observed = !policy.rollout.acts_on(peer);
        for planned in plan.plan {
            if !observed {
                self.active.push(planned.expires);
                self.acted.push_back(at);
                self.proposed.insert((alert.id.clone(), peer), planned.expires);
            }
            self.made.push(Made {
                alert: alert.id.clone(),
                policy: policy.name.clone(),
                target: planned.target,
                scope: planned.scope,
                from: at,
                until: planned.expires.min(self.until),
                observed,
            });
        }
    }

    fn usage(&mut self, at: Timestamp) -> Usage {
        self.active.retain(|end| *end > at);
        while self.acted.front().is_some_and(|made| at.since(*made) >= MINUTE) {
            self.acted.pop_front();
        }
        let active = self.active.len();
        Usage { active, automatic: active, automatic_last_minute: self.acted.len() }
    }
}
