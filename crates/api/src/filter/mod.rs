//! What do people mean by `severity>=high host:web-* not kev:no`?
//!
//! One language for the API, the command line and the console (`docs/reference/filter.md`). A `Filter` is read against
//! the fields of one kind of thing; what it means of one such thing is said by `Filter::matches` alone. Whoever
//! narrows a search down by other means (a database) asks it again at the end.

mod field;
mod parse;
mod text;

use std::net::IpAddr;

use ipnet::IpNet;
use tripoint_model::Timestamp;

pub use field::{Field, Kind};
pub use parse::{FilterError, Pointed, parse};

/// What a filter wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Each of these; of none, anything.
    All(Vec<Filter>),
    /// One of these; of none, nothing.
    Any(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// One field.
    Is(Test),
    /// A text that stands anywhere, in lower case.
    Word(String),
}

/// What is wanted of one field.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// Which.
    pub field: &'static Field,
    /// What of it.
    pub wanted: Wanted,
}

/// What a field's value has to be. Of a field with several values, one of them.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// This text in lower case; `*` stands for any characters, also none.
    Like(String),
    /// Exactly this text, in lower case.
    Same(String),
    /// A text that holds this one, in lower case.
    Holding(String),
    /// A number within these bounds, both included. Levels by their rank, times in microseconds.
    Between(i64, i64),
    /// An address within this network.
    Within(IpNet),
    /// Yes or no.
    Flag(bool),
}

/// A value of a field, as the thing that is asked has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A text.
    Text(&'a str),
    /// A number, the rank of a level, a time in microseconds.
    Number(i64),
    /// An address.
    Address(IpAddr),
    /// A network: it is within another when all of it is.
    Network(IpNet),
    /// Yes or no.
    Flag(bool),
}

/// Something that can be asked.
pub trait Subject {
    /// Calls `with` for each value of the field of this name until it says that it has seen enough.
    fn values(&self, field: &str, with: &mut dyn FnMut(Value<'_>) -> bool);
    /// Everything that a word is looked for in, in lower case.
    fn text(&self) -> &str;
}

impl Filter {
    /// What takes everything.
    pub fn everything() -> Self {
        Self::All(Vec::new())
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::All(vec![self, other])
    }

    /// Whether it asks about this field anywhere.
    pub fn names(&self, field: &str) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.names(field)),
            Self::Not(part) => part.names(field),
            Self::Is(test) => test.field.name == field,
            Self::Word(_) => false,
        }
    }

    /// Whether the thing is what is wanted.
    pub fn matches(&self, subject: &dyn Subject) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(subject)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(subject)),
            Self::Not(part) => !part.matches(subject),
            Self::Word(word) => subject.text().contains(word.as_str()),
            Self::Is(test) => {
                let mut found = false;
                subject.values(test.field.name, &mut |value| {
                    found = test.wanted.takes(value);
                    found
                });
                found
            }
        }
    }
}

impl Wanted {
    /// Whether a value is what is wanted.
    pub fn takes(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (Self::Like(pattern), Value::Text(text)) => fits(pattern, &text.to_lowercase()),
            (Self::Same(own), Value::Text(text)) => text.to_lowercase() == *own,
            (Self::Holding(part), Value::Text(text)) => text.to_lowercase().contains(part.as_str()),
            (Self::Between(low, high), Value::Number(number)) => (*low..=*high).contains(&number),
            (Self::Within(net), Value::Address(address)) => net.contains(&address),
            (Self::Within(net), Value::Network(own)) => net.contains(&own),
            (Self::Flag(wanted), Value::Flag(flag)) => *wanted == flag,
            _ => false,
        }
    }
}

/// Whether a text is what a pattern with stars describes. The parts between them are taken as early as they come, so
/// it costs no more than the text is long for each part.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        let Some(at) = text.find(part) else { return false };
        text = text.get(at + part.len()..).unwrap_or_default();
    }
    text.ends_with(last)
}

/// The longest filter, bytes.
pub const FILTER_MAX: usize = 4096;
/// Most words and values of one filter: each may be looked for in every alert.
pub const TESTS_MAX: usize = 64;

/// Reads a time that is counted from `now`, or a date; see `docs/reference/filter.md`.
pub(crate) fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    // A span without a sign could mean either way.
    let span = |text: &str| crate::span::parse_any(text).ok();
    if let Some(back) = text.strip_prefix('-') {
        return span(back).map(|span| now.minus(span));
    }
    if let Some(ahead) = text.strip_prefix('+') {
        return span(ahead).map(|span| now.plus(span));
    }
    let date_only = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if date_only { format!("{text}T00:00:00Z").parse().ok() } else { text.parse().ok() }
}
