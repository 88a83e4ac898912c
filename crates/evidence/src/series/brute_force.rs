//! Who tried one secret after another?
//!
//! Five failed log-ins of one peer at one service within ten minutes, or ten however slowly within a day; success after
//! that many failures is what a responder must see first.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use tripoint_model::attempt::LINES_MAX;
use tripoint_model::{Timestamp, Verdict};

use super::peers::Peers;
use super::{Found, Series};
use crate::entry::{Entry, Outcome, Said};

#[derive(Default)]
pub(super) struct BruteForce {
    peers: Peers<(IpAddr, &'static str), Tries>,
}

#[derive(Default)]
struct Tries {
    /// Failures within the longest window: when, and the line.
    failed: VecDeque<(Timestamp, u64)>,
    /// Whether the series was told.
    told: bool,
}

const QUICK: (usize, Duration) = (5, Duration::from_secs(600));
const SLOW: (usize, Duration) = (10, Duration::from_secs(86_400));

impl Series for BruteForce {
    fn see(&mut self, entry: &Entry<'_>, at: Timestamp, line: u64) -> Option<Found> {
        let Said::LogIn(log_in) = &entry.said else { return None };
        let remote = entry.remote?;
        let tries = self.peers.of(&(remote, log_in.service));
        if log_in.outcome == Outcome::Accepted {
            let failures = tries.within(at, SLOW.1);
            let known = tries.told || failures >= QUICK.0;
            let lines = tries.lines();
            *tries = Tries::default();
            return known.then(|| Found {
                family: "brute-force",
                attack: &["T1110", "T1078"],
                verdict: Verdict::LikelySucceeded,
                rule: "log-in-after-failures",
                remote,
                lines: lines.into_iter().chain([line]).collect(),
                reason: format!("{remote} was let in by {} after {failures} failures", log_in.service).into(),
            });
        }
        tries.failed.push_back((at, line));
        let slow = tries.within(at, SLOW.1);
        let quick = tries.failed.iter().filter(|(time, _)| at.since(*time) <= QUICK.1).count();
        if tries.told || (quick < QUICK.0 && slow < SLOW.0) {
            return None;
        }
        tries.told = true;
        Some(Found {
            family: "brute-force",
            attack: &["T1110"],
            verdict: Verdict::Attempted,
            rule: "failed-log-ins",
            remote,
            lines: tries.lines(),
            reason: format!("{slow} failed log-ins at {} from {remote}", log_in.service).into(),
        })
    }
}

impl Tries {
    /// Forgets what is older than `window`; says how many are left.
    fn within(&mut self, at: Timestamp, window: Duration) -> usize {
        while self.failed.front().is_some_and(|(time, _)| at.since(*time) > window) || self.failed.len() > LINES_MAX {
            self.failed.pop_front();
        }
        if self.failed.is_empty() {
            self.told = false;
        }
        self.failed.len()
    }

    fn lines(&self) -> Vec<u64> {
        self.failed.iter().map(|(_, line)| *line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::LogIn;

    fn tried(minutes: i64, outcome: Outcome) -> (Entry<'static>, Timestamp) {
        let at = Timestamp::from_seconds(minutes * 60);
        let log_in = LogIn { service: "sshd", user: "root".into(), outcome };
        (Entry::new(Some(at), "203.0.113.9".parse().ok(), Said::LogIn(log_in)), at)
    }

    fn told(tries: &[(i64, Outcome)]) -> Vec<(&'static str, usize)> {
        let mut series = BruteForce::default();
        let seen = tries.iter().zip(1..).map(|(&(minutes, outcome), line)| (tried(minutes, outcome), line));
        let found = seen.filter_map(|((entry, at), line)| series.see(&entry, at, line));
        found.map(|found| (found.rule, found.lines.len())).collect()
    }

    #[test]
    fn quick_and_slow_guessing_is_told_once_and_success_above_all() {
        use Outcome::{Accepted, Failed, UnknownUser};
        assert_eq!(told(&[(0, Failed), (1, Failed), (2, UnknownUser), (3, Failed)]), []);
        let five: Vec<_> = (0..9).map(|minute| (minute, Failed)).collect();
        assert_eq!(told(&five), [("failed-log-ins", 5)]);
        let slow: Vec<_> = (0..12).map(|at| (at * 60, Failed)).collect();
        assert_eq!(told(&slow), [("failed-log-ins", 10)]);
        let mut through = five.clone();
        through.push((10, Accepted));
        assert_eq!(told(&through), [("failed-log-ins", 5), ("log-in-after-failures", 10)]);
        assert_eq!(told(&[(0, Failed), (1, Accepted)]), []);
    }
}
