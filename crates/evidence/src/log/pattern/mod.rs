//! How is a log read whose lines look as its server's configuration says?
//!
//! nginx's `log_format`, Apache's `LogFormat` and a small part of grok become one list of texts and fields between
//! them. A field ends where the text behind it begins, so a line is read in one pass, whatever it holds.

mod apache;
mod grok;
mod nginx;

use std::borrow::Cow;

use super::access::asked_for;
use super::{LogFormat, addresses, json, leading_address};
use crate::entry::{Entry, LogIn, Outcome, Request, Said};
use crate::service;
use crate::stamp::{self, Clock};

/// A format that is made of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// Text that stands there as it is; a blank means any number of blanks.
    Text(String),
    /// A value.
    Field(Field),
}

/// What a value means.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Field {
    Time,
    Remote,
    Claimed,
    /// Request line.
    Line,
    Method,
    Target,
    Query,
    Status,
    Bytes,
    Host,
    Referer,
    Agent,
    User,
    Body,
    /// A header by its name.
    Header(String),
    /// A message that services understand.
    Message,
    /// The account of a log-in that failed.
    FailedUser,
    Passed,
}

/// Why no format can be made of a text.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PatternError {
    /// It is longer than any configuration needs.
    #[error("it is longer than {PATTERN_BYTES_MAX} bytes")]
    TooLong,
    /// A name that is not known.
    #[error("{0:?} is not known")]
    Unknown(String),
    /// It begins what it does not end.
    #[error("{0:?} is not closed")]
    Open(String),
    /// No value in it means anything here.
    #[error("it names neither a peer nor a request nor a message")]
    Nothing,
}

const PATTERN_BYTES_MAX: usize = 16 << 10;

/// Compiles the pattern of `locate::Log`: nginx's where it holds `$name`, Apache's where it holds `%`.
pub fn compile(pattern: &str) -> Result<Pattern, PatternError> {
    let is_nginx = pattern.contains('$');
    checked(pattern, if is_nginx { nginx::pieces } else { apache::pieces })
}

/// Compiles `%{TYPE:field}` with text between.
pub fn grok(pattern: &str) -> Result<Pattern, PatternError> {
    checked(pattern, grok::pieces)
}

fn checked(pattern: &str, read: fn(&str) -> Result<Vec<Piece>, PatternError>) -> Result<Pattern, PatternError> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(PatternError::TooLong);
    }
    let pieces = read(pattern)?;
    let tells = |piece: &Piece| !matches!(piece, Piece::Text(_) | Piece::Field(Field::Passed | Field::Time));
    if pieces.iter().any(tells) { Ok(Pattern(pieces)) } else { Err(PatternError::Nothing) }
}

/// What was read so far.
#[derive(Default)]
struct Found<'l> {
    time: Option<tripoint_model::Timestamp>,
    remote: Option<std::net::IpAddr>,
    claimed: Vec<std::net::IpAddr>,
    request: Request<'l>,
    is_request: bool,
    message: Option<&'l str>,
    failed: Option<&'l str>,
}

impl LogFormat for Pattern {
    fn name(&self) -> &'static str {
        "pattern"
    }

    fn read<'l>(&self, text: &'l str, clock: &Clock) -> Option<Entry<'l>> {
        let mut found = Found::default();
        let mut rest = text;
        let mut pieces = self.0.iter().peekable();
        while let Some(piece) = pieces.next() {
            match piece {
                Piece::Text(wanted) => rest = behind(rest, wanted)?,
                Piece::Field(field) => {
                    let end = match pieces.peek() {
                        Some(Piece::Text(next)) => end_of(rest, next, field)?,
                        Some(Piece::Field(_)) => rest.find(' ').unwrap_or(rest.len()),
                        None => rest.len(),
                    };
                    found.take(field, &rest[..end], clock);
                    rest = &rest[end..];
                }
            }
        }
        found.entry()
    }
}

impl<'l> Found<'l> {
    fn take(&mut self, field: &Field, value: &'l str, clock: &Clock) {
        let value = value.trim();
        if value.is_empty() || value == "-" {
            return;
        }
        let request = &mut self.request;
        match field {
            Field::Time => self.time = stamp::value(value.trim_matches(['[', ']']), clock),
            Field::Remote => self.remote = leading_address(value).map(|(address, _)| address),
            Field::Claimed => self.claimed = json::claim(value).or_else(|| addresses(value)).unwrap_or_default(),
            Field::Line => {
                let asked = asked_for(value);
                (request.method, request.target) = (asked.method, asked.target);
            }
            Field::Method => request.method = value.into(),
            Field::Target => request.target = value.into(),
            Field::Query if !request.target.contains('?') => {
                let mark = if value.starts_with('?') { "" } else { "?" };
                request.target = format!("{}{mark}{value}", request.target).into();
            }
            Field::Status => request.status = value.parse().ok(),
            Field::Bytes => request.bytes = value.parse().ok(),
            Field::Host => request.host = value.into(),
            Field::Referer => request.referer = value.into(),
            Field::Agent => request.agent = value.into(),
            Field::User => request.user = value.into(),
            Field::Body => request.body = value.into(),
            Field::Header(name) => request.headers.to_mut().push_str(&format!("{name}: {value}\n")),
            Field::Message => self.message = Some(value),
            Field::FailedUser => self.failed = Some(value),
            Field::Passed | Field::Query => {}
        }
        self.is_request |= matches!(field, Field::Line | Field::Target | Field::Method);
    }

    fn entry(self) -> Option<Entry<'l>> {
        let said = if let Some(user) = self.failed {
            Said::LogIn(LogIn { service: "pattern", user: Cow::Borrowed(user), outcome: Outcome::Failed })
        } else if self.is_request {
            Said::Request(Box::new(self.request))
        } else {
            let entry = service::entry(self.time, "", self.message?);
            return Some(Entry { remote: self.remote.or(entry.remote), ..entry });
        };
        let mut entry = Entry::new(self.time, self.remote, said);
        entry.claimed = self.claimed;
        Some(entry)
    }
}

/// What follows `wanted`, in which a blank means any number of them.
fn behind<'l>(text: &'l str, wanted: &str) -> Option<&'l str> {
    if let Some(rest) = text.strip_prefix(wanted) {
        return Some(rest);
    }
    let mut rest = text;
    for part in wanted.split_inclusive(' ') {
        let word = part.trim_end_matches(' ');
        rest = rest.strip_prefix(word)?;
        rest = if word.len() < part.len() { rest.trim_start_matches(' ') } else { rest };
    }
    Some(rest)
}

/// Where a value ends: at the text that follows; in quotes not at one that is escaped.
fn end_of(rest: &str, next: &str, field: &Field) -> Option<usize> {
    let mark = next.split_inclusive(' ').next().unwrap_or(next);
    let mut from = 0;
    // A request line may hold quotes of its own, where the server escapes them.
    while let Some(at) = memchr::memmem::find(rest.get(from..)?.as_bytes(), mark.as_bytes()).map(|at| from + at) {
        let escaped =
            mark.starts_with('"') && rest[..at].bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1;
        let inside_time = *field == Field::Time && mark == " " && rest[at + 1..].starts_with(['+', '-']);
        if !escaped && !inside_time {
            return Some(at);
        }
        from = at + 1;
    }
    // The last text of a line that was cut, or of one without its last part.
    (mark.trim().is_empty() || mark.starts_with('"')).then_some(rest.len())
}

#[cfg(test)]
mod tests;
