//! What does the directory at a zip's end say, read piece by piece?
//!
//! A directory is never held whole: a record takes a hostile writer fifty bytes and a reader ten times as much.

use std::io::{self, Read, SeekFrom};

use crate::source::ReadSeek;

/// Where the directory lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Directory {
    /// Its first byte in the source.
    pub start: u64,
    /// The byte behind its last.
    end: u64,
    /// What offsets in it are to be moved by: something may stand before the archive.
    shift: u64,
    /// How many records it states.
    pub stated: u64,
}

/// One entry as the directory has it.
#[derive(Debug)]
pub(super) struct Record {
    pub name: Vec<u8>,
    pub flags: u16,
    pub method: u16,
    pub crc: u32,
    pub packed: u64,
    pub size: u64,
    /// Where its own header lies in the source.
    pub local: u64,
    /// Neither folder nor symbolic link.
    pub is_file: bool,
}

impl Directory {
    /// By the last end record that leads to a directory (APPNOTE 4.3.16); the reason when none does.
    pub(super) fn find(reader: &mut dyn ReadSeek) -> Result<Self, String> {
        let size = reader.seek(SeekFrom::End(0)).map_err(text)?;
        let tail_start = size.saturating_sub(END_BYTES as u64 + u64::from(u16::MAX));
        let tail = read_at(reader, tail_start, size - tail_start)?;
        let candidates = (0..tail.len()).rev().filter(|at| tail[*at..].starts_with(b"PK\x05\x06"));
        let mut why = "no end record".to_owned();
        for at in candidates.take(CANDIDATES_MAX) {
            let Some(end) = tail.get(at..at + END_BYTES) else { continue };
            match Self::of_end(reader, end, tail_start + at as u64) {
                Ok(found) => return Ok(found),
                Err(reason) => why = reason,
            }
        }
        Err(why)
    }

    fn of_end(reader: &mut dyn ReadSeek, end: &[u8], at: u64) -> Result<Self, String> {
        let (stated, bytes, offset) = (u16_at(end, 10), u32_at(end, 12), u32_at(end, 16));
        let mut here = Self { start: 0, end: at, shift: 0, stated: u64::from(stated) };
        let (mut size, mut place) = (u64::from(bytes), u64::from(offset));
        if let Some((wide, wide_at)) = wide_end(reader, at)? {
            let wide: [u64; 3] = [32, 40, 48].map(|at| u64_at(&wide, at));
            // What does not fit stands there as all ones; what fits has to be the same in both.
            let narrow =
                [(stated == u16::MAX, u64::from(stated)), (bytes == u32::MAX, size), (offset == u32::MAX, place)];
            if narrow.iter().zip(wide).any(|((open, narrow), wide)| !open && *narrow != wide) {
                return Err("its two end records disagree".to_owned());
            }
            here.end = wide_at;
            [here.stated, size, place] = wide;
        }
        let start = here.end.checked_sub(size).ok_or("its directory is larger than the file")?;
        // Something may also stand between the directory and its end record.
        for (start, shift) in [(start, start.checked_sub(place)), (place, Some(0))] {
            let Some(shift) = shift else { continue };
            let head = read_at(reader, start, 4).unwrap_or_default();
            if (size == 0 && here.stated == 0) || head == b"PK\x01\x02" {
                let end = start.checked_add(size).filter(|end| *end <= here.end);
                let end = end.ok_or("its directory reaches beyond its end record")?;
                return Ok(Self { start, shift, end, ..here });
            }
        }
        Err("no directory where its end record says".to_owned())
    }

    /// Its records, in order.
    pub(super) fn records(self) -> Records {
        Records { directory: self, next: self.start, buffer: Vec::new(), used: 0 }
    }
}

/// The 64-bit end record and its place, when a locator stands before the other one.
fn wide_end(reader: &mut dyn ReadSeek, at: u64) -> Result<Option<(Vec<u8>, u64)>, String> {
    let Some(locator_at) = at.checked_sub(20) else { return Ok(None) };
    let locator = read_at(reader, locator_at, 20)?;
    if !locator.starts_with(b"PK\x06\x07") {
        return Ok(None);
    }
    for place in [locator_at.checked_sub(WIDE_BYTES), Some(u64_at(&locator, 8))].into_iter().flatten() {
        match read_at(reader, place, WIDE_BYTES) {
            Ok(wide) if wide.starts_with(b"PK\x06\x06") => return Ok(Some((wide, place))),
            _ => {}
        }
    }
    Err("no 64-bit end record where its locator says".to_owned())
}

