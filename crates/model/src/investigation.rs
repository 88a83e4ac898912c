//! What did the host find out about an alert by itself?

use serde::{Deserialize, Serialize};

use crate::attempt::{Attempt, Verdict};
use crate::time::Timestamp;
use crate::why::Why;

/// What a responder would look up, looked up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Investigation {
    /// When it was begun.
    pub at: Timestamp,
    /// How long it took, milliseconds.
    pub took_ms: u64,
    /// What the application's own logs say of the peer.
    pub logs: LogEvidence,
    /// Why the application was connected to the peer at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
}

/// What logs say of a peer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogEvidence {
    /// The gravest of the attempts; nothing where none was seen.
    pub verdict: Option<Verdict>,
    /// What the peer tried, in the order of logs and lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// Attempts beyond those kept.
    #[serde(default)]
    pub attempts_left_out: u64,
    /// Lines that name the peer.
    pub lines: u64,
    /// The first of them, as they stand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<LogLine>,
    /// What was read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<ReadLog>,
    /// What was not read or not found, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

impl LogEvidence {
    /// Takes what was found of another peer too.
    pub fn add(&mut self, mut other: Self) {
        self.verdict = self.verdict.max(other.verdict);
        self.attempts.append(&mut other.attempts);
        self.attempts_left_out += other.attempts_left_out;
        self.lines += other.lines;
        self.examples.append(&mut other.examples);
        for read in other.read {
            match self.read.iter_mut().find(|known| known.file == read.file) {
                Some(known) => known.of_peer += read.of_peer,
                None => self.read.push(read),
            }
        }
        for reason in other.missing {
            if !self.missing.contains(&reason) {
                self.missing.push(reason);
            }
        }
    }
}

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogLine {
    /// The file.
    pub file: String,
    /// From 1.
    pub line: u64,
    /// The line, cut.
    pub raw: String,
}

/// A log that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReadLog {
    /// Its path, as its writer sees it.
    pub file: String,
    /// How it was found, in words.
    pub found: String,
    /// Its lines.
    pub lines: u64,
    /// Of them those that name the peer.
    pub of_peer: u64,
}
