//! What do claims of the target say, and which of the base's said the same before?

#[cfg(feature = "feeds")]
use std::collections::HashMap;

use super::DeltaError;
use super::texts::Moves;
#[cfg(feature = "feeds")]
use super::wire::Packed;
use super::wire::{Reader, ended};
use crate::image::{DETAIL_BYTES, u16_at, u32_at};
use crate::table::NONE;

/// A record of the section of details.
pub(super) type Record = [u8; DETAIL_BYTES];

/// Where each field of a record lies, and how many bytes it has.
const FIELDS: [(usize, usize); 15] = [
    (0, 2),
    (2, 1),
    (3, 1),
    (4, 1),
    (5, 1),
    (6, 2),
    (8, 4),
    (12, 4),
    (16, 2),
    (18, 2),
    (20, 8),
    (28, 8),
    (36, 8),
    (44, 8),
    (52, 4),
];

/// Details of the base with the feeds and texts of the target.
pub(super) struct Moved<'a> {
    pub details: &'a [Record],
    pub feeds: &'a [Option<u16>],
    pub moves: &'a Moves,
}

impl Moved<'_> {
    /// The record, and whether all that it points at is in the target.
    fn get(&self, number: usize) -> Option<(Record, bool)> {
        let mut record = *self.details.get(number)?;
        let feed = self.feeds.get(usize::from(u16_at(&record, 0)?)).copied().flatten();
        let labels = self.moves.of((u32_at(&record, 8)?, u16_at(&record, 6)?.into()));
        let cves = self.moves.of((u32_at(&record, 12)?, u16_at(&record, 16)?.into()));
        record[..2].copy_from_slice(&feed.unwrap_or(0).to_le_bytes());
        record[8..12].copy_from_slice(&labels.unwrap_or(0).to_le_bytes());
        record[12..16].copy_from_slice(&cves.unwrap_or(0).to_le_bytes());
        Some((record, feed.is_some() && labels.is_some() && cves.is_some()))
    }
}

/// Columns of details: runs as `count * 4 + kind`, places in the base against the one after the last, fields that
/// differ (a bit each), by how much they do (signed, in a ring of 64 bits).
pub(super) const COLUMNS: usize = 4;

/// As in the base.
const SAME: u64 = 0;
/// In place of one of the base, whose records follow; fields differ from its.
const CHANGED: u64 = 1;
/// Of its own; fields differ from those of the detail before.
const NEW: u64 = 2;

/// The details of the target, at most so many, and for each of the base what became of it (`NONE`: nothing).
pub(super) fn read(
    [mut runs, mut places, mut masks, mut values]: [Reader<'_>; COLUMNS],
    base: &Moved<'_>,
    count_max: usize,
) -> Result<(Vec<Record>, Vec<u32>), DeltaError> {
    let mut out: Vec<Record> = Vec::new();
    let mut became = vec![NONE; base.details.len()];
    let mut next = 0_i64;
    while !runs.is_empty() {
        let word = runs.number()?;
        let count = usize::try_from(word >> 2).ok().filter(|count| out.len() + count.min(&count_max) <= count_max);
        let (count, kind) = (count.ok_or(DeltaError::Damaged("more details than fit"))?, word & 3);
        for at in 0..count {
            let mut record = match kind {
                NEW => out.last().copied().unwrap_or([0; DETAIL_BYTES]),
                SAME | CHANGED => {
                    if kind == CHANGED || at == 0 {
                        next = next.checked_add(places.signed()?).ok_or(OUTSIDE)?;
                    }
                    let number = usize::try_from(next).or(Err(OUTSIDE))?;
                    let (record, _) = base.get(number).ok_or(OUTSIDE)?;
                    if became[number] != NONE {
                        return Err(DeltaError::Damaged("a detail is taken twice"));
                    }
                    became[number] = u32::try_from(out.len()).or(Err(OUTSIDE))?;
                    next += 1;
                    record
                }
                _ => return Err(DeltaError::Damaged("a kind of detail that does not exist")),
            };
            if kind != SAME {
                change(&mut record, &mut masks, &mut values)?;
            }
            out.push(record);
        }
    }
    ended(&[places, masks, values])?;
    Ok((out, became))
}

fn change(record: &mut Record, masks: &mut Reader<'_>, values: &mut Reader<'_>) -> Result<(), DeltaError> {
    let mask = masks.number()?;
    for (at, field) in FIELDS.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1) {
        let value = field_of(record, at).wrapping_add(values.signed()?.cast_unsigned());
        record[field.0..field.0 + field.1].copy_from_slice(&value.to_le_bytes()[..field.1]);
    }
    Ok(())
}