/// See `Directory::records`.
pub(super) struct Records {
    directory: Directory,
    /// Where the bytes after the buffer lie.
    next: u64,
    buffer: Vec<u8>,
    used: usize,
}

impl Records {
    /// The next record; nothing at the end.
    pub(super) fn next(&mut self, reader: &mut dyn ReadSeek) -> Result<Option<Record>, String> {
        if self.used == self.buffer.len() && self.next >= self.directory.end {
            return Ok(None);
        }
        let head = self.bytes(reader, RECORD_BYTES)?;
        if !head.starts_with(b"PK\x01\x02") {
            return Err("a record of its directory is none".to_owned());
        }
        let [name, extra, comment] = [28, 30, 32].map(|at| usize::from(u16_at(head, at)));
        let shift = self.directory.shift;
        let whole = self.bytes(reader, RECORD_BYTES + name + extra + comment)?;
        let record = Record::read(whole, name, extra, shift)?;
        self.used += RECORD_BYTES + name + extra + comment;
        Ok(Some(record))
    }

    fn bytes(&mut self, reader: &mut dyn ReadSeek, count: usize) -> Result<&[u8], String> {
        if self.buffer.len() - self.used < count {
            self.buffer.drain(..self.used);
            self.used = 0;
            let wanted = count.max(PIECE_BYTES) - self.buffer.len();
            let left = self.directory.end - self.next;
            let more = read_at(reader, self.next, left.min(wanted as u64))?;
            self.next += more.len() as u64;
            self.buffer.extend_from_slice(&more);
        }
        self.buffer.get(self.used..self.used + count).ok_or_else(|| "its directory is cut".to_owned())
    }
}

impl Record {
    fn read(bytes: &[u8], name: usize, extra: usize, shift: u64) -> Result<Self, String> {
        let (name, rest) = bytes[RECORD_BYTES..].split_at(name);
        let mut numbers = [u32_at(bytes, 24), u32_at(bytes, 20), u32_at(bytes, 42)].map(u64::from);
        let mut wide = wide_field(&rest[..extra]);
        for number in numbers.iter_mut().filter(|number| **number == u64::from(u32::MAX)) {
            let eight = wide.split_off(..8).ok_or("a record has no room for its 64-bit sizes")?;
            *number = u64_at(eight, 0);
        }
        let [size, packed, local] = numbers;
        let link = bytes[5] == UNIX && u32_at(bytes, 38) >> 28 == 0o12;
        Ok(Self {
            flags: u16_at(bytes, 8),
            method: u16_at(bytes, 10),
            crc: u32_at(bytes, 16),
            packed,
            size,
            local: local.checked_add(shift).ok_or("a record points nowhere")?,
            is_file: !link && !name.ends_with(b"/") && !name.ends_with(b"\\"),
            name: name.to_vec(),
        })
    }
}

/// The content of the extra field with 64-bit sizes (APPNOTE 4.5.3); empty when there is none.
fn wide_field(mut extra: &[u8]) -> &[u8] {
    while let Some((head, rest)) = extra.split_at_checked(4) {
        let length = usize::from(u16_at(head, 2)).min(rest.len());
        let (field, after) = rest.split_at(length);
        if u16_at(head, 0) == 1 {
            return field;
        }
        extra = after;
    }
    &[]
}

/// Exactly so many bytes.
pub(super) fn read_at(reader: &mut dyn ReadSeek, at: u64, count: u64) -> Result<Vec<u8>, String> {
    reader.seek(SeekFrom::Start(at)).map_err(text)?;
    let mut out = Vec::new();
    reader.take(count).read_to_end(&mut out).map_err(text)?;
    if out.len() as u64 == count { Ok(out) } else { Err("the file ends before what its directory says".to_owned()) }
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|two| two.try_into().ok()).map_or(0, u16::from_le_bytes)
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|eight| eight.try_into().ok()).map_or(0, u64::from_le_bytes)
}

fn text(error: io::Error) -> String {
    error.to_string()
}

const END_BYTES: usize = 22;
const WIDE_BYTES: u64 = 56;
const RECORD_BYTES: usize = 46;
const UNIX: u8 = 3;
/// A comment may hold the signature of an end record, honestly once.
const CANDIDATES_MAX: usize = 16;
const PIECE_BYTES: usize = 64 << 10;
