//! What do several matches show together?
//!
//! Matches of one group (the same peer, the same user …) are kept with their times, in any order: logs are read from
//! their newest line, and programs write late. What lies too far from the newcomer is forgotten. Memory is bounded:
//! the group that was quiet longest goes first, and that it went before its time is counted.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::fast::RandomState;
use tripoint_model::Timestamp;
use tripoint_model::attempt::LINES_MAX;

use super::engine::{Room, Sigma};
use super::event::Event;
use super::rule::{About, Correlation, Kind};
use crate::entry::Entry;

/// All rules over one log, line by line.
pub struct Run<'s> {
    sigma: &'s Sigma,
    room: Room,
    series: Series,
}

/// A rule that matched, or a correlation that is complete.
pub struct Told<'s> {
    /// Which.
    pub about: &'s About,
    /// Of a correlation: its lines.
    pub lines: Option<Vec<u64>>,
    /// Why, in words.
    pub reason: String,
}

impl<'s> Run<'s> {
    /// Nothing seen so far.
    pub fn new(sigma: &'s Sigma) -> Self {
        Self { sigma, room: Room::default(), series: Series::default() }
    }

    /// Takes the entry that a format called `format` made of `text` at `number`; tells what matches.
    pub fn see(&mut self, entry: &Entry<'_>, format: &str, text: &str, at: Timestamp, number: u64) -> Vec<Told<'s>> {
        let event = Event::new(entry, format, text);
        let matching = self.sigma.matching(&event, &mut self.room);
        if matching.is_empty() {
            return Vec::new();
        }
        let rules = matching.iter().map(|rule| &self.sigma.rules()[*rule as usize]).filter(|rule| rule.told);
        let mut told: Vec<Told<'s>> = rules
            .map(|rule| {
                let About { title, id, level, .. } = &rule.about;
                let reason = format!("Sigma rule \"{title}\" ({id}, {}) matches", level.as_str());
                Told { about: &rule.about, lines: None, reason }
            })
            .collect();
        for (place, member) in self.sigma.counting(&matching) {
            let correlation = &self.sigma.correlations()[place as usize];
            let Some(key) = self.series.key(place, &event, &correlation.of[member as usize].by) else { continue };
            let what = match correlation.kind {
                Kind::EventCount => number,
                Kind::ValueCount => match self.series.key(place, &event, &correlation.differ) {
                    Some(value) => value,
                    None => continue,
                },
                Kind::Temporal | Kind::TemporalOrdered => u64::from(member),
            };
            let seen = Seen { at, line: number, what, member: u64::from(member) };
            if let Some((count, lines)) = self.series.add(key, seen, correlation) {
                told.push(Told { about: &correlation.about, lines: Some(lines), reason: reason(correlation, count) });
            }
        }
        told
    }

    /// Groups and matches that were forgotten for want of room before their time was over.
    pub fn forgotten(&self) -> u64 {
        self.series.forgotten
    }
}

fn reason(correlation: &Correlation, count: u64) -> String {
    let About { title, id, level, .. } = &correlation.about;
    let what = match correlation.kind {
        Kind::EventCount => "matches",
        Kind::ValueCount => "different values",
        Kind::Temporal | Kind::TemporalOrdered => "rules together",
    };
    let span = correlation.span_s;
    format!("Sigma correlation \"{title}\" ({id}, {}): {count} {what} within {span} seconds", level.as_str())
}

#[derive(Clone, Copy)]
struct Seen {
    at: Timestamp,
    line: u64,
    /// What must differ from all others of the group.
    what: u64,
    /// The rule's place in the correlation.
    member: u64,
}

#[derive(Default)]
struct Series {
    groups: HashMap<u64, Group>,
    /// Who was seen when, the one that is quiet longest first.
    order: BTreeMap<u64, u64>,
    next: u64,
    /// Matches of all groups.
    kept: usize,
    forgotten: u64,
    seed: RandomState,
}

#[derive(Default)]
struct Group {
    seen: Vec<Seen>,
    turn: u64,
    told: bool,
}

/// Groups of all correlations: with their matches some twenty MiB.
const GROUPS_MAX: usize = 50_000;
/// Matches of all groups.
const KEPT_MAX: usize = 400_000;
/// Matches of one group; no correlation counts further.
const GROUP_MAX: usize = super::bounds::COUNT_MAX as usize + 24;

impl Series {
    /// The values of fields as a number; nothing where the entry does not hold one of them.
    fn key(&self, correlation: u32, event: &Event<'_>, fields: &[String]) -> Option<u64> {
        let mut hasher = self.seed.build_hasher();
        hasher.write_u32(correlation);
        for field in fields {
            let values = event.values(field);
            let value = values.first()?;
            hasher.write(value.as_bytes());
            hasher.write_u8(0xff);
        }
        Some(hasher.finish())
    }

