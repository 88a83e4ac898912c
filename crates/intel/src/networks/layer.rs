//! How does a table of ranges lie on disk, and which range of it holds an address?
//!
//! Little-endian: magic (8), version `u32`, kind `u8`, family `u8`, zero `u16`, imported `i64`,
//! then the counts `u32` of ranges, owners, bytes of texts and bytes of the source's name. Then the
//! first addresses in order, the last addresses, the owner of each range `u32`; per owner its number,
//! offset and length of its text `u32`; the texts; the source; the CRC-32 of everything before.

use std::ops::Range;

use tripoint_model::Timestamp;

use super::Kind;
use crate::image::{u32_at, u64_at, u128_at};

pub(super) const MAGIC: [u8; 8] = *b"TPNETS\0\0";
pub(super) const VERSION: u32 = 1;
pub(super) const HEADER_BYTES: usize = 40;
/// Number, offset, length.
pub(super) const OWNER_BYTES: usize = 12;

/// Why a table is not used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayerError {
    /// Something else entirely, or of another version.
    #[error("it is no table of networks that this program reads; import it again")]
    Foreign,
    /// Cut short, or a byte is not what was written.
    #[error("it is damaged; import it again")]
    Damaged,
}

/// A checked table.
#[derive(Debug)]
pub(super) struct Layer {
    bytes: Vec<u8>,
    width: usize,
    count: usize,
    lasts: usize,
    owner_of: usize,
    owners: Range<usize>,
    texts: Range<usize>,
    source: Range<usize>,
    pub built: Timestamp,
}

/// The range that holds an address.
pub(super) struct Hit<'l> {
    pub first: u128,
    pub last: u128,
    pub number: u32,
    pub text: &'l str,
}

impl Layer {
    /// Checks the checksum and that every section lies inside.
    pub fn open(bytes: Vec<u8>, kind: Kind, family: u8) -> Result<Self, LayerError> {
        if bytes.get(..8) != Some(&MAGIC[..]) || u32_at(&bytes, 8) != Some(VERSION) {
            return Err(LayerError::Foreign);
        }
        let body = bytes.len().checked_sub(4).filter(|body| *body >= HEADER_BYTES).ok_or(LayerError::Damaged)?;
        if u32_at(&bytes, body) != Some(crc32fast::hash(&bytes[..body])) || bytes[12..14] != [kind as u8, family] {
            return Err(LayerError::Damaged);
        }
        let count_at = |at: usize| u32_at(&bytes, at).map(|count| count as usize).ok_or(LayerError::Damaged);
        let (count, owners, texts, source) = (count_at(24)?, count_at(28)?, count_at(32)?, count_at(36)?);
        let width = width(family);
        let mut end = HEADER_BYTES;
        let mut section = |items: usize, bytes: usize| {
            let start = end;
            end = items.checked_mul(bytes).and_then(|length| start.checked_add(length)).ok_or(LayerError::Damaged)?;
            Ok(start..end)
        };
        section(count, width)?;
        let lasts = section(count, width)?.start;
        let owner_of = section(count, 4)?.start;
        let owners = section(owners, OWNER_BYTES)?;
        let texts = section(texts, 1)?;
        let source = section(source, 1)?;
        if end != body {
            return Err(LayerError::Damaged);
        }
        let built = Timestamp(u64_at(&bytes, 16).ok_or(LayerError::Damaged)?.cast_signed());
        Ok(Self { bytes, width, count, lasts, owner_of, owners, texts, source, built })
    }

    pub fn len(&self) -> u64 {
        self.count as u64
    }

    pub fn source(&self) -> &str {
        self.text(self.source.clone())
    }

    /// A binary search.
    pub fn find(&self, key: u128) -> Option<Hit<'_>> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.address(HEADER_BYTES, middle)? <= key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let at = low.checked_sub(1)?;
        let last = self.address(self.lasts, at)?;
        if key > last {
            return None;
        }
        let owner = u32_at(&self.bytes, self.owner_of + at * 4)? as usize;
        let number = u32_at(self.bytes.get(self.owners.clone())?, owner * OWNER_BYTES)?;
        let first = self.address(HEADER_BYTES, at)?;
        Some(Hit { first, last, number, text: self.name_of(owner)? })
    }

    /// Shows every range of these owners in order: number, name, first and last address.
    #[cfg(feature = "feeds")]
    pub fn ranges_of(&self, wanted: &std::collections::BTreeSet<u32>, show: &mut dyn FnMut(u32, &str, u128, u128)) {
        let owners = self.bytes.get(self.owners.clone()).unwrap_or_default();
        let number = |owner: usize| u32_at(owners, owner * OWNER_BYTES).filter(|number| wanted.contains(number));
        let numbers: Vec<Option<u32>> = (0..owners.len() / OWNER_BYTES).map(number).collect();
        for at in 0..self.count {
            let Some(owner) = u32_at(&self.bytes, self.owner_of + at * 4).map(|owner| owner as usize) else { return };
            let Some(number) = numbers.get(owner).copied().flatten() else { continue };
            if let (Some(first), Some(last)) = (self.address(HEADER_BYTES, at), self.address(self.lasts, at)) {
                show(number, self.name_of(owner).unwrap_or_default(), first, last);
            }
        }
    }

    fn name_of(&self, owner: usize) -> Option<&str> {
        let owner = self.bytes.get(self.owners.clone())?.get(owner * OWNER_BYTES..)?;
        let start = self.texts.start.checked_add(u32_at(owner, 4)? as usize)?;
        let end = start.checked_add(u32_at(owner, 8)? as usize)?.min(self.texts.end);
        Some(self.text(start..end))
    }

    fn address(&self, section: usize, at: usize) -> Option<u128> {
        let at = section + at * self.width;
        if self.width == 4 { u32_at(&self.bytes, at).map(u128::from) } else { u128_at(&self.bytes, at) }
    }

    fn text(&self, range: Range<usize>) -> &str {
        self.bytes.get(range).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

/// Bytes of an address.
pub(super) fn width(family: u8) -> usize {
    if family == 4 { 4 } else { 16 }
}
