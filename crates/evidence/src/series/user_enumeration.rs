//! Who asks which accounts there are?
//!
//! Five accounts or more that one peer failed to log in to within an hour, or ten within a day, of which none is known
//! to be its own; or the authors of a WordPress site, one number after the other.

use std::net::IpAddr;
use std::time::Duration;

use tripoint_model::{Timestamp, Verdict};

use super::peers::Peers;
use super::window::Window;
use super::{Found, Series, hashed};
use crate::entry::{Entry, Outcome, Said};

#[derive(Default)]
pub(super) struct UserEnumeration {
    peers: Peers<(IpAddr, &'static str), Window>,
}

const QUICK: (usize, Duration) = (5, Duration::from_secs(3600));
const SLOW: (usize, Duration) = (10, Duration::from_secs(86_400));

impl Series for UserEnumeration {
    fn see(&mut self, entry: &Entry<'_>, at: Timestamp, line: u64) -> Option<Found> {
        let (service, user) = asked(entry)?;
        let remote = entry.remote?;
        let users = self.peers.of(&(remote, service));
        users.add(at, line, hashed(user), SLOW.1);
        users.tells(at, &[QUICK, SLOW]).then(|| Found {
            family: "brute-force",
            attack: &["T1110.003", "T1589.001"],
            verdict: Verdict::Attempted,
            rule: "user-enumeration",
            remote,
            lines: users.lines(),
            reason: format!("{remote} asked {service} for {} accounts in vain", users.len()).into(),
        })
    }

    fn forgotten(&self) -> u64 {
        self.peers.forgotten()
    }
}

/// The account that was asked for in vain.
fn asked<'e>(entry: &'e Entry<'_>) -> Option<(&'static str, &'e str)> {
    match &entry.said {
        Said::LogIn(log_in) if matches!(log_in.outcome, Outcome::Failed | Outcome::UnknownUser) => {
            (!log_in.user.is_empty()).then_some((log_in.service, &*log_in.user))
        }
        Said::Request(request) => {
            let number = request.target.split_once("?author=")?.1;
            let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
            (end > 0).then_some(("wordpress", &number[..end]))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{LogIn, Request};

    fn told(said: impl IntoIterator<Item = Said<'static>>) -> usize {
        let mut series = UserEnumeration::default();
        let entries = said.into_iter().map(|said| Entry::new(None, "203.0.113.9".parse().ok(), said));
        entries.zip(1..).filter_map(|(entry, line)| series.see(&entry, Timestamp(0), line)).count()
    }

    #[test]
    fn many_accounts_are_told_and_one_account_is_not() {
        let log_in =
            |user: String| Said::LogIn(LogIn { service: "sshd", user: user.into(), outcome: Outcome::UnknownUser });
        assert_eq!(told((0..9).map(|at| log_in(format!("user{at}")))), 1);
        assert_eq!(told((0..4).map(|at| log_in(format!("user{at}")))), 0);
        assert_eq!(told((0..9).map(|_| log_in("root".into()))), 0);
        let author = |at: usize| {
            Said::Request(Box::new(Request { target: format!("/?author={at}").into(), ..Request::default() }))
        };
        assert_eq!(told((0..9).map(author)), 1);
    }
}
