//! Which addresses can possibly be bad, in a form that a kernel program answers in two reads?
//!
//! IPv4 is exact: a bitmap of the non-empty /24 networks with a rank per word leads to a node per
//! /24. IPv6 is a filter: two hashed bitmaps of 2^24 bits, on the first 32 and the first 48 bits of
//! the address. It may say yes to a stranger and never says no to a listed address.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Words of `u64` in each bitmap: 2^24 bits.
pub const BITMAP_WORDS: usize = 1 << 18;

/// Node kind of a /24 that is covered whole. Kinds 1 to 3 carry that many host bytes inline; kind 0
/// carries the index of a block in its low 24 bits.
pub const NODE_WHOLE: u32 = 255;

/// The set as arrays in the layout that the kernel program maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelSet {
    /// Bit `address >> 8` is set when that /24 holds a listed address.
    pub bitmap: Vec<u64>,
    /// Set bits of `bitmap` before each word.
    pub rank: Vec<u32>,
    /// One node per set bit of `bitmap`, in order.
    pub nodes: Vec<u32>,
    /// 256-bit maps of host bytes for /24s with more than three listed addresses.
    pub blocks: Vec<[u64; 4]>,
    /// Filter on the first 32 bits, for prefixes of 47 bits and less.
    pub filter6_32: Vec<u64>,
    /// Filter on the first 48 bits, for prefixes of 48 bits and more.
    pub filter6_48: Vec<u64>,
}

/// Hash of the first 32 bits of an IPv6 address, 24 bits wide.
pub fn h32(first: u32) -> u32 {
    first.wrapping_mul(0x9E37_79B1) >> 8
}

/// Hash of the first 48 bits of an IPv6 address, 24 bits wide.
pub fn h48(first: u64) -> u32 {
    // The product keeps 64 bits; 40 shifted out leave 24.
    (first.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as u32
}

impl KernelSet {
    /// Builds the set from any networks, single addresses included, in any order.
    pub fn build(nets: impl Iterator<Item = IpNet>) -> Self {
        let mut ranges = Vec::new();
        let mut filter6_32 = vec![0; BITMAP_WORDS];
        let mut filter6_48 = vec![0; BITMAP_WORDS];
        for net in nets {
            match net {
                IpNet::V4(net) => ranges.push((u32::from(net.network()), u32::from(net.broadcast()))),
                IpNet::V6(net) => {
                    add_v6(&mut filter6_32, &mut filter6_48, u128::from(net.network()), net.prefix_len());
                }
            }
        }
        ranges.sort_unstable();
        let mut set = Self {
            bitmap: vec![0; BITMAP_WORDS],
            rank: vec![0; BITMAP_WORDS],
            nodes: Vec::new(),
            blocks: Vec::new(),
            filter6_32,
            filter6_48,
        };
        set.add_ranges(&ranges);
        let mut before = 0;
        for (rank, word) in set.rank.iter_mut().zip(&set.bitmap) {
            *rank = before;
            before += word.count_ones();
        }
        set
    }

    /// Ranges sorted by start; they may overlap.
    fn add_ranges(&mut self, ranges: &[(u32, u32)]) {
        let mut pending: Option<(u32, [u64; 4])> = None;
        // Everything below this is already in: overlapping ranges cost nothing.
        let mut done = 0_u64;
        for (start, end) in ranges {
            let start = u64::from(*start).max(done);
            let end = u64::from(*end);
            if start > end {
                continue;
            }
            done = end + 1;
            for group in (start >> 8)..=(end >> 8) {
                let low = start.max(group << 8) & 0xff;
                let high = end.min((group << 8) | 0xff) & 0xff;
                // A group is a /24: 24 bits.
                let group = group as u32;
                match &mut pending {
                    Some((same, mask)) if *same == group => set_bits(mask, low, high),
                    _ => {
                        if let Some((group, mask)) = pending.take() {
                            self.push(group, mask);
                        }
                        let mut mask = [0; 4];
                        set_bits(&mut mask, low, high);
                        pending = Some((group, mask));
                    }
                }
            }
        }
        if let Some((group, mask)) = pending {
            self.push(group, mask);
        }
    }

    fn push(&mut self, group: u32, mask: [u64; 4]) {
        set_bit(&mut self.bitmap, group);
        let count: u32 = mask.iter().map(|word| word.count_ones()).sum();
        let node = match count {
            256 => NODE_WHOLE << 24,
            1..=3 => {
                let hosts = (0..256_u32).filter(|host| get_bit(&mask, *host));
                let packed = hosts.enumerate().fold(0, |node, (at, host)| node | (host << (8 * at)));
                (count << 24) | packed
            }
            _ => {
                self.blocks.push(mask);
                // At most 2^24 blocks exist: one per /24.
                (self.blocks.len() - 1) as u32
            }
        };
        self.nodes.push(node);
    }

    /// Whether the IPv4 address is in the set: exact.
    pub fn contains_v4(&self, address: u32) -> bool {
        let (word, bit) = place(address >> 8);
        if (self.bitmap[word] >> bit) & 1 == 0 {
            return false;
        }
        let below = self.bitmap[word] & ((1 << bit) - 1);
        let node = self.nodes[(self.rank[word] + below.count_ones()) as usize];
        node_holds(node, address, |index, word| self.blocks.get(index).map_or(0, |block| block[word]))
    }

    /// Whether the IPv6 address may be in the set: no false negatives.
    pub fn may_contain_v6(&self, address: u128) -> bool {
        let (first32, first48) = heads(address);
        get_bit(&self.filter6_48, h48(first48)) || get_bit(&self.filter6_32, h32(first32))
    }

    /// Whether the address is, or for IPv6 may be, in the set.
    pub fn may_contain(&self, address: std::net::IpAddr) -> bool {
        match address {
            std::net::IpAddr::V4(v4) => self.contains_v4(u32::from(v4)),
            std::net::IpAddr::V6(v6) => self.may_contain_v6(u128::from(v6)),
        }
    }
}

/// The same set as little-endian bytes inside an image.
#[derive(Clone, Copy, Debug)]
pub struct KernelSetRef<'a> {
    /// `u64[262144]`.
    pub bitmap: &'a [u8],
    /// `u32[262144]`.
    pub rank: &'a [u8],
    /// `u32` per non-empty /24.
    pub nodes: &'a [u8],
    /// `u64[4]` per block.
    pub blocks: &'a [u8],
    /// `u64[262144]`.
    pub filter6_32: &'a [u8],
    /// `u64[262144]`.
    pub filter6_48: &'a [u8],
}

