//! Do rules keep their bounds, each by itself and all together?
//!
//! What compiles rules refuses the one that goes beyond; what reads an image refuses it whole. Both count here.

use std::collections::HashSet;

use super::field;
use super::node;
use super::rule::{Correlation, Kind, Part, Place, SigmaRule, Test};

/// Rules, and correlations.
pub const RULES_MAX: usize = 20_000;
/// Tests inside one another.
pub const DEPTH_MAX: usize = 24;
/// Tests of one rule.
pub const TESTS_MAX: usize = 50_000;
/// Bytes of one text, pattern or name.
pub const TEXT_BYTES_MAX: usize = 16 << 10;
/// What a correlation may count to; beyond it nothing is remembered.
pub const COUNT_MAX: u64 = 1000;
/// Rules of one correlation.
pub const MEMBERS_MAX: usize = 64;
/// Fields by which a correlation groups or tells values apart, programs and formats of a source.
pub const NAMES_MAX: usize = 64;

/// Tests of all rules: some fifty MiB.
pub const ALL_TESTS_MAX: usize = 300_000;
/// Different fields of all rules: each costs a little for every line.
pub const ALL_FIELDS_MAX: usize = 1024;
/// Bytes of the texts that are searched for all rules at once: the automaton takes some fifty times that.
pub const ALL_TEXTS_BYTES_MAX: usize = 2 << 20;
/// Regular expressions of all rules: what each has met of a line may take a quarter MiB more.
pub const ALL_PATTERNS_MAX: usize = 1000;
/// Memory of all compiled regular expressions.
pub const ALL_PATTERN_BYTES_MAX: usize = 64 << 20;
/// Rules of all correlations.
pub const ALL_MEMBERS_MAX: usize = 50_000;
/// Bytes of all rules and correlations as an image holds them; what Tripoint's own kind takes comes beside them.
pub const ALL_BYTES_MAX: usize = 6 << 20;

/// What the rules that were taken so far amount to.
#[derive(Default)]
pub(super) struct Totals {
    rules: usize,
    correlations: usize,
    sum: Amount,
    fields: HashSet<String>,
}

/// What one rule or all amount to.
#[derive(Clone, Copy, Default)]
struct Amount {
    tests: usize,
    texts_bytes: usize,
    patterns: usize,
    pattern_bytes: usize,
    members: usize,
    bytes: usize,
}

impl Amount {
    /// Both together, unless that is too much.
    fn with(self, more: Self) -> Result<Self, String> {
        let sum = Self {
            tests: self.tests + more.tests,
            texts_bytes: self.texts_bytes + more.texts_bytes,
            patterns: self.patterns + more.patterns,
            pattern_bytes: self.pattern_bytes + more.pattern_bytes,
            members: self.members + more.members,
            bytes: self.bytes + more.bytes,
        };
        let bounds = [
            (sum.tests, ALL_TESTS_MAX, "tests"),
            (sum.texts_bytes, ALL_TEXTS_BYTES_MAX, "bytes of texts"),
            (sum.patterns, ALL_PATTERNS_MAX, "regular expressions"),
            (sum.pattern_bytes, ALL_PATTERN_BYTES_MAX, "bytes of compiled regular expressions"),
            (sum.members, ALL_MEMBERS_MAX, "rules that correlations count"),
            (sum.bytes, ALL_BYTES_MAX, "bytes"),
        ];
        match bounds.iter().find(|(is, most, _)| is > most) {
            Some((_, most, what)) => Err(format!("with it all rules together have more than {most} {what}")),
            None => Ok(sum),
        }
    }
}

impl Totals {
    /// Counts a rule, unless it breaks a bound by itself or together with those before it.
    pub(super) fn take_rule(&mut self, rule: &SigmaRule) -> Result<(), String> {
        if self.rules >= RULES_MAX {
            return Err(format!("there are more than {RULES_MAX} rules"));
        }
        let names = [rule.source.formats.len(), rule.source.programs.len()];
        if names.iter().any(|count| *count > NAMES_MAX) {
            return Err(format!("its source names more than {NAMES_MAX} programs or formats"));
        }
        let mut counted =
            Counted { amount: Amount { bytes: bytes_of(rule)?, ..Amount::default() }, fields: Vec::new() };
        counted.test(&rule.when, 0)?;
        let sum = self.sum.with(counted.amount)?;
        let new: HashSet<&String> = counted.fields.into_iter().filter(|name| !self.fields.contains(*name)).collect();
        if self.fields.len() + new.len() > ALL_FIELDS_MAX {
            return Err(format!("with it all rules together ask for more than {ALL_FIELDS_MAX} fields"));
        }
        self.fields.extend(new.into_iter().cloned());
        (self.sum, self.rules) = (sum, self.rules + 1);
        Ok(())
    }

