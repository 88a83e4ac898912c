//! How is a hostile string shown to a person or a log without doing harm?

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;

/// Replaces control characters (C0 with `\n` and `\t`, DEL, C1) and bidirectional overrides by
/// visible escapes, so that a terminal, a log line or a table shows them and obeys none.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_dangerous) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_dangerous(c) {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A log of which each write is one line: what would end it earlier, or steer a terminal, is shown as an escape. An
/// error's own words may hold what strangers wrote.
#[derive(Debug)]
pub struct LineWise<W>(pub W);

impl<W: io::Write> io::Write for LineWise<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let (line, end) = text.strip_suffix('\n').map_or((&*text, ""), |line| (line, "\n"));
        self.0.write_all(format!("{}{end}", visible(line)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The same of a log whose lines are JSON: what would steer a terminal is escaped as JSON escapes it.
#[derive(Debug)]
pub struct JsonWise<W>(pub W);

impl<W: io::Write> io::Write for JsonWise<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            if is_dangerous(c) && c != '\n' {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            } else {
                out.push(c);
            }
        }
        self.0.write_all(out.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Cuts to at most `bytes` bytes on a character boundary; says whether it cut.
pub fn truncate(text: &str, bytes: usize) -> (&str, bool) {
    if text.len() <= bytes {
        return (text, false);
    }
    let mut end = bytes;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (&text[..end], true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_survives() {
        assert_eq!(visible("plain ü"), "plain ü");
        assert_eq!(visible("a\u{1b}[2J\r\n\u{202e}b"), "a\\u{1b}[2J\\u{d}\\u{a}\\u{202e}b");
    }

    #[test]
    fn an_error_forges_no_line_of_a_log() {
        use io::Write as _;
        let mut log = LineWise(Vec::new());
        log.write_all(b"WARN refused why=no\n2026-01-01 INFO all is well\x1b[2J\xff\n").unwrap();
        log.write_all(b"WARN next\n").unwrap();
        let text = String::from_utf8(log.0).unwrap();
        assert_eq!(text, "WARN refused why=no\\u{a}2026-01-01 INFO all is well\\u{1b}[2J\u{fffd}\nWARN next\n");
    }

    #[test]
    fn a_line_of_json_stays_json_and_steers_nothing() {
        use io::Write as _;
        let mut log = JsonWise(Vec::new());
        log.write_all("{\"why\":\"a\u{202e}b\u{9b}2J\\n\"}\n".as_bytes()).unwrap();
        let text = String::from_utf8(log.0).unwrap();
        assert_eq!(text, "{\"why\":\"a\\u202eb\\u009b2J\\n\"}\n");
    }

    #[test]
    fn truncation_keeps_characters_whole() {
        assert_eq!(truncate("aü", 2), ("a", true));
        assert_eq!(truncate("aü", 3), ("aü", false));
    }
}
