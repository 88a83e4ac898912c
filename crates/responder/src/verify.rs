//! Does the kernel hold what the ledger says, block by block?

use std::collections::{BTreeMap, BTreeSet};

use tripoint_model::{Scope, Target, Timestamp};

use crate::firewall::KernelBlock;
use crate::ledger::Entry;
use crate::outcome::is_near;

/// How the kernel stands to one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// As the ledger says.
    Yes,
    /// Not at all.
    Missing,
    /// Until another moment than the ledger says.
    Until(Timestamp),
}

/// The ledger beside the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Every block in force by the ledger.
    pub wanted: Vec<(Entry, Held)>,
    /// What the kernel holds in our part of it and the ledger does not know.
    pub strays: Vec<KernelBlock>,
}

impl Compared {
    /// Whether both say the same.
    pub fn agree(&self) -> bool {
        self.strays.is_empty() && self.wanted.iter().all(|(_, held)| *held == Held::Yes)
    }
}

/// Until when the kernel ought to hold each thing that these entries want: the last end, where several want it.
pub(crate) fn ends(wanted: &[Entry]) -> BTreeMap<(&Target, &Scope), Timestamp> {
    let mut ends = BTreeMap::new();
    for entry in wanted.iter().filter(|entry| !entry.is_name()) {
        let end: &mut Timestamp = ends.entry((&entry.target, &entry.scope)).or_insert(entry.expires);
        *end = entry.expires.max(*end);
    }
    ends
}

/// Compares the blocks in force by the ledger with those read from the kernel at the same moment. A name is in no
/// kernel: the addresses that it led to stand behind it, each for itself.
pub fn compare(wanted: Vec<Entry>, listed: &[KernelBlock]) -> Compared {
    let held: Vec<Held> = {
        let kernel: BTreeMap<(&Target, &Scope), Timestamp> =
            listed.iter().map(|block| ((&block.target, &block.scope), block.expires)).collect();
        let ends = ends(&wanted);
        let of = |entry: &Entry| {
            let key = (&entry.target, &entry.scope);
            ends.get(&key).map_or(Held::Yes, |end| held(*end, kernel.get(&key).copied()))
        };
        wanted.iter().map(of).collect()
    };
    let known: BTreeSet<(&Target, &Scope)> = wanted.iter().map(|entry| (&entry.target, &entry.scope)).collect();
    let strays = listed.iter().filter(|block| !known.contains(&(&block.target, &block.scope))).cloned().collect();
    Compared { wanted: wanted.into_iter().zip(held).collect(), strays }
}

fn held(wanted: Timestamp, found: Option<Timestamp>) -> Held {
    match found {
        None => Held::Missing,
        Some(expires) if is_near(expires, wanted) => Held::Yes,
        Some(expires) => Held::Until(expires),
    }
}

#[cfg(test)]
mod tests {
    use tripoint_model::Terms;

    use super::*;
    use crate::ledger::EntryState;

    fn entry(target: &str, expires: i64) -> Entry {
        Entry {
            generation: 1,
            at: Timestamp(0),
            state: EntryState::Applied,
            id: String::new(),
            target: target.parse().unwrap(),
            scope: Scope::Host,
            since: Timestamp(0),
            expires: Timestamp::from_seconds(expires),
            requester: "ada".into(),
            reason: String::new(),
            cause: None,
            terms: Terms::default(),
            addresses: Vec::new(),
        }
    }

    fn block(target: &str, expires: i64) -> KernelBlock {
        let expires = Timestamp::from_seconds(expires);
        KernelBlock { target: target.parse().unwrap(), scope: Scope::Host, expires }
    }

    #[test]
    fn every_kind_of_difference_is_told() {
        let wanted = vec![entry("203.0.113.1", 100), entry("203.0.113.2", 100), entry("203.0.113.3", 100)];
        let listed = [block("203.0.113.1", 101), block("203.0.113.3", 500), block("203.0.113.4", 100)];
        let compared = compare(wanted, &listed);
        let held: Vec<Held> = compared.wanted.iter().map(|(_, held)| *held).collect();
        assert_eq!(held, [Held::Yes, Held::Missing, Held::Until(Timestamp::from_seconds(500))]);
        assert_eq!(compared.strays, [listed[2].clone()]);
        assert!(!compared.agree());
        assert!(compare(vec![entry("203.0.113.1", 100)], &listed[..1]).agree());
    }
}
