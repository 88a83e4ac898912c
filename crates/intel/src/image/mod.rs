//! How does an intelligence image lie on disk?
//!
//! All numbers are little-endian. Header: magic (8), version `u32`, sections `u32`, file length
//! `u64`, time built `i64` (microseconds), then per section: id `u32`, CRC-32 `u32`, offset `u64`,
//! length `u64`, then the CRC-32 of everything before it. Sections begin at multiples of 64 bytes,
//! in the order of the table, with zeros between. Nothing needs parsing to be read.

#[cfg(feature = "feeds")]
pub(crate) mod copies;
pub(crate) mod guard_order;
#[cfg(feature = "feeds")]
mod guards;
pub(crate) mod lay;
mod read;
#[cfg(feature = "feeds")]
mod write;

#[cfg(feature = "feeds")]
pub use guards::GuardNumber;
pub use read::{ImageBytes, ImageError};
pub(crate) use read::{Sections, u16_at, u32_at, u64_at, u128_at};
#[cfg(feature = "feeds")]
pub use write::{Builder, FeedNumber};

/// First bytes of an image.
pub const MAGIC: [u8; 8] = *b"TPINTEL\0";

/// Layout version.
pub const VERSION: u32 = 4;

pub(crate) const HEADER_BYTES: usize = 32;
pub(crate) const TABLE_ENTRY_BYTES: usize = 24;
pub(crate) const ALIGN: usize = 64;

/// The sections of an image, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// UTF-8 texts that other records point into.
    Texts = 1,
    /// `FEED_BYTES` each: offset `u32`, length `u32` of its name in the texts, offset `u32`, length `u32` of its origins,
    /// joined by line feeds, reliability `u8`, whether it is stale `u8`, zero `u16`.
    Feeds,
    /// `DETAIL_BYTES` each: what a claim says besides its observable.
    Details,
    /// `V4_BYTES` each: address `u32`, port `u16`, prefix length `u8`, has port `u8`, detail `u32`;
    /// sorted by address, prefix length.
    V4,
    /// `V6_BYTES` each: address `u128`, then as V4; sorted by `table::class_of`, address, prefix length.
    V6,
    /// `NAME_BYTES` each: offset `u32`, length `u32`, detail `u32`; sorted by name.
    Names,
    /// Bit per prefix length in use by IPv4, `u64`.
    Lengths,
    /// `V4Sections::bitmap`.
    Bitmap,
    /// `V4Sections::rank`.
    Rank,
    /// `V4Sections::nodes`.
    Nodes,
    /// `V4Sections::blocks`.
    Blocks,
    /// `V4Sections::id_rank`.
    IdRank,
    /// `V4Sections::ids`.
    Ids,
    /// `V4Sections::wide`.
    Wide,
    /// `V4Sections::crowds`.
    Crowds,
    /// `V4Sections::crowded`.
    Crowded,
    /// `V4Sections::starts`.
    Starts,
    /// `V6Sections::classes`.
    Classes,
    /// `V6Sections::filters`.
    Filters,
    /// `V6Sections::slots`.
    Slots,
    /// `KernelSetRef::filter6_32`.
    Filter32,
    /// `KernelSetRef::filter6_48`.
    Filter48,
    /// `GUARD_LIST_BYTES` each: offset `u32`, length `u32` of the list's name, its `Purpose` `u32`.
    GuardLists,
    /// `GUARD_NET4_BYTES` each: address `u32`, prefix length `u8`, zero `u8`, list `u16`, 1 + the number of the next
    /// wider network that holds this one `u32` (0: none does); sorted by address, prefix length, list.
    GuardNets4,
    /// `GUARD_NET6_BYTES` each: address `u128`, then as GuardNets4.
    GuardNets6,
    /// `GUARD_NAME_BYTES` each: offset `u32`, length `u32`, list `u16`, whether names below it count too `u16`; sorted
    /// by name.
    GuardNames,
}

pub(crate) const SECTIONS: [Section; 26] = [
    Section::Texts,
    Section::Feeds,
    Section::Details,
    Section::V4,
    Section::V6,
    Section::Names,
    Section::Lengths,
    Section::Bitmap,
    Section::Rank,
    Section::Nodes,
    Section::Blocks,
    Section::IdRank,
    Section::Ids,
    Section::Wide,
    Section::Crowds,
    Section::Crowded,
    Section::Starts,
    Section::Classes,
    Section::Filters,
    Section::Slots,
    Section::Filter32,
    Section::Filter48,
    Section::GuardLists,
    Section::GuardNets4,
    Section::GuardNets6,
    Section::GuardNames,
];

/// Feed `u16`, category `u8`, direction `u8`, confidence `u8`, which times are set `u8`, labels
/// length `u16`, labels offset `u32`, CVEs offset `u32`, CVEs length `u16`, zero `u16`, then first
/// seen, last seen, valid from, valid until as `i64`, then the autonomous system through which its networks are meant
/// `u32`, 0 for none. Labels and CVEs are joined by line feeds.
pub(crate) const DETAIL_BYTES: usize = 56;
pub(crate) const FEED_BYTES: usize = 20;
pub(crate) const V4_BYTES: usize = 12;
pub(crate) const V6_BYTES: usize = 24;
pub(crate) const NAME_BYTES: usize = 12;
/// On a number of the table for IPv4: the network lies in a wider one that is listed, too.
pub(crate) const HELD: u32 = 1 << 31;
pub(crate) const GUARD_LIST_BYTES: usize = 12;
pub(crate) const GUARD_NET4_BYTES: usize = 12;
pub(crate) const GUARD_NET6_BYTES: usize = 24;
pub(crate) const GUARD_NAME_BYTES: usize = 12;

impl Section {
    /// What the section's length must be a multiple of, and its exact length where that is fixed.
    pub(crate) fn shape(self) -> (usize, Option<usize>) {
        let words = crate::table::WORDS;
        match self {
            Self::Texts => (1, None),
            Self::Feeds => (FEED_BYTES, None),
            Self::Details => (DETAIL_BYTES, None),
            Self::V4 => (V4_BYTES, None),
            Self::V6 => (V6_BYTES, None),
            Self::Names => (NAME_BYTES, None),
            Self::Lengths => (8, Some(8)),
            Self::Bitmap | Self::Filter32 | Self::Filter48 => (8, Some(words * 8)),
            Self::Rank | Self::IdRank => (4, Some(words * 4)),
            Self::Nodes | Self::Ids | Self::Wide | Self::Crowded | Self::Slots => (4, None),
            Self::Blocks | Self::Starts => (32, None),
            Self::Crowds | Self::Filters => (8, None),
            Self::Classes => (4, Some(crate::table::v6::CLASSES_BYTES)),
            Self::GuardLists => (GUARD_LIST_BYTES, None),
            Self::GuardNets4 => (GUARD_NET4_BYTES, None),
            Self::GuardNets6 => (GUARD_NET6_BYTES, None),
            Self::GuardNames => (GUARD_NAME_BYTES, None),
        }
    }
}
