//! How is a filter read, and where exactly is it wrong?

use serde::{Deserialize, Serialize};
use tripoint_model::Timestamp;
use tripoint_model::address::{parse_address, parse_net};
use tripoint_model::text::visible;

use super::text::{Piece, Placed, pieces};
use super::{FILTER_MAX, Field, Filter, Kind, TESTS_MAX, Test, Wanted, moment};

/// Why a filter could not be read, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[error("{why}")]
pub struct FilterError {
    /// The first byte of what is wrong.
    pub at: usize,
    /// The byte behind it.
    pub end: usize,
    /// What is wrong with it.
    pub why: String,
}

impl FilterError {
    /// The filter, with a line below that points at the place.
    pub fn pointed(&self, text: &str) -> Pointed {
        let width = |part: Option<&str>| part.map_or(0, |part| visible(part).chars().count());
        let (before, marked) = (width(text.get(..self.at)), width(text.get(self.at..self.end)).max(1));
        let (spaces, marks) = (" ".repeat(before), "^".repeat(marked));
        Pointed(format!("{}\n{spaces}{marks} {}", visible(text), visible(&self.why)))
    }
}

/// A filter that could not be read and, on a second line, where and why. Nothing in it steers a terminal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Pointed(String);

/// Reads a filter about things with these fields. `now` is what times such as `-24h` are counted from.
///
/// ```text
/// any   = all { "or" all }           all  = one { ["and"] one }
/// one   = ("not" | "-") one | "(" any ")" | field operator value { "," value } | text
/// ```
pub fn parse(text: &str, fields: &'static [Field], now: Timestamp) -> Result<Filter, FilterError> {
    if text.len() > FILTER_MAX {
        return Err(FilterError { at: FILTER_MAX, end: text.len(), why: format!("longer than {FILTER_MAX} bytes") });
    }
    let pieces = pieces(text)?;
    let mut reader = Reader { pieces: &pieces, next: 0, end: text.len(), fields, now, depth: 0, tests: 0 };
    let filter = if pieces.is_empty() { Filter::everything() } else { reader.any()? };
    match reader.peek() {
        None => Ok(filter),
        Some(rest) => Err(wrong(rest, "nothing is open that this would close")),
    }
}

struct Reader<'p> {
    pieces: &'p [Placed],
    next: usize,
    /// Where the text ends.
    end: usize,
    fields: &'static [Field],
    now: Timestamp,
    depth: usize,
    /// Words and values so far.
    tests: usize,
}

