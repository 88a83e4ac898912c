//! Who goes through a whole site faster than anybody reads?
//!
//! Forty different pages within half a minute: more than a browser loads, and than search engines ask one site for.

use std::net::IpAddr;
use std::time::Duration;

use tripoint_model::{Timestamp, Verdict};

use super::peers::Peers;
use super::window::Window;
use super::{Found, Series, hashed, is_static};
use crate::entry::{Entry, Said};

#[derive(Default)]
pub(super) struct Crawling {
    peers: Peers<IpAddr, Window>,
}

const PAGES: (usize, Duration) = (40, Duration::from_secs(30));

impl Series for Crawling {
    fn see(&mut self, entry: &Entry<'_>, at: Timestamp, line: u64) -> Option<Found> {
        let Said::Request(request) = &entry.said else { return None };
        // Without a time nothing can be said of haste.
        entry.time?;
        let remote = entry.remote?;
        if is_static(request) {
            return None;
        }
        let pages = self.peers.of(&remote);
        pages.add(at, line, hashed(&request.target), PAGES.1);
        pages.tells(at, &[PAGES]).then(|| Found {
            family: "probing",
            attack: &["T1595.003"],
            verdict: Verdict::Probed,
            rule: "crawling",
            remote,
            lines: pages.lines(),
            reason: format!("{remote} asked for {} different pages within half a minute", pages.len()).into(),
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

    fn told(pages: i64, milliseconds_apart: i64, ending: &str) -> usize {
        let mut series = Crawling::default();
        let entries = (0..pages).map(|page| {
            let at = Timestamp(page * milliseconds_apart * 1000);
            let request =
                Request { target: format!("/page{page}{ending}").into(), status: Some(200), ..Request::default() };
            (Entry::new(Some(at), "203.0.113.9".parse().ok(), Said::Request(Box::new(request))), at)
        });
        entries.zip(1..).filter_map(|((entry, at), line)| series.see(&entry, at, line)).count()
    }

    #[test]
    fn haste_through_pages_is_told() {
        assert_eq!(told(60, 100, ""), 1);
        assert_eq!(told(30, 100, ""), 0);
        assert_eq!(told(60, 1000, ""), 0);
        assert_eq!(told(60, 100, ".css"), 0);
    }
}