    /// Takes one match; how many there are and their lines where that completes the series, once for each series.
    fn add(&mut self, key: u64, new: Seen, correlation: &Correlation) -> Option<(u64, Vec<u64>)> {
        let span = correlation.span_s.saturating_mul(1_000_000);
        self.next += 1;
        let group = self.groups.entry(key).or_default();
        self.order.remove(&group.turn);
        group.turn = self.next;
        self.order.insert(self.next, key);
        let before = group.seen.len();
        group.seen.retain(|seen| seen.at.0.abs_diff(new.at.0) <= span);
        if group.seen.is_empty() {
            group.told = false;
        }
        // Of a value or a rule its newest match counts; of a line its first.
        match correlation.kind {
            Kind::EventCount if group.seen.iter().any(|seen| seen.what == new.what) => {}
            _ => {
                if correlation.kind == Kind::ValueCount {
                    group.seen.retain(|seen| seen.what != new.what);
                }
                let place = group.seen.partition_point(|seen| (seen.at, seen.line) <= (new.at, new.line));
                group.seen.insert(place, new);
            }
        }
        if group.seen.len() > GROUP_MAX {
            let newest_first = group.seen.last().is_some_and(|last| last.line == new.line && last.at == new.at);
            group.seen.remove(if newest_first { 0 } else { group.seen.len() - 1 });
            self.forgotten += 1;
        }
        self.kept = (self.kept + group.seen.len()).saturating_sub(before);
        let found = if group.told { None } else { group.complete(&new, correlation, span) };
        group.told |= found.is_some();
        self.make_room();
        found
    }

    fn make_room(&mut self) {
        while self.groups.len() > GROUPS_MAX || self.kept > KEPT_MAX {
            let Some((_, key)) = self.order.pop_first() else { return };
            if let Some(gone) = self.groups.remove(&key) {
                self.kept = self.kept.saturating_sub(gone.seen.len());
                self.forgotten += u64::from(!gone.told);
            }
        }
    }
}

impl Group {
    /// How many, and their lines, where enough lies within `span` around the newcomer.
    fn complete(&self, new: &Seen, correlation: &Correlation, span: u64) -> Option<(u64, Vec<u64>)> {
        // Every stretch of that length that holds the newcomer begins with one of the matches.
        for (first, start) in self.seen.iter().enumerate() {
            if start.at > new.at {
                break;
            }
            let end = self.seen.partition_point(|seen| seen.at.0.abs_diff(start.at.0) <= span || seen.at < start.at);
            let run = &self.seen[first..end];
            if !run.iter().any(|seen| seen.line == new.line && seen.member == new.member) {
                continue;
            }
            let count = match correlation.kind {
                Kind::EventCount | Kind::ValueCount => run.len() as u64,
                Kind::Temporal => {
                    let mut members: Vec<u64> = run.iter().map(|seen| seen.member).collect();
                    members.sort_unstable();
                    members.dedup();
                    members.len() as u64
                }
                Kind::TemporalOrdered => in_order(run),
            };
            if count >= correlation.at_least && correlation.at_most.is_none_or(|most| count <= most) {
                let mut lines: Vec<u64> = run.iter().map(|seen| seen.line).collect();
                lines.sort_unstable();
                lines.dedup();
                lines.truncate(LINES_MAX);
                return Some((count, lines));
            }
        }
        None
    }
}

/// How far the rules follow one another as they are named, from the first on.
fn in_order(run: &[Seen]) -> u64 {
    run.iter().fold(0, |next, seen| if seen.member == next { next + 1 } else { next })
}
