//! What did a feed once say that it says no longer, and since when is known what it says now?
//!
//! Beside a feed's copy lie `withdrawn` and `since`: lines sorted by a key, rewritten whole when a
//! new copy takes force. `since` says when each thing first stood in our copies; `withdrawn` keeps
//! what was taken out. Looking up seeks in the files and holds neither in memory.

mod keep;
mod sorted;

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use tripoint_model::{AppliesTo, Category, Indicator, Observable, Timestamp};

pub use keep::{Limits, Remembered, remember};
use sorted::Sorted;

/// What a feed said until it took it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// What it called bad.
    #[serde(rename = "o")]
    pub observable: Observable,
    /// Of which kind.
    pub category: Category,
    /// In which direction.
    pub direction: AppliesTo,
    /// How sure it was.
    pub confidence: u8,
    /// When the source first saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Timestamp>,
    /// When the source last saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
    /// Until when it was said to be bad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
    /// Malware family, campaign and the like.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// CVEs it was said to exploit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cves: Vec<String>,
    /// When it first stood in our copies; nothing when that was before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Which of our copies was the first without it.
    pub gone: Timestamp,
    /// How often it was taken out.
    pub times: u32,
}

impl Withdrawn {
    fn of(indicator: Indicator, gone: Timestamp) -> Self {
        Self {
            observable: indicator.observable,
            category: indicator.category,
            direction: indicator.direction,
            confidence: indicator.confidence,
            first_seen: indicator.first_seen,
            last_seen: indicator.last_seen,
            valid_until: indicator.valid_until,
            labels: indicator.labels,
            cves: indicator.cves,
            since: None,
            gone,
            times: 1,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries_max: ENTRIES_MAX, age_max: AGE_MAX }
    }
}

/// Most withdrawn entries of one feed: some 200 MB of disk.
const ENTRIES_MAX: usize = 1_000_000;
/// How long they are kept.
const AGE_MAX: Duration = Duration::from_secs(400 * 24 * 3600);

/// What one feed once said, as far as it can still be read.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// What it took out, newest first.
    pub withdrawn: Vec<Withdrawn>,
    /// Whether damage was met while it was searched: something may be missing.
    pub is_damaged: bool,
}

/// What one feed once said of an observable.
pub fn withdrawn(data_dir: &Path, feed: &str, asked: &Observable) -> Past {
    let mut past = Past::default();
    let mut unreadable = false;
    let walked = each_key(&file(data_dir, feed, WITHDRAWN), asked, &mut |text| {
        let entry: Option<Withdrawn> = serde_json::from_str(text).ok();
        unreadable |= entry.is_none();
        // A key stands for an address with all its ports.
        past.withdrawn.extend(entry.filter(|entry| {
            asked.port().is_none() || entry.observable.port().is_none_or(|port| asked.port() == Some(port))
        }));
    });
    past.is_damaged = unreadable || walked.is_none_or(|damaged| damaged > 0);
    past.withdrawn.sort_by_key(|entry| std::cmp::Reverse(entry.gone));
    past
}

/// The entry of a line, if it is whole and stands where it belongs.
fn entry_of(line: &str) -> Option<Withdrawn> {
    let entry: Withdrawn = serde_json::from_str(sorted::text_of(line)).ok()?;
    (key(&entry.observable) == sorted::key_of(line)).then_some(entry)
}

/// Since when an observable stands in a feed's copies without a break.
pub fn known_since(data_dir: &Path, feed: &str, matched: &Observable) -> Option<Timestamp> {
    let mut sorted = Sorted::open(&file(data_dir, feed, SINCE)).ok()?;
    let key = key(matched);
    let mut since = None;
    sorted
        .each(&key, &mut |text| {
            if let Some((port, at)) = text.split_once(' ')
                && port.parse().ok() == Some(matched.port().map_or(-1, i32::from))
            {
                since = at.parse().ok().map(Timestamp);
            }
        })
        .ok()?;
    since
}

/// Shows what follows every key of the file that holds the observable; gives how many damaged lines were met, nothing
/// where the file cannot be read. A damaged file shows less, and fails nobody.
fn each_key(path: &Path, asked: &Observable, show: &mut dyn FnMut(&str)) -> Option<u64> {
    let mut sorted = match Sorted::open(path) {
        Ok(sorted) => sorted,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Some(0),
        Err(_) => return None,
    };
    let mut damaged = 0;
    let keys: Vec<String> = match asked.net() {
        None => vec![key(asked)],
        Some(net) => {
            let holding = |length: u8| IpNet::new(net.addr(), length).ok().map(|net| net_key(net.trunc()));
            (0..=net.prefix_len()).filter_map(holding).collect()
        }
    };
    for key in keys {
        damaged += sorted.each(&key, show).ok()?;
    }
    Some(damaged)
}

/// Sorts networks by family, address and length, and names behind them.
fn key(observable: &Observable) -> String {
    match (observable.net(), observable) {
        (Some(net), _) => net_key(net),
        (None, Observable::Domain(name)) => format!("n{name}"),
        (None, other) => format!("n{other}"),
    }
}

fn net_key(net: IpNet) -> String {
    match net.addr() {
        IpAddr::V4(v4) => format!("4{:08x}{:02x}", u32::from(v4), net.prefix_len()),
        IpAddr::V6(v6) => format!("6{:032x}{:02x}", u128::from(v6), net.prefix_len()),
    }
}

const WITHDRAWN: &str = "withdrawn";
const SINCE: &str = "since";

fn file(data_dir: &Path, feed: &str, name: &str) -> PathBuf {
    crate::store::copy_path(data_dir, feed).with_file_name(name)
}

#[cfg(test)]
mod tests;
