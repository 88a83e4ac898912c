//! Are these bytes an image, whole and undamaged, and where are its sections?

use std::ops::Range;
use std::sync::Arc;

use tripoint_model::Timestamp;

use super::{ALIGN, HEADER_BYTES, MAGIC, SECTIONS, Section, TABLE_ENTRY_BYTES, VERSION};

/// Why bytes are not a usable image.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// Something else entirely.
    #[error("not an intelligence image")]
    Foreign,
    /// Written by another version of the program.
    #[error("the image has layout version {0}; this program reads version {VERSION}")]
    Version(u32),
    /// Cut short or with bytes added.
    #[error("the image should be {stated} bytes long and is {found}")]
    Length {
        /// What its header states.
        stated: u64,
        /// What there is.
        found: u64,
    },
    /// A checksum or a bound does not hold.
    #[error("the image is damaged: {0}")]
    Damaged(&'static str),
}

/// Bytes that live as long as the index: a vector or a mapped file.
pub type ImageBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// A checked image.
pub(crate) struct Sections {
    bytes: ImageBytes,
    ranges: [Range<usize>; SECTIONS.len()],
    pub built: Timestamp,
}

impl Sections {
    /// Checks lengths, bounds and checksums; reads every byte once and copies none.
    pub fn open(bytes: ImageBytes) -> Result<Self, ImageError> {
        let (ranges, built) = check((*bytes).as_ref())?;
        Ok(Self { bytes, ranges, built })
    }

    pub fn get(&self, section: Section) -> &[u8] {
        let range = self.ranges[section as usize - 1].clone();
        (*self.bytes).as_ref().get(range).unwrap_or_default()
    }
}

type Checked = ([Range<usize>; SECTIONS.len()], Timestamp);

fn check(bytes: &[u8]) -> Result<Checked, ImageError> {
    if bytes.get(..8) != Some(&MAGIC[..]) {
        return Err(ImageError::Foreign);
    }
    let short = ImageError::Length { stated: HEADER_BYTES as u64, found: bytes.len() as u64 };
    let version = u32_at(bytes, 8).ok_or(short)?;
    if version != VERSION {
        return Err(ImageError::Version(version));
    }
    let header = || -> Option<(u32, u64, i64)> {
        Some((u32_at(bytes, 12)?, u64_at(bytes, 16)?, u64_at(bytes, 24)?.cast_signed()))
    };
    let (count, stated, built) = header().ok_or(ImageError::Damaged("the header is cut"))?;
    if stated != bytes.len() as u64 {
        return Err(ImageError::Length { stated, found: bytes.len() as u64 });
    }
    if count as usize != SECTIONS.len() {
        return Err(ImageError::Damaged("wrong number of sections"));
    }
    let table_end = HEADER_BYTES + SECTIONS.len() * TABLE_ENTRY_BYTES;
    let table = bytes.get(..table_end).ok_or(ImageError::Damaged("the table is cut"))?;
    if u32_at(bytes, table_end) != Some(crc32fast::hash(table)) {
        return Err(ImageError::Damaged("checksum of the table"));
    }
    let mut ranges = SECTIONS.map(|_| 0..0);
    let mut end = table_end + 4;
    for (at, section) in SECTIONS.iter().enumerate() {
        let range = section_range(bytes, at, *section, end)?;
        end = range.end;
        ranges[at] = range;
    }
    if end != bytes.len() {
        return Err(ImageError::Damaged("bytes after the last section"));
    }
    Ok((ranges, Timestamp(built)))
}

fn section_range(bytes: &[u8], at: usize, section: Section, after: usize) -> Result<Range<usize>, ImageError> {
    let entry = HEADER_BYTES + at * TABLE_ENTRY_BYTES;
    let read = || {
        Some((u32_at(bytes, entry)?, u32_at(bytes, entry + 4)?, u64_at(bytes, entry + 8)?, u64_at(bytes, entry + 16)?))
    };
    let (id, crc, offset, length) = read().ok_or(ImageError::Damaged("the table is cut"))?;
    let place = || {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        (id == section as u32 && start == after.next_multiple_of(ALIGN)).then_some(start..end)
    };
    let range = place().ok_or(ImageError::Damaged("a section is out of place"))?;
    let body = bytes.get(range.clone()).ok_or(ImageError::Damaged("a section is out of bounds"))?;
    let (unit, exact) = section.shape();
    if body.len() % unit != 0 || exact.is_some_and(|exact| exact != body.len()) {
        return Err(ImageError::Damaged("a section has an impossible length"));
    }
    if bytes[after..range.start].iter().any(|byte| *byte != 0) || crc32fast::hash(body) != crc {
        return Err(ImageError::Damaged("checksum of a section"));
    }
    Ok(range)
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

pub(crate) fn u128_at(bytes: &[u8], at: usize) -> Option<u128> {
    Some(u128::from_le_bytes(bytes.get(at..at.checked_add(16)?)?.try_into().ok()?))
}
