//! Who tries one thing after another that a service refuses?
//!
//! Ports that a firewall closed, relays, zones: ten different ones at one service within ten minutes.

use std::net::IpAddr;
use std::time::Duration;

use tripoint_model::{Timestamp, Verdict};

use super::peers::Peers;
use super::window::Window;
use super::{Found, Series, hashed};
use crate::entry::{Entry, Outcome, Said};

#[derive(Default)]
pub(super) struct Refusals {
    peers: Peers<(IpAddr, &'static str), Window>,
}

const DIFFERENT: (usize, Duration) = (10, Duration::from_secs(600));

impl Series for Refusals {
    fn see(&mut self, entry: &Entry<'_>, at: Timestamp, line: u64) -> Option<Found> {
        let Said::LogIn(log_in) = &entry.said else { return None };
        let remote = entry.remote?;
        if log_in.outcome != Outcome::Refused {
            return None;
        }
        let asked = self.peers.of(&(remote, log_in.service));
        asked.add(at, line, hashed(&log_in.user), DIFFERENT.1);
        let is_scan = log_in.service == "firewall";
        asked.tells(at, &[DIFFERENT]).then(|| Found {
            family: "probing",
            attack: if is_scan { &["T1046"] } else { &["T1595"] },
            verdict: Verdict::Probed,
            rule: if is_scan { "port-scan" } else { "refused-often" },
            remote,
            lines: asked.lines(),
            reason: format!("{} refused {remote} {} different things", log_in.service, asked.len()).into(),
        })
    }

    fn forgotten(&self) -> u64 {
        self.peers.forgotten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::LogIn;

    #[test]
    fn different_ports_are_a_scan_and_one_port_is_none() {
        let told = |ports: Vec<usize>| {
            let mut series = Refusals::default();
            let seen = ports.into_iter().zip(1..).filter_map(|(port, line)| {
                let log_in = LogIn { service: "firewall", user: port.to_string().into(), outcome: Outcome::Refused };
                let entry = Entry::new(None, "203.0.113.9".parse().ok(), Said::LogIn(log_in));
                series.see(&entry, Timestamp(0), line).map(|found| found.rule)
            });
            seen.collect::<Vec<_>>()
        };
        assert_eq!(told((1..30).collect()), ["port-scan"]);
        assert_eq!(told(vec![443; 30]), <[&str; 0]>::default());
    }
}
