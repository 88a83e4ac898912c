//! How are all Sigma rules asked at once?
//!
//! The texts that tests require are searched together in everything that tests look at; only rules of which one was
//! found are asked, and only their tests whose texts were found. The answer is that of asking each rule alone.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};

use super::event::{Event, Slots};
use super::field::Name;
use super::node::{self, Node, Numbers};
use super::rule::{Correlation, Kind, Part, SigmaRule, Test};
use super::source::Sort;

/// Sigma rules, ready to be asked.
pub struct Sigma {
    rules: Vec<SigmaRule>,
    correlations: Vec<Correlation>,
    groups: [Group; Sort::ALL.len()],
}

/// The rules for one kind of entries.
struct Group {
    /// The fields that they ask for, the whole line first.
    names: Vec<Name>,
    /// Each by its number among all rules, and its test.
    rules: Vec<(u32, Node)>,
    /// The texts that tests require.
    texts: AhoCorasick,
    texts_len: usize,
    /// Of each text the rules that cannot match without one of theirs, by their place in `rules`.
    wanted_by: Vec<Vec<u32>>,
    /// Those that must be asked of every entry.
    always: Vec<u32>,
}

/// Why rules cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SigmaError {
    /// A bound or a reference does not hold.
    #[error("Sigma rule {id}: {reason}")]
    Rule {
        /// The rule.
        id: String,
        /// In words.
        reason: String,
    },
    /// More than there may be.
    #[error("there are more than {0} Sigma rules")]
    TooMany(usize),
    /// The texts of all rules are too many.
    #[error("the texts of all Sigma rules together: {0}")]
    Texts(String),
}

/// What is used again for each entry, so that most cost no memory.
#[derive(Debug, Default)]
pub struct Room {
    found: Vec<bool>,
    touched: Vec<u32>,
    asked: Vec<u32>,
}

/// Rules, and correlations.
pub const RULES_MAX: usize = 20_000;
/// Tests inside one another.
pub const DEPTH_MAX: usize = 24;
/// Tests of one rule.
pub const TESTS_MAX: usize = 50_000;
/// Bytes of one text or pattern.
pub const TEXT_BYTES_MAX: usize = 16 << 10;
/// What a correlation may count to; beyond it nothing is remembered.
pub const COUNT_MAX: u64 = 1000;

impl Sigma {
    /// Takes rules that somebody compiled; the first that breaks a bound is named.
    pub fn new(rules: Vec<SigmaRule>, correlations: Vec<Correlation>) -> Result<Self, SigmaError> {
        if rules.len() > RULES_MAX || correlations.len() > RULES_MAX {
            return Err(SigmaError::TooMany(RULES_MAX));
        }
        for rule in &rules {
            let refuse = |reason: String| SigmaError::Rule { id: rule.about.id.clone(), reason };
            check(&rule.when, 0, &mut 0).map_err(refuse)?;
        }
        for correlation in &correlations {
            let refuse = |reason: String| SigmaError::Rule { id: correlation.about.id.clone(), reason };
            check_correlation(correlation, rules.len()).map_err(refuse)?;
        }
        let group = |sort: Sort| Group::of(&rules, sort);
        let groups = [group(Sort::Request)?, group(Sort::Forwarded)?, group(Sort::Audit)?, group(Sort::Message)?];
        Ok(Self { rules, correlations, groups })
    }

    /// Each rule, by its number.
    pub fn rules(&self) -> &[SigmaRule] {
        &self.rules
    }

    /// Each correlation.
    pub fn correlations(&self) -> &[Correlation] {
        &self.correlations
    }

    /// The numbers of the rules that match, in their order.
    pub fn matching(&self, event: &Event<'_>, room: &mut Room) -> Vec<u32> {
        let group = self.group(event.sort);
        if group.rules.is_empty() {
            return Vec::new();
        }
        let slots = Slots::new(event, &group.names);
        room.found.resize(group.texts_len.max(room.found.len()), false);
        room.asked.clear();
        room.asked.extend(&group.always);
        let Room { found, touched, asked } = room;
        let mut look = |text: &str| {
            for seen in group.texts.find_overlapping_iter(text) {
                let number = seen.pattern().as_usize();
                if !found[number] {
                    found[number] = true;
                    touched.push(number as u32);
                    asked.extend(&group.wanted_by[number]);
                }
            }
        };
        look(event.line);
        if !event.is_plain() {
            slots.each(&mut look);
        }
        asked.sort_unstable();
        asked.dedup();
        let asked = asked.iter().map(|place| &group.rules[*place as usize]);
        let matching = asked.filter(|(number, node)| {
            self.rules[*number as usize].source.takes(event.format, event.line) && node.holds(&slots, Some(found))
        });
        let matching = matching.map(|(number, _)| *number).collect();
        touched.drain(..).for_each(|number| found[number as usize] = false);
        matching
    }

