//! What do several matches show together?
//!
//! Matches of one group (the same peer, the same user …) are kept with their times, in any order: logs are read from
//! their newest line, and programs write late. Memory is bounded: the group that was quiet longest goes first, and that
//! it went before its time is counted.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::fast::RandomState;
use tripoint_model::Timestamp;

use super::engine::{Room, Sigma};
use super::event::Event;
use super::group::{Group, Seen};
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

#[derive(Default)]
struct Series {
    groups: HashMap<u64, (Group, u64)>,
    /// Who was seen when, the one that is quiet longest first.
    order: BTreeMap<u64, u64>,
    next: u64,
    /// Matches of all groups.
    kept: usize,
    forgotten: u64,
    seed: RandomState,
}

/// Groups of all correlations: with their matches some twenty MiB.
const GROUPS_MAX: usize = 50_000;
/// Matches of all groups.
const KEPT_MAX: usize = 400_000;

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
        self.next += 1;
        let (group, turn) = self.groups.entry(key).or_default();
        self.order.remove(turn);
        *turn = self.next;
        self.order.insert(self.next, key);
        let before = group.len();
        let found = group.add(new, correlation, &mut self.forgotten);
        self.kept = (self.kept + group.len()).saturating_sub(before);
        self.make_room();
        found
    }

    fn make_room(&mut self) {
        while self.groups.len() > GROUPS_MAX || self.kept > KEPT_MAX {
            let Some((_, key)) = self.order.pop_first() else { return };
            if let Some((gone, _)) = self.groups.remove(&key) {
                self.kept = self.kept.saturating_sub(gone.len());
                self.forgotten += u64::from(!gone.is_told());
            }
        }
    }
}
