//! How is a test asked of an event, quickly?
//!
//! Each leaf knows texts of which one must stand in what it looks at. They are searched for all rules at once; a leaf
//! whose texts were not found says no without looking.

use std::collections::HashMap;
use std::sync::OnceLock;

use ipnet::IpNet;
use regex::{Regex, RegexBuilder};

use super::event::{Form, LINE, Slots};
use super::field::{self, Name};
use super::globs;
use super::rule::{Compare, How, Part, Place, Test, Unit};
use crate::pack::required;

/// A test with its fields as numbers.
pub(super) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    AtLeast(usize, Vec<Node>),
    Leaf(Leaf),
}

/// A question about one field.
pub(super) struct Leaf {
    slot: usize,
    /// Texts of which one must have been found, by their number; `None`: it must be asked.
    texts: Option<Vec<u32>>,
    ask: Ask,
}

enum Ask {
    Has,
    Text(How, String, bool),
    Like(Vec<Part>, bool),
    /// Made when first asked for: a host meets few.
    Pattern(String, OnceLock<Regex>),
    Within(IpNet),
    Number(Compare, f64),
    Truth(bool),
    Same(usize, How, bool),
    Moment(Unit, i64),
}

/// Which texts were found in an event; `None`: nobody looked, every leaf is asked.
pub(super) type FoundTexts<'f> = Option<&'f [bool]>;

/// Gives fields and texts their numbers.
pub(super) struct Numbers {
    /// The whole line first.
    pub names: Vec<Name>,
    pub texts: Vec<String>,
    slots: HashMap<String, usize>,
    known: HashMap<String, u32>,
}

impl Default for Numbers {
    fn default() -> Self {
        let slots = HashMap::from([(String::new(), LINE)]);
        Self { names: vec![Name::of("")], texts: Vec::new(), slots, known: HashMap::new() }
    }
}

/// Memory of a compiled pattern, bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// What is tried before, so that all patterns together can be counted.
const WEIGHTS: [usize; 4] = [16 << 10, 64 << 10, 256 << 10, PATTERN_BYTES_MAX];
/// Memory for the states of a pattern that were met, bytes.
const DFA_BYTES_MAX: usize = 256 << 10;
/// Texts of one pattern.
const TEXTS_MAX: usize = 128;
/// Of a longer text only its beginning is searched for all rules at once: so few texts can end at one letter of a line.
pub(super) const SEARCHED_BYTES_MAX: usize = 64;

/// A regular expression as rules write it.
pub(super) fn pattern(text: &str) -> Result<Regex, String> {
    within(text, PATTERN_BYTES_MAX).map_err(|error| one_line(&error))
}

/// About how much memory a pattern takes when it is compiled, from above; or why it cannot be.
pub(super) fn weight(text: &str) -> Result<usize, String> {
    for bytes in WEIGHTS {
        match within(text, bytes) {
            Ok(_) => return Ok(bytes),
            Err(regex::Error::CompiledTooBig(_)) => {}
            Err(error) => return Err(one_line(&error)),
        }
    }
    Err(format!("a regular expression takes more than {PATTERN_BYTES_MAX} bytes when it is compiled"))
}

fn within(text: &str, bytes: usize) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text).size_limit(bytes).dfa_size_limit(DFA_BYTES_MAX).nest_limit(64).build()
}

fn one_line(error: &regex::Error) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Numbers {
    fn slot(&mut self, name: &str) -> usize {
        if let Some(slot) = self.slots.get(name) {
            return *slot;
        }
        self.names.push(Name::of(name));
        self.slots.insert(name.to_owned(), self.names.len() - 1);
        self.names.len() - 1
    }

    fn place(&mut self, place: &Place) -> usize {
        place.as_ref().map_or(LINE, |name| self.slot(name))
    }

    fn text(&mut self, text: &str) -> u32 {
        if let Some(number) = self.known.get(text) {
            return *number;
        }
        let number = self.texts.len() as u32;
        self.texts.push(text.to_owned());
        self.known.insert(text.to_owned(), number);
        number
    }

    /// What must stand in what this test looks at, in small letters; nothing where that is too short to tell.
    fn telling(&mut self, test: &Test) -> Option<Vec<u32>> {
        let one = |text: &str| {
            let text = tripoint_model::text::truncate(text, SEARCHED_BYTES_MAX).0;
            (text.len() >= required::BYTES_MIN).then(|| vec![text.to_ascii_lowercase()])
        };
        let texts = match test {
            Test::Text { place, text, .. } if !is_made(place) => one(text),
            Test::Like { place, parts, .. } if !is_made(place) => {
                let texts = parts.iter().filter_map(|part| if let Part::Text(text) = part { Some(text) } else { None });
                texts.max_by_key(|text| text.len()).and_then(|text| one(text))
            }
            Test::Pattern { place, pattern } if !is_made(place) => of_pattern(pattern),
            _ => None,
        }?;
        Some(texts.iter().map(|text| self.text(text)).collect())
    }

    pub(super) fn node(&mut self, test: &Test) -> Node {
        let mut each = |tests: &[Test]| tests.iter().map(|test| self.node(test)).collect();
        let (slot, ask) = match test {
            Test::All(tests) => return Node::All(each(tests)),
            Test::Any(tests) => return Node::Any(each(tests)),
            Test::AtLeast(count, tests) => return Node::AtLeast(*count as usize, each(tests)),
            Test::Not(test) => return Node::Not(Box::new(self.node(test))),
            Test::Has(name) => (self.slot(name), Ask::Has),
            Test::Text { place, how, text, cased } => (self.place(place), Ask::Text(*how, text.clone(), *cased)),
            Test::Like { place, parts, cased } => (self.place(place), Ask::Like(parts.clone(), *cased)),
            Test::Pattern { place, pattern } => (self.place(place), Ask::Pattern(pattern.clone(), OnceLock::new())),
            Test::Within(name, net) => (self.slot(name), Ask::Within(*net)),
            Test::Number { place, is, than } => (self.place(place), Ask::Number(*is, *than)),
            Test::Truth(place, truth) => (self.place(place), Ask::Truth(*truth)),
            Test::Same { field, other, how, cased } => {
                let other = self.slot(other);
                (self.slot(field), Ask::Same(other, *how, *cased))
            }
            Test::Moment(name, unit, value) => (self.slot(name), Ask::Moment(*unit, *value)),
        };
        Node::Leaf(Leaf { slot, texts: self.telling(test), ask })
    }
}

