//! Who tried one secret after another?
//!
//! Five failed log-ins of one peer at one service within ten minutes, or ten however slowly within a day; success after
//! that many failures is what a responder must see first.

use std::net::IpAddr;
use std::time::Duration;

use tripoint_model::{Timestamp, Verdict};

use super::peers::Peers;
use super::window::Window;
use super::{Found, Series};
use crate::entry::{Entry, Outcome, Said};

#[derive(Default)]
pub(super) struct BruteForce {
    peers: Peers<(IpAddr, &'static str), Window>,
}

const QUICK: (usize, Duration) = (5, Duration::from_secs(600));
const SLOW: (usize, Duration) = (10, Duration::from_secs(86_400));

impl Series for BruteForce {
    fn see(&mut self, entry: &Entry<'_>, at: Timestamp, line: u64) -> Option<Found> {
        let Said::LogIn(log_in) = &entry.said else { return None };
        let remote = entry.remote?;
        match log_in.outcome {
            Outcome::Refused => return None,
            Outcome::Accepted => {
                let tries = self.peers.known(&(remote, log_in.service))?;
                return let_in(std::mem::take(tries), log_in.service, remote, at, line);
            }
            Outcome::Failed | Outcome::UnknownUser => {}
        }
        let tries = self.peers.of(&(remote, log_in.service));
        tries.add(at, line, line, SLOW.1);
        if !tries.tells(at, &[QUICK, SLOW]) {
            return None;
        }
        let failures = tries.len();
        Some(Found {
            family: "brute-force",
            attack: &["T1110"],
            verdict: Verdict::Attempted,
            rule: "failed-log-ins",
            remote,
            lines: tries.lines(),
            reason: format!("{failures} failed log-ins at {} from {remote}", log_in.service).into(),
        })
    }

    fn forgotten(&self) -> u64 {
        self.peers.forgotten()
    }
}

/// A success, and what came before it: told where that were many failures, also those of a whole day.
pub(super) fn let_in(tries: Window, service: &str, remote: IpAddr, at: Timestamp, line: u64) -> Option<Found> {
    let failures = tries.around(at, SLOW.1);
    (failures >= QUICK.0).then(|| Found {
        family: "brute-force",
        attack: &["T1110", "T1078"],
        verdict: Verdict::LikelySucceeded,
        rule: "log-in-after-failures",
        remote,
        lines: tries.lines().into_iter().chain([line]).collect(),
        reason: format!("{remote} was let in by {service} after {failures} failures").into(),
    })
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
        // Read from the newest line to the oldest, or shuffled by who writes late.
        let backwards: Vec<_> = (0..9).rev().map(|minute| (minute, Failed)).collect();
        assert_eq!(told(&backwards), [("failed-log-ins", 5)]);
        let shuffled: Vec<_> = [7, 2, 9, 4, 1].map(|minute| (minute, Failed)).to_vec();
        assert_eq!(told(&shuffled), [("failed-log-ins", 5)]);
        let apart: Vec<_> = (0..9).map(|day| (day * 1440 * 2, Failed)).collect();
        assert_eq!(told(&apart), []);
    }
}
