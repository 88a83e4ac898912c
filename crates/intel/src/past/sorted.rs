//! Which lines of a large sorted file begin with this key?

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Longest line: what we write is bounded by what a feed's entry may hold.
const LINE_BYTES_MAX: u64 = 1 << 20;
/// Read at once while searching: a few lines.
const STEP_BYTES: usize = 1 << 10;

/// A file of lines `KEY<TAB>TEXT<TAB>SUM`, sorted by key; the sum is the CRC-32 of what stands before it, as eight hex
/// digits.
pub(super) struct Sorted {
    reader: BufReader<File>,
    bytes: u64,
}

impl Sorted {
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { reader: BufReader::with_capacity(STEP_BYTES, file), bytes })
    }

    /// Shows what follows the key on each line that has it; gives how many damaged lines were met on the way.
    pub fn each(&mut self, key: &str, show: &mut dyn FnMut(&str)) -> io::Result<u64> {
        // The first line of `low` is always one whose predecessors are smaller than the key.
        let (mut low, mut high) = (0, self.bytes);
        while high - low > STEP_BYTES as u64 {
            let middle = low + (high - low) / 2;
            match self.line_after(middle)? {
                Some((start, line)) if key_of(&line) < key && start < high => low = start,
                _ => high = middle,
            }
        }
        self.reader.seek(SeekFrom::Start(low))?;
        let mut damaged = 0;
        loop {
            let line = match next_line(&mut self.reader)? {
                Line::Whole(line) => line,
                Line::Damaged(_) => {
                    damaged += 1;
                    continue;
                }
                Line::End => return Ok(damaged),
            };
            match key_of(&line).cmp(key) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => show(text_of(&line)),
                std::cmp::Ordering::Greater => return Ok(damaged),
            }
        }
    }

    /// The first whole line that begins after `at`.
    fn line_after(&mut self, at: u64) -> io::Result<Option<(u64, String)>> {
        self.reader.seek(SeekFrom::Start(at))?;
        let mut start = at + skip_line(&mut self.reader)?;
        loop {
            match next_line(&mut self.reader)? {
                Line::Whole(line) => return Ok(Some((start, line))),
                Line::Damaged(bytes) => start += bytes,
                Line::End => return Ok(None),
            }
        }
    }
}

/// What stands next in a file of lines.
pub(super) enum Line {
    /// A line, without its sum and its end.
    Whole(String),
    /// So many bytes that are no line: cut, too long, no text, or not what was written.
    Damaged(u64),
    /// Nothing.
    End,
}

/// The next line.
pub(super) fn next_line(reader: &mut impl BufRead) -> io::Result<Line> {
    let mut bytes = Vec::new();
    reader.take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes)?;
    if bytes.is_empty() {
        return Ok(Line::End);
    }
    let mut count = bytes.len() as u64;
    if !bytes.ends_with(b"\n") {
        count += skip_line(reader)?;
        return Ok(Line::Damaged(count));
    }
    bytes.pop();
    let length = bytes.len().checked_sub(SUM_BYTES).filter(|length| bytes[*length..] == *sum(&bytes[..*length]));
    bytes.truncate(length.unwrap_or(0));
    Ok(match String::from_utf8(bytes) {
        Ok(line) if line.contains('\t') => Line::Whole(line),
        _ => Line::Damaged(count),
    })
}

/// Writes what comes back from `next_line` as a whole line.
pub(super) fn write_line(out: &mut dyn Write, line: &str) -> io::Result<()> {
    out.write_all(line.as_bytes())?;
    out.write_all(&sum(line.as_bytes()))?;
    out.write_all(b"\n")
}

fn sum(line: &[u8]) -> Vec<u8> {
    format!("\t{:08x}", crc32fast::hash(line)).into_bytes()
}

/// A tabulator and eight digits.
const SUM_BYTES: usize = 9;

/// Passes over the rest of a line; gives its bytes.
fn skip_line(reader: &mut impl BufRead) -> io::Result<u64> {
    let mut count = 0;
    loop {
        let part = reader.fill_buf()?;
        let (used, ended) = match part.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (part.len(), part.is_empty()),
        };
        reader.consume(used);
        count += used as u64;
        if ended {
            return Ok(count);
        }
    }
}

pub(super) fn key_of(line: &str) -> &str {
    line.split_once('\t').map_or(line, |(key, _)| key)
}

pub(super) fn text_of(line: &str) -> &str {
    line.split_once('\t').map_or("", |(_, text)| text)
}
