//! Which IPv6 network holds an address? The layout, and one question at a time.
//!
//! Networks fall into classes by their prefix length: those of /64 and longer make groups by their first 64 bits,
//! shorter ones by their first 56, 48 or 32, and the few below are one group. Each class has a hashed bitmap of its
//! groups, in which a stranger ends, and a hash table that says where in the sorted records a group begins. So an
//! address next to a listed one, as attackers have them by the billion, is told apart without a look at the records.

use super::{NONE, Words32, Words64, word64};

/// How many first bits make a group of each class. Its networks have prefixes of so many bits and more.
pub(super) const CLASSES: [u8; 5] = [64, 56, 48, 32, 0];
/// Address `u128`, port `u16`, prefix length `u8`, has port `u8`, detail `u32`.
pub(super) const RECORD_BYTES: usize = 24;
/// The section of classes: `CLASS_WORDS` of `u32` each, then the multiplier of the hash as `u64`.
pub(super) const CLASS_WORDS: usize = 8;
/// Its length.
pub const CLASSES_BYTES: usize = CLASSES.len() * CLASS_WORDS * 4 + 8;
/// A group of more records is searched by prefix length.
const SMALL: usize = 8;

/// Where a class lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Class {
    /// Bits of the hash in the bitmap, and where its words begin.
    pub filter_bits: u32,
    pub filter_at: u32,
    /// Bits of the hash in the table, and where its slots begin.
    pub slot_bits: u32,
    pub slots_at: u32,
    /// Its records.
    pub first: u32,
    pub end: u32,
    /// Its prefix lengths: bit 0 is that of the class; the last bit stands for 127 and 128.
    pub lengths: u64,
}

/// The sections of an image that answer for IPv6.
#[derive(Clone, Copy, Debug)]
pub struct V6Table<'a> {
    pub(super) classes: [Class; CLASSES.len()],
    pub(super) multiplier: u64,
    pub(super) filters: Words64<'a>,
    pub(super) slots: Words32<'a>,
    pub(super) records: &'a [[u8; RECORD_BYTES]],
}

/// The bytes of the sections, each as an image holds it.
#[derive(Clone, Copy, Debug)]
pub struct V6Sections<'a> {
    /// `CLASSES_BYTES`.
    pub classes: &'a [u8],
    /// `u64` words of the bitmaps.
    pub filters: &'a [u8],
    /// `u32` slots: the place of a group's first record, or `NONE`.
    pub slots: &'a [u8],
    /// 24 bytes for each claim: sorted by class, address, prefix length.
    pub records: &'a [u8],
}

impl<'a> V6Table<'a> {
    /// The table over these sections; `None` when one has an impossible length.
    pub fn over(sections: &V6Sections<'a>) -> Option<Self> {
        let (words, tail) = sections.classes.as_chunks::<4>();
        if words.len() != CLASSES.len() * CLASS_WORDS + 2 || !tail.is_empty() {
            return None;
        }
        let (own, multiplier) = words.split_at(CLASSES.len() * CLASS_WORDS);
        let mut classes = [Class::default(); CLASSES.len()];
        for (class, words) in classes.iter_mut().zip(own.as_chunks::<CLASS_WORDS>().0) {
            *class = Class::read(words);
        }
        Some(Self {
            classes,
            multiplier: pair(multiplier[0], multiplier[1]),
            filters: sections.filters.as_chunks().0,
            slots: sections.slots.as_chunks().0,
            records: sections.records.as_chunks().0,
        })
    }

    /// Whether a listed network holds the address.
    pub fn contains(&self, address: u128) -> bool {
        self.find(address) != NONE
    }

    /// The place of the first record of the narrowest listed network that holds the address; `NONE` when there is none.
    pub fn find(&self, address: u128) -> u32 {
        let head = head(address);
        let met = (0..CLASSES.len()).filter(|class| self.may_have(*class, head));
        met.filter_map(|class| self.narrowest(class, self.group(class, head)?, address)).next().unwrap_or(NONE)
    }

    /// Shows the place of each record of a listed network that holds the address, in no order.
    pub fn holders(&self, address: u128, show: &mut dyn FnMut(u32)) {
        let head = head(address);
        for class in (0..CLASSES.len()).filter(|class| self.may_have(*class, head)) {
            let Some(group) = self.group(class, head) else { continue };
            self.each_holder(class, group, address, &mut |at| {
                show(at);
                true
            });
        }
    }

    /// Whether the class can have a group with this head: no is certain.
    #[inline(always)]
    pub(super) fn may_have(&self, class: usize, head: u64) -> bool {
        let own = &self.classes[class];
        let bit = hash(key(head, CLASSES[class]), self.multiplier, own.filter_bits);
        (word64(self.filters, own.filter_at as usize + (bit >> 6) as usize) >> (bit & 63)) & 1 == 1
    }

    /// Where the group with this head begins.
    pub(super) fn group(&self, class: usize, head: u64) -> Option<usize> {
        let (own, bits) = (&self.classes[class], CLASSES[class]);
        let wanted = key(head, bits);
        let mask = (1_u32 << own.slot_bits) - 1;
        let first = self.slot(class, head);
        for step in 0..=mask {
            let at = self.slot_at(class, (first + step) & mask)?;
            if key(self.head_of(at)?, bits) == wanted {
                return Some(at);
            }
        }
        None
    }

