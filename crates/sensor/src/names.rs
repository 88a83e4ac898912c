//! By which name was this address reached? A bounded memory of DNS answers per namespace.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use tripoint_model::Timestamp;

/// How many answers are remembered; the oldest go first.
const NAMES_MAX: usize = 16_384;
/// How many matched connections wait for a name; an answer is read milliseconds after them.
const MISSED_MAX: usize = 256;

/// Addresses and the names that led to them.
#[derive(Default)]
pub struct Names {
    by_address: HashMap<(u64, IpAddr), (String, Timestamp)>,
    order: VecDeque<(u64, IpAddr)>,
    /// Peers of the latest matched connections that had no name when they were read.
    missed: VecDeque<(u64, IpAddr)>,
}

impl Names {
    /// Remembers an answer seen in a namespace (0 = unknown: any); true when a matched connection
    /// went without it.
    pub fn learn(&mut self, netns: u64, name: &str, addresses: &[IpAddr], at: Timestamp) -> bool {
        for address in addresses {
            let key = (netns, *address);
            if self.by_address.insert(key, (name.to_owned(), at)).is_none() {
                self.order.push_back(key);
            }
        }
        while self.order.len() > NAMES_MAX {
            if let Some(key) = self.order.pop_front() {
                self.by_address.remove(&key);
            }
        }
        addresses.iter().any(|address| self.missed.contains(&(netns, *address)))
    }

    /// A matched connection goes without a name. Matches are read before other records, so the
    /// answer that led to it may still be on the way.
    pub fn miss(&mut self, netns: u64, address: IpAddr) {
        if !self.missed.contains(&(netns, address)) {
            self.missed.push_back((netns, address));
        }
        if self.missed.len() > MISSED_MAX {
            self.missed.pop_front();
        }
    }

    /// The name last answered with this address before `at`, asked in this namespace if known.
    /// Applications keep addresses long after the answer's time to live, so age is no limit.
    pub fn name(&self, netns: u64, address: IpAddr) -> Option<&str> {
        let own = self.by_address.get(&(netns, address));
        own.or_else(|| self.by_address.get(&(0, address))).map(|(name, _)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_answer_of_the_own_namespace_counts() {
        let mut names = Names::default();
        let address = "203.0.113.66".parse().unwrap();
        names.learn(0, "unknown.example", &[address], Timestamp(1));
        names.learn(5, "old.example", &[address], Timestamp(1));
        names.learn(5, "new.example", &[address], Timestamp(2));
        assert_eq!(names.name(5, address), Some("new.example"));
        assert_eq!(names.name(6, address), Some("unknown.example"));
    }

    #[test]
    fn an_answer_read_after_the_match_is_known_as_missed() {
        let mut names = Names::default();
        let [missed, other] = ["203.0.113.66", "203.0.113.67"].map(|text| text.parse().unwrap());
        names.miss(5, missed);
        assert!(!names.learn(6, "elsewhere.example", &[missed], Timestamp(1)));
        assert!(!names.learn(5, "other.example", &[other], Timestamp(1)));
        assert!(names.learn(5, "late.example", &[other, missed], Timestamp(1)));
        (0..MISSED_MAX).for_each(|other| names.miss(5, IpAddr::V4((other as u32).into())));
        assert!(!names.learn(5, "later.example", &[missed], Timestamp(2)), "the oldest go first");
    }

    #[test]
    fn memory_is_bounded() {
        let mut names = Names::default();
        for i in 0..40_000u32 {
            names.learn(1, "n.example", &[IpAddr::V4(i.into())], Timestamp(0));
        }
        assert!(names.by_address.len() <= NAMES_MAX && names.order.len() <= NAMES_MAX);
    }
}