    /// The same by asking each rule alone: slow, and what `matching` must equal.
    pub fn matching_one_by_one(&self, event: &Event<'_>) -> Vec<u32> {
        let group = self.group(event.sort);
        let slots = Slots::new(event, &group.names);
        let takes = |number: &u32| self.rules[*number as usize].source.takes(event.format, event.line);
        let rules = group.rules.iter().filter(|(number, node)| takes(number) && node.holds(&slots, None));
        rules.map(|(number, _)| *number).collect()
    }

    fn group(&self, sort: Sort) -> &Group {
        &self.groups[sort as usize]
    }
}

impl Group {
    fn of(rules: &[SigmaRule], sort: Sort) -> Result<Self, SigmaError> {
        let (mut names, mut texts, mut known) = (vec![Name::of("")], Vec::new(), HashMap::new());
        let mut numbers = Numbers { names: &mut names, texts: &mut texts, known: &mut known };
        let here = (0u32..).zip(rules).filter(|(_, rule)| rule.source.kinds.contains(&sort));
        let rules: Vec<(u32, Node)> = here.map(|(number, rule)| (number, numbers.node(&rule.when))).collect();
        let (mut wanted_by, mut always) = (vec![Vec::new(); texts.len()], Vec::new());
        for (place, (_, node)) in (0u32..).zip(&rules) {
            match node.wanted(&texts) {
                None => always.push(place),
                Some(wanted) => wanted.iter().for_each(|text| wanted_by[*text as usize].push(place)),
            }
        }
        let automaton = AhoCorasickBuilder::new()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&texts)
            .map_err(|error| SigmaError::Texts(error.to_string()))?;
        Ok(Self { names, rules, texts: automaton, texts_len: texts.len(), wanted_by, always })
    }
}

/// Whether a rule's test keeps the bounds.
#[cfg(feature = "sigma")]
pub(super) fn check_rule(test: &Test) -> Result<(), String> {
    check(test, 0, &mut 0)
}

fn check(test: &Test, depth: usize, tests: &mut usize) -> Result<(), String> {
    *tests += 1;
    if depth > DEPTH_MAX {
        return Err(format!("tests stand more than {DEPTH_MAX} deep in one another"));
    }
    if *tests > TESTS_MAX {
        return Err(format!("there are more than {TESTS_MAX} tests"));
    }
    let short_enough = |bytes: usize| {
        let fits = bytes <= TEXT_BYTES_MAX;
        if fits { Ok(()) } else { Err(format!("a text has more than {TEXT_BYTES_MAX} bytes")) }
    };
    match test {
        Test::All(inner) | Test::Any(inner) | Test::AtLeast(_, inner) => {
            inner.iter().try_for_each(|test| check(test, depth + 1, tests))
        }
        Test::Not(inner) => check(inner, depth + 1, tests),
        Test::Text { text, .. } => short_enough(text.len()),
        // Without letters nothing would be passed over, for ever.
        Test::Like { parts, .. } if parts.iter().any(|part| matches!(part, Part::Text(text) if text.is_empty())) => {
            Err("a part of a text with gaps is empty".into())
        }
        Test::Like { parts, .. } => {
            let length = |part: &Part| if let Part::Text(text) = part { text.len() } else { 1 };
            short_enough(parts.iter().map(length).sum())
        }
        Test::Pattern { pattern, .. } => {
            short_enough(pattern.len())?;
            node::syntax(pattern)
        }
        _ => Ok(()),
    }
}

fn check_correlation(correlation: &Correlation, rules: usize) -> Result<(), String> {
    if correlation.of.is_empty() || correlation.of.len() > MEMBERS_MAX {
        return Err(format!("it counts the matches of {} rules", correlation.of.len()));
    }
    if let Some(member) = correlation.of.iter().find(|member| member.rule as usize >= rules) {
        return Err(format!("there is no rule {}", member.rule));
    }
    if correlation.at_least == 0 || correlation.at_least > COUNT_MAX {
        return Err(format!("it asks for {} matches, at least one and at most {COUNT_MAX}", correlation.at_least));
    }
    if correlation.kind == Kind::ValueCount && correlation.differ.is_empty() {
        return Err("value_count needs a field".into());
    }
    Ok(())
}

/// Rules of one correlation.
pub const MEMBERS_MAX: usize = 64;
