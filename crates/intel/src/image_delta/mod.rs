//! How does one intelligence image become the next without being sent whole?
//!
//! All numbers are little-endian. Header: magic (8), version `u32`, SHA-256 of the base (32) and of the target (32),
//! length of the target `u64`, length of the body `u64`, observables added, removed and changed (`u64` each). Then the
//! body, deflated, and the CRC-32 of everything before it.
//!
//! The body says what is in the target and not in the base; tables are built anew from the records, because they cost
//! less to build than to send. Texts and details move when others are put before them, so each is first told where it
//! went; records of the base follow their details and only what is left over is written down. It holds, in this order,
//! packed as `wire` says: time built (signed), multiplier of the table for IPv6, the sections of feeds and of guard
//! lists as they are, then columns of texts, details, IPv4, IPv6, names, guarded networks (IPv4, IPv6) and guarded names.

mod apply;
mod details;
#[cfg(feature = "feeds")]
mod make;
mod names;
mod nets;
mod texts;
mod wire;

use std::io;

use sha2::{Digest as _, Sha256};

use crate::image::{ImageError, u32_at, u64_at};

pub use apply::apply;
#[cfg(feature = "feeds")]
pub use make::make;

/// First bytes of a delta.
pub const MAGIC: [u8; 8] = *b"TPDELTA\0";
/// Layout version.
pub const VERSION: u32 = 1;
/// Longest delta that is read, and longest body: larger changes are cheaper sent whole.
pub const DELTA_BYTES_MAX: usize = 64 << 20;
/// Longest image that is built.
pub const IMAGE_BYTES_MAX: u64 = 1 << 30;

/// What tells images apart: the SHA-256 of all their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity([u8; 32]);

impl Identity {
    /// Of an image.
    pub fn of(image: &[u8]) -> Self {
        Self(Sha256::digest(image).into())
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Why a delta does not give an image.
#[derive(Debug, thiserror::Error)]
pub enum DeltaError {
    /// Something else entirely.
    #[error("not a delta of intelligence images")]
    Foreign,
    /// Written by another version of the program.
    #[error("the delta has layout version {0}; this program reads version {VERSION}")]
    Version(u32),
    /// More than would be worth it.
    #[error("the delta's {0} is larger than {1} bytes")]
    TooLarge(&'static str, u64),
    /// Cut, flipped or lying.
    #[error("the delta is damaged: {0}")]
    Damaged(&'static str),
    /// It was made for another image.
    #[error("the delta changes image {wanted}; the one here is {found}")]
    WrongBase {
        /// What its header states.
        wanted: Identity,
        /// What there is.
        found: Identity,
    },
    /// The base is no image.
    #[error("the image that the delta changes cannot be read")]
    Base(#[from] ImageError),
    /// It was read to its end and gave another image than it states.
    #[error("the delta does not give the image that it states")]
    WrongTarget,
    /// The new image could not be written.
    #[error("the new image cannot be written")]
    Write(#[source] io::Error),
}

/// What a delta states about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The image that it changes.
    pub base: Identity,
    /// The image that it gives.
    pub target: Identity,
    /// That image's length in bytes.
    pub target_length: u64,
    /// Length of the body before it was deflated, bytes.
    body_length: u64,
    /// Observables that only the target has a claim on.
    pub added: u64,
    /// Observables that only the base has a claim on.
    pub removed: u64,
    /// Observables on which they have other claims.
    pub changed: u64,
}

impl Header {
    /// Reads the header of a delta that is whole: every byte of it counts into the checksum.
    pub fn read(delta: &[u8]) -> Result<Self, DeltaError> {
        if delta.get(..8) != Some(&MAGIC[..]) {
            return Err(DeltaError::Foreign);
        }
        let version = u32_at(delta, 8).ok_or(DeltaError::Damaged("it is cut"))?;
        if version != VERSION {
            return Err(DeltaError::Version(version));
        }
        if delta.len() > DELTA_BYTES_MAX {
            return Err(DeltaError::TooLarge("file", DELTA_BYTES_MAX as u64));
        }
        let end = delta.len().checked_sub(4).filter(|end| *end >= HEADER_BYTES);
        let end = end.ok_or(DeltaError::Damaged("it is cut"))?;
        if u32_at(delta, end) != Some(crc32fast::hash(&delta[..end])) {
            return Err(DeltaError::Damaged("its checksum does not hold"));
        }
        let identity = |at: usize| delta[at..].first_chunk().map(|bytes| Identity(*bytes));
        let header = || {
            Some(Self {
                base: identity(12)?,
                target: identity(44)?,
                target_length: u64_at(delta, 76)?,
                body_length: u64_at(delta, 84)?,
                added: u64_at(delta, 92)?,
                removed: u64_at(delta, 100)?,
                changed: u64_at(delta, 108)?,
            })
        };
        let header = header().ok_or(DeltaError::Damaged("it is cut"))?;
        if header.target_length > IMAGE_BYTES_MAX {
            return Err(DeltaError::TooLarge("image", IMAGE_BYTES_MAX));
        }
        if header.body_length > DELTA_BYTES_MAX as u64 {
            return Err(DeltaError::TooLarge("body", DELTA_BYTES_MAX as u64));
        }
        Ok(header)
    }

    #[cfg(feature = "feeds")]
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.base.0);
        out.extend_from_slice(&self.target.0);
        for number in [self.target_length, self.body_length, self.added, self.removed, self.changed] {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
}

const HEADER_BYTES: usize = 116;

#[cfg(all(test, feature = "feeds"))]
mod tests;