fn field_of(record: &Record, field: usize) -> u64 {
    let (at, length) = FIELDS[field];
    let mut bytes = [0; 8];
    bytes[..length].copy_from_slice(&record[at..at + length]);
    u64::from_le_bytes(bytes)
}

/// How the details of the target are said; `instead` finds, for one that the base does not have, the detail of the
/// base whose records most likely have it now.
#[cfg(feature = "feeds")]
pub(super) fn pack(
    base: &Moved<'_>,
    target: &[Record],
    instead: impl Fn(usize, &[u32]) -> Option<u32>,
) -> [Packed; COLUMNS] {
    let mut became = same(base, target);
    let mut from: Vec<u32> = vec![NONE; target.len()];
    for (number, to) in became.iter().enumerate().filter(|(_, to)| **to != NONE) {
        from[*to as usize] = number as u32;
    }
    let mut kinds: Vec<u64> = from.iter().map(|from| if *from == NONE { NEW } else { SAME }).collect();
    for number in 0..target.len() {
        if kinds[number] == NEW
            && let Some(former) = instead(number, &became)
        {
            became[former as usize] = number as u32;
            from[number] = former;
            kinds[number] = CHANGED;
        }
    }
    let [mut runs, mut places, mut masks, mut values]: [Packed; COLUMNS] = Default::default();
    let (mut at, mut next) = (0, 0_i64);
    while at < target.len() {
        let kind = kinds[at];
        let follows = |one: &usize| {
            kinds[*one] == kind && (kind != SAME || *one == at || from[*one] == from[*one - 1].wrapping_add(1))
        };
        let end = (at..target.len()).find(|one| !follows(one)).unwrap_or(target.len());
        runs.number(((end - at) as u64) << 2 | kind);
        for one in at..end {
            if kind != NEW && (kind != SAME || one == at) {
                places.signed(i64::from(from[one]) - next);
            }
            if kind != NEW {
                next = i64::from(from[one]) + 1;
            }
            let reference = match kind {
                SAME => continue,
                CHANGED => base.get(from[one] as usize).map(|(record, _)| record),
                _ => one.checked_sub(1).map(|before| target[before]),
            };
            differ(&reference.unwrap_or([0; DETAIL_BYTES]), &target[one], &mut masks, &mut values);
        }
        at = end;
    }
    [runs, places, masks, values]
}

/// For each detail of the base the one of the target that says exactly the same; `NONE` where there is none.
#[cfg(feature = "feeds")]
pub(super) fn same(base: &Moved<'_>, target: &[Record]) -> Vec<u32> {
    let mut places: HashMap<&Record, u32> =
        target.iter().enumerate().map(|(number, record)| (record, number as u32)).collect();
    let one = |number: usize| {
        let (record, is_whole) = base.get(number)?;
        if is_whole { places.remove(&record) } else { None }
    };
    (0..base.details.len()).map(one).map(|place| place.unwrap_or(NONE)).collect()
}

#[cfg(feature = "feeds")]
fn differ(before: &Record, now: &Record, masks: &mut Packed, values: &mut Packed) {
    let mut mask = 0;
    for field in 0..FIELDS.len() {
        let by = field_of(now, field).wrapping_sub(field_of(before, field));
        if by != 0 {
            mask |= 1 << field;
            values.signed(by.cast_signed());
        }
    }
    masks.number(mask);
}

const OUTSIDE: DeltaError = DeltaError::Damaged("a detail is not in the base");
