//! Which lines does this text hold, when one of them may be a gigabyte long?

use std::io::{BufRead, BufReader, Read};

/// Default longest line, bytes without its end.
pub const LINE_MAX: usize = 16 << 10;

/// Why a line cannot be used. Reading goes on with the next one, except after `Io`.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// Longer than the bound; skipped without being kept in memory.
    #[error("the line is longer than {0} bytes")]
    TooLong(usize),
    /// Binary, or UTF-16 text.
    #[error("the line holds a NUL byte; only UTF-8 text is read")]
    Nul,
    /// Another encoding.
    #[error("the line is not UTF-8")]
    NotUtf8,
    /// Reading failed; no line follows.
    #[error("reading stopped here: {0}")]
    Io(std::io::Error),
}

/// Lines of bounded length; see `bounded_lines`.
pub struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    line_max: usize,
    number: u64,
    ended: bool,
}

/// Cuts text into lines (`\n` or `\r\n`, a byte order mark dropped), numbered from 1. Memory stays
/// below `line_max_bytes` and one read buffer whatever the input holds.
pub fn bounded_lines<R: Read>(reader: R, line_max_bytes: usize) -> Lines<R> {
    Lines {
        reader: BufReader::with_capacity(64 << 10, reader),
        line: Vec::new(),
        line_max: line_max_bytes,
        number: 0,
        ended: false,
    }
}

impl<R: Read> Lines<R> {
    /// The next line, borrowed: for files of many million lines.
    pub fn next_line(&mut self) -> Option<(u64, Result<&str, LineError>)> {
        if self.ended {
            return None;
        }
        self.line.clear();
        let (mut seen, mut too_long) = (false, false);
        loop {
            let buffer = match self.reader.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.ended = true;
                    return Some((self.number + 1, Err(LineError::Io(error))));
                }
            };
            if buffer.is_empty() {
                self.ended = true;
                if !seen {
                    return None;
                }
                break;
            }
            seen = true;
            let end = memchr::memchr(b'\n', buffer);
            let part = &buffer[..end.unwrap_or(buffer.len())];
            // Room for a byte order mark and a `\r`, which are no part of the line.
            if self.line.len() + part.len() > self.line_max + 4 {
                too_long = true;
            } else if !too_long {
                self.line.extend_from_slice(part);
            }
            let used = end.map_or(buffer.len(), |at| at + 1);
            self.reader.consume(used);
            if end.is_some() {
                break;
            }
        }
        self.number += 1;
        Some((self.number, self.checked(too_long)))
    }

    fn checked(&self, too_long: bool) -> Result<&str, LineError> {
        let line = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        let line = if self.number == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
        if too_long || line.len() > self.line_max {
            return Err(LineError::TooLong(self.line_max));
        }
        if memchr::memchr(0, line).is_some() {
            return Err(LineError::Nul);
        }
        std::str::from_utf8(line).map_err(|_| LineError::NotUtf8)
    }
}

impl<R: Read> Iterator for Lines<R> {
    type Item = (u64, Result<String, LineError>);

    fn next(&mut self) -> Option<Self::Item> {
        self.next_line().map(|(number, line)| (number, line.map(str::to_owned)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8], max: usize) -> Vec<(u64, String)> {
        bounded_lines(bytes, max)
            .map(|(number, line)| (number, line.unwrap_or_else(|error| format!("! {error}"))))
            .collect()
    }

    #[test]
    fn each_bad_line_is_one_error_and_the_rest_is_read() {
        let lines = shown(b"\xef\xbb\xbfone\r\n\nfar too long\n\xff\nn\0l\nlast", 5);
        let expected = [
            (1, "one"),
            (2, ""),
            (3, "! the line is longer than 5 bytes"),
            (4, "! the line is not UTF-8"),
            (5, "! the line holds a NUL byte; only UTF-8 text is read"),
            (6, "last"),
        ];
        assert_eq!(lines, expected.map(|(number, text)| (number, text.to_owned())));
        assert_eq!(shown(b"12345\r\n123456\n", 5)[0].1, "12345");
    }

    #[test]
    fn a_gigabyte_without_an_end_keeps_no_memory() {
        let giant = std::io::repeat(b'a').take(1 << 30).chain(&b"\n203.0.113.9\n"[..]);
        let mut lines = bounded_lines(giant, LINE_MAX);
        assert!(matches!(lines.next_line(), Some((1, Err(LineError::TooLong(_))))));
        assert!(matches!(lines.next_line(), Some((2, Ok("203.0.113.9")))));
        assert!(lines.line.capacity() <= 2 * LINE_MAX);
        assert!(lines.next_line().is_none());
    }

    #[test]
    fn a_broken_reader_ends_the_lines_with_its_error() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::Error::other("gone"))
            }
        }
        let mut lines = bounded_lines(b"a\n".chain(Broken), 10);
        assert!(matches!(lines.next_line(), Some((1, Ok("a")))));
        assert!(matches!(lines.next_line(), Some((2, Err(LineError::Io(_))))));
        assert!(lines.next_line().is_none());
    }
}
