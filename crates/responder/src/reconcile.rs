//! Is the kernel as the ledger says, and if not, what makes it so?

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use tripoint_model::{Action, ActionKind, Cut, Outcome, OutcomeState, Plan, PlannedAction, Scope, Target, Timestamp};

use crate::firewall::{Firewall, FirewallError, KernelBlock};
use crate::guard::{Guard, Usage};
use crate::ledger::{Entry, EntryState, Ledger, LedgerError, LedgerReport};

/// What a plan would do: every outcome `dry-run`, nothing touched.
pub fn dry_run(plan: &Plan, now: Timestamp) -> Vec<Outcome> {
    let one = |planned: &PlannedAction| {
        let detail = format!("would end {} connections", planned.cuts.len());
        Outcome { detail, ..outcome(planned, "dry-run", OutcomeState::DryRun, false, now) }
    };
    plan.plan.iter().map(one).collect()
}

/// What a reconciliation found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Wanted, missing in the kernel, put back.
    pub restored: Vec<Target>,
    /// In the kernel with another expiry, corrected.
    pub corrected: Vec<Target>,
    /// In our part of the kernel but wanted by nobody, removed.
    pub removed: Vec<Target>,
    /// The same, left to their time because the ledger is damaged.
    pub left: Vec<Target>,
    /// Lifted because the guard no longer allows them, with the rule.
    pub withdrawn: Vec<(Target, String)>,
    /// Their time was up.
    pub expired: Vec<Target>,
    /// What could not be done, in words.
    pub failures: Vec<String>,
}

impl Reconciled {
    /// Whether the kernel was as the ledger said.
    pub fn is_quiet(&self) -> bool {
        *self == Self { expired: self.expired.clone(), ..Self::default() }
    }
}

/// The one place that touches the kernel.
pub struct Responder {
    firewall: Box<dyn Firewall>,
    ledger: Ledger,
}

impl Responder {
    /// Opens the ledger in `folder`. Call `reconcile` next: it repairs what a crash left half done.
    pub fn open(folder: &Path, firewall: Box<dyn Firewall>) -> Result<(Self, LedgerReport), LedgerError> {
        let (ledger, report) = Ledger::open(folder)?;
        Ok((Self { firewall, ledger }, report))
    }

