//! What do several lines show together that none shows alone?
//!
//! A kind of series is one file and one line in `started`. Each sees every entry once, in the order in which they are
//! read, which need not be that of their time, and keeps a bounded number of peers: the one that was quiet longest is
//! forgotten first. Entries without a time count as of one moment.

mod brute_force;
mod crawling;
mod http_log_in;
mod http_probing;
mod peers;
mod refusals;
mod user_enumeration;
mod window;

use std::borrow::Cow;
use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::sync::OnceLock;

use foldhash::fast::RandomState;
use tripoint_model::{Timestamp, Verdict};

use crate::entry::{Entry, Request};

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

    /// Peers that were forgotten for want of room.
    fn forgotten(&self) -> u64;
}

/// Every kind, with nothing seen.
pub fn started() -> Vec<Box<dyn Series>> {
    vec![
        Box::new(brute_force::BruteForce::default()),
        Box::new(user_enumeration::UserEnumeration::default()),
        Box::new(http_log_in::HttpLogIn::default()),
        Box::new(http_probing::HttpProbing::default()),
        Box::new(crawling::Crawling::default()),
        Box::new(refusals::Refusals::default()),
    ]
}

/// A text as a number: sameness is all that a series asks of it.
fn hashed(text: &str) -> u64 {
    // One seed for the process, which nobody outside knows: else who is looked for could choose texts that are one.
    static SEED: OnceLock<RandomState> = OnceLock::new();
    SEED.get_or_init(RandomState::default).hash_one(text)
}

/// The path of a request.
fn path<'r>(request: &'r Request<'_>) -> &'r str {
    request.target.split(['?', '#']).next().unwrap_or(&request.target)
}

/// Whether it asks for what pages are made of.
fn is_static(request: &Request<'_>) -> bool {
    let ending = path(request).rsplit_once('.').map_or("", |(_, ending)| ending);
    STATIC.iter().any(|known| ending.eq_ignore_ascii_case(known))
}

const STATIC: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "webp", "avif", "ico", "svg", "bmp", "css", "js", "mjs", "map", "woff", "woff2",
    "ttf", "eot", "otf", "mp3", "mp4", "webm", "pdf", "swf",
];
