//! How do guard lists become sections of an image?

use std::net::IpAddr;

use ipnet::IpNet;
use tripoint_model::address::canonical_net;

use super::guard_order::{guard_records4, guard_records6};
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
    /// Numbers a list; room for the built-in ones is always left.
    pub fn list(&mut self, name: &str, purpose: Purpose) -> Option<GuardNumber> {
        let left = usize::from(u16::MAX) - BUILT_IN.len();
        (self.lists.len() < left).then(|| self.number(name, purpose))
    }

    fn number(&mut self, name: &str, purpose: Purpose) -> GuardNumber {
        // Below 65,536: `list` leaves room.
        let number = self.lists.len() as u16;
        self.lists.push((name.to_owned(), purpose));
        GuardNumber(number)
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
            let list = self.number(name, Purpose::Guard);
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
        guard_records4(&self.v4)
    }

    pub fn v6_records(&mut self) -> Vec<u8> {
        self.v6.sort_unstable();
        self.v6.dedup();
        guard_records6(&self.v6)
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
