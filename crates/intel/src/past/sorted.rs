//! Which lines of a large sorted file begin with this key?

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::invalid;

/// Longest line: what we write is bounded by what a feed's entry may hold.
const LINE_BYTES_MAX: u64 = 1 << 20;
/// Read at once while searching: a few lines.
const STEP_BYTES: usize = 1 << 10;

/// A file of lines `KEY<TAB>TEXT`, sorted by key.
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

    /// Shows what follows the key on each line that has it.
    pub fn each(&mut self, key: &str, show: &mut dyn FnMut(&str)) -> io::Result<()> {
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
        while let Some(line) = next_line(&mut self.reader)? {
            match key_of(&line).cmp(key) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => show(text_of(&line)),
                std::cmp::Ordering::Greater => break,
            }
        }
        Ok(())
    }

    /// The first line that begins after `at`.
    fn line_after(&mut self, at: u64) -> io::Result<Option<(u64, String)>> {
        self.reader.seek(SeekFrom::Start(at))?;
        let mut skipped = Vec::new();
        self.reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut skipped)?;
        let start = at + skipped.len() as u64;
        Ok(next_line(&mut self.reader)?.map(|line| (start, line)))
    }
}

/// The next line, without its end; nothing at the end of the file.
pub(super) fn next_line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    reader.take(LINE_BYTES_MAX).read_line(&mut line)?;
    match line.strip_suffix('\n') {
        Some(whole) => Ok(Some(whole.to_owned())),
        None if line.is_empty() => Ok(None),
        None => Err(invalid("a line is cut or too long")),
    }
}

pub(super) fn key_of(line: &str) -> &str {
    line.split_once('\t').map_or(line, |(key, _)| key)
}

pub(super) fn text_of(line: &str) -> &str {
    line.split_once('\t').map_or("", |(_, text)| text)
}