impl<'p> Reader<'p> {
    fn peek(&self) -> Option<&'p Placed> {
        self.pieces.get(self.next)
    }

    fn peek_second(&self) -> Option<&'p Placed> {
        self.pieces.get(self.next + 1)
    }

    fn take(&mut self) -> Option<&'p Placed> {
        let piece = self.peek();
        self.next += usize::from(piece.is_some());
        piece
    }

    /// Whether the next piece is this bare word, and no field of that name.
    fn is_word(&self, word: &str) -> bool {
        let is = |placed: &Placed| matches!(&placed.piece, Piece::Word(text, false) if text.eq_ignore_ascii_case(word));
        let names = |placed: &Placed| matches!(placed.piece, Piece::Operator(_));
        self.peek().is_some_and(is) && !self.peek_second().is_some_and(names)
    }

    fn any(&mut self) -> Result<Filter, FilterError> {
        let mut parts = vec![self.all()?];
        while self.is_word("or") {
            self.take();
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Filter::Any))
    }

    fn all(&mut self) -> Result<Filter, FilterError> {
        let mut parts = vec![self.one()?];
        while let Some(next) = self.peek() {
            if next.piece == Piece::Close || self.is_word("or") {
                break;
            }
            if self.is_word("and") {
                self.take();
            }
            parts.push(self.one()?);
        }
        Ok(one_or(parts, Filter::All))
    }

    fn one(&mut self) -> Result<Filter, FilterError> {
        let Some(first) = self.peek() else { return Err(self.missing("something to look for is missing here")) };
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(wrong(first, "too many brackets in one another"));
        }
        let filter = match &first.piece {
            Piece::Word(..) if self.is_word("not") || self.is_word("-") => {
                self.take();
                Filter::Not(Box::new(self.one()?))
            }
            Piece::Word(text, false) if text.len() > 1 && text.starts_with('-') => self.negated(first, text)?,
            Piece::Open => self.bracket(first)?,
            Piece::Word(text, is_quoted) => self.word_or_test(first, text, *is_quoted)?,
            Piece::Close => return Err(wrong(first, "nothing is open that this would close")),
            Piece::Comma | Piece::Operator(_) => {
                return Err(wrong(first, "the name of a field is missing before this"));
            }
        };
        self.depth -= 1;
        Ok(filter)
    }

    fn bracket(&mut self, open: &Placed) -> Result<Filter, FilterError> {
        self.take();
        let inner = self.any()?;
        match self.take() {
            Some(Placed { piece: Piece::Close, .. }) => Ok(inner),
            _ => Err(wrong(open, "this bracket is never closed")),
        }
    }

    /// `-host:web-1` and `-word`.
    fn negated(&mut self, first: &Placed, text: &str) -> Result<Filter, FilterError> {
        let rest = text.get(1..).unwrap_or_default();
        let inner = Placed { at: first.at + 1, ..first.clone() };
        Ok(Filter::Not(Box::new(self.word_or_test(&inner, rest, false)?)))
    }

    fn word_or_test(&mut self, first: &Placed, text: &str, is_quoted: bool) -> Result<Filter, FilterError> {
        self.take();
        let Some(Placed { piece: Piece::Operator(operator), .. }) = self.peek().filter(|_| !is_quoted) else {
            self.count(first)?;
            return Ok(Filter::Word(text.to_lowercase()));
        };
        let found = self.fields.iter().find(|field| field.is_called(text));
        let field = found.ok_or_else(|| wrong(first, &unknown_field(text, self.fields)))?;
        self.take();
        let (is_not, operator) = if *operator == "!=" { (true, ":") } else { (false, *operator) };
        let mut parts = Vec::new();
        loop {
            let Some(placed @ Placed { piece: Piece::Word(value, is_quoted), .. }) = self.peek() else {
                return Err(self.missing(&format!("a value for {} is missing here", field.name)));
            };
            self.take();
            self.count(placed)?;
            let wanted = self.wanted(field, operator, value, *is_quoted).map_err(|why| wrong(placed, &why))?;
            parts.push(Filter::Is(Test { field, wanted }));
            if !matches!(self.peek(), Some(Placed { piece: Piece::Comma, .. })) {
                break;
            }
            self.take();
        }
        let test = one_or(parts, Filter::Any);
        Ok(if is_not { Filter::Not(Box::new(test)) } else { test })
    }

    /// One more word or value.
    fn count(&mut self, placed: &Placed) -> Result<(), FilterError> {
        self.tests += 1;
        if self.tests > TESTS_MAX {
            return Err(wrong(placed, &format!("more than {TESTS_MAX} words and values in one filter")));
        }
        Ok(())
    }

    fn wanted(&self, field: &Field, operator: &str, value: &str, is_quoted: bool) -> Result<Wanted, String> {
        let is_equal = matches!(operator, ":" | "=");
        let only_equal = |wanted: Wanted| {
            if is_equal { Ok(wanted) } else { Err(format!("{} has no order; write {0}:{value}", field.name)) }
        };
        match field.kind {
            Kind::Text if operator == "~" => Ok(Wanted::Holding(value.to_lowercase())),
            Kind::Text if is_equal && is_quoted => Ok(Wanted::Same(value.to_lowercase())),
            Kind::Text if is_equal => Ok(Wanted::Like(value.to_lowercase())),
            Kind::Text => Err(format!("{} is a text; it takes : and ~ (contains)", field.name)),
            Kind::Word(words) => {
                let word = words.iter().find(|word| word.eq_ignore_ascii_case(value));
                let Some(word) = word else { return Err(unknown_word(field, value, words)) };
                only_equal(Wanted::Like((*word).to_owned()))
            }
            Kind::Level(words) => {
                let rank = |word: &str| {
                    let rank = words.iter().position(|known| known.eq_ignore_ascii_case(word));
                    rank.and_then(|rank| i64::try_from(rank).ok()).ok_or_else(|| unknown_word(field, word, words))
                };
                range(operator, value, rank)
            }
            Kind::Number => number(operator, value),
            Kind::Time => {
                let at = moment(value, self.now).ok_or_else(|| {
                    format!(
                        "{value:?} is no time; write 2026-11-30, 2026-11-30T08:00:00Z, -24h (24 hours ago) or +1h (in an hour)"
                    )
                })?;
                if is_equal {
                    return Err(format!("{} is a moment; write {0}>{value} or {0}<{value}", field.name));
                }
                between(operator, at.0)
            }
            Kind::Age => self.age(field, operator, value),
            Kind::Address => {
                let address = parse_address(value).map(ipnet::IpNet::from).or_else(|_| parse_net(value));
                only_equal(Wanted::Within(address.map_err(|error| format!("{value:?}: {error}"))?))
            }
            Kind::Flag => match value.to_ascii_lowercase().as_str() {
                "yes" | "true" | "1" => only_equal(Wanted::Flag(true)),
                "no" | "false" | "0" => only_equal(Wanted::Flag(false)),
                _ => Err(format!("{} is yes or no", field.name)),
            },
        }
    }

    /// Older than a span is before a moment.
    fn age(&self, field: &Field, operator: &str, value: &str) -> Result<Wanted, String> {
        let span = crate::span::parse_any(value).map_err(|error| error.to_string())?;
        let at = self.now.minus(span).0;
        match operator {
            ">" => between("<", at),
            ">=" => between("<=", at),
            "<" => between(">", at),
            "<=" => between(">=", at),
            _ => Err(format!("write {0}>{value} for what is older or {0}<{value} for what is younger", field.name)),
        }
    }

    fn missing(&self, why: &str) -> FilterError {
        match self.peek() {
            Some(placed) => wrong(placed, why),
            None => FilterError { at: self.end, end: self.end, why: why.to_owned() },
        }
    }
}

