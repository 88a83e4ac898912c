//! How do networks become the table for IPv6?

use std::hash::{BuildHasher as _, RandomState};

use super::v6::{CLASS_WORDS, CLASSES, Class, RECORD_BYTES, V6Sections, hash, head, key, slot_key};
use super::{NONE, V6Table};

/// The table's sections as little-endian bytes; the records are the caller's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct V6Parts {
    /// As in `V6Sections`.
    pub classes: Vec<u8>,
    /// As in `V6Sections`.
    pub filters: Vec<u8>,
    /// As in `V6Sections`.
    pub slots: Vec<u8>,
}

/// The place of a network of this length in the order of classes. Records are sorted by it, then by address and length.
pub fn class_of(length: u8) -> usize {
    CLASSES.iter().position(|least| length >= *least).unwrap_or(CLASSES.len() - 1)
}

impl V6Parts {
    /// Builds the table over records in the order of `class_of`, address and length.
    pub fn build(records: &[[u8; RECORD_BYTES]]) -> Self {
        let (mut best, longest) = Self::with_multiplier(records, MULTIPLIER, u32::MAX);
        if longest > PROBE_MAX {
            // Somebody chose addresses that meet under the usual number: they cannot know this one.
            let random = RandomState::new().hash_one(records.len()) | 1;
            (best, _) = Self::with_multiplier(records, random, u32::MAX);
        }
        best
    }

    /// The table that `build` made with this multiplier; `None` when it cannot have made one, found out without
    /// looking at many slots.
    pub(crate) fn build_as(records: &[[u8; RECORD_BYTES]], multiplier: u64) -> Option<Self> {
        let (table, longest) = Self::with_multiplier(records, multiplier, PROBE_MAX);
        (longest <= PROBE_MAX).then_some(table)
    }

    /// The table, and how many slots at most had to be looked at for one group; it is not finished when those are
    /// more than `probe_max`.
    fn with_multiplier(records: &[[u8; RECORD_BYTES]], multiplier: u64, probe_max: u32) -> (Self, u32) {
        let mut out = Self::default();
        let (mut first, mut longest) = (0, 0);
        for (number, bits) in CLASSES.into_iter().enumerate() {
            let own = &records[first..];
            let own = &own[..own.partition_point(|record| class_of(record[18]) <= number)];
            let (class, probe) = out.class(own, first, bits, (multiplier, probe_max));
            out.describe(&class);
            longest = longest.max(probe);
            first += own.len();
        }
        out.classes.extend_from_slice(&multiplier.to_le_bytes());
        (out, longest)
    }

    fn class(
        &mut self,
        records: &[[u8; RECORD_BYTES]],
        first: usize,
        bits: u8,
        (multiplier, probe_max): (u64, u32),
    ) -> (Class, u32) {
        let mut groups: Vec<(u64, u32)> = Vec::new();
        let mut lengths = 0;
        for (at, record) in records.iter().enumerate() {
            lengths |= 1_u64 << u32::from(record[18].saturating_sub(bits)).min(63);
            let key = key(head_of(record), bits);
            if groups.last().is_none_or(|(known, _)| *known != key) {
                // Records are counted by a u32 everywhere.
                groups.push((key, (first + at) as u32));
            }
        }
        let bits_for = |each: usize| (groups.len() * each).next_power_of_two().trailing_zeros();
        let class = Class {
            filter_bits: bits_for(FILTER_BITS_EACH).max(6),
            filter_at: (self.filters.len() / 8) as u32,
            slot_bits: bits_for(SLOTS_EACH),
            slots_at: (self.slots.len() / 4) as u32,
            first: first as u32,
            end: (first + records.len()) as u32,
            lengths,
        };
        let mut filter = vec![0_u64; 1 << (class.filter_bits - 6)];
        let mut slots = vec![NONE; 1 << class.slot_bits];
        let mut longest = 0;
        for (key, at) in groups {
            let bit = hash(key, multiplier, class.filter_bits);
            filter[(bit >> 6) as usize] |= 1 << (bit & 63);
            longest = longest.max(insert(&mut slots, hash(slot_key(key), multiplier, class.slot_bits) as usize, at));
            if longest > probe_max {
                break;
            }
        }
        self.filters.extend(filter.iter().flat_map(|word| word.to_le_bytes()));
        self.slots.extend(slots.iter().flat_map(|slot| slot.to_le_bytes()));
        (class, longest)
    }

    fn describe(&mut self, class: &Class) {
        let lengths = [class.lengths as u32, (class.lengths >> 32) as u32];
        let words: [u32; CLASS_WORDS] = [
            class.filter_bits,
            class.filter_at,
            class.slot_bits,
            class.slots_at,
            class.first,
            class.end,
            lengths[0],
            lengths[1],
        ];
        self.classes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    }

    /// The table over these parts and the records that they were built from.
    pub fn table<'a>(&'a self, records: &'a [u8]) -> Option<V6Table<'a>> {
        V6Table::over(&V6Sections { classes: &self.classes, filters: &self.filters, slots: &self.slots, records })
    }
}

/// Puts a group into the next free slot; says how far that was.
fn insert(slots: &mut [u32], from: usize, group: u32) -> u32 {
    let mask = slots.len() - 1;
    let free = (0..slots.len()).find(|step| slots[(from + step) & mask] == NONE);
    // There are always more slots than groups.
    let step = free.unwrap_or(0);
    slots[(from + step) & mask] = group;
    step as u32
}

fn head_of(record: &[u8; RECORD_BYTES]) -> u64 {
    record.first_chunk::<16>().map_or(0, |address| head(u128::from_le_bytes(*address)))
}

/// The usual multiplier: the golden ratio, odd.
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
/// Slots that are looked at for one group, before another multiplier is taken.
const PROBE_MAX: u32 = 256;
/// One stranger in 16 to 32 passes.
const FILTER_BITS_EACH: usize = 16;
/// At most half of the slots are taken, and there is always a free one.
const SLOTS_EACH: usize = 2;
