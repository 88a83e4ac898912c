//! What became of an action, as the kernel shows it?

use std::collections::HashMap;

use tripoint_model::{ActionKind, Observable, Outcome, OutcomeState, Plan, PlannedAction, Scope, Target, Timestamp};

use super::Responder;
use crate::firewall::{FirewallError, KernelBlock};
use crate::ledger::{Entry, EntryState};
use crate::outcome::{chain, covers, is_near, not_held, outcome};
use crate::step::between;

impl Responder {
    /// Reports what was given up, as the kernel shows it now.
    pub(super) fn settle_ended(&mut self, listed: Option<&Listed>, now: Timestamp) {
        for entry in std::mem::take(&mut self.ending) {
            // Somebody else wants the same: nothing has ended for whoever is blocked.
            if self.ledger.wanted_until(&entry.target, &entry.scope).is_some_and(|until| until > now) {
                continue;
            }
            let held = listed.map(|blocks| blocks.end(&entry.target, &entry.scope).is_some());
            let (state, detail) = match (held, entry.state) {
                (Some(true), _) => (OutcomeState::Failed, "still in force; it will be tried again"),
                (_, EntryState::Expired) if entry.terms.confirmed_until.is_some() => {
                    (OutcomeState::Expired, "nobody confirmed it in time: rolled back")
                }
                (_, EntryState::Expired) => (OutcomeState::Expired, ""),
                _ => (OutcomeState::Lifted, ""),
            };
            let outcome = Outcome {
                id: entry.id,
                action: entry.target.holding(),
                mechanism: self.firewall.name_for(&entry.target).to_owned(),
                target: entry.target,
                scope: entry.scope,
                state,
                verified: held.is_some(),
                detail: detail.to_owned(),
                at: now,
                expires: Some(entry.expires),
            };
            self.ended.push((entry.cause, outcome));
        }
    }

    /// One outcome for each planned action, by what the kernel shows now.
    pub(super) fn settle_all(
        &mut self,
        plan: &Plan,
        results: Vec<Result<String, String>>,
        now: Timestamp,
    ) -> Vec<Outcome> {
        between();
        let listed = self.read_back(plan, now).map(Listed::new).map_err(|error| chain(&error));
        between();
        self.settle_ended(listed.as_ref().ok(), now);
        let settle = |(planned, result)| self.settle(planned, result, &listed, now);
        let outcomes = plan.plan.iter().zip(results).map(settle).collect();
        if let Err(error) = self.ledger.sync().and_then(|()| self.ledger.shorten_if_long(now)) {
            tracing::error!(error = %chain(&error), "ledger of actions could not be written");
        }
        outcomes
    }

    /// What the kernel holds of the plan: asked for one by one where that is less than everything, and where nothing
    /// else is to be judged by it.
    fn read_back(&mut self, plan: &Plan, now: Timestamp) -> Result<Vec<KernelBlock>, FirewallError> {
        let alone = |planned: &PlannedAction| planned.action.holds() && planned.target.name().is_none();
        let few = plan.plan.len().saturating_mul(ONE_COSTS) < self.ledger.active(now).count();
        if few && self.ending.is_empty() && plan.plan.iter().all(alone) {
            let asked: Vec<_> = plan.plan.iter().map(|planned| (&planned.target, &planned.scope)).collect();
            return self.firewall.held(&asked, now);
        }
        self.firewall.list(now)
    }

