//! What does a queue of alerts show of each, and what can it be searched for?
//!
//! An alert with all its evidence is long; a queue of a hundred thousand needs the one line of it. `AlertSummary` is
//! that line, made from the alert alone, and everything that a filter may ask about is in it.

mod fields;
mod summary;

use serde::{Deserialize, Serialize};
use tripoint_model::Timestamp;

pub use fields::ALERT_FIELDS;
pub use summary::{AlertSummary, QueueRow, Values};

/// The query of `path::QUEUE`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QueueQuery {
    /// Only what this filter takes; see `docs/reference/filter.md`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Which first; default `-score`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<Sort>,
    /// Most rows to answer with; default 50, at most `QUEUE_MAX`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Most rows of a queue in one answer.
pub const QUEUE_MAX: u32 = 500;

/// What comes first; `-` turns it round. Ties: the newest first, then by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Sort {
    /// The worst first.
    #[default]
    #[serde(rename = "-score")]
    Worst,
    /// The mildest first.
    #[serde(rename = "score")]
    Mildest,
    /// What was seen last first.
    #[serde(rename = "-last_seen")]
    LastSeen,
    /// What was seen last last.
    #[serde(rename = "last_seen")]
    LongestQuiet,
    /// The youngest first.
    #[serde(rename = "-first_seen")]
    Youngest,
    /// The oldest first.
    #[serde(rename = "first_seen")]
    Oldest,
    /// What changed last first.
    #[serde(rename = "-changed")]
    Changed,
    /// What people have promised soonest first; what nothing was promised about last.
    #[serde(rename = "due")]
    Due,
}

/// A moment that does not come: what sorts last.
pub const NEVER: Timestamp = Timestamp(i64::MAX);

impl Sort {
    /// How it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Worst => "-score",
            Self::Mildest => "score",
            Self::LastSeen => "-last_seen",
            Self::LongestQuiet => "last_seen",
            Self::Youngest => "-first_seen",
            Self::Oldest => "first_seen",
            Self::Changed => "-changed",
            Self::Due => "due",
        }
    }
}

/// A page of the queue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QueuePage {
    /// The rows, in the order asked for.
    pub rows: Vec<AlertSummary>,
    /// How to ask for the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// When anything of the queue, whatever the filter, last changed before these rows were read: watched since then,
    /// nothing is missed and nothing comes twice.
    #[serde(default)]
    pub changed: Timestamp,
}

/// The query of `path::QUEUE_FACETS`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FacetQuery {
    /// Only of what this filter takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
}

/// The query of `path::QUEUE_WATCH`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WatchQuery {
    /// Only what this filter takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// What changed after this moment comes first, microseconds since 1970: the `id` of an event, or the
    /// `changed` of a page. `Last-Event-ID` outranks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
}

/// How many alerts there are, and by what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Facets {
    /// All that the filter takes.
    pub total: u64,
    /// Field by field, the most frequent values first, at most `FACET_VALUES` each.
    pub fields: Vec<Facet>,
}

/// The values of one field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Facet {
    /// Which, as filters call it.
    pub field: String,
    /// Values with how many alerts have them.
    pub values: Vec<FacetValue>,
    /// Values that are left out here.
    pub more: u64,
}

/// A value and how many alerts have it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FacetValue {
    /// The value; empty where alerts have none.
    pub value: String,
    /// How many.
    pub count: u64,
}

/// Most values of a facet.
pub const FACET_VALUES: usize = 20;

impl QueueQuery {
    /// The query string with its question mark; empty when nothing is set.
    pub fn to_query(&self) -> String {
        let parts = [
            ("filter", self.filter.clone()),
            ("sort", self.sort.map(|sort| sort.as_str().to_owned())),
            ("limit", self.limit.map(|limit| limit.to_string())),
            ("after", self.after.clone()),
        ];
        crate::path::query(&parts)
    }
}
