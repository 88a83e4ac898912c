//! How is each source of advisories doing, and is what it said still to be believed?
//!
//! `DATA/vuln/status/<source>.json` changes with every attempt, also when the image does not.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tripoint_model::Timestamp;

use crate::image::SourceInfo;

/// How a source is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceState {
    /// Its last attempt brought or confirmed a good copy.
    Ok,
    /// Its last attempt brought something doubtful; the copy before it stays in force.
    Held,
    /// Its last attempt brought nothing.
    Failed,
    /// It was never loaded.
    #[default]
    Never,
}

/// One file of a source, as it was received.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Where it was asked for.
    pub url: String,
    /// SHA-256, hex.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
    /// The server's tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The server's date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

/// What is known about a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStatus {
    /// Its name.
    pub source: String,
    /// The format it was last read as.
    pub format: String,
    /// File or URL.
    pub from: String,
    /// How it is doing.
    pub state: SourceState,
    /// Why it is not `ok`, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm: Option<String>,
    /// Records in force.
    pub records: u64,
    /// Records refused in the copy in force.
    pub refused: u64,
    /// When a good copy was last brought or confirmed.
    pub last_success: Option<Timestamp>,
    /// When it was last tried.
    pub last_attempt: Option<Timestamp>,
    /// The newest moment that the content itself names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Timestamp>,
    /// Seconds between two fetches; nothing for an imported file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_seconds: Option<u64>,
    /// Seconds between two publications, where its publisher keeps to a rhythm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publishes_seconds: Option<u64>,
    /// Terms under which its publisher gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// The files that the copy in force was read from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// How old data may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// A source without a refresh of its own is stale after this.
    pub warn_after: Duration,
    /// Any source is outdated after this, unless it is fetched even more rarely.
    pub alarm_after: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { warn_after: Duration::from_secs(48 * 3600), alarm_after: Duration::from_secs(7 * 86_400) }
    }
}

/// Whether what a source said is still to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Freshness {
    /// Confirmed lately.
    Fresh,
    /// Not confirmed for twice its refresh.
    Stale,
    /// Confirmed, but its publisher has not renewed it for long.
    Frozen,
    /// So old that answers from it are not to be relied on.
    Outdated,
}

/// Refreshes that may be missed before a source is stale.
const MISSED_MAX: u32 = 2;
/// Publications that may be missed before a source is frozen.
const UNPUBLISHED_MAX: u32 = 4;

impl SourceStatus {
    /// What the image alone says of a source.
    pub fn of_image(info: &SourceInfo) -> Self {
        Self {
            source: info.name.clone(),
            format: info.format.clone(),
            state: SourceState::Ok,
            records: info.records,
            last_success: Some(info.imported),
            published: info.published,
            ..Self::default()
        }
    }

    /// Time since it was last brought or confirmed.
    pub fn age(&self, now: Timestamp) -> Option<Duration> {
        self.last_success.map(|last| now.since(last))
    }

    /// When it is due again.
    pub fn next_refresh(&self) -> Option<Timestamp> {
        Some(self.last_attempt?.plus(Duration::from_secs(self.refresh_seconds?)))
    }

    /// Whether it is still to be believed; `None` for one that never gave anything.
    pub fn freshness(&self, patience: &Patience, now: Timestamp) -> Option<Freshness> {
        let age = self.age(now)?;
        let turns = self.refresh_seconds.map(|refresh| Duration::from_secs(refresh).saturating_mul(MISSED_MAX));
        let rhythm = self.publishes_seconds.map(|every| Duration::from_secs(every).saturating_mul(UNPUBLISHED_MAX));
        let unpublished = self.published.map(|at| now.since(at));
        Some(if age > patience.alarm_after.max(turns.unwrap_or_default()) {
            Freshness::Outdated
        } else if age > turns.unwrap_or(patience.warn_after) {
            Freshness::Stale
        } else if rhythm.zip(unpublished).is_some_and(|(rhythm, since)| since > rhythm) {
            Freshness::Frozen
        } else {
            Freshness::Fresh
        })
    }

