//! Do enough matches of one group lie close together?
//!
//! What lies too far from the newcomer is forgotten. Of `temporal` correlations few matches of each rule decide, so only
//! those are kept; each newcomer costs as much as there are kept.

use tripoint_model::Timestamp;
use tripoint_model::attempt::LINES_MAX;

use super::bounds::{COUNT_MAX, MEMBERS_MAX};
use super::rule::{Correlation, Kind};

/// A match.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub at: Timestamp,
    pub line: u64,
    /// What must differ from all others of the group.
    pub what: u64,
    /// The rule's place in the correlation.
    pub member: u64,
}

/// The matches of one group, by time.
#[derive(Default)]
pub(super) struct Group {
    seen: Vec<Seen>,
    told: bool,
}

/// Matches of one group; no correlation counts further.
const GROUP_MAX: usize = COUNT_MAX as usize + 24;
/// Matches of one rule in a group of `temporal`. In order of time, forwards or backwards, one would do; lines that come
/// in no order need some in between.
const OF_RULE_MAX: usize = GROUP_MAX / MEMBERS_MAX;

impl Group {
    /// How many matches are kept.
    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether the series was complete.
    pub(super) fn is_told(&self) -> bool {
        self.told
    }

    /// Takes one match; how many there are and their lines where that completes the series, once for each series.
    /// Matches that find no room although they may count are added to `forgotten`.
    pub(super) fn add(&mut self, new: Seen, correlation: &Correlation, forgotten: &mut u64) -> Option<(u64, Vec<u64>)> {
        let span = correlation.span_s.saturating_mul(1_000_000);
        let is_near = |seen: &Seen| seen.at.0.abs_diff(new.at.0) <= span;
        // Of a value its newest match counts; of a line its first.
        self.seen.retain(|seen| is_near(seen) && (correlation.kind != Kind::ValueCount || seen.what != new.what));
        if self.seen.is_empty() {
            self.told = false;
        }
        if correlation.kind == Kind::EventCount && self.seen.iter().any(|seen| seen.what == new.what) {
            return None;
        }
        let place = self.seen.partition_point(|seen| (seen.at, seen.line) <= (new.at, new.line));
        self.seen.insert(place, new);
        let found = if self.told { None } else { self.complete(place, correlation, span) };
        self.told |= found.is_some();
        self.thin(place, correlation.kind, forgotten);
        found
    }

    /// How many, and their lines, where enough lies within `span` around the match at `place`.
    fn complete(&self, place: usize, correlation: &Correlation, span: u64) -> Option<(u64, Vec<u64>)> {
        let mut window = Window::new(&self.seen, correlation.kind);
        // Every stretch of that length that holds the newcomer begins with one of the matches.
        for first in 0..=place {
            let start = self.seen[first].at;
            while window.end < self.seen.len() && self.seen[window.end].at.0.abs_diff(start.0) <= span {
                window.take();
            }
            if window.end > place {
                let count = window.count(first);
                if count >= correlation.at_least && correlation.at_most.is_none_or(|most| count <= most) {
                    let mut lines: Vec<u64> = self.seen[first..window.end].iter().map(|seen| seen.line).collect();
                    lines.sort_unstable();
                    lines.dedup();
                    lines.truncate(LINES_MAX);
                    return Some((count, lines));
                }
            }
            window.leave(first);
        }
        None
    }

    /// Forgets what decides nothing, and what finds no room; `place` is the newcomer's.
    fn thin(&mut self, place: usize, kind: Kind, forgotten: &mut u64) {
        let member = self.seen[place].member;
        let is_its = |at: usize| self.seen.get(at).is_some_and(|seen| seen.member == member);
        let of_rule: Vec<usize> = (0..self.seen.len()).filter(|at| is_its(*at)).collect();
        if of_rule.len() > OF_RULE_MAX {
            let spared = match kind {
                Kind::EventCount | Kind::ValueCount => None,
                // The first and the last stay; of the others goes the one whose neighbours lie closest together.
                Kind::Temporal => {
                    let gap = |three: &&[usize]| self.seen[three[2]].at.0.abs_diff(self.seen[three[0]].at.0);
                    of_rule.windows(3).min_by_key(gap).map(|three| three[1])
                }
                // Of those that follow one another the first and the last are as good as all.
                Kind::TemporalOrdered => {
                    of_rule.windows(3).find(|three| three[2] - three[0] == 2).map(|three| three[1])
                }
            };
            spared.map(|spared| self.seen.remove(spared));
        }
        if self.seen.len() > GROUP_MAX {
            // From the end at which the newcomer is not.
            self.seen.remove(if place + 1 == self.seen.len() { 0 } else { self.seen.len() - 1 });
            *forgotten += 1;
        }
    }
}

/// What a stretch of matches amounts to, while it moves along.
struct Window<'s> {
    seen: &'s [Seen],
    kind: Kind,
    end: usize,
    /// How many of each rule lie within it, and of how many rules.
    of_rule: Vec<u32>,
    rules: u64,
    /// Of each match the next one of the rule that follows its own, and the next one of the first rule.
    next: Vec<(usize, usize)>,
}

impl<'s> Window<'s> {
    fn new(seen: &'s [Seen], kind: Kind) -> Self {
        let rules = if kind == Kind::Temporal || kind == Kind::TemporalOrdered { MEMBERS_MAX } else { 0 };
        let mut next = Vec::new();
        if kind == Kind::TemporalOrdered {
            let mut nearest = vec![usize::MAX; rules + 1];
            for (at, seen) in seen.iter().enumerate().rev() {
                nearest[seen.member as usize] = at;
                next.push((nearest[seen.member as usize + 1], nearest[0]));
            }
            next.reverse();
        }
        Self { seen, kind, end: 0, of_rule: vec![0; rules], rules: 0, next }
    }

    fn take(&mut self) {
        if let Some(count) = self.of_rule.get_mut(self.seen[self.end].member as usize) {
            self.rules += u64::from(*count == 0);
            *count += 1;
        }
        self.end += 1;
    }

    fn leave(&mut self, first: usize) {
        if let Some(count) = self.of_rule.get_mut(self.seen[first].member as usize) {
            *count -= 1;
            self.rules -= u64::from(*count == 0);
        }
    }

    /// What counts of the stretch that begins at `first`.
    fn count(&self, first: usize) -> u64 {
        match self.kind {
            Kind::EventCount | Kind::ValueCount => (self.end - first) as u64,
            Kind::Temporal => self.rules,
            // How far the rules follow one another as they are named, from the first on.
            Kind::TemporalOrdered => {
                let (mut at, mut count) = (self.next[first].1, 0);
                while at < self.end {
                    (at, count) = (self.next[at].0, count + 1);
                }
                count
            }
        }
    }
}

#[cfg(test)]
mod tests;