fn is_made(place: &Place) -> bool {
    place.as_deref().is_some_and(field::is_made)
}

/// What must stand in everything that a pattern matches, whatever its capitals.
pub(super) fn of_pattern(pattern: &str) -> Option<Vec<String>> {
    let hir = regex_syntax::parse(pattern).ok()?;
    let mut texts = Vec::new();
    for text in required::required(&hir)? {
        // A piece of a character: nothing that could be searched as text.
        let text = String::from_utf8(text).ok()?.to_ascii_lowercase();
        texts.push(tripoint_model::text::truncate(&text, SEARCHED_BYTES_MAX).0.to_owned());
    }
    texts.sort_unstable();
    texts.dedup();
    (texts.len() <= TEXTS_MAX && texts.iter().all(|text| text.len() >= required::BYTES_MIN)).then_some(texts)
}

impl Node {
    /// Texts of which one must be found where this is to say yes; nothing where it may say yes without any.
    pub(super) fn wanted(&self, texts: &[String]) -> Option<Vec<u32>> {
        match self {
            Self::Leaf(leaf) => leaf.texts.clone(),
            Self::Not(_) => None,
            Self::All(nodes) => {
                let worth = |set: &Vec<u32>| {
                    let shortest = set.iter().map(|text| texts[*text as usize].len()).min().unwrap_or(usize::MAX);
                    (shortest, std::cmp::Reverse(set.len()))
                };
                nodes.iter().filter_map(|node| node.wanted(texts)).max_by_key(worth)
            }
            Self::AtLeast(0, _) => None,
            Self::Any(nodes) | Self::AtLeast(_, nodes) => {
                let mut all = Vec::new();
                for node in nodes {
                    all.extend(node.wanted(texts)?);
                }
                Some(all)
            }
        }
    }

    pub(super) fn holds(&self, slots: &Slots<'_, '_>, found: FoundTexts<'_>) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.holds(slots, found)),
            Self::Any(nodes) => nodes.iter().any(|node| node.holds(slots, found)),
            Self::Not(node) => !node.holds(slots, found),
            Self::AtLeast(count, nodes) => {
                nodes.iter().filter(|node| node.holds(slots, found)).take(*count).count() == *count
            }
            Self::Leaf(leaf) => leaf.holds(slots, found),
        }
    }
}

impl Leaf {
    fn holds(&self, slots: &Slots<'_, '_>, found: FoundTexts<'_>) -> bool {
        if let (Some(texts), Some(found)) = (&self.texts, found)
            && !texts.iter().any(|text| found[*text as usize])
        {
            return false;
        }
        match &self.ask {
            Ask::Has => slots.has(self.slot),
            Ask::Text(how, text, cased) => slots.forms(self.slot).any(|form| how.holds(text_of(form, *cased), text)),
            Ask::Like(parts, cased) => slots.forms(self.slot).any(|form| globs::fits(parts, text_of(form, *cased))),
            Ask::Pattern(text, made) => {
                let made = made.get_or_init(|| pattern(text).expect("it was compiled when the rules were taken"));
                slots.forms(self.slot).any(|form| made.is_match(&form.cased))
            }
            Ask::Within(net) => {
                let of = |form: &Form| form.cased.parse().is_ok_and(|address: std::net::IpAddr| net.contains(&address));
                slots.forms(self.slot).any(of)
            }
            Ask::Number(is, than) => {
                slots.forms(self.slot).any(|form| form.cased.parse().is_ok_and(|value| is.holds(value, *than)))
            }
            Ask::Truth(truth) => slots.forms(self.slot).any(|form| match form.small() {
                "true" | "1" | "yes" => *truth,
                "false" | "0" | "no" => !*truth,
                _ => false,
            }),
            Ask::Same(other, how, cased) => slots
                .forms(self.slot)
                .any(|form| slots.forms(*other).any(|other| how.holds(text_of(form, *cased), text_of(other, *cased)))),
            Ask::Moment(unit, value) => slots.forms(self.slot).any(|form| moment(&form.cased, *unit) == Some(*value)),
        }
    }
}

impl How {
    fn holds(self, value: &str, text: &str) -> bool {
        match self {
            Self::Equals => value == text,
            Self::Contains => value.contains(text),
            Self::Starts => value.starts_with(text),
            Self::Ends => value.ends_with(text),
        }
    }
}

fn text_of(form: &Form, cased: bool) -> &str {
    if cased { &form.cased } else { form.small() }
}

/// A part of a point in time that stands as RFC 3339, in UTC.
fn moment(text: &str, unit: Unit) -> Option<i64> {
    let at: jiff::Timestamp = text.parse().ok()?;
    let at = at.to_zoned(jiff::tz::TimeZone::UTC);
    Some(match unit {
        Unit::Minute => at.minute().into(),
        Unit::Hour => at.hour().into(),
        Unit::Day => at.day().into(),
        Unit::Week => at.date().iso_week_date().week().into(),
        Unit::Month => at.month().into(),
        Unit::Year => at.year().into(),
    })
}
