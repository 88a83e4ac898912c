//! Which guard lists hold this address, network or name, or a part of it?

use std::net::IpAddr;

use ipnet::IpNet;
use tripoint_model::GuardHit;
use tripoint_model::address::canonical_net;

use super::{Index, Section, partition, u16_at, u32_at, u128_at};
use crate::guardlist::{Listed, Purpose};
use crate::image::{GUARD_LIST_BYTES, GUARD_NAME_BYTES, GUARD_NET4_BYTES, GUARD_NET6_BYTES};

/// One record of either family.
#[derive(Clone, Copy)]
struct Held {
    net: IpNet,
    list: u16,
    /// 1 + the place of the next wider one; 0 for none.
    parent: usize,
}

/// The records of one family.
struct Nets<'i> {
    bytes: &'i [u8],
    is_v4: bool,
}

impl Index {
    /// Lists of what is spared (`Purpose::spares`) that hold the network or any part of it, each once, by name.
    pub(super) fn guard_hits(&self, net: IpNet) -> Vec<GuardHit> {
        self.find_listed(net, Purpose::spares).into_iter().map(GuardHit::from).collect()
    }

    /// Lists of what is spared that hold this domain name.
    pub fn guard_name(&self, name: &str) -> Vec<GuardHit> {
        let guards = self.listed_name(name).into_iter().filter(|listed| listed.purpose.spares());
        guards.map(GuardHit::from).collect()
    }

    /// Lists of every purpose that hold the network or any part of it, each once, by name.
    pub fn listed(&self, net: IpNet) -> Vec<Listed> {
        self.find_listed(net, |_| true)
    }

    /// Lists of every purpose that hold this domain name: the name itself, or one above it where the list means the
    /// names below too.
    pub fn listed_name(&self, name: &str) -> Vec<Listed> {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let records = self.sections.get(Section::GuardNames);
        let count = records.len() / GUARD_NAME_BYTES;
        let key = |at: usize| self.text_of(records, at * GUARD_NAME_BYTES).unwrap_or("");
        let mut found: Vec<(u16, String)> = Vec::new();
        let mut wanted = name.as_str();
        for depth in 0..LABELS_MAX {
            let first = partition(count, |at| key(at) < wanted);
            for at in (first..count).take_while(|at| key(*at) == wanted) {
                let tail = at * GUARD_NAME_BYTES + 8;
                let (Some(list), Some(below)) = (u16_at(records, tail), u16_at(records, tail + 2)) else { break };
                if (depth == 0 || below == 1) && found.iter().all(|(known, _)| *known != list) {
                    found.push((list, wanted.to_owned()));
                }
            }
            match wanted.split_once('.') {
                Some((_, above)) => wanted = above,
                None => break,
            }
        }
        self.named(found)
    }

    fn find_listed(&self, net: IpNet, only: impl Fn(Purpose) -> bool) -> Vec<Listed> {
        let net = canonical_net(net);
        let nets = match net {
            IpNet::V4(_) => Nets { bytes: self.sections.get(Section::GuardNets4), is_v4: true },
            IpNet::V6(_) => Nets { bytes: self.sections.get(Section::GuardNets6), is_v4: false },
        };
        let mut found: Vec<(u16, String)> = Vec::new();
        let mut take = |held: Held| {
            let wanted = only(self.purpose(held.list));
            if wanted && found.iter().all(|(list, _)| *list != held.list) {
                found.push((held.list, shown(held.net)));
            }
            found.len() < HITS_MAX
        };
        nets.holding(net, &mut take);
        nets.within(net, &mut take);
        self.named(found)
    }

    fn named(&self, found: Vec<(u16, String)>) -> Vec<Listed> {
        let lists = self.sections.get(Section::GuardLists);
        let name = |list: u16| self.text_of(lists, usize::from(list) * GUARD_LIST_BYTES);
        let mut all: Vec<Listed> = found
            .into_iter()
            .filter_map(|(list, range)| {
                Some(Listed { list: name(list)?.to_owned(), range, purpose: self.purpose(list) })
            })
            .collect();
        all.sort_unstable();
        all
    }

    /// A number that is none counts as a guard: what cannot be told is not blocked.
    fn purpose(&self, list: u16) -> Purpose {
        let number = u32_at(self.sections.get(Section::GuardLists), usize::from(list) * GUARD_LIST_BYTES + 8);
        let known = number.and_then(|number| Purpose::ALL.get(number as usize));
        known.map_or(Purpose::Guard, |(purpose, _)| *purpose)
    }
}

impl Nets<'_> {
    fn size(&self) -> usize {
        if self.is_v4 { GUARD_NET4_BYTES } else { GUARD_NET6_BYTES }
    }

    fn count(&self) -> usize {
        self.bytes.len() / self.size()
    }

    /// The network address at a place, as a number.
    fn start(&self, at: usize) -> u128 {
        let offset = at * self.size();
        let address = if self.is_v4 { u32_at(self.bytes, offset).map(u128::from) } else { u128_at(self.bytes, offset) };
        address.unwrap_or(0)
    }

    fn at(&self, at: usize) -> Option<Held> {
        let tail = at * self.size() + if self.is_v4 { 4 } else { 16 };
        let address = if self.is_v4 {
            IpAddr::from(u32_at(self.bytes, tail - 4)?.to_be_bytes())
        } else {
            IpAddr::from(self.start(at).to_be_bytes())
        };
        Some(Held {
            net: IpNet::new(address, *self.bytes.get(tail)?).ok()?,
            list: u16_at(self.bytes, tail + 2)?,
            parent: u32_at(self.bytes, tail + 4)? as usize,
        })
    }

    /// Shows the networks that hold `net`, the narrowest first, while wanted.
    fn holding(&self, net: IpNet, take: &mut impl FnMut(Held) -> bool) {
        let start = number(net.network());
        let mut place = partition(self.count(), |at| self.start(at) <= start);
        // The last one that begins there may be inside `net`; what holds `net` is above it.
        while let Some(at) = place.checked_sub(1) {
            let Some(held) = self.at(at) else { return };
            if held.net.contains(&net) && !take(held) {
                return;
            }
            // A damaged image must not lead round in circles.
            place = held.parent.min(at);
        }
    }

    /// Shows the networks inside `net`, while wanted.
    fn within(&self, net: IpNet, take: &mut impl FnMut(Held) -> bool) {
        let (start, end) = (number(net.network()), number(net.broadcast()));
        let first = partition(self.count(), |at| self.start(at) < start);
        for at in (first..self.count()).take_while(|at| self.start(*at) <= end) {
            let Some(held) = self.at(at) else { return };
            if net.contains(&held.net) && !take(held) {
                return;
            }
        }
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

/// An address without its length.
fn shown(net: IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
}

/// Lists named in one answer: more say nothing new.
const HITS_MAX: usize = 64;
/// A name of 253 bytes has at most 127 labels.
const LABELS_MAX: usize = 128;

#[cfg(all(test, feature = "feeds"))]
#[path = "guard_tests.rs"]
mod tests;
