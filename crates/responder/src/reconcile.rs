//! Who makes a plan true in the kernel, and says what became of it?

mod foretell;
mod repair;
mod settle;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use ipnet::IpNet;
use tripoint_model::{
    Action, ActionKind, AlertId, Cut, Outcome, Plan, PlannedAction, Refusal, Scope, Target, Terms, Timestamp,
};

use crate::firewall::{Disconnected, Firewall, FirewallError, KernelBlock};
use crate::guard::{Guard, Usage};
use crate::ledger::{Answered, Entry, EntryState, Ledger, LedgerError, LedgerReport};
use crate::outcome::{action_of, chain, covers, dry_run};
use crate::step::between;
use crate::verify::{Compared, compare};
pub use repair::Reconciled;
use settle::{Listed, NO_SUCH};

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

    /// Blocks in force at `now`; behind a name the addresses that it led to.
    pub fn active(&self, now: Timestamp) -> Vec<Entry> {
        let with_led = |entry: &Entry| std::iter::once(entry.clone()).chain(entry.through()).collect::<Vec<_>>();
        self.ledger.active(now).flat_map(with_led).collect()
    }

    /// Names that are blocked at `now`.
    pub fn names(&self, now: Timestamp) -> Vec<Entry> {
        self.ledger.names().filter(|entry| entry.expires > now).cloned().collect()
    }

    /// How many more addresses this name may lead to.
    pub fn room_through(&self, name: &Target, scope: &Scope, now: Timestamp) -> usize {
        self.ledger.room_through(name, scope, now)
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
        if let Some(entry) = wanted {
            self.ending.extend(entry.through().map(|led| Entry { state, ..led }));
            self.ending.push(Entry { state, ..entry });
        }
        Ok(())
    }

    /// Writes down that a name does not lead to this address any more; `led` is one of the name's `through`.
    fn give_up_led(&mut self, name: &Entry, led: Entry, now: Timestamp) -> Result<(), LedgerError> {
        if let Some(net) = led.target.net() {
            self.ledger.drop_answered(&name.target, &name.scope, net.addr(), now)?;
        }
        self.ending.push(Entry { state: EntryState::Lifted, ..led });
        Ok(())
    }

    /// Makes the plan true: intents durable first, then the kernel, then read back. One outcome
    /// for each planned action, in the plan's order.
    pub fn execute(&mut self, plan: &Plan, now: Timestamp) -> Vec<Outcome> {
        if !self.firewall.acts() {
            return dry_run(plan, now);
        }
        let written = self.intend(plan, now);
        self.let_go(now);
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

    /// Writes every intent ahead. When that fails, nothing new is applied.
    fn intend(&mut self, plan: &Plan, now: Timestamp) -> Result<(), String> {
        let mut write = || {
            for planned in &plan.plan {
                match planned.action {
                    ActionKind::Block if planned.terms.via.is_some() => {}
                    ActionKind::Block | ActionKind::Freeze | ActionKind::Isolate => self.ledger.intend(planned, now)?,
                    ActionKind::Unblock | ActionKind::Thaw | ActionKind::Rejoin => {
                        self.give_up(&planned.target, &planned.scope, EntryState::Lifted, now)?
                    }
                    ActionKind::Allow => {
                        for (target, scope) in self.covered_by(&planned.target) {
                            self.give_up(&target, &scope, EntryState::Lifted, now)?;
                        }
                        for name in self.names(now) {
                            for led in name.through().filter(|led| covers(&planned.target, &led.target)) {
                                self.give_up_led(&name, led, now)?;
                            }
                        }
                    }
                    ActionKind::Disconnect => {}
                }
            }
            self.lead(plan, now)?;
            self.ledger.sync()
        };
        write().map_err(|error: LedgerError| chain(&error))
    }

    /// Writes down where blocked names lead.
    fn lead(&mut self, plan: &Plan, now: Timestamp) -> Result<(), LedgerError> {
        let mut led: BTreeMap<(Target, Scope), Vec<Answered>> = BTreeMap::new();
        for planned in &plan.plan {
            let Some(via) = planned.terms.via.as_ref().filter(|_| planned.action == ActionKind::Block) else {
                continue;
            };
            let (Ok(name), Some(net)) = (via.name.parse(), planned.target.net()) else { continue };
            let answered = Answered { address: net.addr(), needed_until: via.needed_until };
            led.entry((name, planned.scope.clone())).or_default().push(answered);
        }
        for ((name, scope), answered) in led {
            let before = self.ledger.get(&name, &scope).cloned();
            let gone = self.ledger.add_answered(&name, &scope, &answered, now)?;
            let is_gone = |led: &Entry| led.target.net().is_some_and(|net| gone.contains(&net.addr()));
            let gone = before.iter().flat_map(Entry::through).filter(is_gone);
            self.ending.extend(gone.map(|led| Entry { state: EntryState::Lifted, ..led }));
        }
        Ok(())
    }

    /// Takes out of the kernel what no name leads to any more. What fails is a stray for the next comparison.
    fn let_go(&mut self, now: Timestamp) {
        for led in self.ending.iter().filter(|entry| entry.terms.via.is_some()) {
            let wanted = self.ledger.wanted_until(&led.target, &led.scope).filter(|end| *end > now);
            let done = match wanted {
                Some(end) => self.firewall.block(&led.target, &led.scope, end, now),
                None => self.firewall.unblock(&led.target, &led.scope).map(drop),
            };
            if let Err(error) = done {
                tracing::warn!(target = %led.target, error = %chain(&error), "not let go yet");
            }
        }
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
        let is_name = |planned: &PlannedAction| planned.target.name().is_some();
        let blocks: Vec<KernelBlock> = run.iter().filter(|planned| !is_name(planned)).map(block).collect();
        between();
        let mut done = self.firewall.block_many(&blocks, now).into_iter();
        between();
        let cut = |planned: &PlannedAction| {
            if is_name(planned) {
                return Ok(NAMED.to_owned());
            }
            done.next().unwrap_or(Err(FirewallError::Full)).map_err(|error| chain(&error))?;
            // A block alone would leave programs waiting on connections that no longer answer.
            self.cut(&planned.cuts).or_else(|error| Ok(format!("connections not ended: {error}")))
        };
        run.iter().map(cut).collect()
    }

    fn apply(&mut self, planned: &PlannedAction, now: Timestamp) -> Result<String, String> {
        match planned.action {
            ActionKind::Disconnect => self.cut(&planned.cuts),
            ActionKind::Block | ActionKind::Freeze | ActionKind::Isolate => Ok(String::new()),
            ActionKind::Unblock | ActionKind::Thaw | ActionKind::Rejoin => {
                self.lift(&planned.target, &planned.scope, now)
            }
            ActionKind::Allow => {
                let mut lifted = 0;
                for (target, scope) in self.listed_in(&planned.target, now) {
                    self.lift(&target, &scope, now)?;
                    lifted += 1;
                }
                Ok(format!("{lifted} blocks lifted"))
            }
        }
    }

    /// Lets a block that waits for it hold until its time, if the guard still lets it pass. `None` where none of this
    /// number waits.
    pub fn confirm(&mut self, id: &str, guard: &Guard, now: Timestamp) -> Option<Result<Outcome, Refusal>> {
        let waits = |entry: &&Entry| entry.id == id && entry.terms.confirmed_until.is_some();
        let entry = self.ledger.active(now).find(waits)?.clone();
        let until = entry.terms.confirmed_until?;
        let action = Action { expires: until, ..action_of(&entry) };
        if let Err((rule, reason)) = guard.standing(&action, now) {
            let (action, target) = (action.kind, action.target);
            return Some(Err(Refusal { action, target, rule: rule.to_owned(), reason }));
        }
        let confirmed = PlannedAction {
            id: entry.id,
            action: action.kind,
            target: action.target,
            scope: action.scope,
            expires: until,
            reason: action.reason,
            requester: action.requester,
            cause: action.cause,
            terms: Terms { confirmed_until: None, ..entry.terms },
            cuts: Vec::new(),
        };
        self.execute(&Plan { plan: vec![confirmed], refused: Vec::new() }, now).pop().map(Ok)
    }

    /// Until when the block holds: longer than planned where a longer one stood already.
    fn expiry_of(&self, planned: &PlannedAction) -> Timestamp {
        self.ledger.wanted_until(&planned.target, &planned.scope).unwrap_or(planned.expires)
    }

    /// Ends these connections, and nothing else.
    pub fn end(&mut self, cuts: &[Cut]) -> Result<Disconnected, FirewallError> {
        if cuts.is_empty() || !self.firewall.acts() {
            return Ok(Disconnected::default());
        }
        self.firewall.disconnect(cuts)
    }

    fn cut(&mut self, cuts: &[Cut]) -> Result<String, String> {
        if cuts.is_empty() {
            return Ok(String::new());
        }
        let counts = self.firewall.disconnect(cuts).map_err(|error| chain(&error))?;
        let words = format!("{} connections ended, {} already gone", counts.ended, counts.gone);
        if counts.failed > 0 { Err(format!("{words}, {} could not be ended", counts.failed)) } else { Ok(words) }
    }

    fn lift(&mut self, target: &Target, scope: &Scope, now: Timestamp) -> Result<String, String> {
        if target.name().is_some() {
            let was = self.ending.iter().any(|entry| entry.target == *target && entry.scope == *scope);
            return Ok(if was { "lifted" } else { NO_SUCH }.to_owned());
        }
        if let Some(end) = self.ledger.led_until(target, scope).filter(|end| *end > now) {
            self.firewall.block(target, scope, end, now).map_err(|error| chain(&error))?;
            let leads = |led: &Entry| led.target == *target && led.scope == *scope;
            let name = self.names(now).into_iter().find(|name| name.through().any(|led| leads(&led)));
            let name = name.map_or_else(|| "a name".to_owned(), |name| name.target.to_string());
            return Ok(format!("the block of {name} holds it: unblock that, or allow {target}"));
        }
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
            terms: Terms::default(),
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
            let found = planned.target.name().is_some() || held.end(&planned.target, &planned.scope).is_some();
            Ok(if found { "lifted" } else { NO_SUCH }.to_owned())
        };
        let results = plan.plan.iter().map(result).collect();
        self.settle_all(&plan, results, now)
    }
}

/// What is done about a name itself.
const NAMED: &str = "addresses are refused as the answers of name servers lead to them";

#[cfg(test)]
#[path = "reconcile_tests.rs"]
mod tests;
