//! How is one record told from noise, and where does the next good one begin?

use crc32fast::Hasher;

/// First bytes of a segment file: name and version of the format.
pub(crate) const MAGIC: [u8; 8] = *b"TPJRNL\x001";
/// Magic, end of the segment before (u64), CRC-32 of both (u32); little endian.
pub(crate) const SEGMENT_HEADER: usize = 20;
/// Length of the bytes (u32), CRC-32 over offset, length and bytes (u32); little endian.
pub(crate) const RECORD_HEADER: usize = 8;

/// The header of a segment whose predecessor ended at `previous_end`.
pub(crate) fn segment_header(previous_end: u64) -> [u8; SEGMENT_HEADER] {
    let mut header = [0; SEGMENT_HEADER];
    header[..8].copy_from_slice(&MAGIC);
    header[8..16].copy_from_slice(&previous_end.to_le_bytes());
    let crc = crc32fast::hash(&header[..16]);
    header[16..].copy_from_slice(&crc.to_le_bytes());
    header
}

/// Where the segment before ended; `None` when the header is damaged.
pub(crate) fn read_segment_header(bytes: &[u8]) -> Option<u64> {
    let header = bytes.get(..SEGMENT_HEADER)?;
    let previous_end = u64::from_le_bytes(header[8..16].try_into().ok()?);
    (header == segment_header(previous_end)).then_some(previous_end)
}

/// The offset is part of the check, so that bytes of an older file in a reused block are not
/// taken for a record.
fn checksum(offset: u64, bytes: &[u8]) -> u32 {
    let mut crc = Hasher::new();
    crc.update(&offset.to_le_bytes());
    crc.update(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    crc.update(bytes);
    crc.finalize()
}

/// The record as written at `offset`.
pub(crate) fn encode(offset: u64, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(RECORD_HEADER + bytes.len());
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(&checksum(offset, bytes).to_le_bytes());
    out.extend_from_slice(bytes);
    out
}

/// What lies at a place of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// A whole record.
    Good { offset: u64, bytes: &'a [u8] },
    /// Bytes that are no record, up to the next good one or the end.
    Bad { offset: u64, length: u64, at_end: bool },
}

/// Reads a segment's bytes piece by piece. Never fails.
pub(crate) struct Scan<'a> {
    segment: &'a [u8],
    base: u64,
    position: usize,
    record_max: usize,
}

impl<'a> Scan<'a> {
    /// Reads `segment`, whose first byte has the offset `base`, from `position` on.
    pub(crate) fn new(segment: &'a [u8], base: u64, position: usize, record_max: u32) -> Self {
        Self { segment, base, position, record_max: record_max as usize }
    }

    fn record_at(&self, position: usize) -> Option<&'a [u8]> {
        let rest = self.segment.get(position..)?;
        let length = u32::from_le_bytes(rest.get(..4)?.try_into().ok()?) as usize;
        let crc = u32::from_le_bytes(rest.get(4..8)?.try_into().ok()?);
        if length > self.record_max {
            return None;
        }
        let bytes = rest.get(RECORD_HEADER..RECORD_HEADER + length)?;
        (checksum(self.base + position as u64, bytes) == crc).then_some(bytes)
    }
}

impl<'a> Iterator for Scan<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.position >= self.segment.len() {
            return None;
        }
        let start = self.position;
        let offset = self.base + start as u64;
        if let Some(bytes) = self.record_at(start) {
            self.position = start + RECORD_HEADER + bytes.len();
            return Some(Piece::Good { offset, bytes });
        }
        let next = (start + 1..self.segment.len()).find(|&position| self.record_at(position).is_some());
        self.position = next.unwrap_or(self.segment.len());
        Some(Piece::Bad { offset, length: (self.position - start) as u64, at_end: next.is_none() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_record_costs_itself_only() {
        let mut segment = segment_header(0).to_vec();
        for text in ["one", "two", "three"] {
            let record = encode(100 + segment.len() as u64, text.as_bytes());
            segment.extend_from_slice(&record);
        }
        segment[SEGMENT_HEADER + 11 + 9] ^= 1;
        let pieces: Vec<_> = Scan::new(&segment, 100, SEGMENT_HEADER, 1024).collect();
        assert_eq!(
            pieces,
            [
                Piece::Good { offset: 120, bytes: b"one" },
                Piece::Bad { offset: 131, length: 11, at_end: false },
                Piece::Good { offset: 142, bytes: b"three" },
            ]
        );
    }

    #[test]
    fn the_header_says_when_it_is_damaged() {
        let header = segment_header(77);
        assert_eq!(read_segment_header(&header), Some(77));
        for bit in 0..header.len() * 8 {
            let mut damaged = header;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read_segment_header(&damaged), None, "bit {bit}");
        }
    }
}
