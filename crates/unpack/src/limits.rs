//! How much may an archive make us read before we stop believing it?

use std::fmt;

/// Bounds on what one call may produce. All of them are inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Decompressed bytes of all entries together.
    pub out_bytes_max: u64,
    /// Decompressed bytes per compressed byte, looked at after `RATIO_FREE_BYTES`.
    pub ratio_max: u64,
    /// Entries in one archive.
    pub entries_max: u64,
    /// Decompressed bytes of one entry.
    pub entry_bytes_max: u64,
    /// How many archives may still lie inside this one (`nested`).
    pub nesting: u32,
}

/// Output that is free of the ratio: short texts legitimately shrink a thousandfold.
pub const RATIO_FREE_BYTES: u64 = 1 << 20;

impl Default for Limits {
    fn default() -> Self {
        Self { out_bytes_max: 256 << 20, ratio_max: 200, entries_max: 100_000, entry_bytes_max: 256 << 20, nesting: 4 }
    }
}

impl Limits {
    /// The limits for an archive found inside this one; `None` when it lies too deep.
    pub fn nested(&self) -> Option<Self> {
        Some(Self { nesting: self.nesting.checked_sub(1)?, ..*self })
    }
}

/// Which bound was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// `out_bytes_max`, with its value.
    OutBytes(u64),
    /// `ratio_max`, with its value.
    Ratio(u64),
    /// `entries_max`, with its value.
    Entries(u64),
    /// `entry_bytes_max`, with its value.
    EntryBytes(u64),
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutBytes(max) => write!(f, "more than {max} bytes in all"),
            Self::Ratio(max) => write!(f, "more than {max} bytes out of one byte"),
            Self::Entries(max) => write!(f, "more than {max} entries"),
            Self::EntryBytes(max) => write!(f, "more than {max} bytes in one entry"),
        }
    }
}
