//! What do several lines show together that none shows alone?
//!
//! A kind of series is one file and one line in `started`. Each sees every entry once, in the order of the file, and
//! keeps a bounded number of peers: the one that was quiet longest is forgotten first.

mod brute_force;
mod peers;

use std::borrow::Cow;
use std::net::IpAddr;

use tripoint_model::{Timestamp, Verdict};

use crate::entry::Entry;

/// A series that is complete, or that has grown.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The technique.
    pub family: &'static str,
    /// ATT&CK techniques.
    pub attack: &'static [&'static str],
    /// What it came to.
    pub verdict: Verdict,
    /// The kind of series.
    pub rule: &'static str,
    /// Who.
    pub remote: IpAddr,
    /// Its lines.
    pub lines: Vec<u64>,
    /// Why, in words.
    pub reason: Cow<'static, str>,
}

/// One kind of series.
pub trait Series {
    /// Takes one entry; tells what it completes.
    fn see(&mut self, entry: &Entry<'_>, at: Timestamp, line: u64) -> Option<Found>;
}

/// Every kind, with nothing seen.
pub fn started() -> Vec<Box<dyn Series>> {
    vec![Box::new(brute_force::BruteForce::default())]
}
