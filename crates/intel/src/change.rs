//! What did a refresh add to a feed, and what did it take out?

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use tripoint_model::{Indicator, Observable};

/// Between two copies of a feed, by what they call bad; a claim that says something else of the same is no change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// In the new copy only.
    pub added: u64,
    /// In the former copy only.
    pub removed: u64,
}

impl Change {
    /// From the observables of the former copy to the new indicators.
    pub fn between(former: HashSet<Observable>, new: &[Indicator]) -> Self {
        let mut gone = former;
        let before = gone.len();
        let mut seen = HashSet::with_capacity(new.len());
        let mut kept = 0;
        for indicator in new {
            if seen.insert(&indicator.observable) {
                kept += usize::from(gone.remove(&indicator.observable));
            }
        }
        Self { added: (seen.len() - kept) as u64, removed: (before - kept) as u64 }
    }
}

#[cfg(test)]
mod tests {
    use tripoint_model::{AppliesTo, Category};

    use super::*;

    #[test]
    fn what_is_new_and_what_is_gone_is_counted_once() {
        let former = ["203.0.113.1", "203.0.113.2", "bad.example"].map(|text| text.parse().expect("observable"));
        let new = ["203.0.113.2", "203.0.113.2", "203.0.113.2:443", "203.0.113.3", "203.0.113.3"];
        let new = new.map(|text| Indicator::new(text.parse().expect("observable"), Category::C2, AppliesTo::Out, 50));
        assert_eq!(Change::between(former.into_iter().collect(), &new), Change { added: 2, removed: 2 });
        assert_eq!(Change::between(HashSet::new(), &[]), Change::default());
    }
}