    /// The mechanism's name.
    pub fn mechanism(&self) -> &'static str {
        self.firewall.name()
    }

    /// Blocks in force at `now`.
    pub fn active(&self, now: Timestamp) -> Vec<Entry> {
        self.ledger.active(now).cloned().collect()
    }

    /// What is used of the limits; goes into `Guard::usage` before planning.
    pub fn usage(&self, now: Timestamp) -> Usage {
        self.ledger.usage(now)
    }

    /// Makes the plan true: intents durable first, then the kernel, then read back. One outcome
    /// for each planned action, in the plan's order.
    pub fn execute(&mut self, plan: &Plan, now: Timestamp) -> Vec<Outcome> {
        let written = self.intend(plan, now);
        let results: Vec<Result<String, String>> = plan.plan.iter().map(|planned| self.apply(planned, &written, now)).collect();
        let listed = self.firewall.list(now).map_err(|error| chain(&error));
        let mut outcomes = Vec::with_capacity(results.len());
        for (planned, result) in plan.plan.iter().zip(results) {
            outcomes.push(self.settle(planned, result, &listed, now));
        }
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
                    ActionKind::Block => self.ledger.intend(planned, now)?,
                    ActionKind::Unblock => self.ledger.mark(&planned.target, &planned.scope, EntryState::Lifted, now)?,
                    ActionKind::Allow => {
                        for (target, scope) in self.covered_by(&planned.target) {
                            self.ledger.mark(&target, &scope, EntryState::Lifted, now)?;
                        }
                    }
                    ActionKind::Disconnect => {}
                }
            }
            self.ledger.sync()
        };
        write().map_err(|error: LedgerError| chain(&error))
    }

    fn apply(&mut self, planned: &PlannedAction, written: &Result<(), String>, now: Timestamp) -> Result<String, String> {
        match planned.action {
            ActionKind::Block => {
                written.clone()?;
                self.firewall
                    .block(&planned.target, &planned.scope, planned.expires, now)
                    .map_err(|error| chain(&error))?;
                // A block alone would leave programs waiting on connections that no longer answer.
                self.cut(&planned.cuts).or_else(|error| Ok(format!("connections not ended: {error}")))
            }
            ActionKind::Disconnect => self.cut(&planned.cuts),
            ActionKind::Unblock => self.lift(&planned.target, &planned.scope),
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
            Ok(false) => Ok("there was no such block".into()),
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
        listed.into_iter().filter(|block| covers(outer, &block.target)).map(|block| (block.target, block.scope)).collect()
    }

    /// Judges one action by what the kernel shows now, and writes that down.
    fn settle(
        &mut self,
        planned: &PlannedAction,
        result: Result<String, String>,
        listed: &Result<Vec<KernelBlock>, String>,
        now: Timestamp,
    ) -> Outcome {
        let read = listed.as_ref().ok();
        let present = read.map(|blocks| blocks.iter().any(|block| is_same(block, planned)));
        let (state, verified) = match planned.action {
            ActionKind::Block => match present {
                Some(true) => (OutcomeState::Applied, true),
                Some(false) => (OutcomeState::Failed, true),
                None if result.is_ok() => (OutcomeState::Applied, false),
                None => (OutcomeState::Failed, false),
            },
            ActionKind::Disconnect if result.is_err() => (OutcomeState::Failed, true),
            ActionKind::Disconnect if planned.cuts.is_empty() => (OutcomeState::Nothing, true),
            ActionKind::Disconnect => (OutcomeState::Applied, true),
            ActionKind::Unblock => match read.map(|blocks| {
                blocks.iter().any(|block| block.target == planned.target && block.scope == planned.scope)
            }) {
                Some(true) => (OutcomeState::Failed, true),
                Some(false) if result.as_deref() == Ok("there was no such block") => (OutcomeState::Nothing, true),
                Some(false) => (OutcomeState::Lifted, true),
                None => (OutcomeState::Failed, false),
            },
            ActionKind::Allow => match read.map(|blocks| blocks.iter().any(|block| covers(&planned.target, &block.target))) {
                Some(false) if result.is_ok() => (OutcomeState::Applied, true),
                _ => (OutcomeState::Failed, read.is_some()),
            },
        };
        if planned.action == ActionKind::Block {
            let entry_state = if state == OutcomeState::Applied { EntryState::Applied } else { EntryState::Failed };
            if let Err(error) = self.ledger.mark(&planned.target, &planned.scope, entry_state, now) {
                tracing::error!(error = %chain(&error), "ledger of actions could not be written");
            }
        }
        let mut detail = result.unwrap_or_else(|error| error);
        if let Err(error) = listed {
            detail = format!("{detail}; not read back: {error}");
        }
        Outcome { detail, ..outcome(planned, self.firewall.name(), state, verified, now) }
    }

    /// Makes kernel and ledger equal, in both directions, and lifts what the guard no longer
    /// allows. Doing it twice changes nothing.
    pub fn reconcile(&mut self, guard: &Guard, now: Timestamp) -> Reconciled {
        let mut report = Reconciled::default();
        let result = self.retire(guard, now, &mut report).and_then(|()| self.ledger.sync());
        if let Err(error) = result {
            report.failures.push(chain(&error));
        }
        let listed = match self.firewall.list(now) {
            Ok(listed) => listed,
            Err(error) => {
                report.failures.push(chain(&error));
                return report;
            }
        };
        let wanted: Vec<Entry> = self.active(now);
        for block in &listed {
            let known = wanted.iter().any(|entry| entry.target == block.target && entry.scope == block.scope);
            let expired = self.ledger.get(&block.target, &block.scope).is_some();
            if known {
                continue;
            }
            if self.ledger.is_damaged() && !expired {
                report.left.push(block.target.clone());
            } else {
                match self.firewall.unblock(&block.target, &block.scope) {
                    Ok(_) => report.removed.push(block.target.clone()),
                    Err(error) => report.failures.push(chain(&error)),
                }
            }
        }
        for entry in &wanted {
            self.restore(entry, &listed, now, &mut report);
        }
        if let Err(error) = self.ledger.sync().and_then(|()| self.ledger.shorten_if_long(now)) {
            report.failures.push(chain(&error));
        }
        report
    }

    /// Writes down what has ended by time or by the guard.
    fn retire(&mut self, guard: &Guard, now: Timestamp, report: &mut Reconciled) -> Result<(), LedgerError> {
        let wanted: Vec<Entry> = self.ledger.wanted().cloned().collect();
        for entry in wanted {
            if entry.expires <= now {
                self.ledger.mark(&entry.target, &entry.scope, EntryState::Expired, now)?;
                report.expired.push(entry.target);
                continue;
            }
            // Not knowing the surroundings is a reason for nothing new, not for giving up what stands.
            if guard.protected.is_none() {
                continue;
            }
            if let Err((rule, _)) = guard.standing(&action_of(&entry), now) {
                self.ledger.mark(&entry.target, &entry.scope, EntryState::Lifted, now)?;
                report.withdrawn.push((entry.target, rule.to_owned()));
            }
        }
        Ok(())
    }

    fn restore(&mut self, entry: &Entry, listed: &[KernelBlock], now: Timestamp, report: &mut Reconciled) {
        let found = listed.iter().find(|block| block.target == entry.target && block.scope == entry.scope);
        if found.is_some_and(|block| is_near(block.expires, entry.expires)) {
            let marked = self.ledger.mark(&entry.target, &entry.scope, EntryState::Applied, now);
            report.failures.extend(marked.err().map(|error| chain(&error)));
            return;
        }
        match self.firewall.block(&entry.target, &entry.scope, entry.expires, now) {
            Ok(()) if found.is_some() => report.corrected.push(entry.target.clone()),
            Ok(()) => report.restored.push(entry.target.clone()),
            Err(error) => {
                report.failures.push(format!("{}: {}", entry.target, chain(&error)));
                if matches!(error, FirewallError::Unsupported(..)) {
                    let marked = self.ledger.mark(&entry.target, &entry.scope, EntryState::Failed, now);
                    report.failures.extend(marked.err().map(|error| chain(&error)));
                }
            }
        }
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
            action: ActionKind::Unblock,
            target,
            scope,
            expires: now,
            reason: "release-all".into(),
            requester: String::new(),
            cause: None,
            cuts: Vec::new(),
        };
        self.execute(&Plan { plan: all.into_iter().map(one).collect(), refused: Vec::new() }, now)
    }
}

