//! What was understood of foreign input, and what was not, and why?

use serde::{Deserialize, Serialize};

/// A piece of foreign input that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// The file or URL it stood in.
    pub file: String,
    /// 1-based line, or the 1-based element of a document without lines.
    pub line: u64,
    /// What is wrong and what would be right.
    pub reason: String,
}

/// The good part of an input, and each bad part with its reason.
#[derive(Clone, Debug)]
pub struct Parsed<T> {
    /// What was understood.
    pub accepted: Vec<T>,
    /// What was not; at most `REJECTED_MAX` are kept, `refused` counts all.
    pub rejected: Vec<Rejected>,
    /// How many entries were refused in all.
    pub refused: u64,
    /// How many entries were read in all.
    pub read: u64,
}

/// How many refusals are kept with their reason; the rest are only counted.
pub const REJECTED_MAX: usize = 1000;

impl<T> Default for Parsed<T> {
    fn default() -> Self {
        Self { accepted: Vec::new(), rejected: Vec::new(), refused: 0, read: 0 }
    }
}

impl<T> Parsed<T> {
    /// Keeps one understood entry.
    pub fn accept(&mut self, entry: T) {
        self.read += 1;
        self.accepted.push(entry);
    }

    /// Records one entry that could not be used.
    pub fn refuse(&mut self, file: &str, line: u64, reason: impl Into<String>) {
        self.read += 1;
        self.refused += 1;
        if self.rejected.len() < REJECTED_MAX {
            self.rejected.push(Rejected { file: file.to_owned(), line, reason: reason.into() });
        }
    }
}
