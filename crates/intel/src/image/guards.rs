//! How do guard lists become sections of an image?
//!
//! Networks nest or are apart, never half of each: sorted by address and length they are a forest in the order of
//! a walk, and each knows the next wider one that holds it. The last network that begins at or before an address is
//! then inside every network that holds the address: one binary search, and a way up.

use std::net::IpAddr;

use ipnet::IpNet;
use tripoint_model::address::canonical_net;

use super::{GUARD_NET4_BYTES, GUARD_NET6_BYTES};
use crate::guardlist::{BUILT_IN, Purpose};

/// A guard list's number in the image under construction.
#[derive(Clone, Copy, Debug)]
pub struct GuardNumber(u16);

/// What lists hold, collected.
#[derive(Default)]
pub(super) struct Guards {
    lists: Vec<(String, Purpose)>,
    v4: Vec<(u32, u8, u16)>,
    v6: Vec<(u128, u8, u16)>,
    names: Vec<(Box<str>, bool, u16)>,
}

impl Guards {
    pub fn list(&mut self, name: &str, purpose: Purpose) -> Option<GuardNumber> {
        let number = u16::try_from(self.lists.len()).ok()?;
        self.lists.push((name.to_owned(), purpose));
        Some(GuardNumber(number))
    }

    pub fn net(&mut self, list: GuardNumber, net: IpNet) {
        let net = canonical_net(net);
        match net.network() {
            IpAddr::V4(v4) => self.v4.push((u32::from(v4), net.prefix_len(), list.0)),
            IpAddr::V6(v6) => self.v6.push((u128::from(v6), net.prefix_len(), list.0)),
        }
    }

    pub fn name(&mut self, list: GuardNumber, name: &str, below: bool) {
        self.names.push((name.into(), below, list.0));
    }

    /// Adds what is always there.
    pub fn add_built_in(&mut self) {
        for (name, _, entries) in BUILT_IN {
            let Some(list) = self.list(name, Purpose::Guard) else { return };
            for address in entries.iter().filter_map(|text| text.parse::<IpAddr>().ok()) {
                self.net(list, address.into());
            }
        }
    }

    /// Records of lists; `text` keeps a text and gives its place.
    pub fn list_records(&self, mut text: impl FnMut(&str) -> (u32, u16)) -> Vec<u8> {
        let mut records = Vec::new();
        for (name, purpose) in &self.lists {
            let (offset, length) = text(name);
            for word in [offset, u32::from(length), *purpose as u32] {
                records.extend_from_slice(&word.to_le_bytes());
            }
        }
        records
    }

    pub fn v4_records(&mut self) -> Vec<u8> {
        self.v4.sort_unstable();
        self.v4.dedup();
        let parents = parents(&self.v4, |(address, length, _)| (u128::from(*address) << 96, *length));
        let mut records = Vec::with_capacity(self.v4.len() * GUARD_NET4_BYTES);
        for ((address, length, list), parent) in self.v4.iter().zip(parents) {
            records.extend_from_slice(&address.to_le_bytes());
            records.extend_from_slice(&tail(*length, *list, parent));
        }
        records
    }

    pub fn v6_records(&mut self) -> Vec<u8> {
        self.v6.sort_unstable();
        self.v6.dedup();
        let parents = parents(&self.v6, |(address, length, _)| (*address, *length));
        let mut records = Vec::with_capacity(self.v6.len() * GUARD_NET6_BYTES);
        for ((address, length, list), parent) in self.v6.iter().zip(parents) {
            records.extend_from_slice(&address.to_le_bytes());
            records.extend_from_slice(&tail(*length, *list, parent));
        }
        records
    }

    pub fn name_records(&mut self, mut text: impl FnMut(&str) -> (u32, u16)) -> Vec<u8> {
        self.names.sort_unstable();
        self.names.dedup();
        let mut records = Vec::with_capacity(self.names.len() * super::GUARD_NAME_BYTES);
        for (name, below, list) in &self.names {
            let (offset, length) = text(name);
            records.extend_from_slice(&offset.to_le_bytes());
            records.extend_from_slice(&u32::from(length).to_le_bytes());
            records.extend_from_slice(&list.to_le_bytes());
            records.extend_from_slice(&u16::from(*below).to_le_bytes());
        }
        records
    }
}

/// For each of the sorted networks 1 + the place of the next wider one that holds it, 0 where none does. `bits` gives
/// the address from the top of 128 bits on, and the length.
fn parents<T>(sorted: &[T], bits: impl Fn(&T) -> (u128, u8)) -> Vec<u32> {
    let mut open: Vec<(u128, u8, u32)> = Vec::new();
    let mut parents = Vec::with_capacity(sorted.len());
    for (at, one) in sorted.iter().enumerate() {
        let (address, length) = bits(one);
        let holds = |(wide, wide_length, _): &(u128, u8, u32)| {
            *wide_length == 0 || (wide ^ address).leading_zeros() >= u32::from(*wide_length)
        };
        while open.last().is_some_and(|last| !holds(last)) {
            open.pop();
        }
        parents.push(open.last().map_or(0, |(_, _, place)| *place));
        // A u32 counts more networks than memory holds.
        open.push((address, length, at as u32 + 1));
    }
    parents
}

/// What follows the address in a record of either family.
fn tail(length: u8, list: u16, parent: u32) -> [u8; 8] {
    let [l0, l1] = list.to_le_bytes();
    let [p0, p1, p2, p3] = parent.to_le_bytes();
    [length, 0, l0, l1, p0, p1, p2, p3]
}