fn action_of(entry: &Entry) -> Action {
    Action {
        kind: ActionKind::Block,
        target: entry.target.clone(),
        scope: entry.scope.clone(),
        expires: entry.expires,
        reason: entry.reason.clone(),
        requester: entry.requester.clone(),
        cause: entry.cause.clone(),
    }
}

fn covers(outer: &Target, inner: &Target) -> bool {
    let ports = outer.port().is_none() || outer.port() == inner.port();
    ports && matches!((outer.net(), inner.net()), (Some(outer), Some(inner)) if outer.contains(&inner))
}

fn is_same(block: &KernelBlock, planned: &PlannedAction) -> bool {
    block.target == planned.target && block.scope == planned.scope && is_near(block.expires, planned.expires)
}

/// The kernel counts from boot, in its own unit; two seconds cover the conversion.
fn is_near(a: Timestamp, b: Timestamp) -> bool {
    a.since(b).max(b.since(a)) <= Duration::from_secs(2)
}

fn outcome(planned: &PlannedAction, mechanism: &str, state: OutcomeState, verified: bool, now: Timestamp) -> Outcome {
    let holds = matches!(planned.action, ActionKind::Block | ActionKind::Allow);
    Outcome {
        id: planned.id.clone(),
        action: planned.action,
        target: planned.target.clone(),
        mechanism: mechanism.to_owned(),
        state,
        verified,
        detail: String::new(),
        at: now,
        expires: holds.then_some(planned.expires),
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
#[path = "reconcile_tests.rs"]
mod tests;
