//! How is a JSON reader kept from collecting one endless string in memory?

use std::io::{self, Read};

/// A reader that fails once a JSON string is longer than `string_max` bytes (escapes counted as
/// written). Put it between untrusted bytes and a streaming JSON parser, which bounds the depth of
/// nesting but not the length of strings.
pub fn bounded_strings<R: Read>(reader: R, string_max: usize) -> BoundedStrings<R> {
    BoundedStrings { reader, string_max, inside: None, escaped: false }
}

/// See `bounded_strings`.
pub struct BoundedStrings<R> {
    reader: R,
    string_max: usize,
    /// Bytes seen of the string we are in.
    inside: Option<usize>,
    escaped: bool,
}

impl<R: Read> Read for BoundedStrings<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        for byte in &buffer[..count] {
            match self.inside {
                None if *byte == b'"' => self.inside = Some(0),
                None => {}
                Some(_) if *byte == b'"' && !self.escaped => self.inside = None,
                Some(length) => {
                    self.escaped = *byte == b'\\' && !self.escaped;
                    self.inside = Some(length + 1);
                    if length >= self.string_max {
                        return Err(io::Error::new(
                            io::ErrorKind::InvalidData,
                            format!("a text is longer than {} bytes", self.string_max),
                        ));
                    }
                }
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(text: &str) -> bool {
        bounded_strings(text.as_bytes(), 4).read_to_end(&mut Vec::new()).is_ok()
    }

    #[test]
    fn only_strings_count() {
        assert!(passes(r#"{"abcd": 123456789, "x": "\"\\"} "#));
        assert!(!passes(r#"["abcde"]"#));
        assert!(!passes(r#"["\"\"\""]"#));
        assert!(!passes("\"never ends"));
    }
}
