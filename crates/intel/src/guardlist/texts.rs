//! Which lists of parts of texts and of patterns hold this name or address?
//!
//! The agent reads images, and parses no pattern: when an image is made, all that is listed in it is compared with these,
//! and what they hold enters the image by name. People may ask about anything (`intel lookup`, `intel export`).

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use regex::bytes::Regex;
use tripoint_model::Observable;

use super::store::{check, entries, list};
use super::{Kind, Listed, Purpose, pattern};

/// Substrings and patterns in force.
#[derive(Default)]
pub struct Texts {
    lists: Vec<List>,
    /// Patterns that are not in force, because there are too many.
    pub left_out: u64,
}

struct List {
    name: String,
    purpose: Purpose,
    texts: HashSet<String>,
    /// Lengths of the texts: names are searched in steps, however many texts there are.
    lengths: BTreeSet<usize>,
    patterns: Vec<(String, Regex)>,
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
            let mut one = List::new(&status.list, status.purpose);
            // What was whole a moment ago and is not now leaves a shorter list.
            let _ = entries(data_dir, &status.list, &mut |entry| {
                if status.kind == Kind::Substring {
                    one.lengths.insert(entry.len());
                    one.texts.insert(entry.to_owned());
                } else if patterns >= pattern::PATTERNS_MAX {
                    texts.left_out += 1;
                } else if let Ok(regex) = pattern::compile(entry) {
                    patterns += 1;
                    one.patterns.push((entry.to_owned(), regex));
                }
            });
            texts.lists.push(one);
        }
        texts
    }

    /// The lists by name, with what being on one means.
    pub(crate) fn lists(&self) -> impl Iterator<Item = (&str, Purpose)> {
        self.lists.iter().map(|list| (list.name.as_str(), list.purpose))
    }

    /// Whether nothing can be held.
    pub(crate) fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// Lists that hold the text of an address or name. Of an address the whole counts, as parts of it name others.
    pub fn listed(&self, observable: &Observable) -> Vec<Listed> {
        self.hits(observable)
            .map(|(at, range)| Listed {
                list: self.lists[at].name.clone(),
                range: range.to_owned(),
                purpose: self.lists[at].purpose,
            })
            .collect()
    }

    /// Places of the lists that hold it, each with the entry that does.
    pub(crate) fn hits(&self, observable: &Observable) -> impl Iterator<Item = (usize, &str)> {
        let (text, is_name) = match observable {
            Observable::Domain(name) => (name.clone(), true),
            Observable::Address(address) | Observable::AddressPort(address, _) => (address.to_string(), false),
            other => (other.to_string(), false),
        };
        self.lists.iter().enumerate().filter_map(move |(at, list)| Some((at, list.entry(&text, is_name)?)))
    }
}

impl List {
    fn new(name: &str, purpose: Purpose) -> Self {
        Self { name: name.to_owned(), purpose, texts: HashSet::new(), lengths: BTreeSet::new(), patterns: Vec::new() }
    }

    /// The entry that holds the text.
    fn entry(&self, text: &str, is_name: bool) -> Option<&str> {
        let part = if is_name { self.part(text) } else { self.texts.get(text).map(String::as_str) };
        let fits = |(_, regex): &&(String, Regex)| regex.is_match(text.as_bytes());
        part.or_else(|| self.patterns.iter().find(fits).map(|(entry, _)| entry.as_str()))
    }

    /// The shortest entry that is a part of the name, of those the first in it.
    fn part(&self, name: &str) -> Option<&str> {
        let lengths = self.lengths.iter().take_while(|length| **length <= name.len());
        let mut parts =
            lengths.flat_map(|length| (0..=name.len() - *length).filter_map(move |at| name.get(at..at + *length)));
        parts.find_map(|part| self.texts.get(part)).map(String::as_str)
    }
}