    /// Counts a correlation over as many rules as were taken.
    pub(super) fn take_correlation(&mut self, correlation: &Correlation) -> Result<(), String> {
        if self.correlations >= RULES_MAX {
            return Err(format!("there are more than {RULES_MAX} correlations"));
        }
        if correlation.of.is_empty() || correlation.of.len() > MEMBERS_MAX {
            return Err(format!("it counts the matches of {} rules", correlation.of.len()));
        }
        if let Some(member) = correlation.of.iter().find(|member| member.rule as usize >= self.rules) {
            return Err(format!("there is no rule {}", member.rule));
        }
        let mut names = correlation.of.iter().map(|member| &member.by).chain([&correlation.differ]);
        if names.any(|names| names.len() > NAMES_MAX) {
            return Err(format!("it names more than {NAMES_MAX} fields"));
        }
        if correlation.at_least == 0 || correlation.at_least > COUNT_MAX {
            return Err(format!("it asks for {} matches, at least one and at most {COUNT_MAX}", correlation.at_least));
        }
        if correlation.kind == Kind::ValueCount && correlation.differ.is_empty() {
            return Err("value_count needs a field".into());
        }
        let amount = Amount { members: correlation.of.len(), bytes: bytes_of(correlation)?, ..Amount::default() };
        self.sum = self.sum.with(amount)?;
        self.correlations += 1;
        Ok(())
    }
}

fn bytes_of(one: &impl serde::Serialize) -> Result<usize, String> {
    serde_json::to_vec(one).map(|bytes| bytes.len()).map_err(|error| error.to_string())
}

/// What of one rule was counted.
struct Counted<'r> {
    amount: Amount,
    fields: Vec<&'r String>,
}

impl<'r> Counted<'r> {
    fn test(&mut self, test: &'r Test, depth: usize) -> Result<(), String> {
        self.amount.tests += 1;
        if depth > DEPTH_MAX {
            return Err(format!("tests stand more than {DEPTH_MAX} deep in one another"));
        }
        if self.amount.tests > TESTS_MAX {
            return Err(too_many_tests());
        }
        match test {
            Test::All(inner) | Test::Any(inner) | Test::AtLeast(_, inner) => {
                inner.iter().try_for_each(|test| self.test(test, depth + 1))
            }
            Test::Not(inner) => self.test(inner, depth + 1),
            Test::Has(name) | Test::Within(name, _) | Test::Moment(name, ..) => self.field(name),
            Test::Number { place, .. } | Test::Truth(place, _) => self.place(place),
            Test::Same { field, other, .. } => self.field(field).and_then(|()| self.field(other)),
            Test::Text { place, text, .. } => {
                self.place(place)?;
                self.text(place, text.len())
            }
            Test::Like { place, parts, .. } => {
                self.place(place)?;
                // Without letters nothing would be passed over, for ever.
                if parts.iter().any(|part| matches!(part, Part::Text(text) if text.is_empty())) {
                    return Err("a part of a text with gaps is empty".into());
                }
                let length = |part: &Part| if let Part::Text(text) = part { text.len() } else { 1 };
                self.text(place, parts.iter().map(length).sum())
            }
            Test::Pattern { place, pattern } => {
                self.place(place)?;
                short_enough(pattern.len())?;
                self.amount.patterns += 1;
                if self.amount.patterns > ALL_PATTERNS_MAX {
                    return Err(format!("there are more than {ALL_PATTERNS_MAX} regular expressions"));
                }
                self.amount.pattern_bytes += node::weight(pattern)?;
                let texts = if is_made(place) { None } else { node::of_pattern(pattern) };
                self.amount.texts_bytes += texts.into_iter().flatten().map(|text| text.len()).sum::<usize>();
                Ok(())
            }
        }
    }

    fn text(&mut self, place: &Place, bytes: usize) -> Result<(), String> {
        short_enough(bytes)?;
        if !is_made(place) {
            self.amount.texts_bytes += bytes.min(node::SEARCHED_BYTES_MAX);
        }
        Ok(())
    }

    fn place(&mut self, place: &'r Place) -> Result<(), String> {
        place.as_ref().map_or(Ok(()), |name| self.field(name))
    }

    fn field(&mut self, name: &'r String) -> Result<(), String> {
        short_enough(name.len())?;
        self.fields.push(name);
        Ok(())
    }
}

pub(super) fn too_many_tests() -> String {
    format!("there are more than {TESTS_MAX} tests")
}

fn is_made(place: &Place) -> bool {
    place.as_deref().is_some_and(field::is_made)
}

fn short_enough(bytes: usize) -> Result<(), String> {
    if bytes <= TEXT_BYTES_MAX { Ok(()) } else { Err(format!("a text has more than {TEXT_BYTES_MAX} bytes")) }
}
