//! Which rules may match a text, by the short texts that stand in everything they match?

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, BuildError, MatchKind};

/// All short texts of some rules, searched at once.
pub(super) struct Prefilter {
    automaton: AhoCorasick,
    /// Of each text the rules that require it.
    wanted_by: Vec<Vec<u32>>,
}

impl Prefilter {
    /// From texts, each with the numbers of the rules that require it.
    pub(super) fn new(wanted: BTreeMap<Vec<u8>, Vec<u32>>) -> Result<Self, BuildError> {
        let automaton = AhoCorasickBuilder::new()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(wanted.keys())?;
        Ok(Self { automaton, wanted_by: wanted.into_values().collect() })
    }

    /// Whether any rule may match.
    pub(super) fn is_match(&self, text: &str) -> bool {
        self.automaton.is_match(text)
    }

    /// Adds the rules that may match, some twice.
    pub(super) fn look(&self, text: &str, candidates: &mut Vec<u32>) {
        for found in self.automaton.find_overlapping_iter(text) {
            candidates.extend(&self.wanted_by[found.pattern().as_usize()]);
        }
    }
}