impl KernelSetRef<'_> {
    /// Whether the IPv4 address is in the set: exact.
    pub fn contains_v4(&self, address: Ipv4Addr) -> bool {
        let address = u32::from(address);
        let (word, bit) = place(address >> 8);
        let bits = u64_at(self.bitmap, word);
        if (bits >> bit) & 1 == 0 {
            return false;
        }
        let below = (bits & ((1 << bit) - 1)).count_ones();
        let node = u32_at(self.nodes, u32_at(self.rank, word).saturating_add(below) as usize);
        node_holds(node, address, |index, word| u64_at(self.blocks, index * 4 + word))
    }

    /// Whether the IPv6 address may be in the set: no false negatives.
    pub fn may_contain_v6(&self, address: Ipv6Addr) -> bool {
        let (first32, first48) = heads(u128::from(address));
        let bit = |filter: &[u8], hash: u32| {
            let (word, bit) = place(hash);
            (u64_at(filter, word) >> bit) & 1 == 1
        };
        bit(self.filter6_48, h48(first48)) || bit(self.filter6_32, h32(first32))
    }
}

fn node_holds(node: u32, address: u32, block_word: impl Fn(usize, usize) -> u64) -> bool {
    let host = address & 0xff;
    match node >> 24 {
        0 => {
            let word = block_word((node & 0x00ff_ffff) as usize, (host >> 6) as usize);
            (word >> (host & 63)) & 1 == 1
        }
        count @ 1..=3 => (0..count).any(|at| (node >> (8 * at)) & 0xff == host),
        kind => kind == NODE_WHOLE,
    }
}

fn add_v6(filter32: &mut [u64], filter48: &mut [u64], network: u128, length: u8) {
    let (first32, first48) = heads(network);
    match length {
        48.. => set_bit(filter48, h48(first48)),
        32..48 => set_bit(filter32, h32(first32)),
        // From /8 on there are as many /32s as bits: set them all.
        0..=8 => filter32.fill(u64::MAX),
        _ => {
            for more in 0..(1_u32 << (32 - length)) {
                set_bit(filter32, h32(first32.wrapping_add(more)));
            }
        }
    }
}

