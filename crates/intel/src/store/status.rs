//! How is a feed, and what is wrong with it?

use serde::{Deserialize, Serialize};
use tripoint_model::confidence::Percent;
use tripoint_model::{Source, Timestamp};

use crate::change::Change;

/// How a feed is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeedState {
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

/// The autonomous systems of a feed in the image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemsStatus {
    /// How many it names.
    pub named: u64,
    /// How many of them have networks in the image.
    pub in_force: u64,
    /// How many networks these are.
    pub networks: u64,
    /// Why none can have any, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<String>,
}

/// What is known about a feed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedStatus {
    /// The feed's name.
    pub feed: String,
    /// The format it was last read as.
    pub format: String,
    /// File or URL.
    pub source: String,
    /// How it is doing.
    pub state: FeedState,
    /// Why it is not `ok`, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm: Option<String>,
    /// Indicators in force.
    pub count: u64,
    /// Entries refused in the copy in force.
    pub refused: u64,
    /// What the copy in force changed when it came.
    #[serde(default, flatten)]
    pub change: Change,
    /// Lines of its history that were damaged when the copy in force came, and are gone.
    #[serde(default, skip_serializing_if = "is_none")]
    pub history_lost: u64,
    /// SHA-256 of the copy in force as it was received, hex.
    pub sha256: String,
    /// When a good copy was last brought or confirmed.
    pub last_success: Option<Timestamp>,
    /// When the copy in force came: since then nothing changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_change: Option<Timestamp>,
    /// When it was last tried.
    pub last_attempt: Option<Timestamp>,
    /// The server's tag of the copy in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The server's date of the copy in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// Seconds between two fetches; nothing for an imported file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_seconds: Option<u64>,
    /// Terms under which its publisher gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// How much of what it says is right.
    #[serde(default)]
    pub reliability: Percent,
    /// The lists that its entries come from; nothing: it is a list of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
    /// What became of the autonomous systems that it names, where it names any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub systems: Option<SystemsStatus>,
}

fn is_none(count: &u64) -> bool {
    *count == 0
}

impl FeedStatus {
    /// What the image tells of the feed besides its claims.
    pub(crate) fn source(&self, now: Timestamp) -> Source {
        Source {
            reliability: self.reliability,
            origins: self.origins.clone(),
            stale: self.is_stale(now),
            ..Source::default()
        }
    }

    /// Whether the feed is fetched and its last success lies more than three turns back.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        let Some(refresh) = self.refresh_seconds else { return false };
        let since = self.last_success.map_or(u64::MAX, |last| now.since(last).as_secs());
        since > refresh.saturating_mul(3)
    }

    /// Days for which a fetched feed has said nothing new, when they are more than a kept list has: a server may say
    /// "not modified" for years after its list died.
    pub fn silent_days(&self, now: Timestamp) -> Option<u64> {
        let refresh = self.refresh_seconds?;
        let since = now.since(self.last_change?).as_secs();
        (since > SILENCE_MAX.max(refresh.saturating_mul(30))).then_some(since / 86_400)
    }

    /// What is wrong with it at this moment, in words; `None` while all is well.
    pub fn trouble(&self, now: Timestamp) -> Option<String> {
        let overdue = self.is_stale(now).then(|| match self.last_success {
            Some(last) => format!("overdue: nothing came for {} hours", now.since(last).as_secs() / 3600),
            None => "overdue: it never came".to_owned(),
        });
        let silent =
            self.silent_days(now).map(|days| format!("it has not changed for {days} days: is the list still kept?"));
        let lost = (self.history_lost > 0).then(|| {
            format!("{} damaged lines of its history are lost (`intel lookup` shows less)", self.history_lost)
        });
        let waiting = self.systems.as_ref().and_then(|systems| systems.waiting.clone());
        let all: Vec<String> =
            self.alarm.iter().cloned().chain(lost).chain(waiting).chain(overdue).chain(silent).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

/// Of the public lists of the catalogue none is unchanged for so long while somebody keeps it.
const SILENCE_MAX: u64 = 30 * 86_400;
