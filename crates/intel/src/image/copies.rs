//! Which lists say so nearly the same that one must be a copy of the other?
//!
//! Of each feed the smallest hashes of its entries are kept. The share of two feeds' smallest hashes that both have
//! estimates the share of entries that both have, to one and a half percent, at a price that does not grow with them.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use tripoint_model::{Observable, Source};

/// The smallest hashes of one feed's entries.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sketch(BTreeSet<u64>);

impl Sketch {
    pub(crate) fn add(&mut self, observable: &Observable) {
        // Without a key: the same lists give the same image.
        let mut hasher = DefaultHasher::new();
        observable.hash(&mut hasher);
        let hash = hasher.finish();
        if self.0.len() < HASHES && self.0.insert(hash) {
            return;
        }
        if self.0.last().is_some_and(|last| hash < *last) && self.0.insert(hash) && self.0.len() > HASHES {
            self.0.pop_last();
        }
    }

    /// Whether nine in ten entries of both together are in both, as far as can be told.
    fn is_copy_of(&self, other: &Self) -> bool {
        if self.0.len().min(other.0.len()) < ENTRIES_MIN {
            return false;
        }
        let (mut union, mut both) = (0, 0);
        for hash in self.0.union(&other.0).take(HASHES) {
            union += 1;
            both += usize::from(self.0.contains(hash) && other.0.contains(hash));
        }
        both * 10 >= union * 9
    }
}

/// Whose word each feed repeats: its own origins, or those of the first feed that it copies. Nothing: a list of its own.
pub(crate) fn origins(feeds: &[(&str, &Source)], sketches: &[Sketch]) -> Vec<Vec<String>> {
    let of = |(at, first): (usize, usize)| match feeds.get(first) {
        Some((name, source)) if first != at && source.origins.is_empty() => vec![(*name).to_owned()],
        Some((_, source)) => source.origins.clone(),
        None => Vec::new(),
    };
    firsts(sketches).into_iter().enumerate().map(of).collect()
}

/// For each feed the first that it is a copy of; itself where it is none.
fn firsts(sketches: &[Sketch]) -> Vec<usize> {
    let mut first: Vec<usize> = (0..sketches.len()).collect();
    for at in 0..sketches.len().min(FEEDS_MAX) {
        let original = (0..at).find(|other| first[*other] == *other && sketches[at].is_copy_of(&sketches[*other]));
        first[at] = original.unwrap_or(at);
    }
    first
}

/// Kept of each feed: 8 bytes each, and what the tree takes.
const HASHES: usize = 400;
/// Shorter lists may agree by chance.
const ENTRIES_MIN: usize = 100;
/// Feeds that are compared with each other; the pairs grow with the square.
const FEEDS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn sketch(range: std::ops::Range<u32>) -> Sketch {
        let mut sketch = Sketch::default();
        range.for_each(|at| sketch.add(&Observable::Address(std::net::IpAddr::from(at.to_be_bytes()))));
        sketch
    }

    #[test]
    fn copies_are_told_from_lists_that_overlap() {
        let lists = [0..50_000, 500..50_000, 25_000..75_000, 0..90, 0..90, 0..100, 0..100];
        let sketches: Vec<Sketch> = lists.into_iter().map(sketch).collect();
        assert_eq!(firsts(&sketches), [0, 0, 2, 3, 4, 5, 5]);
        assert!(sketches.iter().all(|sketch| sketch.0.len() <= HASHES));
    }
}
