//! Why could an archive not be read to its end?

use crate::limits::Limit;

/// Why reading stopped. Entries visited before it are good.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The file could not be opened or read.
    #[error("cannot read {name}: {source}")]
    Io {
        /// The source's name.
        name: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A bound was reached: a bomb, or a file larger than is handled.
    #[error("{name}: entry {entry:?} would give {limit}")]
    TooBig {
        /// The source's name.
        name: String,
        /// The entry at which it was reached; empty for the archive as a whole.
        entry: String,
        /// Which bound.
        limit: Limit,
    },
    /// An entry that is refused whatever its content.
    #[error("{name}: entry {entry:?} is refused: {reason}")]
    Refused {
        /// The source's name.
        name: String,
        /// The entry.
        entry: String,
        /// Why.
        reason: &'static str,
    },
    /// The bytes are not what their first bytes promise.
    #[error("{name}: damaged {kind}: {reason}")]
    Damaged {
        /// The source's name.
        name: String,
        /// What it began like.
        kind: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A compression that is not read here.
    #[error("{name}: {kind} is not supported; use gzip or zip")]
    Unsupported {
        /// The source's name.
        name: String,
        /// Which compression.
        kind: &'static str,
    },
}
