//! Why did the server say no, in the form of RFC 9457?

use serde::{Deserialize, Serialize};

/// The media type of a `Problem`.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// An error as `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[error("{title} ({status}): {detail}")]
pub struct Problem {
    /// A stable name of the kind of problem, `tripoint:<kebab-case>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// This case in words.
    pub detail: String,
    /// The first byte of what is wrong in what was sent, where a place is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u32>,
    /// The byte behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<u32>,
}

impl Problem {
    /// A problem of the kind `tripoint:<name>`.
    pub fn new(status: u16, name: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("tripoint:{name}"),
            title: title.to_owned(),
            status,
            detail: detail.into(),
            at: None,
            end: None,
        }
    }
}