/// The first 32 and the first 48 bits.
fn heads(address: u128) -> (u32, u64) {
    ((address >> 96) as u32, (address >> 80) as u64)
}

fn place(bit: u32) -> (usize, u32) {
    ((bit >> 6) as usize, bit & 63)
}

fn set_bit(words: &mut [u64], bit: u32) {
    let (word, bit) = place(bit);
    words[word] |= 1 << bit;
}

fn get_bit(words: &[u64], bit: u32) -> bool {
    let (word, bit) = place(bit);
    (words[word] >> bit) & 1 == 1
}

/// Sets bits `low..=high` of 256.
fn set_bits(mask: &mut [u64; 4], low: u64, high: u64) {
    if low == 0 && high == 255 {
        *mask = [u64::MAX; 4];
        return;
    }
    for bit in low..=high {
        mask[(bit >> 6) as usize] |= 1 << (bit & 63);
    }
}

fn u64_at(bytes: &[u8], index: usize) -> u64 {
    let at = index * 8;
    bytes.get(at..at + 8).and_then(|word| word.try_into().ok()).map_or(0, u64::from_le_bytes)
}

fn u32_at(bytes: &[u8], index: usize) -> u32 {
    let at = index * 4;
    bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    /// Few /24s and few leading bits, so that entries meet.
    fn v4_net() -> impl Strategy<Value = IpNet> {
        (0_u32..4, any::<u8>(), 20_u8..=32).prop_map(|(group, host, length)| {
            let address = Ipv4Addr::from(0x0a00_0000 | (group << 8) | u32::from(host));
            IpNet::new(address.into(), length).unwrap().trunc()
        })
    }

    fn v6_net() -> impl Strategy<Value = IpNet> {
        (any::<u128>(), 16_u8..=128)
            .prop_map(|(address, length)| IpNet::new(Ipv6Addr::from(address).into(), length).unwrap().trunc())
    }

    proptest! {
        #[test]
        fn v4_agrees_with_a_naive_list(nets in prop::collection::vec(v4_net(), 0..12)) {
            let set = KernelSet::build(nets.iter().copied());
            for address in 0x09ff_ff00_u32..0x0a00_1100 {
                let naive = nets.iter().any(|net| net.contains(&std::net::IpAddr::V4(Ipv4Addr::from(address))));
                prop_assert_eq!(set.contains_v4(address), naive, "{}", Ipv4Addr::from(address));
            }
        }

        #[test]
        fn v6_has_no_false_negatives(nets in prop::collection::vec(v6_net(), 1..8), host in any::<u128>()) {
            let set = KernelSet::build(nets.iter().copied());
            for net in nets {
                let IpNet::V6(v6) = net else { continue };
                let address = u128::from(v6.network()) | (host & u128::from(v6.hostmask()));
                prop_assert!(set.may_contain_v6(address));
            }
        }
    }

    #[test]
    fn nodes_have_the_layout_that_the_kernel_program_reads() {
        let nets = ["10.0.0.7", "10.0.0.9", "10.0.1.0/24", "10.0.2.0/29", "0.0.0.0", "255.255.255.255"];
        let set = KernelSet::build(
            nets.iter().map(|text| net(&format!("{text}{}", if text.contains('/') { "" } else { "/32" }))),
        );
        let expected = [1 << 24, (2 << 24) | (9 << 8) | 7, 255 << 24, 0, (1 << 24) | 255];
        assert_eq!(set.nodes, expected);
        assert_eq!(set.blocks, [[0xff, 0, 0, 0]]);
        assert_eq!(set.bitmap[0x0a_0000 >> 6], 0b111);
        assert_eq!(set.rank[0x0a_0000 >> 6], 1);
        assert_eq!(set.rank[BITMAP_WORDS - 1], 4);
    }

    #[test]
    fn the_whole_internet_is_not_slow() {
        let set = KernelSet::build(["0.0.0.0/0", "0.0.0.0/1", "::/0"].into_iter().map(net));
        assert!(set.contains_v4(0x0808_0808));
        assert!(set.may_contain_v6(7));
        assert_eq!(set.nodes.len(), 1 << 24);
    }

    #[test]
    fn hashes_are_those_of_the_contract() {
        assert_eq!(h32(0x2001_0db8), 0x2001_0db8_u32.wrapping_mul(0x9E37_79B1) >> 8);
        assert!(h48(0xffff_ffff_ffff) < 1 << 24);
    }
}
