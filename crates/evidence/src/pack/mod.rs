//! Which rules match an entry?
//!
//! All rules at once: the texts that their patterns require are searched together, and only a rule of which one was
//! found is verified by its regular expression. The answer is that of evaluating each rule alone.

pub mod example;
pub mod folder;
mod prefilter;
pub(crate) mod required;
pub mod rule;
mod texts;
pub mod written;

use std::collections::{BTreeMap, HashSet};
use std::sync::OnceLock;

use aho_corasick::BuildError;
use regex::bytes::{Regex, RegexBuilder};

use crate::entry::Entry;
use crate::sigma::Sigma;
use crate::views::{Views, may_be_encoded};
use prefilter::Prefilter;
use rule::{Part, Rule};
use texts::Texts;

pub use required::BYTES_MIN as REQUIRED_BYTES_MIN;

/// Rules, ready to be asked.
pub struct Pack {
    rules: Vec<Compiled>,
    /// Of rules that look at arguments only: what ordinary headers hold does not concern them.
    of_arguments: Prefilter,
    /// Of all others.
    of_others: Prefilter,
    sigma: Option<Sigma>,
}

/// A rule, and its expressions from the first line on that may match: hundreds of them take a hundred MiB, and a host
/// meets few.
struct Compiled {
    rule: Rule,
    expressions: OnceLock<Option<Expressions>>,
}

struct Expressions {
    pattern: Regex,
    unless: Option<Regex>,
}

/// Why a rule cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// It is no regular expression, or one that costs too much.
    #[error("rule {id}: {reason}")]
    Pattern {
        /// The rule.
        id: String,
        /// In words.
        reason: String,
    },
    /// Two rules have one name.
    #[error("rule {0} is there twice")]
    Twice(String),
}

/// Everything but the whole, and but arguments, whose rules are asked for by themselves.
const PARTS_ALONE: &[Part] = &[Part::Target, Part::Path, Part::Agent, Part::Headers, Part::Body, Part::Message];

/// Memory for the states of a pattern that were met, bytes.
const DFA_BYTES_MAX: usize = 512 << 10;
/// Memory of one compiled pattern, bytes.
const PATTERN_BYTES_MAX: usize = 4 << 20;

impl Pack {
    /// Takes rules; the first that cannot be used is named.
    pub fn new(rules: impl IntoIterator<Item = Rule>) -> Result<Self, PackError> {
        let rules: Vec<Rule> = rules.into_iter().collect();
        rules.iter().try_for_each(|rule| Expressions::of(rule).map(drop))?;
        Self::of_known(rules)
    }

    /// The same of rules whose expressions are known to be good.
    pub(crate) fn of_known(rules: impl IntoIterator<Item = Rule>) -> Result<Self, PackError> {
        let (mut compiled, mut names) = (Vec::new(), HashSet::new());
        let (mut of_arguments, mut of_others) = (BTreeMap::<_, Vec<u32>>::new(), BTreeMap::<_, Vec<u32>>::new());
        for rule in rules {
            if !names.insert(rule.id.clone()) {
                return Err(PackError::Twice(rule.id));
            }
            let number = compiled.len() as u32;
            let wanted = if rule.part == Part::Arguments { &mut of_arguments } else { &mut of_others };
            for text in texts_of(&rule)? {
                wanted.entry(text).or_default().push(number);
            }
            compiled.push(Compiled { rule, expressions: OnceLock::new() });
        }
        let build = |wanted| {
            let refused = |error: BuildError| PackError::Pattern { id: "all".into(), reason: error.to_string() };
            Prefilter::new(wanted).map_err(refused)
        };
        Ok(Self { rules: compiled, of_arguments: build(of_arguments)?, of_others: build(of_others)?, sigma: None })
    }

    /// The same with Sigma rules beside them.
    pub fn with_sigma(self, sigma: Sigma) -> Self {
        Self { sigma: Some(sigma), ..self }
    }

    /// The Sigma rules beside them.
    pub fn sigma(&self) -> Option<&Sigma> {
        self.sigma.as_ref()
    }

