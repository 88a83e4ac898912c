//! What was done, by whom, from where, and what came of it?

use serde::{Deserialize, Serialize};

use tripoint_model::Timestamp;

/// One thing that somebody did or wanted to. Its text is what the chain is made over: fields are only ever added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditEntry {
    /// When, by the server's clock.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// How it proved that: `socket`, `machine`, `token ID`, `session ID`, `nobody`, `server`.
    pub by: String,
    /// From where.
    pub from: String,
    /// Which request: method and route.
    pub what: String,
    /// Whom or what it was about: the rest of the path.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// What was asked for, as JSON without secrets; how long it was where it was too long.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub asked: String,
    /// Why, where that was said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// How it was before, as JSON.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub before: String,
    /// How it is now, as JSON.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub after: String,
    /// `done`, or the status and kind of the refusal.
    pub result: String,
}

/// An entry in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditRow {
    /// Its number, from 1 without a gap.
    pub number: u64,
    /// The entry.
    #[serde(flatten)]
    pub entry: AuditEntry,
    /// SHA-256 over the hash of the row before, the number and the entry's text; hex.
    pub hash: String,
}

/// A page, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditList {
    /// The rows.
    pub rows: Vec<AuditRow>,
    /// For `after` of the next question; none at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}
