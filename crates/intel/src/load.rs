//! What does this file, of whatever format and packing, say?

use std::io::{Cursor, Read};
use std::ops::ControlFlow;

use tripoint_model::{Indicator, Parsed, Timestamp};
use tripoint_unpack::{Limits, Source, UnpackError};

use crate::feed::{self, Defaults, FORMATS, FeedFormat, NamedSystem, Reading};
use crate::rules::Rules;

/// Why a whole file says nothing.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It could not be opened or unpacked.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// A page for people: an error page, a log-in page.
    #[error("{0} is a web page, not a feed")]
    WebPage(String),
    /// Nothing in it.
    #[error("{0} is empty")]
    Empty(String),
    /// UTF-16 or UTF-32.
    #[error("{0} is UTF-16 text; only UTF-8 is read")]
    Encoding(String),
    /// Of another character set, or no text at all.
    #[error("{0} is not UTF-8 text")]
    Charset(String),
    /// Nothing in it looks like a feed.
    #[error("{0} is in no known format; name one of: {formats}", formats = format_names())]
    Unknown(String),
    /// A format that does not exist.
    #[error("there is no format {0:?}; known are: {formats}", formats = format_names())]
    NoSuchFormat(String),
}

/// What a file gave.
#[derive(Debug)]
pub struct Loaded {
    /// The format it was read as.
    pub format: &'static str,
    /// The good part and the refusals.
    pub parsed: Parsed<Indicator>,
    /// Autonomous systems among what was accepted.
    pub systems: Vec<NamedSystem>,
    /// Elements that claim nothing.
    pub passed_over: u64,
    /// Documents that turned out to be guard lists, and were refused.
    pub guard_lists: u64,
    /// Why it was not read to its end.
    pub broken: Option<String>,
}

/// Names of all formats, for messages.
pub fn format_names() -> String {
    FORMATS.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ")
}

/// Reads a feed. `name` is the file's name in messages; `format` forces a format by name; durations count from `now`.
pub fn load(
    source: Source<'_>,
    name: &str,
    format: Option<&str>,
    defaults: &Defaults,
    rules: Rules<'_>,
    limits: &Limits,
    now: Timestamp,
) -> Result<Loaded, LoadError> {
    load_into(Reading::new(name, defaults, rules, now), source, format, limits)
}

/// Reads a feed into `reading`, whose file is the feed's name in messages.
pub(crate) fn load_into(
    mut reading: Reading<'_>,
    source: Source<'_>,
    format: Option<&str>,
    limits: &Limits,
) -> Result<Loaded, LoadError> {
    let forced = match format {
        Some(text) => Some(feed::format(text).ok_or_else(|| LoadError::NoSuchFormat(text.to_owned()))?),
        None => None,
    };
    let name = reading.file.clone();
    let name = name.as_str();
    let mut used: Vec<(&'static dyn FeedFormat, u64)> = Vec::new();
    let mut trouble = None;
    let inner_name = name.strip_suffix(".gz").unwrap_or(name);
    let end = tripoint_unpack::entries(source, name, limits, &mut |entry, reader| {
        reading.file = if entry == inner_name || entry == name { name.to_owned() } else { format!("{name}!/{entry}") };
        let before = reading.parsed.read;
        match one(reader, forced, &mut reading) {
            Ok(format) => count(&mut used, format, reading.parsed.read - before),
            Err(error) => {
                reading.refuse(1, error.to_string());
                trouble = trouble.take().or(Some(error));
            }
        }
        ControlFlow::Continue(())
    });
    if let Err(error) = end {
        if reading.parsed.accepted.is_empty() {
            return Err(error.into());
        }
        reading.broken = Some(error.to_string());
        let line = reading.parsed.read + 1;
        reading.refuse(line, error.to_string());
    }
    // Of an archive of several formats the one that most of its entries are in.
    match (used.into_iter().rev().max_by_key(|(_, read)| *read), trouble) {
        (Some((format, _)), _) => Ok(Loaded {
            format: format.name(),
            parsed: reading.parsed,
            systems: reading.systems,
            passed_over: reading.passed_over,
            guard_lists: reading.guard_lists,
            broken: reading.broken,
        }),
        (None, Some(error)) => Err(error),
        (None, None) => Err(LoadError::Unknown(name.to_owned())),
    }
}

fn count(used: &mut Vec<(&'static dyn FeedFormat, u64)>, format: &'static dyn FeedFormat, read: u64) {
    match used.iter_mut().find(|(known, _)| known.name() == format.name()) {
        Some((_, sum)) => *sum += read,
        None => used.push((format, read)),
    }
}

/// Bytes that decide about the format.
const HEAD_BYTES: u64 = 8 << 10;

fn one(
    reader: &mut dyn Read,
    forced: Option<&'static dyn FeedFormat>,
    reading: &mut Reading<'_>,
) -> Result<&'static dyn FeedFormat, LoadError> {
    let mut head = Vec::new();
    // A reader that fails here fails again below, where it is reported with its place.
    let early = reader.take(HEAD_BYTES).read_to_end(&mut head).err();
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        return Err(LoadError::Encoding(reading.file.clone()));
    }
    if early.is_none() && head.trim_ascii().is_empty() && head.len() < HEAD_BYTES as usize {
        return Err(LoadError::Empty(reading.file.clone()));
    }
    let text = String::from_utf8_lossy(&head);
    let text = text.trim_start_matches('\u{feff}');
    let start = text.trim_start().chars().take(16).collect::<String>().to_ascii_lowercase();
    if start.starts_with("<!doctype") || start.starts_with("<html") || start.starts_with("<head") {
        return Err(LoadError::WebPage(reading.file.clone()));
    }
    let format = match forced {
        Some(format) => format,
        None => *FORMATS.iter().find(|format| format.detect(text)).ok_or_else(|| unknown(&head, &reading.file))?,
    };
    let mut watched = Watched { inner: reader, failed: early.as_ref().map(ToString::to_string) };
    let bom = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let mut input = Cursor::new(&head[bom..]).chain(&mut watched);
    format.parse(&mut input, reading);
    reading.broken = reading.broken.take().or(watched.failed);
    Ok(format)
}

/// What to say of a beginning that no format knows: the last character may be cut, any before it must not be.
fn unknown(head: &[u8], file: &str) -> LoadError {
    match std::str::from_utf8(head) {
        Err(error) if error.error_len().is_some() => LoadError::Charset(file.to_owned()),
        _ => LoadError::Unknown(file.to_owned()),
    }
}

/// Remembers that reading failed.
struct Watched<'r> {
    inner: &'r mut dyn Read,
    failed: Option<String>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if let Some(failed) = &self.failed {
            return Err(std::io::Error::other(failed.clone()));
        }
        self.inner.read(buffer).inspect_err(|error| self.failed = Some(error.to_string()))
    }
}

#[cfg(test)]
mod tests;