    /// How many rules there are, without those of Sigma.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Each rule.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(|compiled| &compiled.rule)
    }

    /// Whether an entry may match a rule. Never wrong when it says no. `room` is used again and again, so that lines
    /// that say nothing cost no memory.
    pub fn may_match(&self, entry: &Entry<'_>, room: &mut String) -> bool {
        room.clear();
        let arguments = texts::write_everything(entry, room);
        let room: &str = room;
        if texts::has_body(entry) || self.of_others.is_match(room) {
            return true;
        }
        let arguments = &room[arguments];
        if self.of_arguments.is_match(arguments) {
            return true;
        }
        let decoded = |text: &str, prefilter: &Prefilter| {
            let views = Views::of(text);
            views.iter().skip(1).any(|view| prefilter.is_match(view)) || views.reaches_far()
        };
        // Every view of another part is in one of the whole.
        may_be_encoded(room)
            && (decoded(room, &self.of_others) || may_be_encoded(arguments) && decoded(arguments, &self.of_arguments))
    }

    /// The rules that match, in the order of the pack.
    pub fn matching<'p>(&'p self, entry: &Entry<'_>) -> Vec<&'p Rule> {
        let texts = Texts::new(entry);
        let mut candidates: Vec<u32> = Vec::new();
        let mut look = |part: Part, prefilter: &Prefilter| {
            texts.views(part).iter().for_each(|view| prefilter.look(view, &mut candidates));
        };
        look(Part::Arguments, &self.of_arguments);
        look(Part::Any, &self.of_others);
        // A part alone may decode to what the whole does not, but only then.
        if texts.views(Part::Any).reaches_far() || texts::has_body(entry) {
            PARTS_ALONE.iter().for_each(|part| look(*part, &self.of_others));
        }
        candidates.sort_unstable();
        candidates.dedup();
        let rules = candidates.into_iter().filter_map(|number| self.rules.get(number as usize));
        rules.filter(|compiled| compiled.matches(&texts)).map(|compiled| &compiled.rule).collect()
    }

    /// The same by asking each rule alone: slow, and what `matching` must equal.
    pub fn matching_one_by_one<'p>(&'p self, entry: &Entry<'_>) -> Vec<&'p Rule> {
        let texts = Texts::new(entry);
        self.rules.iter().filter(|compiled| compiled.matches(&texts)).map(|compiled| &compiled.rule).collect()
    }
}

impl Expressions {
    fn of(rule: &Rule) -> Result<Self, PackError> {
        // Words are those of ASCII, which keeps automata small; only a pattern that names other characters counts in
        // characters and not in bytes.
        let build = |pattern: &str| {
            let built = compiled(pattern, false).or_else(|_| compiled(pattern, true));
            built.map_err(|error| PackError::Pattern { id: rule.id.clone(), reason: error.to_string() })
        };
        let pattern = build(&rule.pattern)?;
        let unless = if rule.unless.is_empty() { None } else { Some(build(&rule.unless)?) };
        Ok(Self { pattern, unless })
    }
}

fn compiled(pattern: &str, unicode: bool) -> Result<Regex, regex::Error> {
    let mut builder = RegexBuilder::new(pattern);
    builder.size_limit(PATTERN_BYTES_MAX).dfa_size_limit(DFA_BYTES_MAX).multi_line(true).unicode(unicode).build()
}

impl Compiled {
    fn matches(&self, texts: &Texts<'_>) -> bool {
        let views: &Views = texts.views(self.rule.part);
        let Some(Expressions { pattern, unless }) = self.expressions.get_or_init(|| Expressions::of(&self.rule).ok())
        else {
            return false;
        };
        let is_spared = |view: &str| unless.as_ref().is_some_and(|unless| unless.is_match(view.as_bytes()));
        views.iter().any(|view| pattern.is_match(view.as_bytes()) && !is_spared(view))
    }
}

/// The texts of which a match of the rule holds one.
fn texts_of(rule: &Rule) -> Result<Vec<Vec<u8>>, PackError> {
    let refuse = |reason: String| PackError::Pattern { id: rule.id.clone(), reason };
    let mut parser = regex_syntax::ParserBuilder::new().multi_line(true).build();
    let hir = parser.parse(&rule.pattern).map_err(|error| refuse(error.to_string()))?;
    required::required(&hir).ok_or_else(|| {
        refuse(format!("no text of at least {REQUIRED_BYTES_MIN} bytes stands in everything that the pattern matches"))
    })
}

#[cfg(test)]
mod tests;
