//! Which wider network holds each network of the guard lists?
//!
//! Networks nest or are apart, never half of each: sorted by address and length they are a forest in the order of
//! a walk, and each knows the next wider one that holds it. The last network that begins at or before an address is
//! then inside every network that holds the address: one binary search, and a way up.

use super::{GUARD_NET4_BYTES, GUARD_NET6_BYTES};

/// The section of sorted networks with their lists, IPv4.
pub(crate) fn guard_records4(sorted: &[(u32, u8, u16)]) -> Vec<u8> {
    let parents = parents(sorted, |(address, length, _)| (u128::from(*address) << 96, *length));
    let mut records = Vec::with_capacity(sorted.len() * GUARD_NET4_BYTES);
    for ((address, length, list), parent) in sorted.iter().zip(parents) {
        records.extend_from_slice(&address.to_le_bytes());
        records.extend_from_slice(&tail(*length, *list, parent));
    }
    records
}

/// The same, IPv6.
pub(crate) fn guard_records6(sorted: &[(u128, u8, u16)]) -> Vec<u8> {
    let parents = parents(sorted, |(address, length, _)| (*address, *length));
    let mut records = Vec::with_capacity(sorted.len() * GUARD_NET6_BYTES);
    for ((address, length, list), parent) in sorted.iter().zip(parents) {
        records.extend_from_slice(&address.to_le_bytes());
        records.extend_from_slice(&tail(*length, *list, parent));
    }
    records
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
