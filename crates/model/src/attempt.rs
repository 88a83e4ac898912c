//! What did somebody try, and where does a log say so? (The `evidence scan` row of the command contracts.)

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// An attempt that a log shows: a line, or a series of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Whether one line shows it or several together.
    pub kind: ShownBy,
    /// The file, and the entry of an archive.
    pub file: String,
    /// The line, of a series the one that completed it; from 1.
    pub line: u64,
    /// Where that line begins in the unpacked file, bytes.
    pub offset: u64,
    /// The lines of a series, at most `LINES_MAX`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<u64>,
    /// When.
    pub time: Option<Timestamp>,
    /// Who, as the program saw it.
    pub remote: Option<IpAddr>,
    /// Whom a header names; anybody can write one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_remote: Option<IpAddr>,
    /// The technique.
    pub family: String,
    /// ATT&CK techniques.
    pub attack: Vec<String>,
    /// Vulnerabilities that it exploits.
    pub cves: Vec<String>,
    /// What it came to.
    pub verdict: Verdict,
    /// The rule, or the kind of series.
    pub rule: String,
    /// Why, one reason each.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// The line as it stands, at most `RAW_BYTES_MAX`.
    pub raw: String,
}

/// What shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShownBy {
    /// One line.
    Line,
    /// Several lines together.
    Series,
}

/// What an attempt came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Somebody looked whether it is there.
    Probed,
    /// Somebody tried it.
    #[default]
    Attempted,
    /// What followed speaks for success.
    LikelySucceeded,
}

/// Lines of a series that are named.
pub const LINES_MAX: usize = 100;
/// Bytes of a line that are shown.
pub const RAW_BYTES_MAX: usize = 4096;
