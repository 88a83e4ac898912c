//! When is a process looked at again while it is young?
//!
//! A program maps its libraries as it begins; a server opens its own code within seconds, some of it with first use.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tripoint_linux::clock::boot_ns;
use tripoint_model::ProcessKey;

/// How old a program is when it is looked at.
const LOOKS: [Duration; 3] = [Duration::from_millis(300), Duration::from_secs(3), Duration::from_secs(30)];

/// When young programs began.
#[derive(Default)]
pub(super) struct Young(HashMap<ProcessKey, Instant>);

impl Young {
    /// A program begins; gives the moment of the first look.
    pub(super) fn begin(&mut self, key: ProcessKey, now: Instant) -> Instant {
        self.0.insert(key, now);
        now + LOOKS[0]
    }

    /// A process was found living; it is looked at now.
    pub(super) fn find(&mut self, key: ProcessKey, now: Instant) -> Instant {
        let age = age(key);
        match now.checked_sub(age) {
            Some(began) if age < LOOKS[LOOKS.len() - 1] => self.0.insert(key, began),
            _ => self.0.remove(&key),
        };
        now
    }

    /// The moment of the look after this one.
    pub(super) fn next(&mut self, key: ProcessKey, now: Instant) -> Option<Instant> {
        let began = *self.0.get(&key)?;
        let next = LOOKS.iter().map(|age| began + *age).find(|at| *at > now);
        if next.is_none() {
            self.0.remove(&key);
        }
        next
    }

    pub(super) fn end(&mut self, key: ProcessKey) {
        self.0.remove(&key);
    }
}

/// How long ago a process began; whatever it runs now.
pub(super) fn age(key: ProcessKey) -> Duration {
    Duration::from_nanos(boot_ns().saturating_sub(key.start_ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(young: &mut Young, key: ProcessKey, first: Instant) -> Vec<Duration> {
        let looks = std::iter::successors(Some(first), |at| young.next(key, *at));
        looks.map(|at| at.saturating_duration_since(first)).collect()
    }

    #[test]
    fn a_program_is_looked_at_three_times_and_one_found_old_once() {
        let (mut young, now) = (Young::default(), Instant::now());
        let key = ProcessKey { pid: 7, start_ns: boot_ns() };
        let first = young.begin(key, now);
        assert_eq!(first, now + LOOKS[0]);
        assert_eq!(looks(&mut young, key, first), [0, 2_700, 29_700].map(Duration::from_millis));
        let just_begun = young.find(key, now);
        assert_eq!((just_begun, looks(&mut young, key, just_begun).len()), (now, 4), "now, and as one that begins");
        let old = ProcessKey { pid: 7, start_ns: 0 };
        let first = young.find(old, now);
        assert!(boot_ns() > 40_000_000_000, "up for long enough");
        assert_eq!(looks(&mut young, old, first), [Duration::ZERO]);
        assert!(young.0.is_empty(), "nothing is kept of what is old");
    }
}
