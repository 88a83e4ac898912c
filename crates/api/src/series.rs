//! How many of something were there, over time?

use serde::{Deserialize, Serialize};

use tripoint_model::{Direction, Observable, Timestamp};

/// Most stretches of time in one answer.
pub const BUCKETS_MAX: u32 = 400;
/// Most lines that have a name of their own; the rest is one line together.
pub const LINES_MAX: usize = 6;

/// The query of `path::QUEUE_SERIES`: alerts by when they began and how bad they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AlertSeriesQuery {
    /// Only what this filter takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// From when on; default a day before `until`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Until when; default now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// In how many stretches; default 48, at most `BUCKETS_MAX`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buckets: Option<u32>,
}

/// What tells one line of `path::CONNECTIONS_SERIES` from another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SeriesBy {
    /// Who talks.
    #[default]
    Application,
    /// Who began.
    Direction,
    /// Where.
    Host,
}

/// The query of `path::CONNECTIONS_SERIES`; as `ConnectionQuery`, in whole hours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ContactSeriesQuery {
    /// What tells the lines apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<SeriesBy>,
    /// Only of this application: its key, or the name people know it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// Only with this peer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Observable>,
    /// Only in this direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Only of this host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// From when on; default a day before `until`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Until when; default now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// Counts over time. The lines together are everything; what has no name of its own is the last line, without a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Series {
    /// When the first stretch begins.
    pub since: Timestamp,
    /// How long each is, in seconds.
    pub step_s: u64,
    /// The lines, each with a count for every stretch.
    pub lines: Vec<SeriesLine>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SeriesLine {
    /// Of what; empty: of the rest.
    pub name: String,
    /// How many in each stretch.
    pub counts: Vec<u64>,
}
