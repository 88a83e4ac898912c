//! Which listed network is the narrowest that holds an address, in a few reads of memory?
//!
//! A stranger costs one read that mostly hits the cache; a listed address some four. Nothing is walked step by step,
//! so that a processor can have the reads of many addresses under way at once.

#[cfg(feature = "feeds")]
mod batch;
#[cfg(feature = "feeds")]
mod batch_v6;
pub mod v4;
mod v4_build;
pub mod v6;
mod v6_build;

pub use v4::V4Table;
pub use v4_build::V4Parts;
pub use v6::V6Table;
pub use v6_build::{V6Parts, class_of};

/// In place of a number: no listed network holds the address.
pub const NONE: u32 = u32::MAX;

/// Words of a bitmap with one bit for each of the 2^24 networks of /24.
pub const WORDS: usize = 1 << 18;

/// Little-endian numbers as an image holds them.
type Words64<'a> = &'a [[u8; 8]];
type Words32<'a> = &'a [[u8; 4]];

/// One of them; zero beyond the end, which no whole image makes anybody read.
fn word64(words: Words64<'_>, at: usize) -> u64 {
    words.get(at).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn word32(words: Words32<'_>, at: usize) -> u32 {
    words.get(at).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

#[cfg(all(test, feature = "feeds"))]
mod tests;