    /// The first slot of this head.
    #[inline(always)]
    pub(super) fn slot(&self, class: usize, head: u64) -> u32 {
        hash(slot_key(key(head, CLASSES[class])), self.multiplier, self.classes[class].slot_bits) as u32
    }

    #[inline(always)]
    pub(super) fn slot_at(&self, class: usize, slot: u32) -> Option<usize> {
        let at = self.slots.get((self.classes[class].slots_at + slot) as usize)?;
        Some(u32::from_le_bytes(*at)).filter(|at| *at != NONE).map(|at| at as usize)
    }

    /// The first 64 bits of a record's address.
    #[inline(always)]
    pub(super) fn head_of(&self, at: usize) -> Option<u64> {
        let [_, _, _, _, _, _, _, _, high @ .., _, _, _, _, _, _, _, _] = self.records.get(at)?;
        Some(u64::from_le_bytes(*high))
    }

    /// The first record of the group's narrowest network that holds the address.
    pub(super) fn narrowest(&self, class: usize, group: usize, address: u128) -> Option<u32> {
        let mut best: Option<(u8, u32)> = None;
        self.each_holder(class, group, address, &mut |at| {
            let length = self.record(at as usize).map_or(0, |(_, length)| length);
            if best.is_none_or(|(known, first)| length > known || (length == known && at < first)) {
                best = Some((length, at));
            }
            true
        });
        best.map(|(_, at)| at)
    }

    /// Shows the group's records that hold the address until told to stop.
    fn each_holder(&self, class: usize, group: usize, address: u128, show: &mut dyn FnMut(u32) -> bool) {
        let (own, bits) = (&self.classes[class], CLASSES[class]);
        let wanted = key(head(address), bits);
        let end = (own.end as usize).min(self.records.len());
        for (step, at) in (group..end).enumerate() {
            if step == SMALL {
                return self.each_by_length(class, (at, end), address, show);
            }
            let Some((network, length)) = self.record(at) else { return };
            if key(head(network), bits) != wanted {
                return;
            }
            if holds(network, length, address) && !show(at as u32) {
                return;
            }
        }
    }

    /// The same for records `from..end`, by asking for the one network of each length that could be it.
    fn each_by_length(
        &self,
        class: usize,
        (from, end): (usize, usize),
        address: u128,
        show: &mut dyn FnMut(u32) -> bool,
    ) {
        let lengths = self.classes[class].lengths;
        for length in CLASSES[class]..=128 {
            let bit = u32::from(length - CLASSES[class]).min(63);
            if (lengths >> bit) & 1 == 0 {
                continue;
            }
            let wanted = (address & mask(length), length);
            let before = |at: &usize| self.record(*at).is_some_and(|found| found < wanted);
            let first = partition(from, end, &before);
            for at in (first..end).take_while(|at| self.record(*at) == Some(wanted)) {
                if !show(at as u32) {
                    return;
                }
            }
        }
    }

    fn record(&self, at: usize) -> Option<(u128, u8)> {
        let record = self.records.get(at)?;
        let (address, _) = record.split_first_chunk::<16>()?;
        Some((u128::from_le_bytes(*address), record[18]))
    }
}

impl Class {
    fn read(words: &[[u8; 4]; CLASS_WORDS]) -> Self {
        let word = |at: usize| u32::from_le_bytes(words[at]);
        Self {
            // More would be shifted out of 64 bits, and no image has as many.
            filter_bits: word(0).min(40),
            filter_at: word(1),
            slot_bits: word(2).min(31),
            slots_at: word(3),
            first: word(4),
            end: word(5),
            lengths: pair(words[6], words[7]),
        }
    }
}

fn pair(low: [u8; 4], high: [u8; 4]) -> u64 {
    u64::from(u32::from_le_bytes(high)) << 32 | u64::from(u32::from_le_bytes(low))
}

/// The first 64 bits.
#[inline(always)]
pub(super) fn head(address: u128) -> u64 {
    (address >> 64) as u64
}

/// What the addresses of a group share, as a number.
#[inline(always)]
pub(super) fn key(head: u64, bits: u8) -> u64 {
    if bits == 0 { 0 } else { head >> (64 - bits) }
}

/// So many bits of the product: equally likely for any two keys when the multiplier is any odd number.
#[inline(always)]
pub(super) fn hash(key: u64, multiplier: u64, bits: u32) -> u64 {
    (key.wrapping_mul(multiplier) >> 1) >> (63 - bits)
}

fn mask(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
}

#[inline(always)]
fn holds(network: u128, length: u8, address: u128) -> bool {
    (network ^ address) & mask(length) == 0
}

/// The first place for which `before` is false; it holds for a prefix only.
fn partition(mut low: usize, mut high: usize, before: &dyn Fn(&usize) -> bool) -> usize {
    while low < high {
        let middle = low + (high - low) / 2;
        if before(&middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// Keys that meet in the bitmap are not to meet in the table as well.
#[inline(always)]
pub(super) fn slot_key(key: u64) -> u64 {
    key.rotate_left(32) ^ 0x9E37_79B9_7F4A_7C15
}