    /// What a person should know beyond the counts; `None` when all is well.
    pub fn trouble(&self, patience: &Patience, now: Timestamp) -> Option<String> {
        let age = |since: Duration| span(since);
        let freshness = match self.freshness(patience, now) {
            Some(Freshness::Fresh) => None,
            Some(Freshness::Stale) => {
                Some(format!("stale: not confirmed for {}", age(self.age(now).unwrap_or_default())))
            }
            Some(Freshness::Outdated) => {
                Some(format!("outdated: not confirmed for {}", age(self.age(now).unwrap_or_default())))
            }
            Some(Freshness::Frozen) => {
                let since = self.published.map(|at| now.since(at)).unwrap_or_default();
                Some(format!("frozen: its publisher has not renewed it for {}", age(since)))
            }
            None => Some("never loaded".to_owned()),
        };
        match (&self.alarm, freshness) {
            (Some(alarm), Some(freshness)) => Some(format!("{alarm}; {freshness}")),
            (Some(alarm), None) => Some(alarm.clone()),
            (None, freshness) => freshness,
        }
    }
}

/// A time span in the two words that people use: `3 days`, `49 hours`, `12 minutes`.
pub fn span(of: Duration) -> String {
    let seconds = of.as_secs();
    let (count, unit) = match seconds {
        259_200.. => (seconds / 86_400, "day"),
        7200.. => (seconds / 3600, "hour"),
        _ => (seconds / 60, "minute"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// The status of every source, by name; those that only the image knows are among them.
pub fn all(data_dir: &Path, image: &[SourceInfo]) -> Vec<SourceStatus> {
    let mut found: Vec<SourceStatus> = fs::read_dir(folder(data_dir))
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|end| end == "json"))
        .take(SOURCES_MAX)
        .filter_map(|entry| read(&entry.path()))
        .collect();
    for info in image {
        if found.iter().all(|status| status.source != info.name) {
            found.push(SourceStatus::of_image(info));
        }
    }
    found.sort_by(|a, b| a.source.cmp(&b.source));
    found
}

/// The status of one source; a fresh one when it was never seen.
pub fn one(data_dir: &Path, source: &str) -> SourceStatus {
    read(&path(data_dir, source))
        .filter(|status| status.source == source)
        .unwrap_or_else(|| SourceStatus { source: source.to_owned(), ..SourceStatus::default() })
}

/// Where the statuses lie.
pub fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("vuln/status")
}

/// Where one lies.
pub fn path(data_dir: &Path, source: &str) -> PathBuf {
    folder(data_dir).join(format!("{source}.json"))
}

fn read(path: &Path) -> Option<SourceStatus> {
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(STATUS_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Written by us; a page each.
const STATUS_BYTES_MAX: u64 = 1 << 20;
/// Far more than there are publishers.
const SOURCES_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_000_000_000_000);

    fn hours(count: u64) -> Duration {
        Duration::from_secs(count * 3600)
    }

    #[test]
    fn age_is_judged_by_refresh_limits_and_publication() {
        let status = |age: u64, refresh: Option<u64>, unpublished: Option<u64>| SourceStatus {
            last_success: Some(NOW.minus(hours(age))),
            refresh_seconds: refresh.map(|hours| hours * 3600),
            published: unpublished.map(|age| NOW.minus(hours(age))),
            publishes_seconds: Some(24 * 3600),
            ..SourceStatus::default()
        };
        for (age, refresh, unpublished, expected) in [
            (1, Some(6), None, Freshness::Fresh),
            (12, Some(6), None, Freshness::Fresh),
            (13, Some(6), None, Freshness::Stale),
            (47, None, None, Freshness::Fresh),
            (49, None, None, Freshness::Stale),
            (169, None, None, Freshness::Outdated),
            (169, Some(6), None, Freshness::Outdated),
            // Fetched monthly: two turns are two months.
            (24 * 50, Some(24 * 30), None, Freshness::Fresh),
            (24 * 61, Some(24 * 30), None, Freshness::Outdated),
            (1, Some(6), Some(96), Freshness::Fresh),
            (1, Some(6), Some(97), Freshness::Frozen),
        ] {
            let found = status(age, refresh, unpublished).freshness(&Patience::default(), NOW);
            assert_eq!(found, Some(expected), "{age} {refresh:?} {unpublished:?}");
        }
        assert_eq!(SourceStatus::default().freshness(&Patience::default(), NOW), None);
        let late = status(200, Some(6), None).trouble(&Patience::default(), NOW);
        assert_eq!(late.as_deref(), Some("outdated: not confirmed for 8 days"));
    }

    #[test]
    fn what_only_the_image_knows_is_told_too() {
        let data = tempfile::tempdir().expect("tempdir");
        let info = SourceInfo { name: "old".into(), format: "osv".into(), imported: NOW, records: 3, published: None };
        let all = all(data.path(), &[info]);
        assert_eq!((all.len(), all[0].records, all[0].last_success), (1, 3, Some(NOW)));
    }
}
