//! What does a Java program say, with the stack traces behind it?
//!
//! Lines of Log4j, Logback, java.util.logging and Tomcat begin with a time, a level and perhaps a thread and a class;
//! what goes on with them (`at …`, `Caused by: …`, indented lines) belongs to the same entry.

use super::{LogFormat, about};
use crate::entry::Entry;
use crate::stamp::{self, Clock};

/// Lines with a level behind the time, and stack traces.
pub struct Java;

impl LogFormat for Java {
    fn name(&self) -> &'static str {
        "java"
    }

    fn begins(&self, line: &str) -> bool {
        // Without the clock: what a stamp means is asked later.
        line.starts_with(|c: char| c.is_ascii_digit() || c == '[') && level(line).is_some()
    }

    fn continues(&self, _so_far: &str, line: &str) -> bool {
        let is_frame = line.trim_start().starts_with("at ") || line.trim_start().starts_with("... ");
        (line.starts_with(['\t', ' ']) && (is_frame || line.starts_with("\t")))
            || line.starts_with("Caused by: ")
            || line.starts_with("Suppressed: ")
            || is_exception(line)
    }

    fn read<'l>(&self, text: &'l str, clock: &Clock) -> Option<Entry<'l>> {
        let at = level(text)?;
        let (time, rest) = stamp::leading(text, clock)?;
        // The level stands behind the stamp, perhaps with a thread between.
        (text.len() - rest.len() <= at + 1).then_some(())?;
        Some(about(Some(time), None, "", rest))
    }
}

/// `java.lang.IllegalStateException: …`, alone on its line.
fn is_exception(line: &str) -> bool {
    let name = line.split([':', ' ']).next().unwrap_or_default();
    name.contains('.')
        && (name.ends_with("Exception") || name.ends_with("Error"))
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._$".contains(&byte))
}

/// Whether a word is a level.
pub(super) fn is_level(word: &str) -> bool {
    LEVELS.contains(&word.as_bytes())
}

/// Where the word that is a level stands, within what can be the head of a line.
fn level(text: &str) -> Option<usize> {
    let head = text.as_bytes().get(..text.len().min(HEAD))?;
    let mut from = 10;
    while from < head.len() {
        let start = from + head[from..].iter().position(u8::is_ascii_uppercase)?;
        let end = head[start..].iter().position(|byte| !byte.is_ascii_uppercase()).map_or(head.len(), |at| start + at);
        let is_word = !head[start - 1].is_ascii_alphanumeric() && !head.get(end).is_some_and(u8::is_ascii_alphanumeric);
        if is_word && LEVELS.contains(&&head[start..end]) {
            return Some(start);
        }
        from = end;
    }
    None
}

/// Bytes in which time, thread and level stand.
const HEAD: usize = 120;
const LEVELS: &[&[u8]] = &[
    b"TRACE", b"DEBUG", b"INFO", b"WARN", b"WARNING", b"ERROR", b"FATAL", b"SEVERE", b"CONFIG", b"FINE", b"FINER",
    b"FINEST",
];