    /// Judges one action by what the kernel shows now, and writes that down.
    fn settle(
        &mut self,
        planned: &PlannedAction,
        result: Result<String, String>,
        listed: &Result<Listed, String>,
        now: Timestamp,
    ) -> Outcome {
        let read = listed.as_ref().ok();
        let expires = self.expiry_of(planned);
        let end = read.map(|blocks| blocks.end(&planned.target, &planned.scope));
        let present = end.map(|end| end.is_some_and(|end| is_near(end, expires)));
        // Another end than the wanted one is in force: not what was asked for, and not nothing either.
        let other_end = end.flatten().filter(|_| planned.action.holds() && present == Some(false));
        let is_name = planned.target.name().is_some();
        let (state, verified) = match planned.action {
            ActionKind::Block if is_name => self.settle_name(planned, &result, read),
            ActionKind::Block | ActionKind::Freeze | ActionKind::Isolate => match present {
                Some(true) => (OutcomeState::Applied, true),
                Some(false) => (OutcomeState::Failed, true),
                None if result.is_ok() => (OutcomeState::Applied, false),
                None => (OutcomeState::Failed, false),
            },
            ActionKind::Disconnect if result.is_err() => (OutcomeState::Failed, true),
            ActionKind::Disconnect if planned.cuts.is_empty() => (OutcomeState::Nothing, true),
            ActionKind::Disconnect => (OutcomeState::Applied, true),
            ActionKind::Unblock if is_name && result.as_deref() == Ok(NO_SUCH) => (OutcomeState::Nothing, true),
            ActionKind::Unblock | ActionKind::Thaw | ActionKind::Rejoin => match end.map(|end| end.is_some()) {
                Some(true) => (OutcomeState::Failed, true),
                Some(false) if result.as_deref() == Ok(NO_SUCH) => (OutcomeState::Nothing, true),
                Some(false) => (OutcomeState::Lifted, true),
                None => (OutcomeState::Failed, false),
            },
            ActionKind::Allow => {
                match read.map(|blocks| blocks.targets().any(|target| covers(&planned.target, target))) {
                    Some(false) if result.is_ok() => (OutcomeState::Applied, true),
                    _ => (OutcomeState::Failed, read.is_some()),
                }
            }
        };
        if planned.action.holds() && planned.terms.via.is_none() {
            let stands = state == OutcomeState::Applied || other_end.is_some();
            let entry_state = if stands { EntryState::Applied } else { EntryState::Failed };
            if let Err(error) = self.ledger.mark(&planned.target, &planned.scope, entry_state, now) {
                tracing::error!(error = %chain(&error), "ledger of actions could not be written");
            }
        }
        let mut detail = result.unwrap_or_else(|error| error);
        if let Err(error) = listed {
            detail = format!("{detail}; not read back: {error}");
        }
        if state == OutcomeState::Failed && verified && planned.action.holds() {
            detail = not_held(&detail, other_end);
        }
        let is_lifted = planned.action == ActionKind::Unblock && state != OutcomeState::Failed;
        if let Some(wider) = read.filter(|_| is_lifted).and_then(|blocks| blocks.wider(&planned.target)) {
            detail = format!("{detail}; the wider block of {wider} still holds");
        }
        let mechanism = self.firewall.name_for(&planned.target);
        let mut outcome = Outcome { detail, ..outcome(planned, mechanism, state, verified, now) };
        if planned.action.holds() {
            outcome.expires = Some(other_end.unwrap_or(expires));
        }
        outcome
    }

    /// A name is in force once it is written down; verified when the kernel holds every address that it led to.
    fn settle_name(
        &self,
        planned: &PlannedAction,
        result: &Result<String, String>,
        read: Option<&Listed>,
    ) -> (OutcomeState, bool) {
        if result.is_err() {
            return (OutcomeState::Failed, false);
        }
        let entry = self.ledger.get(&planned.target, &planned.scope);
        let holds = |blocks: &Listed| {
            let mut led = entry.into_iter().flat_map(Entry::through);
            led.all(|led| blocks.end(&led.target, &led.scope).is_some())
        };
        (OutcomeState::Applied, read.is_some_and(holds))
    }
}

/// To ask for one block costs as much as to list so many.
const ONE_COSTS: usize = 4;

/// What an `Unblock` comes to where nothing was to be lifted.
pub(super) const NO_SUCH: &str = "there was no such block";

/// What the kernel holds, by target and scope: a hundred thousand blocks are settled in one go.
#[derive(Default)]
pub(super) struct Listed {
    ends: HashMap<(Target, Scope), Timestamp>,
    networks: Vec<Target>,
}

impl Listed {
    pub(super) fn new(blocks: Vec<KernelBlock>) -> Self {
        let ends: HashMap<_, _> =
            blocks.into_iter().map(|block| ((block.target, block.scope), block.expires)).collect();
        let is_network = |target: &&Target| matches!(target, Target::Peer(Observable::Network(_)));
        let networks = ends.keys().map(|(target, _)| target).filter(is_network).cloned().collect();
        Self { ends, networks }
    }

    /// Until when this is blocked.
    pub(super) fn end(&self, target: &Target, scope: &Scope) -> Option<Timestamp> {
        self.ends.get(&(target.clone(), scope.clone())).copied()
    }

    pub(super) fn targets(&self) -> impl Iterator<Item = &Target> {
        self.ends.keys().map(|(target, _)| target)
    }

    /// A block that holds this target too.
    fn wider(&self, target: &Target) -> Option<Target> {
        let address = target.port().and(target.net()).map(|net| Observable::from_net(net).into());
        let whole = address.filter(|address| self.end(address, &Scope::Host).is_some());
        whole.or_else(|| self.networks.iter().find(|network| covers(network, target)).cloned())
    }
}
