//! What did a refresh add to a feed, and what did it take out?

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use tripoint_model::Observable;

/// Between two copies of a feed, by what they call bad; a claim that says something else of the same is no change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// In the new copy only.
    pub added: u64,
    /// In the former copy only.
    pub removed: u64,
}

/// Counts a change while somebody walks through the former copy.
pub(crate) struct Tally<'n> {
    new: &'n HashSet<&'n Observable>,
    kept: HashSet<&'n Observable>,
    gone: HashSet<Observable>,
}

impl<'n> Tally<'n> {
    /// Of what the new copy calls bad.
    pub fn new(new: &'n HashSet<&'n Observable>) -> Self {
        Self { new, kept: HashSet::new(), gone: HashSet::new() }
    }

    /// Counts an entry of the former copy; says whether it stays.
    pub fn stays(&mut self, former: &Observable) -> bool {
        match self.new.get(former) {
            Some(same) => {
                self.kept.insert(same);
                true
            }
            None => {
                if !self.gone.contains(former) {
                    self.gone.insert(former.clone());
                }
                false
            }
        }
    }

    /// What was counted.
    pub fn change(&self) -> Change {
        Change { added: (self.new.len() - self.kept.len()) as u64, removed: self.gone.len() as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_and_what_is_gone_is_counted_once() {
        let read = |texts: &[&str]| -> Vec<Observable> {
            texts.iter().map(|text| text.parse().expect("observable")).collect()
        };
        let former = read(&["203.0.113.1", "203.0.113.2", "203.0.113.1", "203.0.113.2", "bad.example"]);
        let new = read(&["203.0.113.2", "203.0.113.2", "203.0.113.2:443", "203.0.113.3", "203.0.113.3"]);
        let new: HashSet<&Observable> = new.iter().collect();
        let mut tally = Tally::new(&new);
        let stay: Vec<bool> = former.iter().map(|observable| tally.stays(observable)).collect();
        assert_eq!(stay, [false, true, false, true, false]);
        assert_eq!(tally.change(), Change { added: 2, removed: 2 });
        assert_eq!(Tally::new(&HashSet::new()).change(), Change::default());
    }
}
