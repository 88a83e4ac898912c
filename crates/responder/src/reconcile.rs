//! Who makes a plan true in the kernel, and says what became of it?

mod repair;

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use ipnet::IpNet;
use tripoint_model::{
    ActionKind, AlertId, Cut, Observable, Outcome, OutcomeState, Plan, PlannedAction, Scope, Target, Timestamp,
};

use crate::firewall::{Firewall, FirewallError, KernelBlock};
use crate::guard::Usage;
use crate::ledger::{Entry, EntryState, Ledger, LedgerError, LedgerReport};
use crate::outcome::{chain, covers, dry_run, is_near, not_held, outcome};
use crate::step::between;
use crate::verify::{Compared, compare};
pub use repair::Reconciled;

/// The one place that touches the kernel.
pub struct Responder {
    firewall: Box<dyn Firewall>,
    ledger: Ledger,
    /// Blocks that were given up and not read back yet.
    ending: Vec<Entry>,
    ended: Vec<(Option<AlertId>, Outcome)>,
}

impl Responder {
    /// Opens the ledger in `folder`. Call `reconcile` next: it repairs what a crash left half done.
    pub fn open(folder: &Path, firewall: Box<dyn Firewall>) -> Result<(Self, LedgerReport), LedgerError> {
        let (ledger, report) = Ledger::open(folder)?;
        Ok((Self { firewall, ledger, ending: Vec::new(), ended: Vec::new() }, report))
    }

