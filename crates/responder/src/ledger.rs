//! Which blocks do we want in the kernel, and how does that survive a crash?

mod reserve;
mod through;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use tripoint_journal::{AcknowledgeError, AppendError, Journal, OpenError, Options, ReadError, SyncError};
use tripoint_model::{AlertId, PlannedAction, Scope, Target, Terms, Timestamp};

use crate::guard::{POLICY, Usage, is_unasked};
use crate::step::between;
use reserve::Reserve;
pub use through::{ADDRESSES_MAX, Answered, id_through};

/// How a block stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryState {
    /// Decided; the kernel may not know yet.
    Intended,
    /// Read back from the kernel.
    Applied,
    /// Withdrawn before its time.
    Lifted,
    /// Its time was up.
    Expired,
    /// The kernel refused; not tried again.
    Failed,
}

impl EntryState {
    /// Whether the kernel ought to hold the block.
    pub fn is_wanted(self) -> bool {
        matches!(self, Self::Intended | Self::Applied)
    }
}

/// One line of the ledger: how a block stands from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Grows by one with each line.
    pub generation: u64,
    /// When the line was written.
    pub at: Timestamp,
    /// How it stands.
    pub state: EntryState,
    /// The planned action's id.
    pub id: String,
    /// Who is blocked.
    pub target: Target,
    /// How far.
    pub scope: Scope,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub expires: Timestamp,
    /// Who asked.
    pub requester: String,
    /// Why.
    pub reason: String,
    /// The alert that caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<AlertId>,
    /// What else is to be said of it.
    #[serde(default, skip_serializing_if = "Terms::is_plain")]
    pub terms: Terms,
    /// Of a name: the addresses that it led to, which are what the kernel holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Answered>,
}

