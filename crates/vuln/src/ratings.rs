//! Who finds something how severe?

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use smallvec::SmallVec;

/// Severity by source, sorted by source; written as a map. A handful, so a list is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ratings<'d>(SmallVec<[(&'d str, &'d str); 2]>);

impl<'d> Ratings<'d> {
    /// Adds a source that is not there yet.
    pub(crate) fn add(&mut self, source: &'d str, value: &'d str) {
        if let Err(at) = self.0.binary_search_by_key(&source, |(known, _)| known) {
            self.0.insert(at, (source, value));
        }
    }

    /// Source and value (a CVSS vector or a word), by source.
    pub fn iter(&self) -> impl Iterator<Item = (&'d str, &'d str)> {
        self.0.iter().copied()
    }

    /// What a source says.
    pub fn get(&self, source: &str) -> Option<&'d str> {
        self.0.iter().find(|(known, _)| *known == source).map(|(_, value)| *value)
    }

    /// As a map of its own.
    pub(crate) fn to_map(&self) -> BTreeMap<String, String> {
        self.iter().map(|(source, value)| (source.to_owned(), value.to_owned())).collect()
    }
}

impl Serialize for Ratings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}