    /// The mechanism's name.
    pub fn mechanism(&self) -> &'static str {
        self.firewall.name()
    }

    /// What a block of this mechanism does not refuse.
    pub fn gaps(&self) -> &'static [&'static str] {
        self.firewall.gaps()
    }

    /// The wall clock went back by this much: every block keeps its real end.
    pub fn set_back(&mut self, by: Duration, now: Timestamp) -> Result<(), LedgerError> {
        self.ledger.set_back(by, now)?;
        self.ledger.sync()
    }

    /// Blocks in force at `now`.
    pub fn active(&self, now: Timestamp) -> Vec<Entry> {
        self.ledger.active(now).cloned().collect()
    }

    /// The ledger beside the kernel, now. Changes nothing.
    pub fn compare(&mut self, now: Timestamp) -> Result<Compared, FirewallError> {
        let listed = self.firewall.list(now)?;
        Ok(compare(self.active(now), &listed))
    }

    /// Tells the firewall who stays reachable when the host is isolated; also what is in force follows.
    pub fn admit(&mut self, nets: &[IpNet]) {
        self.firewall.admit(nets);
    }

    /// What is used of the limits; goes into `Guard::usage` before planning.
    pub fn usage(&self, now: Timestamp) -> Usage {
        self.ledger.usage(now)
    }

    /// Blocks that have ended since this was last asked, whatever ended them, each with the alert
    /// that caused it. The id is the block's, so that the outcome replaces the earlier one.
    pub fn take_ended(&mut self) -> Vec<(Option<AlertId>, Outcome)> {
        std::mem::take(&mut self.ended)
    }

    /// Writes down that a block is no longer wanted.
    fn give_up(
        &mut self,
        target: &Target,
        scope: &Scope,
        state: EntryState,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let wanted = self.ledger.get(target, scope).filter(|entry| entry.state.is_wanted()).cloned();
        self.ledger.mark(target, scope, state, now)?;
        self.ending.extend(wanted.map(|entry| Entry { state, ..entry }));
        Ok(())
    }

    /// Reports what was given up, as the kernel shows it now.
    fn settle_ended(&mut self, listed: Option<&Listed>, now: Timestamp) {
        for entry in std::mem::take(&mut self.ending) {
            let held = listed.map(|blocks| blocks.end(&entry.target, &entry.scope).is_some());
            let (state, detail) = match (held, entry.state) {
                (Some(true), _) => (OutcomeState::Failed, "still in force; it will be tried again"),
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

    /// Makes the plan true: intents durable first, then the kernel, then read back. One outcome
    /// for each planned action, in the plan's order.
    pub fn execute(&mut self, plan: &Plan, now: Timestamp) -> Vec<Outcome> {
        if !self.firewall.acts() {
            return dry_run(plan, now);
        }
        let written = self.intend(plan, now);
        let mut results: Vec<Result<String, String>> = Vec::with_capacity(plan.plan.len());
        // Blocks that stand side by side go to the kernel together.
        for run in plan.plan.chunk_by(|a, b| a.action == b.action) {
            match run.first().map(|planned| planned.action) {
                Some(kind) if kind.holds() => results.extend(self.block_all(run, &written, now)),
                _ => results.extend(run.iter().map(|planned| self.apply(planned, now))),
            }
        }
        self.settle_all(plan, results, now)
    }

    /// One outcome for each planned action, by what the kernel shows now.
    fn settle_all(&mut self, plan: &Plan, results: Vec<Result<String, String>>, now: Timestamp) -> Vec<Outcome> {
        between();
        let listed = self.firewall.list(now).map(Listed::new).map_err(|error| chain(&error));
        between();
        self.settle_ended(listed.as_ref().ok(), now);
        let settle = |(planned, result)| self.settle(planned, result, &listed, now);
        let outcomes = plan.plan.iter().zip(results).map(settle).collect();
        if let Err(error) = self.ledger.sync().and_then(|()| self.ledger.shorten_if_long(now)) {
            tracing::error!(error = %chain(&error), "ledger of actions could not be written");
        }
        outcomes
    }

    /// Writes every intent ahead. When that fails, nothing new is applied.
    fn intend(&mut self, plan: &Plan, now: Timestamp) -> Result<(), String> {
        let mut write = || {
            for planned in &plan.plan {
                match planned.action {
                    ActionKind::Block | ActionKind::Freeze | ActionKind::Isolate => self.ledger.intend(planned, now)?,
                    ActionKind::Unblock | ActionKind::Thaw | ActionKind::Rejoin => {
                        self.give_up(&planned.target, &planned.scope, EntryState::Lifted, now)?
                    }
                    ActionKind::Allow => {
                        for (target, scope) in self.covered_by(&planned.target) {
                            self.give_up(&target, &scope, EntryState::Lifted, now)?;
                        }
                    }
                    ActionKind::Disconnect => {}
                }
            }
            self.ledger.sync()
        };
        write().map_err(|error: LedgerError| chain(&error))
    }

    fn block_all(
        &mut self,
        run: &[PlannedAction],
        written: &Result<(), String>,
        now: Timestamp,
    ) -> Vec<Result<String, String>> {
        if let Err(error) = written {
            return run.iter().map(|_| Err(error.clone())).collect();
        }
        let block = |planned: &PlannedAction| KernelBlock {
            target: planned.target.clone(),
            scope: planned.scope.clone(),
            expires: self.expiry_of(planned),
        };
        let blocks: Vec<KernelBlock> = run.iter().map(block).collect();
        between();
        let done = self.firewall.block_many(&blocks, now);
        between();
        let cut = |(planned, done): (&PlannedAction, Result<(), FirewallError>)| {
            done.map_err(|error| chain(&error))?;
            // A block alone would leave programs waiting on connections that no longer answer.
            self.cut(&planned.cuts).or_else(|error| Ok(format!("connections not ended: {error}")))
        };
        run.iter().zip(done).map(cut).collect()
    }

    fn apply(&mut self, planned: &PlannedAction, now: Timestamp) -> Result<String, String> {
        match planned.action {
            ActionKind::Disconnect => self.cut(&planned.cuts),
            ActionKind::Block | ActionKind::Freeze | ActionKind::Isolate => Ok(String::new()),
            ActionKind::Unblock | ActionKind::Thaw | ActionKind::Rejoin => self.lift(&planned.target, &planned.scope),
            ActionKind::Allow => {
                let mut lifted = 0;
                for (target, scope) in self.listed_in(&planned.target, now) {
                    self.lift(&target, &scope)?;
                    lifted += 1;
                }
                Ok(format!("{lifted} blocks lifted"))
            }
        }
    }

    /// Until when the block holds: longer than planned where a longer one stood already.
    fn expiry_of(&self, planned: &PlannedAction) -> Timestamp {
        self.ledger.get(&planned.target, &planned.scope).map_or(planned.expires, |entry| entry.expires)
    }

    fn cut(&mut self, cuts: &[Cut]) -> Result<String, String> {
        if cuts.is_empty() {
            return Ok(String::new());
        }
        let counts = self.firewall.disconnect(cuts).map_err(|error| chain(&error))?;
        let words = format!("{} connections ended, {} already gone", counts.ended, counts.gone);
        if counts.failed > 0 { Err(format!("{words}, {} could not be ended", counts.failed)) } else { Ok(words) }
    }

    fn lift(&mut self, target: &Target, scope: &Scope) -> Result<String, String> {
        match self.firewall.unblock(target, scope) {
            Ok(true) => Ok("lifted".into()),
            Ok(false) => Ok(NO_SUCH.into()),
            Err(error) => Err(chain(&error)),
        }
    }

    /// Wanted blocks whose target lies inside `outer`.
    fn covered_by(&self, outer: &Target) -> Vec<(Target, Scope)> {
        let inside = |entry: &&Entry| covers(outer, &entry.target);
        self.ledger.wanted().filter(inside).map(|entry| (entry.target.clone(), entry.scope.clone())).collect()
    }

    fn listed_in(&mut self, outer: &Target, now: Timestamp) -> Vec<(Target, Scope)> {
        let listed = self.firewall.list(now).unwrap_or_default();
        listed
            .into_iter()
            .filter(|block| covers(outer, &block.target))
            .map(|block| (block.target, block.scope))
            .collect()
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
        let (state, verified) = match planned.action {
            ActionKind::Block | ActionKind::Freeze | ActionKind::Isolate => match present {
                Some(true) => (OutcomeState::Applied, true),
                Some(false) => (OutcomeState::Failed, true),
                None if result.is_ok() => (OutcomeState::Applied, false),
                None => (OutcomeState::Failed, false),
            },
            ActionKind::Disconnect if result.is_err() => (OutcomeState::Failed, true),
            ActionKind::Disconnect if planned.cuts.is_empty() => (OutcomeState::Nothing, true),
            ActionKind::Disconnect => (OutcomeState::Applied, true),
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
        if planned.action.holds() {
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
        let mut outcome =
            Outcome { detail, ..outcome(planned, self.firewall.name_for(&planned.target), state, verified, now) };
        if planned.action.holds() {
            outcome.expires = Some(other_end.unwrap_or(expires));
        }
        outcome
    }

    /// Lifts every block now, known or not; one outcome each.
    pub fn release_all(&mut self, now: Timestamp) -> Vec<Outcome> {
        let mut all: Vec<(Target, Scope)> =
            self.ledger.wanted().map(|entry| (entry.target.clone(), entry.scope.clone())).collect();
        all.extend(self.firewall.list(now).unwrap_or_default().into_iter().map(|block| (block.target, block.scope)));
        all.sort();
        all.dedup();
        let one = |(target, scope): (Target, Scope)| PlannedAction {
            id: format!("release {target}"),
            action: target.lifting(),
            target,
            scope,
            expires: now,
            reason: "release-all".into(),
            requester: String::new(),
            cause: None,
            cuts: Vec::new(),
        };
        let plan = Plan { plan: all.into_iter().map(one).collect(), refused: Vec::new() };
        if !self.firewall.acts() {
            return dry_run(&plan, now);
        }
        // A ledger that cannot be written must not keep the blocks in force.
        if let Err(error) = self.intend(&plan, now) {
            tracing::error!(error, "ledger of actions could not be written");
        }
        let held = self.firewall.list(now).map(Listed::new).unwrap_or_default();
        let done = self.firewall.release(now).map_err(|error| chain(&error));
        let result = |planned: &PlannedAction| {
            done.clone()?;
            let found = held.end(&planned.target, &planned.scope).is_some();
            Ok(if found { "lifted" } else { NO_SUCH }.to_owned())
        };
        let results = plan.plan.iter().map(result).collect();
        self.settle_all(&plan, results, now)
    }
}

/// What an `Unblock` comes to where nothing was to be lifted.
const NO_SUCH: &str = "there was no such block";

/// What the kernel holds, by target and scope: a hundred thousand blocks are settled in one go.
#[derive(Default)]
struct Listed {
    ends: HashMap<(Target, Scope), Timestamp>,
    networks: Vec<Target>,
}

impl Listed {
    fn new(blocks: Vec<KernelBlock>) -> Self {
        let ends: HashMap<_, _> =
            blocks.into_iter().map(|block| ((block.target, block.scope), block.expires)).collect();
        let is_network = |target: &&Target| matches!(target, Target::Peer(Observable::Network(_)));
        let networks = ends.keys().map(|(target, _)| target).filter(is_network).cloned().collect();
        Self { ends, networks }
    }

    /// Until when this is blocked.
    fn end(&self, target: &Target, scope: &Scope) -> Option<Timestamp> {
        self.ends.get(&(target.clone(), scope.clone())).copied()
    }

    fn targets(&self) -> impl Iterator<Item = &Target> {
        self.ends.keys().map(|(target, _)| target)
    }

    /// A block that holds this target too.
    fn wider(&self, target: &Target) -> Option<Target> {
        let address = target.port().and(target.net()).map(|net| Observable::from_net(net).into());
        let whole = address.filter(|address| self.end(address, &Scope::Host).is_some());
        whole.or_else(|| self.networks.iter().find(|network| covers(network, target)).cloned())
    }
}

#[cfg(test)]
#[path = "reconcile_tests.rs"]
mod tests;
