//! How are all Sigma rules asked at once?
//!
//! The texts that tests require are searched together in everything that tests look at; only rules of which one was
//! found are asked, and only their tests whose texts were found. The answer is that of asking each rule alone.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};

use super::bounds::Totals;
use super::event::{Event, Slots};
use super::field::Name;
use super::node::{Node, Numbers};
use super::rule::{Correlation, SigmaRule};
use super::source::Sort;

/// Sigma rules, ready to be asked.
pub struct Sigma {
    rules: Vec<SigmaRule>,
    correlations: Vec<Correlation>,
    /// Of each rule the correlations that count it, and its place among their rules.
    counted_by: Vec<Vec<(u32, u32)>>,
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

impl Sigma {
    /// Takes rules that somebody compiled; the first that breaks a bound is named.
    pub fn new(rules: Vec<SigmaRule>, correlations: Vec<Correlation>) -> Result<Self, SigmaError> {
        let mut totals = Totals::default();
        for rule in &rules {
            let refuse = |reason: String| SigmaError::Rule { id: rule.about.id.clone(), reason };
            totals.take_rule(rule).map_err(refuse)?;
        }
        let mut counted_by = vec![Vec::new(); rules.len()];
        for (place, correlation) in (0u32..).zip(&correlations) {
            let refuse = |reason: String| SigmaError::Rule { id: correlation.about.id.clone(), reason };
            totals.take_correlation(correlation).map_err(refuse)?;
            for (member, counted) in (0u32..).zip(&correlation.of) {
                counted_by[counted.rule as usize].push((place, member));
            }
        }
        let group = |sort: Sort| Group::of(&rules, sort);
        let groups = [group(Sort::Request)?, group(Sort::Forwarded)?, group(Sort::Audit)?, group(Sort::Message)?];
        Ok(Self { rules, correlations, counted_by, groups })
    }

    /// Each rule, by its number.
    pub fn rules(&self) -> &[SigmaRule] {
        &self.rules
    }

    /// Each correlation.
    pub fn correlations(&self) -> &[Correlation] {
        &self.correlations
    }

    /// The correlations that count one of these rules, in their order, each with the rule's place in it.
    pub(super) fn counting(&self, rules: &[u32]) -> Vec<(u32, u32)> {
        let mut all: Vec<(u32, u32)> =
            rules.iter().flat_map(|rule| self.counted_by[*rule as usize].iter().copied()).collect();
        all.sort_unstable();
        all
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
        let mut numbers = Numbers::default();
        let here = (0u32..).zip(rules).filter(|(_, rule)| rule.source.kinds.contains(&sort));
        let rules: Vec<(u32, Node)> = here.map(|(number, rule)| (number, numbers.node(&rule.when))).collect();
        let Numbers { names, texts, .. } = numbers;
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
