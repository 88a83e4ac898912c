//! By which names were addresses reached, lately?

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use ipnet::IpNet;
use tripoint_model::address::{canonical, canonical_net};
use tripoint_model::{NameLookup, Target, Timestamp};
use tripoint_sensor::Seen;

/// Addresses kept in each of two generations, some 150 bytes each.
const ADDRESSES_MAX: usize = 32_768;
/// Names kept of one address: shared hosting has thousands, and whoever answers chooses.
const NAMES_MAX: usize = 8;
/// A generation is put aside after this, and forgotten after twice as long.
const GENERATION_S: u64 = 12 * 3600;

/// What name servers answered and what was connected to by name. Bounded: who asks for very many names makes it
/// forget the oldest, never grow.
#[derive(Default)]
pub struct Reached(Mutex<Generations>);

type Names = BTreeMap<IpAddr, BTreeSet<String>>;

#[derive(Default)]
struct Generations {
    since: Timestamp,
    young: Names,
    old: Names,
}

impl Reached {
    /// Remembers the names in what the sensor saw.
    pub fn take(&self, seen: &[Seen]) {
        let named = |one: &Seen| match one {
            Seen::Connection { connection, .. } => connection.remote_name.is_some(),
            Seen::Resolved { .. } => true,
            Seen::Started { .. } | Seen::Ended { .. } => false,
        };
        if !seen.iter().any(named) {
            return;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for one in seen {
            match one {
                Seen::Connection { connection, at, .. } => {
                    if let Some(name) = &connection.remote_name {
                        all.add(connection.remote.ip(), name, *at);
                    }
                }
                Seen::Resolved { name, aliases, addresses, at, .. } => {
                    for name in std::iter::once(name).chain(aliases) {
                        addresses.iter().for_each(|address| all.add(*address, name, *at));
                    }
                }
                Seen::Started { .. } | Seen::Ended { .. } => {}
            }
        }
    }
}

impl Generations {
    fn add(&mut self, address: IpAddr, name: &str, at: Timestamp) {
        let address = canonical(address);
        if self.young.get(&address).is_some_and(|names| names.contains(name)) {
            return;
        }
        let full = self.young.len() >= ADDRESSES_MAX && !self.young.contains_key(&address);
        if full || at.since(self.since).as_secs() > GENERATION_S {
            self.old = std::mem::take(&mut self.young);
            self.since = at;
        }
        let names = self.young.entry(address).or_default();
        if names.len() < NAMES_MAX {
            names.insert(name.to_owned());
        }
    }
}

impl NameLookup for Reached {
    fn names(&self, net: IpNet) -> Vec<(IpAddr, String)> {
        let net = canonical_net(net);
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let within = |names: &Names| -> Vec<(IpAddr, String)> {
            let range = names.range(net.network()..=net.broadcast());
            range.flat_map(|(address, names)| names.iter().map(|name| (*address, name.clone()))).collect()
        };
        let mut found = within(&all.young);
        found.extend(within(&all.old));
        found
    }

    fn addresses(&self, target: &Target) -> Vec<IpAddr> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let led = |(_, names): &(&IpAddr, &BTreeSet<String>)| names.iter().any(|name| target.names(name));
        let found: BTreeSet<IpAddr> =
            [&all.young, &all.old].into_iter().flatten().filter(led).map(|(address, _)| *address).collect();
        found.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(name: &str, address: IpAddr, second: i64) -> Seen {
        Seen::Resolved {
            name: name.into(),
            aliases: vec!["edge.host.example".into()],
            addresses: vec![address],
            ttl_s: 60,
            netns: 1,
            at: Timestamp::from_seconds(second),
            missed: false,
        }
    }

    #[test]
    fn names_are_found_by_network_and_forgotten_in_the_end() {
        let reached = Reached::default();
        let address: IpAddr = "203.0.113.9".parse().unwrap();
        reached.take(&[answer("cdn.partner.example", "::ffff:203.0.113.9".parse().unwrap(), 1)]);
        let found = |net: &str| reached.names(net.parse().unwrap());
        let both = ["cdn.partner.example", "edge.host.example"].map(|name| (address, name.to_owned()));
        assert_eq!(found("203.0.113.0/24"), both);
        let led = |target: &str| reached.addresses(&target.parse().unwrap());
        assert_eq!((led("cdn.partner.example"), led("*.host.example")), (vec![address], vec![address]));
        assert!(led("partner.example").is_empty() && led("203.0.113.9").is_empty());
        assert!(found("203.0.113.16/28").is_empty());
        reached.take(&[answer("a.example", "203.0.113.1".parse().unwrap(), 50_000)]);
        assert_eq!(found("203.0.113.9/32").len(), 2, "still in the older generation");
        reached.take(&[answer("b.example", "203.0.113.2".parse().unwrap(), 100_000)]);
        assert!(found("203.0.113.9/32").is_empty());
    }

    #[test]
    fn many_names_and_addresses_stay_in_bounds() {
        let reached = Reached::default();
        for number in 0..(3 * ADDRESSES_MAX as u32) {
            let address = IpAddr::from(number.to_be_bytes());
            reached.take(&[answer("flood.example", address, 1)]);
        }
        let one: IpAddr = "203.0.113.9".parse().unwrap();
        for number in 0..100 {
            reached.take(&[answer(&format!("n{number}.example"), one, 2)]);
        }
        let all = reached.0.lock().unwrap();
        assert!(all.young.len() <= ADDRESSES_MAX && all.old.len() <= ADDRESSES_MAX);
        assert_eq!(all.young[&one].len(), NAMES_MAX);
    }
}
