//! Is the kernel as the ledger says, and if not, what makes it so?

use std::collections::BTreeMap;

use tripoint_model::{Scope, Target, Timestamp};

use super::Responder;
use super::settle::Listed;
use crate::firewall::{FirewallError, KernelBlock};
use crate::guard::Guard;
use crate::ledger::{Entry, EntryState, LedgerError};
use crate::outcome::{action_of, chain, is_near};
use crate::verify::ends;

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
    /// What somebody did to the mechanism itself, in words; put right.
    pub repairs: Vec<String>,
    /// What could not be done, in words.
    pub failures: Vec<String>,
}

impl Reconciled {
    /// Whether the kernel was as the ledger said.
    pub fn is_quiet(&self) -> bool {
        *self == Self { expired: self.expired.clone(), ..Self::default() }
    }
}

impl Responder {
    /// Makes kernel and ledger equal, in both directions, and lifts what the guard no longer
    /// allows. Doing it twice changes nothing.
    pub fn reconcile(&mut self, guard: &Guard, now: Timestamp) -> Reconciled {
        let mut report = Reconciled::default();
        let result = self.retire(guard, now, &mut report).and_then(|()| self.ledger.sync());
        if let Err(error) = result {
            report.failures.push(chain(&error));
        }
        if !self.firewall.acts() {
            self.settle_ended(None, now);
            return report;
        }
        let listed = match self.firewall.list(now) {
            Ok(listed) => listed,
            Err(error) => {
                report.failures.push(chain(&error));
                return report;
            }
        };
        let wanted: Vec<Entry> = self.active(now);
        let ends = ends(&wanted);
        for block in listed.iter().filter(|block| !ends.contains_key(&(&block.target, &block.scope))) {
            self.remove(block, &mut report);
        }
        let held: BTreeMap<(&Target, &Scope), Timestamp> =
            listed.iter().map(|block| ((&block.target, &block.scope), block.expires)).collect();
        self.restore(&wanted, &ends, &held, now, &mut report);
        self.firewall.settled();
        if !self.ending.is_empty() {
            let listed = self.firewall.list(now).ok().map(Listed::new);
            self.settle_ended(listed.as_ref(), now);
        }
        report.repairs = self.firewall.take_repairs();
        if let Err(error) = self.ledger.sync().and_then(|()| self.ledger.shorten_if_long(now)) {
            report.failures.push(chain(&error));
        }
        report
    }

    /// Removes a block that nobody wants, unless a damaged ledger may have forgotten who does.
    fn remove(&mut self, block: &KernelBlock, report: &mut Reconciled) {
        if self.ledger.is_damaged() && self.ledger.get(&block.target, &block.scope).is_none() {
            report.left.push(block.target.clone());
            return;
        }
        match self.firewall.unblock(&block.target, &block.scope) {
            Ok(_) => report.removed.push(block.target.clone()),
            Err(error) => report.failures.push(chain(&error)),
        }
    }

    /// Writes down what has ended by time or by the guard.
    fn retire(&mut self, guard: &Guard, now: Timestamp, report: &mut Reconciled) -> Result<(), LedgerError> {
        let wanted: Vec<Entry> = self.ledger.wanted().cloned().collect();
        for entry in wanted {
            if entry.expires <= now {
                self.give_up(&entry.target, &entry.scope, EntryState::Expired, now)?;
                report.expired.push(entry.target);
                continue;
            }
            // Not knowing the surroundings is a reason for nothing new, not for giving up what stands.
            if guard.protected.is_none() {
                continue;
            }
            if let Err((rule, _)) = guard.standing(&action_of(&entry), now) {
                self.give_up(&entry.target, &entry.scope, EntryState::Lifted, now)?;
                report.withdrawn.push((entry.target, rule.to_owned()));
                continue;
            }
            for led in entry.through() {
                if let Err((rule, _)) = guard.standing(&action_of(&led), now) {
                    report.withdrawn.push((led.target.clone(), rule.to_owned()));
                    self.give_up_led(&entry, led, now)?;
                }
            }
        }
        Ok(())
    }

    /// Puts back what is missing and corrects what ends at another time, all of it together.
    fn restore(
        &mut self,
        wanted: &[Entry],
        ends: &BTreeMap<(&Target, &Scope), Timestamp>,
        held: &BTreeMap<(&Target, &Scope), Timestamp>,
        now: Timestamp,
        report: &mut Reconciled,
    ) {
        let found = |entry: &Entry| held.get(&(&entry.target, &entry.scope)).copied();
        let end = |entry: &Entry| ends.get(&(&entry.target, &entry.scope)).copied().unwrap_or(entry.expires);
        // A name is as it should be by standing in the ledger.
        let is_right =
            |entry: &&Entry| entry.is_name() || found(entry).is_some_and(|expires| is_near(expires, end(entry)));
        let (right, mut wrong): (Vec<&Entry>, Vec<&Entry>) = wanted.iter().partition(is_right);
        for entry in right.into_iter().filter(|entry| entry.terms.via.is_none()) {
            self.mark(entry, EntryState::Applied, now, report);
        }
        wrong.sort_by_key(|entry| (&entry.target, &entry.scope));
        wrong.dedup_by_key(|entry| (&entry.target, &entry.scope));
        let block = |entry: &&Entry| KernelBlock {
            target: entry.target.clone(),
            scope: entry.scope.clone(),
            expires: end(entry),
        };
        let blocks: Vec<KernelBlock> = wrong.iter().map(block).collect();
        if blocks.is_empty() {
            return;
        }
        for (entry, done) in wrong.iter().zip(self.firewall.block_many(&blocks, now)) {
            match done {
                Ok(()) if found(entry).is_some() => report.corrected.push(entry.target.clone()),
                Ok(()) => report.restored.push(entry.target.clone()),
                Err(error) => {
                    report.failures.push(format!("{}: {}", entry.target, chain(&error)));
                    if matches!(error, FirewallError::Unsupported(..)) && entry.terms.via.is_none() {
                        self.mark(entry, EntryState::Failed, now, report);
                    }
                }
            }
        }
    }

    fn mark(&mut self, entry: &Entry, state: EntryState, now: Timestamp, report: &mut Reconciled) {
        let marked = self.ledger.mark(&entry.target, &entry.scope, state, now);
        report.failures.extend(marked.err().map(|error| chain(&error)));
    }
}
