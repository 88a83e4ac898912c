//! Which lines does a log hold, whatever its bytes are?
//!
//! Logs hold what strangers sent: no encoding is promised, and a line may be as long as a request. Bytes that are no
//! UTF-8 become U+FFFD; of a line beyond the bound its beginning is kept.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, ErrorKind, Read};

/// Longest part of a line that is looked at, bytes.
pub const LINE_MAX: usize = 64 << 10;

/// Lines of bounded length, numbered from 1.
pub struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    number: u64,
    offset: u64,
    next_offset: u64,
    /// Lines of which the end was left out.
    pub cut: u64,
}

/// One line.
pub struct Line<'b> {
    /// From 1.
    pub number: u64,
    /// Where it begins in the unpacked file, bytes.
    pub offset: u64,
    /// Where the next one begins.
    pub end: u64,
    /// Its text without its end.
    pub text: Cow<'b, str>,
}

impl<R: Read> Lines<R> {
    /// The lines of `reader`.
    pub fn new(reader: R) -> Self {
        let reader = BufReader::with_capacity(256 << 10, reader);
        Self { reader, line: Vec::new(), number: 0, offset: 0, next_offset: 0, cut: 0 }
    }

    /// Bytes of the lines that were taken.
    pub fn read(&self) -> u64 {
        self.next_offset
    }

    /// The next line; an error ends the file.
    pub fn next_line(&mut self) -> std::io::Result<Option<Line<'_>>> {
        self.line.clear();
        self.offset = self.next_offset;
        let (mut seen, mut is_cut) = (false, false);
        loop {
            let buffer = match self.reader.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if buffer.is_empty() {
                break;
            }
            seen = true;
            let end = memchr::memchr(b'\n', buffer);
            let part = &buffer[..end.unwrap_or(buffer.len())];
            let room = LINE_MAX - self.line.len();
            is_cut |= part.len() > room;
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            let used = end.map_or(buffer.len(), |at| at + 1);
            self.reader.consume(used);
            self.next_offset += used as u64;
            if end.is_some() {
                break;
            }
        }
        if !seen {
            return Ok(None);
        }
        self.number += 1;
        self.cut += u64::from(is_cut);
        let bytes = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        let bytes = if self.number == 1 { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes) } else { bytes };
        let text = String::from_utf8_lossy(bytes);
        Ok(Some(Line { number: self.number, offset: self.offset, end: self.next_offset, text }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_become_lines_in_bounded_memory() {
        let mut bytes = b"\xef\xbb\xbfone\r\ntwo \xff\x00\n".to_vec();
        bytes.extend(std::iter::repeat_n(b'x', LINE_MAX + 10));
        bytes.extend(b"\nlast");
        let mut lines = Lines::new(bytes.as_slice());
        let mut found = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            found.push((line.number, line.offset, line.text.len(), line.text.chars().take(8).collect::<String>()));
        }
        assert_eq!(found[0], (1, 0, 3, "one".into()));
        assert_eq!(found[1], (2, 8, 8, "two \u{fffd}\0".into()));
        assert_eq!((found[2].0, found[2].2), (3, LINE_MAX));
        assert_eq!(found[3], (4, 8 + 7 + LINE_MAX as u64 + 11, 4, "last".into()));
        assert_eq!(lines.cut, 1);
    }
}
