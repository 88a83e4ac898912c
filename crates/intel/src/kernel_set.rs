//! Which addresses can possibly be bad, in a form that a kernel program answers in two reads?
//!
//! IPv4 is exact: the bitmap, ranks, nodes and blocks of `table::v4`. IPv6 is a filter: two hashed bitmaps of 2^24 bits,
//! on the first 32 and the first 48 bits of the address. It may say yes to a stranger and never says no to a listed
//! address.

/// Words of `u64` in each bitmap: 2^24 bits.
const BITMAP_WORDS: usize = crate::table::WORDS;

/// The arrays that the kernel program maps, little-endian as an image holds them.
#[derive(Clone, Copy, Debug)]
pub struct KernelSetRef<'a> {
    /// `u64[262144]`: bit `address >> 8` is set when that /24 holds a listed address.
    pub bitmap: &'a [u8],
    /// `u32[262144]`: set bits of `bitmap` before each word.
    pub rank: &'a [u8],
    /// `u32` per set bit of `bitmap`, in order.
    pub nodes: &'a [u8],
    /// `u64[4]` per block: maps of host bytes for /24s that a node does not hold itself.
    pub blocks: &'a [u8],
    /// `u64[262144]`: filter on the first 32 bits, for prefixes of 47 bits and less.
    pub filter6_32: &'a [u8],
    /// `u64[262144]`: filter on the first 48 bits, for prefixes of 48 bits and more.
    pub filter6_48: &'a [u8],
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

impl KernelSetRef<'_> {
    /// Whether the kernel takes the IPv6 address for one that may be listed.
    pub fn may_contain_v6(&self, address: u128) -> bool {
        let (first32, first48) = heads(address);
        let has = |filter: &[u8], hash: u32| {
            let word = filter.as_chunks::<8>().0.get((hash >> 6) as usize);
            word.is_some_and(|word| (u64::from_le_bytes(*word) >> (hash & 63)) & 1 == 1)
        };
        has(self.filter6_48, h48(first48)) || has(self.filter6_32, h32(first32))
    }
}

/// The two filters over networks of IPv6: on the first 32 bits and on the first 48.
pub(crate) fn filters_v6(networks: impl Iterator<Item = (u128, u8)>) -> [Vec<u8>; 2] {
    let mut on32 = vec![0; BITMAP_WORDS];
    let mut on48 = vec![0; BITMAP_WORDS];
    for (network, length) in networks {
        add(&mut on32, &mut on48, network, length);
    }
    [on32, on48].map(|words| words.iter().flat_map(|word| word.to_le_bytes()).collect())
}

fn add(on32: &mut [u64], on48: &mut [u64], network: u128, length: u8) {
    let set = |words: &mut [u64], hash: u32| words[(hash >> 6) as usize] |= 1 << (hash & 63);
    let (first32, first48) = heads(network);
    match length {
        48.. => set(on48, h48(first48)),
        32..48 => set(on32, h32(first32)),
        // From /8 on there are as many /32s as bits: set them all.
        0..=8 => on32.fill(u64::MAX),
        _ => (0..1_u32 << (32 - length)).for_each(|more| set(on32, h32(first32.wrapping_add(more)))),
    }
}

/// The first 32 and the first 48 bits.
fn heads(address: u128) -> (u32, u64) {
    ((address >> 96) as u32, (address >> 80) as u64)
}

#[cfg(all(test, feature = "feeds"))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn v6_has_no_false_negatives(
            networks in prop::collection::vec((any::<u128>(), 16_u8..=128), 1..8),
            host in any::<u128>(),
        ) {
            let mask = |length: u8| u128::MAX << (128 - u32::from(length));
            let networks: Vec<(u128, u8)> =
                networks.into_iter().map(|(address, length)| (address & mask(length), length)).collect();
            let [on32, on48] = filters_v6(networks.iter().copied());
            let set =
                KernelSetRef { bitmap: &[], rank: &[], nodes: &[], blocks: &[], filter6_32: &on32, filter6_48: &on48 };
            for (network, length) in networks {
                prop_assert!(set.may_contain_v6(network | (host & !mask(length))));
            }
        }
    }

    #[test]
    fn the_whole_internet_is_not_slow() {
        let [on32, _] = filters_v6([(0, 0)].into_iter());
        assert!(on32.iter().all(|byte| *byte == 0xff));
    }

    #[test]
    fn hashes_are_those_of_the_contract() {
        assert_eq!(h32(0x2001_0db8), 0x2001_0db8_u32.wrapping_mul(0x9E37_79B1) >> 8);
        assert!(h48(0xffff_ffff_ffff) < 1 << 24);
    }
}
