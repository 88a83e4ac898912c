//! Is what is kept of a group as good as all of it, and how much is that?

use proptest::prelude::*;
use tripoint_model::{Level, Verdict};

use super::super::rule::{About, Member};
use super::*;

fn correlation(kind: Kind, at_least: u64, at_most: Option<u64>) -> Correlation {
    let about = About {
        id: "c".into(),
        title: "c".into(),
        level: Level::High,
        family: "sigma".into(),
        attack: Vec::new(),
        cves: Vec::new(),
        verdict: Verdict::Attempted,
    };
    let of = (0..3).map(|rule| Member { rule, by: Vec::new() }).collect();
    Correlation { about, kind, of, span_s: 20, at_least, at_most, differ: vec!["x".into()] }
}

/// The same, simply: everything is kept, and every stretch is counted anew.
#[derive(Default)]
struct Simple {
    seen: Vec<Seen>,
    told: bool,
}

impl Simple {
    fn add(&mut self, new: Seen, correlation: &Correlation) -> Option<u64> {
        let span = correlation.span_s * 1_000_000;
        self.seen.retain(|seen| seen.at.0.abs_diff(new.at.0) <= span);
        self.told &= !self.seen.is_empty();
        match correlation.kind {
            Kind::EventCount if self.seen.iter().any(|seen| seen.what == new.what) => return None,
            Kind::ValueCount => self.seen.retain(|seen| seen.what != new.what),
            _ => {}
        }
        self.told &= !self.seen.is_empty();
        self.seen.push(new);
        self.seen.sort_by_key(|seen| (seen.at, seen.line));
        if self.told {
            return None;
        }
        let starts = self.seen.iter().filter(|start| start.at <= new.at && new.at.0.abs_diff(start.at.0) <= span);
        let counts = starts.map(|start| {
            let from = self.seen.iter().skip_while(|seen| !std::ptr::eq(*seen, start));
            let run: Vec<&Seen> = from.take_while(|seen| seen.at.0.abs_diff(start.at.0) <= span).collect();
            if !run.iter().any(|seen| seen.line == new.line && seen.member == new.member) {
                return 0;
            }
            match correlation.kind {
                Kind::EventCount | Kind::ValueCount => run.len() as u64,
                Kind::Temporal => (0..3).filter(|rule| run.iter().any(|seen| seen.member == *rule)).count() as u64,
                Kind::TemporalOrdered => run.iter().fold(0, |next, seen| next + u64::from(seen.member == next)),
            }
        });
        let mut counts = counts.filter(|count| *count > 0);
        let enough = counts
            .find(|count| *count >= correlation.at_least && correlation.at_most.is_none_or(|most| *count <= most));
        self.told |= enough.is_some();
        enough
    }
}

fn seen(kind: Kind, line: u64, at_s: i64, member: u64, value: u64) -> Seen {
    let what = match kind {
        Kind::EventCount => line,
        Kind::ValueCount => value,
        Kind::Temporal | Kind::TemporalOrdered => member,
    };
    Seen { at: Timestamp::from_seconds(at_s), line, what, member }
}

const KINDS: [Kind; 4] = [Kind::EventCount, Kind::ValueCount, Kind::Temporal, Kind::TemporalOrdered];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    /// In order of time, forwards or backwards, however many there are; in no order while few are near each other.
    #[test]
    fn what_is_kept_decides_as_all(
        kind in proptest::sample::select(KINDS.to_vec()),
        (at_least, at_most) in (1..4u64, proptest::option::of(3..5u64)),
        order in 0..3usize,
        matches in proptest::collection::vec((0..5i64, 0..3u64, 0..4u64), 1..200),
    ) {
        let correlation = correlation(kind, at_least, at_most);
        let mut now = 0;
        let mut times: Vec<i64> = matches.iter().map(|(pause, ..)| { now += pause; now }).collect();
        match order {
            0 => {}
            1 => times.reverse(),
            _ => times = matches.iter().take(OF_RULE_MAX).map(|(time, _, value)| time * 7 + *value as i64).collect(),
        }
        let (mut group, mut simple, mut forgotten) = (Group::default(), Simple::default(), 0);
        for ((line, at), (_, member, value)) in (1u64..).zip(times).zip(&matches) {
            // Whoever reads backwards meets higher numbers first.
            let line = if order == 1 { 1000 - line } else { line };
            let new = seen(kind, line, at, *member, *value);
            let told = group.add(new, &correlation, &mut forgotten).map(|(count, _)| count);
            prop_assert_eq!(told, simple.add(new, &correlation), "{:?} line {} at {}", kind, line, at);
        }
        prop_assert_eq!(forgotten, 0);
    }
}

/// A hundred thousand matches within the timespan that never complete it: what is kept, and so what each costs, does
/// not grow with them, and nothing is lost by it.
#[test]
fn many_matches_of_one_group_cost_the_same_each() {
    for kind in [Kind::Temporal, Kind::TemporalOrdered] {
        let mut correlation = correlation(kind, 3, None);
        correlation.span_s = 1_000_000;
        let (mut group, mut forgotten, mut kept) = (Group::default(), 0, 0);
        for line in 0..100_000u64 {
            let member = if kind == Kind::Temporal { line % 2 } else { line / 50_000 };
            let told = group.add(seen(kind, line, line as i64, member, 0), &correlation, &mut forgotten);
            assert!(told.is_none());
            kept = kept.max(group.len());
        }
        assert!(kept <= 2 * OF_RULE_MAX, "{kind:?} keeps {kept}");
        assert_eq!(forgotten, 0);
        let third = group.add(seen(kind, 100_000, 100_000, 2, 0), &correlation, &mut forgotten);
        assert_eq!(third.map(|(count, _)| count), Some(3), "{kind:?}");
    }
}

/// Rules that take turns for ever: what finds no room is counted.
#[test]
fn turns_are_bounded_and_counted() {
    let mut correlation = correlation(Kind::TemporalOrdered, 3, None);
    correlation.span_s = 1_000_000;
    let (mut group, mut forgotten) = (Group::default(), 0);
    for line in 0..5000u64 {
        group.add(seen(Kind::TemporalOrdered, line, line as i64, line % 2, 0), &correlation, &mut forgotten);
        assert!(group.len() <= GROUP_MAX);
    }
    assert_eq!(forgotten, 5000 - GROUP_MAX as u64);
}