/// Why the ledger could not be opened or written. Nothing is applied then.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Opening.
    #[error("open the ledger")]
    Open(#[from] OpenError),
    /// Reading.
    #[error("read the ledger")]
    Read(#[from] ReadError),
    /// Writing.
    #[error("write the ledger")]
    Append(#[from] AppendError),
    /// Making durable.
    #[error("make the ledger durable")]
    Sync(#[from] SyncError),
    /// Letting go of old lines.
    #[error("shorten the ledger")]
    Shorten(#[from] AcknowledgeError),
    /// An entry that has no text form.
    #[error("encode a ledger entry")]
    Encode(#[from] serde_json::Error),
}

/// What opening found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerReport {
    /// Blocks that are wanted.
    pub wanted: usize,
    /// Bytes of an interrupted write that were cut off.
    pub torn_bytes: u64,
    /// Damaged stretches and unreadable lines, in words. When there are any, blocks in the kernel
    /// that the ledger does not know are left to their time instead of being removed.
    pub damage: Vec<String>,
}

/// Every block, newest state of each, on a crash-safe log.
#[derive(Debug)]
pub struct Ledger {
    journal: Journal,
    entries: BTreeMap<(Target, Scope), Entry>,
    /// Which of them are about names.
    names: BTreeSet<(Target, Scope)>,
    generation: u64,
    damaged: bool,
    /// Bytes that were left when it was last shortened.
    shortened: u64,
    reserve: Reserve,
}

impl Ledger {
    /// Opens the ledger in `folder` and replays it.
    pub fn open(folder: &Path) -> Result<(Self, LedgerReport), LedgerError> {
        let (journal, recovery) = Journal::open(folder, OPTIONS)?;
        let mut report = LedgerReport { torn_bytes: recovery.torn_bytes, ..LedgerReport::default() };
        for corruption in &recovery.corrupt {
            report.damage.push(format!(
                "{} bytes at {} of {}",
                corruption.bytes,
                corruption.offset,
                corruption.segment.display()
            ));
        }
        if recovery.position_lost {
            report.damage.push("where its newest part begins is not known; older lines are read too".to_owned());
        }
        let reserve = Reserve::open(folder);
        let mut ledger = Self {
            journal,
            entries: BTreeMap::new(),
            names: BTreeSet::new(),
            generation: 0,
            damaged: false,
            shortened: 0,
            reserve,
        };
        let mut offset = ledger.journal.acknowledged();
        loop {
            let records = ledger.journal.read_from(offset, READ_BYTES)?;
            let Some(last) = records.last() else { break };
            offset = last.next;
            for record in &records {
                match serde_json::from_slice::<Entry>(&record.bytes) {
                    Ok(entry) => ledger.replay(entry),
                    Err(error) => report.damage.push(format!("line at {}: {error}", record.offset)),
                }
            }
        }
        // An interrupted write was never in the kernel; a newest line that is damaged may be.
        ledger.damaged = !report.damage.is_empty() || report.torn_bytes > 0;
        report.wanted = ledger.wanted().count();
        Ok((ledger, report))
    }

    fn replay(&mut self, entry: Entry) {
        self.generation = self.generation.max(entry.generation);
        let key = (entry.target.clone(), entry.scope.clone());
        match self.entries.get(&key) {
            Some(newer) if newer.generation > entry.generation => {}
            _ => self.know(entry),
        }
    }

    fn know(&mut self, entry: Entry) {
        let key = (entry.target.clone(), entry.scope.clone());
        if entry.is_name() {
            self.names.insert(key.clone());
        }
        self.entries.insert(key, entry);
    }

    /// Writes the intent to hold what `planned` says. Not durable before `sync`. A block that stands
    /// is only ever extended: the short block that a disconnect brings must not cut a long one
    /// short. Who wants less lifts it first. Where policy wants what a person holds already, it stays the
    /// person's: what spares somebody from policy only must not undo a person's decision.
    pub fn intend(&mut self, planned: &PlannedAction, now: Timestamp) -> Result<(), LedgerError> {
        let standing =
            self.get(&planned.target, &planned.scope).filter(|entry| entry.state.is_wanted() && entry.expires > now);
        let since = standing.map_or(now, |entry| entry.since);
        let expires = standing.map_or(planned.expires, |entry| entry.expires.max(planned.expires));
        let persons = standing.filter(|entry| planned.requester == POLICY && entry.requester != POLICY);
        let said = |own: &String, persons: Option<&String>| persons.unwrap_or(own).clone();
        self.write(Entry {
            generation: 0,
            at: now,
            state: EntryState::Intended,
            id: said(&planned.id, persons.map(|entry| &entry.id)),
            target: planned.target.clone(),
            scope: planned.scope.clone(),
            since,
            expires,
            requester: said(&planned.requester, persons.map(|entry| &entry.requester)),
            reason: said(&planned.reason, persons.map(|entry| &entry.reason)),
            cause: persons.map_or(&planned.cause, |entry| &entry.cause).clone(),
            terms: standing.map_or_else(|| planned.terms.clone(), |entry| terms(entry, planned)),
            addresses: standing.map(|entry| entry.addresses.clone()).unwrap_or_default(),
        })
    }

    /// Writes how a known block stands from now on; does nothing when it already stands so.
    pub fn mark(
        &mut self,
        target: &Target,
        scope: &Scope,
        state: EntryState,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        match self.get(target, scope) {
            Some(entry) if entry.state != state => {
                let entry = Entry { state, at: now, ..entry.clone() };
                let written = self.write(entry.clone());
                // What is wanted no more is not put back for want of room to write that down.
                if written.is_err() && !state.is_wanted() {
                    self.entries.insert((target.clone(), scope.clone()), entry);
                }
                written
            }
            _ => Ok(()),
        }
    }

    /// Moves the end of every wanted block back: the wall clock went back by `by`, and no block may
    /// last longer for it.
    pub fn set_back(&mut self, by: Duration, now: Timestamp) -> Result<(), LedgerError> {
        let moved: Vec<Entry> = self
            .wanted()
            .map(|entry| Entry {
                at: now,
                since: entry.since.minus(by),
                expires: entry.expires.minus(by),
                terms: Terms {
                    confirmed_until: entry.terms.confirmed_until.map(|until| until.minus(by)),
                    ..entry.terms.clone()
                },
                ..entry.clone()
            })
            .collect();
        moved.into_iter().try_for_each(|entry| self.write(entry))
    }

    fn write(&mut self, mut entry: Entry) -> Result<(), LedgerError> {
        entry.generation = self.generation + 1;
        let line = serde_json::to_vec(&entry)?;
        between();
        match self.journal.append(&line) {
            Err(AppendError::Full { .. }) => {
                self.shorten(entry.at)?;
                self.journal.append(&line)?
            }
            // A full disk: what was put by for this makes room once.
            Err(AppendError::Io(_)) if self.reserve.give_up() => self.journal.append(&line)?,
            other => other?,
        };
        between();
        self.generation = entry.generation;
        self.know(entry);
        Ok(())
    }

    /// Makes every line so far durable.
    pub fn sync(&mut self) -> Result<(), LedgerError> {
        between();
        self.journal.sync()?;
        between();
        Ok(())
    }

    /// Writes the newest line of everything wanted anew and lets go of the lines before.
    /// Called by itself; a crash in between leaves lines twice, which is harmless.
    pub fn shorten(&mut self, now: Timestamp) -> Result<(), LedgerError> {
        self.entries.retain(|_, entry| entry.state.is_wanted() || now.since(entry.at) < FORGET_AFTER);
        self.names.retain(|key| self.entries.contains_key(key));
        let before = self.journal.end();
        for entry in self.entries.values() {
            self.journal.append(&serde_json::to_vec(entry)?)?;
        }
        self.journal.sync()?;
        between();
        self.journal.acknowledge(before)?;
        self.reserve.lay_by();
        self.shortened = self.journal.bytes();
        Ok(())
    }

    /// Shortens when the log has grown beyond what its content needs: to three times what was left the last time.
    pub fn shorten_if_long(&mut self, now: Timestamp) -> Result<(), LedgerError> {
        if self.journal.bytes() > SHORTEN_BYTES.max(3 * self.shortened) { self.shorten(now) } else { Ok(()) }
    }

    /// How the block of this target and scope stands.
    pub fn get(&self, target: &Target, scope: &Scope) -> Option<&Entry> {
        // The key is owned because the map is; a look-up is rare beside a system call.
        self.entries.get(&(target.clone(), scope.clone()))
    }

    /// Blocks that the kernel ought to hold, expired ones that nobody has cleared yet included.
    pub fn wanted(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().filter(|entry| entry.state.is_wanted())
    }

    /// Blocks in force at `now`.
    pub fn active(&self, now: Timestamp) -> impl Iterator<Item = &Entry> {
        self.wanted().filter(move |entry| entry.expires > now)
    }

    /// What is used of the guard's limits at `now`.
    pub fn usage(&self, now: Timestamp) -> Usage {
        let automatic = |entry: &&Entry| is_unasked(&entry.requester, &entry.terms);
        let recent = |entry: &&Entry| now.since(entry.since) < Duration::from_secs(60);
        Usage {
            active: self.active(now).map(|entry| 1 + entry.addresses.len()).sum(),
            automatic: self.active(now).filter(automatic).count(),
            automatic_last_minute: self.entries.values().filter(automatic).filter(recent).count(),
        }
    }

    /// Whether lines were lost.
    pub fn is_damaged(&self) -> bool {
        self.damaged
    }
}

/// The terms of a block that is asked for once more. Whoever's end counts, their terms do, with all rules that either
/// set aside; where policy wants what a person holds, the person's.
fn terms(standing: &Entry, planned: &PlannedAction) -> Terms {
    let persons = planned.requester == POLICY && standing.requester != POLICY;
    let longer = standing.expires >= planned.expires;
    let mut terms = if persons || longer { standing.terms.clone() } else { planned.terms.clone() };
    if !longer && persons {
        terms.confirmed_until = None;
    }
    let both = standing.terms.overrides.iter().chain(&planned.terms.overrides).cloned();
    terms.overrides = both.collect::<BTreeSet<String>>().into_iter().collect();
    terms.confirm_within_s =
        terms.confirm_within_s.or(planned.terms.confirm_within_s).or(standing.terms.confirm_within_s);
    terms
}

/// A full set of 120,000 blocks of 400 bytes is 48 MB, and 96 with what became of each; it must fit once more while it
/// is shortened.
const OPTIONS: Options = Options { segment_bytes: 1 << 20, max_bytes: 192 << 20, record_max: 64 << 10 };
const READ_BYTES: usize = 1 << 20;
const SHORTEN_BYTES: u64 = 12 << 20;
/// How long ended blocks are remembered, at least.
const FORGET_AFTER: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests;
