//! Who asks a web server for what is not there?
//!
//! Ten different pages within ten minutes, or twenty-five within a day, that were missing, forbidden or no HTTP at all.
//! Pictures, styles and scripts do not count: pages of the site itself link to missing ones.

use std::net::IpAddr;
use std::time::Duration;

use tripoint_model::{Timestamp, Verdict};

use super::peers::Peers;
use super::window::Window;
use super::{Found, Series, hashed, is_static, path};
use crate::entry::{Entry, Said};

#[derive(Default)]
pub(super) struct HttpProbing {
    peers: Peers<IpAddr, Window>,
}

const QUICK: (usize, Duration) = (10, Duration::from_secs(600));
const SLOW: (usize, Duration) = (25, Duration::from_secs(86_400));

impl Series for HttpProbing {
    fn see(&mut self, entry: &Entry<'_>, at: Timestamp, line: u64) -> Option<Found> {
        let Said::Request(request) = &entry.said else { return None };
        let remote = entry.remote?;
        if !matches!(request.status?, 400 | 403 | 404 | 405 | 406 | 410 | 444 | 501 | 505) || is_static(request) {
            return None;
        }
        let missing = self.peers.of(&remote);
        missing.add(at, line, hashed(path(request)), SLOW.1);
        missing.tells(at, &[QUICK, SLOW]).then(|| Found {
            family: "probing",
            attack: &["T1595.003"],
            verdict: Verdict::Probed,
            rule: "missing-pages",
            remote,
            lines: missing.lines(),
            reason: format!("{remote} asked for {} different pages that are not there", missing.len()).into(),
        })
    }

    fn forgotten(&self) -> u64 {
        self.peers.forgotten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Request;

    fn told(status: u16, targets: impl IntoIterator<Item = String>) -> usize {
        let mut series = HttpProbing::default();
        let entries = targets.into_iter().map(|target| {
            let request =
                Request { method: "GET".into(), target: target.into(), status: Some(status), ..Request::default() };
            Entry::new(None, "203.0.113.9".parse().ok(), Said::Request(Box::new(request)))
        });
        entries.zip(1..).filter_map(|(entry, line)| series.see(&entry, Timestamp(0), line)).count()
    }

    #[test]
    fn different_missing_pages_are_told_once() {
        assert_eq!(told(404, (0..50).map(|at| format!("/page{at}.php"))), 1);
        assert_eq!(told(404, (0..9).map(|at| format!("/page{at}.php"))), 0);
        assert_eq!(told(404, (0..50).map(|at| format!("/same?{at}"))), 0);
        assert_eq!(told(404, (0..50).map(|at| format!("/img{at}.png?x"))), 0);
        assert_eq!(told(200, (0..50).map(|at| format!("/page{at}.php"))), 0);
    }
}
