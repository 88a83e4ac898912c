//! What was understood of foreign input, and what was not, and why?

use serde::{Deserialize, Serialize};

/// A piece of foreign input that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    /// What was not; at most `REJECTED_MAX` are kept unless more are asked for, `refused` counts all.
    pub rejected: Vec<Rejected>,
    /// How many entries were refused in all.
    pub refused: u64,
    /// How many entries were read in all.
    pub read: u64,
    room: Option<Room>,
    rejected_max: usize,
    rejected_bytes: usize,
}

/// What a file may hold.
#[derive(Clone, Debug)]
struct Room {
    file: String,
    accepted_max: usize,
}

/// A place in what was read, to which it can be taken back.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    accepted: usize,
    rejected: usize,
    rejected_bytes: usize,
    refused: u64,
    read: u64,
}

/// Bytes of an entry, below which only small files are believed; real ones have several times as many.
const ENTRY_BYTES_MIN: u64 = 128;
/// Entries of any file.
const ENTRIES_FREE: usize = 4096;
/// How many refusals are kept with their reason; the rest are only counted.
pub const REJECTED_MAX: usize = 1000;
/// How many are kept for a person who looks at one file. More than any real list has.
pub const REJECTED_LISTED_MAX: usize = 100_000;
/// Bytes of names and reasons of refusals that are kept: what is refused was written by others.
pub const REJECTED_BYTES_MAX: usize = 24 << 20;

impl<T> Default for Parsed<T> {
    fn default() -> Self {
        Self {
            accepted: Vec::new(),
            rejected: Vec::new(),
            refused: 0,
            read: 0,
            room: None,
            rejected_max: REJECTED_MAX,
            rejected_bytes: 0,
        }
    }
}

impl<T> Parsed<T> {
    /// Keeps refusals up to `REJECTED_LISTED_MAX`.
    pub fn list_refusals(&mut self) {
        self.rejected_max = REJECTED_LISTED_MAX;
    }

    /// From here on a file of so many bytes is read. One that holds more entries than any of its kind could was made
    /// to cost memory: an entry of ten bytes there takes hundreds here. What is too many is refused.
    pub fn expect(&mut self, file: &str, bytes: u64) {
        let room = usize::try_from(bytes / ENTRY_BYTES_MIN).unwrap_or(usize::MAX).saturating_add(ENTRIES_FREE);
        let accepted_max = self.accepted.len().saturating_add(room);
        self.room = Some(Room { file: file.to_owned(), accepted_max });
    }

    /// From here on nothing is known of the size of what is read.
    pub fn expect_any(&mut self) {
        self.room = None;
    }

    /// Where reading stands.
    pub fn mark(&self) -> Mark {
        Mark {
            accepted: self.accepted.len(),
            rejected: self.rejected.len(),
            rejected_bytes: self.rejected_bytes,
            refused: self.refused,
            read: self.read,
        }
    }

    /// Forgets what was read since `mark`: its end showed what it is.
    pub fn take_back(&mut self, mark: Mark) {
        self.accepted.truncate(mark.accepted);
        self.rejected.truncate(mark.rejected);
        (self.rejected_bytes, self.refused, self.read) = (mark.rejected_bytes, mark.refused, mark.read);
    }

    /// Keeps one understood entry.
    pub fn accept(&mut self, entry: T) {
        if let Some(room) = self.room.as_ref().filter(|room| self.accepted.len() >= room.accepted_max) {
            let file = room.file.clone();
            return self.refuse(&file, 0, "more entries than its size lets expect");
        }
        self.read += 1;
        self.accepted.push(entry);
    }

    /// Records that an entry that was accepted cannot be used as things stand; it stays among the accepted ones.
    pub fn hold_back(&mut self, refusal: Rejected) {
        self.refused += 1;
        self.keep(refusal);
    }

    /// Records one entry that could not be used.
    pub fn refuse(&mut self, file: &str, line: u64, reason: impl Into<String>) {
        self.read += 1;
        self.refused += 1;
        if self.rejected.len() < self.rejected_max {
            self.keep(Rejected { file: file.to_owned(), line, reason: reason.into() });
        }
    }

    fn keep(&mut self, refusal: Rejected) {
        let bytes = self.rejected_bytes + refusal.file.len() + refusal.reason.len();
        if self.rejected.len() < self.rejected_max && bytes <= REJECTED_BYTES_MAX {
            self.rejected_bytes = bytes;
            self.rejected.push(refusal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_listed_as_long_as_there_is_room() {
        let mut parsed: Parsed<u32> = Parsed::default();
        (1..=2000).for_each(|line| parsed.refuse("list", line, "no address"));
        assert_eq!((parsed.rejected.len(), parsed.refused), (REJECTED_MAX, 2000));
        let mut parsed: Parsed<u32> = Parsed::default();
        parsed.list_refusals();
        (1..=40_000).for_each(|line| parsed.refuse("list", line, "no address"));
        assert_eq!((parsed.rejected.len(), parsed.rejected[39_999].line), (40_000, 40_000));
        (0..30).for_each(|line| parsed.refuse("list", line, "x".repeat(1 << 20)));
        let bytes: usize = parsed.rejected.iter().map(|refusal| refusal.file.len() + refusal.reason.len()).sum();
        assert!(bytes <= REJECTED_BYTES_MAX && parsed.rejected.len() < 40_030, "{bytes}");
        assert_eq!(parsed.refused, 40_030);
    }

    #[test]
    fn what_was_read_can_be_taken_back() {
        let mut parsed: Parsed<u32> = Parsed::default();
        parsed.accept(1);
        parsed.refuse("list", 2, "no address");
        let mark = parsed.mark();
        parsed.accept(3);
        parsed.refuse("list", 4, "no address");
        parsed.take_back(mark);
        assert_eq!((parsed.accepted, parsed.rejected.len(), parsed.refused, parsed.read), (vec![1], 1, 1, 2));
    }

    #[test]
    fn a_small_file_of_many_entries_is_believed_up_to_a_point() {
        let mut parsed: Parsed<u32> = Parsed::default();
        parsed.expect("small", 1280);
        (0..5000).for_each(|number| parsed.accept(number));
        assert_eq!((parsed.accepted.len(), parsed.refused, parsed.read), (4106, 894, 5000));
        assert_eq!(parsed.rejected[0].file, "small");
        parsed.expect("next", 0);
        parsed.accept(1);
        assert_eq!(parsed.accepted.len(), 4107);
        parsed.expect_any();
        (0..5000).for_each(|number| parsed.accept(number));
        assert_eq!(parsed.accepted.len(), 9107);
    }
}