fn number(operator: &str, value: &str) -> Result<Wanted, String> {
    range(operator, value, |text| text.parse().map_err(|_| format!("{text:?} is no whole number")))
}

/// One value, or from one to another.
fn range(operator: &str, value: &str, read: impl Fn(&str) -> Result<i64, String>) -> Result<Wanted, String> {
    match value.split_once("..") {
        Some((low, high)) if matches!(operator, ":" | "=") => Ok(Wanted::Between(read(low)?, read(high)?)),
        _ => between(operator, read(value)?),
    }
}

/// The numbers on one side of a value.
fn between(operator: &str, value: i64) -> Result<Wanted, String> {
    Ok(match operator {
        ":" | "=" => Wanted::Between(value, value),
        ">" => Wanted::Between(value.saturating_add(1), i64::MAX),
        ">=" => Wanted::Between(value, i64::MAX),
        "<" => Wanted::Between(i64::MIN, value.saturating_sub(1)),
        "<=" => Wanted::Between(i64::MIN, value),
        _ => return Err("~ (contains) is for texts; write :".to_owned()),
    })
}

fn one_or(mut parts: Vec<Filter>, many: impl FnOnce(Vec<Filter>) -> Filter) -> Filter {
    match parts.len() {
        1 => parts.remove(0),
        _ => many(parts),
    }
}

fn wrong(placed: &Placed, why: &str) -> FilterError {
    FilterError { at: placed.at, end: placed.end, why: why.to_owned() }
}

fn unknown_field(name: &str, fields: &[Field]) -> String {
    let names = fields.iter().flat_map(|field| std::iter::once(field.name).chain(field.also.iter().copied()));
    match nearest(name, names) {
        Some(near) => format!("there is no field {name:?}; is {near} meant?"),
        None => {
            let all: Vec<&str> = fields.iter().map(|field| field.name).collect();
            format!("there is no field {name:?}; there are {}", all.join(", "))
        }
    }
}

fn unknown_word(field: &Field, value: &str, words: &[&str]) -> String {
    format!("{value:?} is no {}; it is one of {}", field.name, words.join(", "))
}

/// The name that differs least, if that is little.
fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let lower = name.to_ascii_lowercase();
    let scored = names.map(|known| (strsim::damerau_levenshtein(&lower, known), known));
    scored.min_by_key(|(distance, _)| *distance).filter(|(distance, _)| *distance <= 2).map(|(_, known)| known)
}

/// Brackets and `not` in one another.
const DEPTH_MAX: usize = 32;

#[cfg(test)]
mod tests;
