//! Where did each text of the base go in the target?

#[cfg(feature = "feeds")]
use std::collections::HashMap;

use super::DeltaError;
#[cfg(feature = "feeds")]
use super::wire::Packed;
use super::wire::{Reader, ended};

/// Stretches of the base that are in the target, by their place in the base; none overlaps another.
pub(super) struct Moves(Vec<Move>);

struct Move {
    from: u32,
    to: u32,
    length: u32,
}

impl Moves {
    /// The new place of a text; `None` when it is not in the target as one piece.
    pub fn of(&self, (offset, length): (u32, u32)) -> Option<u32> {
        if (offset, length) == (0, 0) {
            return Some(0);
        }
        let at = self.0.partition_point(|known| known.from <= offset).checked_sub(1)?;
        let known = &self.0[at];
        let within = offset - known.from;
        (within.checked_add(length)? <= known.length).then_some(known.to + within)
    }
}

/// Columns of texts: stretches as `length * 2 + is new`, places of those that are not new against the end of the one
/// before, the bytes of those that are.
pub(super) const COLUMNS: usize = 3;

/// The texts of the target, at most so long.
pub(super) fn read(
    [mut stretches, mut places, mut new]: [Reader<'_>; COLUMNS],
    base: &[u8],
    bytes_max: usize,
) -> Result<(Vec<u8>, Moves), DeltaError> {
    let mut texts = Vec::new();
    let mut moves = Vec::new();
    let mut end = 0_i64;
    while !stretches.is_empty() {
        let word = stretches.number()?;
        let length = usize::try_from(word >> 1).ok().filter(|length| texts.len() + length.min(&bytes_max) <= bytes_max);
        let length = length.ok_or(LONG)?;
        if word & 1 == 1 {
            texts.extend_from_slice(new.take(length)?);
            continue;
        }
        let start = end.checked_add(places.signed()?).and_then(|start| usize::try_from(start).ok());
        let start = start.ok_or(OUTSIDE)?;
        let copied = base.get(start..).and_then(|rest| rest.get(..length)).ok_or(OUTSIDE)?;
        let [from, to, length_] = [start, texts.len(), length].map(u32::try_from);
        moves.push(Move { from: from.or(Err(LONG))?, to: to.or(Err(LONG))?, length: length_.or(Err(LONG))? });
        texts.extend_from_slice(copied);
        end = (start + length) as i64;
    }
    ended(&[places, new])?;
    moves.sort_unstable_by_key(|known| known.from);
    // What is taken once cannot make a small delta a large image.
    if moves.windows(2).any(|two| u64::from(two[0].from) + u64::from(two[0].length) > two[1].from.into()) {
        return Err(DeltaError::Damaged("a text is taken twice"));
    }
    Ok((texts, Moves(moves)))
}

/// Says which texts are new; both sides' texts with the places that records point at.
#[cfg(feature = "feeds")]
pub(super) fn pack(
    (base, base_places): (&[u8], &[(u32, u32)]),
    (target, places): (&[u8], &[(u32, u32)]),
) -> [Packed; COLUMNS] {
    let text = |all: &'_ [u8], (offset, length): (u32, u32)| {
        offset as usize..(offset as usize + length as usize).min(all.len())
    };
    let mut known: HashMap<&[u8], u32> = HashMap::with_capacity(base_places.len());
    for place in base_places {
        known.entry(&base[text(base, *place)]).or_insert(place.0);
    }
    // In turns of the target: what it holds, and where the base has it.
    let mut stretches: Vec<(usize, Option<u32>)> = Vec::new();
    let mut push = |length: usize, from: Option<u32>| match (stretches.last_mut(), from) {
        (Some((before, None)), None) => *before += length,
        (Some((before, Some(start))), Some(from)) if *start as usize + *before == from as usize => *before += length,
        _ => stretches.push((length, from)),
    };
    let mut at = 0;
    for place in places.iter().filter(|(_, length)| *length > 0) {
        let range = text(target, *place);
        if range.start < at {
            continue;
        }
        if range.start > at {
            push(range.start - at, None);
        }
        at = range.end;
        push(range.len(), known.remove(&target[range]));
    }
    if at < target.len() {
        push(target.len() - at, None);
    }
    let [mut words, mut starts, mut new]: [Packed; COLUMNS] = Default::default();
    let (mut at, mut end) = (0, 0);
    for (length, from) in stretches {
        words.number((length as u64) << 1 | u64::from(from.is_none()));
        match from {
            Some(from) => {
                starts.signed(i64::from(from) - end);
                end = i64::from(from) + length as i64;
            }
            None => new.0.extend_from_slice(&target[at..at + length]),
        }
        at += length;
    }
    [words, starts, new]
}

const LONG: DeltaError = DeltaError::Damaged("its texts are longer than the image");
const OUTSIDE: DeltaError = DeltaError::Damaged("a text is not in the base");
