//! How close together did what one peer did lie?
//!
//! Entries come in any order: logs are read from their newest line, and programs write late. So what is kept is sorted
//! by its time and bounded, and what lies too far from the newcomer is forgotten, before it or behind it.

use std::time::Duration;

use tripoint_model::Timestamp;

/// What one peer did, by its time.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// When, on which line, and what: two of the same kind are one.
    seen: Vec<(Timestamp, u64, u64)>,
    /// Whether the series was told.
    told: bool,
}

/// Events that are kept of one peer; more than any series asks for.
pub(super) const EVENTS_MAX: usize = 64;

impl Window {
    /// Takes one event unless the same one is there, and forgets what lies further away than `span`.
    pub(super) fn add(&mut self, at: Timestamp, line: u64, what: u64, span: Duration) {
        self.seen.retain(|(time, ..)| apart(*time, at) <= span);
        if self.seen.is_empty() {
            self.told = false;
        }
        if self.seen.iter().any(|(.., known)| *known == what) {
            return;
        }
        let place = self.seen.partition_point(|(time, ..)| *time <= at);
        self.seen.insert(place, (at, line, what));
        if self.seen.len() > EVENTS_MAX {
            // The one that lies furthest from the newcomer.
            let from_end = place * 2 < self.seen.len();
            self.seen.remove(if from_end { self.seen.len() - 1 } else { 0 });
        }
    }

    /// Whether enough lies within one of `bounds` around `at`; true once for each series.
    pub(super) fn tells(&mut self, at: Timestamp, bounds: &[(usize, Duration)]) -> bool {
        if self.told {
            return false;
        }
        let is_dense = |(count, span): &(usize, Duration)| {
            self.seen.windows(*count).any(|run| {
                let (first, last) = (run[0].0, run[run.len() - 1].0);
                first <= at && at <= last && apart(first, last) <= *span
            })
        };
        self.told = bounds.iter().any(is_dense);
        self.told
    }

    /// Events no further from `at` than `span`.
    pub(super) fn around(&self, at: Timestamp, span: Duration) -> usize {
        self.seen.iter().filter(|(time, ..)| apart(*time, at) <= span).count()
    }

    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }

    /// Their lines, in the order of time.
    pub(super) fn lines(&self) -> Vec<u64> {
        self.seen.iter().map(|(_, line, _)| *line).collect()
    }
}

fn apart(one: Timestamp, other: Timestamp) -> Duration {
    Duration::from_micros(one.0.abs_diff(other.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_secs(60);

    #[test]
    fn the_same_event_counts_once_and_what_is_far_away_is_forgotten() {
        let mut window = Window::default();
        for what in [1, 2, 2, 3] {
            window.add(Timestamp::from_seconds(100), what, what, SPAN);
        }
        assert_eq!(window.len(), 3);
        assert!(window.tells(Timestamp::from_seconds(100), &[(3, SPAN)]));
        assert!(!window.tells(Timestamp::from_seconds(100), &[(3, SPAN)]), "told once");
        window.add(Timestamp::from_seconds(1000), 9, 9, SPAN);
        assert_eq!((window.len(), window.told), (1, false));
    }

    proptest::proptest! {
        #[test]
        fn any_order_of_times_is_bounded_and_sorted(times in proptest::collection::vec(0i64..200, 0..300)) {
            let mut window = Window::default();
            for (line, time) in (1..).zip(times) {
                window.add(Timestamp::from_seconds(time), line, line, SPAN);
                assert!(window.seen.is_sorted() || window.seen.is_sorted_by_key(|(time, ..)| *time));
                assert!(window.len() <= EVENTS_MAX);
                assert!(window.lines().contains(&line), "the newcomer is kept");
            }
        }
    }
}
