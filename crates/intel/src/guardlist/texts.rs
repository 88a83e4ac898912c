//! Which lists of parts of texts and of patterns hold this name or address?
//!
//! Only what people ask for (`intel lookup`, `intel export`) is compared with these: the agent reads images, and parses no pattern.

use std::path::Path;

use regex::bytes::Regex;
use tripoint_model::Observable;

use super::store::{check, entries, list};
use super::{Kind, Listed, Purpose, pattern};

/// Substrings and patterns in force.
#[derive(Default)]
pub struct Texts {
    lists: Vec<(String, Purpose, Vec<Part>)>,
    /// Patterns that are not in force, because there are too many.
    pub left_out: u64,
}

enum Part {
    Text(String),
    Pattern(String, Regex),
}

impl Texts {
    /// Reads every list of these types that is whole and about what is seen on a network.
    pub fn load(data_dir: &Path) -> Self {
        let mut texts = Self::default();
        let mut patterns = 0;
        for status in list(data_dir) {
            let wanted = matches!(status.kind, Kind::Substring | Kind::Regex) && status.purpose != Purpose::Other;
            if !wanted || check(data_dir, &status.list).is_err() {
                continue;
            }
            let mut parts = Vec::new();
            // What was whole a moment ago and is not now leaves a shorter list.
            let _ = entries(data_dir, &status.list, &mut |entry| {
                if status.kind == Kind::Substring {
                    parts.push(Part::Text(entry.to_owned()));
                } else if patterns >= pattern::PATTERNS_MAX {
                    texts.left_out += 1;
                } else if let Ok(regex) = pattern::compile(entry) {
                    patterns += 1;
                    parts.push(Part::Pattern(entry.to_owned(), regex));
                }
            });
            texts.lists.push((status.list, status.purpose, parts));
        }
        texts
    }

    /// Lists that hold the text of an address or name. Of an address the whole counts, as parts of it name others.
    pub fn listed(&self, observable: &Observable) -> Vec<Listed> {
        let (text, is_name) = match observable {
            Observable::Domain(name) => (name.clone(), true),
            Observable::Address(address) | Observable::AddressPort(address, _) => (address.to_string(), false),
            Observable::Network(net) => (net.to_string(), false),
        };
        let holds = |part: &&Part| match part {
            Part::Text(entry) if is_name => text.contains(entry.as_str()),
            Part::Text(entry) => *entry == text,
            Part::Pattern(_, regex) => regex.is_match(text.as_bytes()),
        };
        let hit = |(list, purpose, parts): &(String, Purpose, Vec<Part>)| {
            let (Part::Text(range) | Part::Pattern(range, _)) = parts.iter().find(holds)?;
            Some(Listed { list: list.clone(), range: range.clone(), purpose: *purpose })
        };
        self.lists.iter().filter_map(hit).collect()
    }
}
