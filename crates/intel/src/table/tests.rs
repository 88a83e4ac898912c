//! Do the tables agree with a naive list, for every kind of node?

use proptest::prelude::*;

use super::*;

/// The number of the narrowest network that holds the address, by looking at each.
fn naive(networks: &[(u32, u8)], address: u32) -> u32 {
    let holds = |(net, length): &(u32, u8)| length == &0 || (net ^ address) >> (32 - length) == 0;
    let holders = networks.iter().enumerate().filter(|(_, network)| holds(network));
    holders.max_by_key(|(_, (_, length))| *length).map_or(NONE, |(at, _)| at as u32)
}

fn parts(networks: &[(u32, u8)]) -> V4Parts {
    V4Parts::build(networks.iter().enumerate().map(|(at, (address, length))| (*address, *length, at as u32)))
}

/// Few /24s, so that networks meet; also the ends of the address space, and all of it.
fn network() -> impl Strategy<Value = (u32, u8)> {
    let near = (prop_oneof![Just(0_u32), Just(0x0a00_0000), Just(0xffff_fc00)], 0_u32..1024, 20_u8..=32);
    let wide = (any::<u32>(), 0_u8..20).prop_map(|(address, length)| (address, 0, length));
    prop_oneof![9 => near, 1 => wide].prop_map(|(base, host, length)| {
        let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
        ((base | host) & mask, length)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn v4_agrees_with_a_naive_list(mut networks in prop::collection::vec(network(), 0..60), far in any::<u32>()) {
        networks.sort_unstable();
        networks.dedup();
        let parts = parts(&networks);
        let table = parts.table().expect("a table");
        let near = [0_u32, 0x0a00_0000, 0xffff_fc00].into_iter().flat_map(|base| base..=base + 1023);
        let asked: Vec<u32> = near.chain([far]).collect();
        let mut numbers = vec![0; asked.len()];
        table.find_all(&asked, &mut numbers);
        let mut hits = Vec::new();
        table.hits(&asked, &mut hits);
        let mut expected_hits = Vec::new();
        for (row, address) in asked.iter().enumerate() {
            let expected = naive(&networks, *address);
            prop_assert_eq!(table.find(*address), expected, "{:x}", address);
            prop_assert_eq!(numbers[row], expected, "{:x} of many", address);
            prop_assert_eq!(table.contains(*address), expected != NONE);
            expected_hits.extend((expected != NONE).then_some(row as u32));
        }
        prop_assert_eq!(hits, expected_hits);
    }
}

#[test]
fn nodes_have_the_layout_that_the_kernel_program_reads() {
    let networks = [
        (0, 32),
        (0x0a00_0007, 32),
        (0x0a00_0009, 32),
        (0x0a00_0100, 24),
        (0x0a00_0208, 29),
        (0x0a00_0300, 31),
        (0x0a00_0380, 25),
    ];
    let parts = parts(&networks);
    let nodes: Vec<u32> = parts.nodes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let expected = [1 << 24, 2 << 24 | 0x09_0907, v4::WHOLE << 24, v4::RANGE << 24 | 0x0f08, 0];
    assert_eq!(nodes, expected);
    assert_eq!(parts.blocks[..16], [3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(parts.blocks[16..], [0xff; 16]);
    assert!(V4Parts::default().table().is_none());
}

/// Sorted records of networks that differ in nothing else.
fn records(networks: &[(u128, u8)]) -> Vec<[u8; 24]> {
    let mut sorted = networks.to_vec();
    sorted.sort_unstable_by_key(|(address, length)| (class_of(*length), *address, *length));
    let record = |(address, length): &(u128, u8)| {
        let mut record = [0; 24];
        record[..16].copy_from_slice(&address.to_le_bytes());
        record[18] = *length;
        record
    };
    sorted.iter().map(record).collect()
}

/// Places of all records that hold the address, narrowest first.
fn naive_v6(records: &[[u8; 24]], address: u128) -> Vec<u32> {
    let of = |record: &[u8; 24]| (u128::from_le_bytes(record[..16].try_into().expect("16 bytes")), record[18]);
    let holds = |(network, length): (u128, u8)| length == 0 || (network ^ address) >> (128 - length) == 0;
    let mut found: Vec<(u8, u32)> = records
        .iter()
        .enumerate()
        .filter(|(_, record)| holds(of(record)))
        .map(|(at, record)| (record[18], at as u32))
        .collect();
    found.sort_unstable_by_key(|(length, at)| (std::cmp::Reverse(*length), *at));
    found.into_iter().map(|(_, at)| at).collect()
}

/// Networks near each other at every length; groups grow beyond what is looked through one by one.
fn network_v6() -> impl Strategy<Value = (u128, u8)> {
    let low = prop_oneof![0_u128..40, (0_u128..4).prop_map(|part| part << 64), (0_u128..4).prop_map(|part| part << 72)];
    let far = prop_oneof![Just(0_u128), Just(1 << 80), Just(3 << 96), any::<u128>()];
    let length = prop_oneof![4 => Just(128_u8), 4 => 0_u8..=128, 1 => Just(64_u8)];
    (low, far, length).prop_map(|(low, far, length)| {
        let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
        ((0x2001_0db8_u128 << 96 | low | far) & mask, length)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn v6_agrees_with_a_naive_list(mut networks in prop::collection::vec(network_v6(), 0..80), flips in prop::collection::vec(0_u32..128, 1..12)) {
        networks.sort_unstable();
        networks.dedup();
        let records = records(&networks);
        let parts = V6Parts::build(&records);
        let table = parts.table(records.as_flattened()).expect("a table");
        let near = |(address, length): &(u128, u8)| {
            let last = address | u128::MAX.checked_shr(u32::from(*length)).unwrap_or(0);
            let flipped: Vec<u128> = flips.iter().map(|bit| address ^ (1 << bit)).collect();
            flipped.into_iter().chain([*address, last])
        };
        let asked: Vec<u128> = networks.iter().flat_map(near).collect();
        let mut many = vec![0; asked.len()];
        table.find_all(&asked, &mut many);
        for (address, of_many) in asked.into_iter().zip(many) {
            let expected = naive_v6(&records, address);
            prop_assert_eq!(table.find(address), expected.first().copied().unwrap_or(NONE), "{:x}", address);
            prop_assert_eq!(of_many, table.find(address), "{:x} of many", address);
            let mut found = Vec::new();
            table.holders(address, &mut |at| found.push(at));
            found.sort_unstable();
            let mut expected = expected;
            expected.sort_unstable();
            prop_assert_eq!(found, expected, "{:x}", address);
        }
    }
}

/// Keys whose products with the usual multiplier agree in all high bits.
#[test]
fn addresses_that_are_chosen_to_meet_do_not_slow_the_table() {
    let inverse =
        (0..6).fold(1_u64, |x, _| x.wrapping_mul(2_u64.wrapping_sub(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(x))));
    let head = |at: u64| (inverse.wrapping_mul(at) ^ 0x9E37_79B9_7F4A_7C15).rotate_right(32);
    let networks: Vec<(u128, u8)> = (0..4000).map(|at| (u128::from(head(at)) << 64, 128)).collect();
    let records = records(&networks);
    let parts = V6Parts::build(&records);
    assert_ne!(parts.classes[parts.classes.len() - 8..], 0x9E37_79B9_7F4A_7C15_u64.to_le_bytes());
    let table = parts.table(records.as_flattened()).expect("a table");
    assert!(networks.iter().all(|(address, _)| table.contains(*address) && !table.contains(address ^ 1)));
}
