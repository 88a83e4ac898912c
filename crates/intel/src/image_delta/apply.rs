//! Which image does a delta give?
//!
//! The delta is a stranger's: whatever it says, memory stays within some times the image that it states, nothing
//! panics, and what does not come out as stated is an error.

use std::collections::HashMap;
use std::io::{self, Read as _, Write};
use std::sync::Arc;

use flate2::read::DeflateDecoder;
use sha2::{Digest as _, Sha256};
use tripoint_model::Timestamp;

use super::names::Name;
use super::texts::Moves;
use super::wire::{Reader, ended};
use super::{DeltaError, HEADER_BYTES, Header, Identity, details, names, nets, texts};
use crate::image::guard_order::{guard_records4, guard_records6};
use crate::image::lay::{Laid, Net, Records};
use crate::image::{
    DETAIL_BYTES, FEED_BYTES, GUARD_LIST_BYTES, ImageBytes, NAME_BYTES, Section, Sections, V4_BYTES, V6_BYTES, u32_at,
};
use crate::table::{NONE, V6Parts, class_of};

/// Writes the image that `delta` makes of `base`. What was written counts only when no error comes: the last thing
/// that is checked is its hash.
pub fn apply(base: &ImageBytes, delta: &[u8], out: &mut dyn Write) -> Result<Header, DeltaError> {
    let header = Header::read(delta)?;
    let found = Identity::of((**base).as_ref());
    if found != header.base {
        return Err(DeltaError::WrongBase { wanted: header.base, found });
    }
    let target_max = ((**base).as_ref().len() as u64).saturating_mul(GROWTH_MAX).saturating_add(GROWTH_FREE);
    if header.target_length > target_max {
        return Err(DeltaError::TooLarge("image", target_max));
    }
    let sections = Sections::open(Arc::clone(base))?;
    let body = inflate(delta, header.body_length)?;
    let (laid, built) = build(&sections, Reader::new(&body), header.target_length)?;
    if laid.length() as u64 != header.target_length {
        return Err(DeltaError::WrongTarget);
    }
    let mut hashed = Hashed { out, hash: Sha256::new() };
    laid.write(built, &mut hashed).map_err(DeltaError::Write)?;
    let target = Identity(hashed.hash.finalize().into());
    if target == header.target { Ok(header) } else { Err(DeltaError::WrongTarget) }
}

fn inflate(delta: &[u8], length: u64) -> Result<Vec<u8>, DeltaError> {
    let packed = delta.get(HEADER_BYTES..delta.len().saturating_sub(4)).unwrap_or_default();
    let mut body = Vec::new();
    let read = DeflateDecoder::new(packed).take(length.saturating_add(1)).read_to_end(&mut body);
    match read {
        Ok(count) if count as u64 == length => Ok(body),
        _ => Err(DeltaError::Damaged("its body is not as long as it states")),
    }
}

fn build(base: &Sections, mut body: Reader<'_>, target_length: u64) -> Result<(Laid, Timestamp), DeltaError> {
    let mut room = Room(target_length);
    let built = Timestamp(body.signed()?);
    let multiplier = body.take(8)?.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let feeds = body.column()?.rest().to_vec();
    let guard_lists = body.column()?.rest().to_vec();
    let (texts, moves) = texts::read(body.columns()?, base.get(Section::Texts), room.left(1))?;
    room.take(texts.len() + feeds.len() + guard_lists.len())?;
    let became = followers(base.get(Section::Feeds), &feeds, FEED_BYTES, &moves);
    let old = details::Moved { details: base.get(Section::Details).as_chunks().0, feeds: &became, moves: &moves };
    let (details, became) = details::read(body.columns()?, &old, room.left(DETAIL_BYTES))?;
    room.take(details.len() * DETAIL_BYTES)?;
    let v4: Vec<Net<u32>> = nets::claims(base.get(Section::V4), nets::unclassed, &became)?;
    let v4 = nets::read(v4, body.columns()?, nets::unclassed, details.len())?;
    room.take(v4.len() * V4_BYTES)?;
    let v6: Vec<Net<u128>> = nets::claims(base.get(Section::V6), class_of, &became)?;
    let v6 = nets::read(v6, body.columns()?, class_of, details.len())?;
    room.take(v6.len() * V6_BYTES)?;
    let said = |detail: u32| became.get(detail as usize).copied().unwrap_or(NONE);
    let known = names::moved(base.get(Section::Names), &moves, &texts, said)?;
    let known = names::read(known, body.columns()?, &texts, |said| (said as usize) < details.len())?;
    room.take(known.len() * NAME_BYTES)?;
    let lists = followers(base.get(Section::GuardLists), &guard_lists, GUARD_LIST_BYTES, &moves);
    let lists_count = guard_lists.len() / GUARD_LIST_BYTES;
    let guards = guards(base, &mut body, &lists, lists_count, (&moves, &texts))?;
    ended(&[body])?;
    room.take(guards.length())?;
    widely(&v6)?;
    let records = Records {
        feeds: whole(feeds, FEED_BYTES)?,
        details: details.into_flattened(),
        v4,
        v6,
        names: names::section(&known),
        guard_lists: whole(guard_lists, GUARD_LIST_BYTES)?,
        guard_nets4: guard_records4(&guards.v4),
        guard_nets6: guard_records6(&guards.v6),
        guard_names: names::section(&guards.names),
        texts,
    };
    let mut is_built = true;
    let laid = records.lay(|records| {
        let table = V6Parts::build_as(records, multiplier);
        is_built = table.is_some();
        table.unwrap_or_default()
    });
    if is_built { Ok((laid, built)) } else { Err(DeltaError::Damaged("addresses that meet in the table")) }
}

/// What is guarded in the target.
struct Guards {
    v4: Vec<(u32, u8, u16)>,
    v6: Vec<(u128, u8, u16)>,
    names: Vec<Name>,
}

impl Guards {
    fn length(&self) -> usize {
        self.v4.len() * V4_BYTES + self.v6.len() * V6_BYTES + self.names.len() * NAME_BYTES
    }
}

fn guards(
    base: &Sections,
    body: &mut Reader<'_>,
    lists: &[Option<u16>],
    lists_count: usize,
    (moves, texts): (&Moves, &[u8]),
) -> Result<Guards, DeltaError> {
    let became = list_numbers(lists);
    let v4: Vec<Net<u32>> = nets::guarded(base.get(Section::GuardNets4), &became)?;
    let v4 = nets::read(v4, body.columns()?, nets::unclassed, lists_count)?;
    let v6: Vec<Net<u128>> = nets::guarded(base.get(Section::GuardNets6), &became)?;
    let v6 = nets::read(v6, body.columns()?, nets::unclassed, lists_count)?;
    let names = names::moved(base.get(Section::GuardNames), moves, texts, |said| guard_said(lists, said))?;
    let is_said = |said: u32| usize::from(said as u16) < lists_count;
    let names = names::read(names, body.columns()?, texts, is_said)?;
    // Lists are counted by a u16: their numbers were compared with their count.
    let v4 = v4.into_iter().map(|(address, length, _, list)| (address, length, list as u16)).collect();
    let v6 = v6.into_iter().map(|(address, length, _, list)| (address, length, list as u16)).collect();
    Ok(Guards { v4, v6, names })
}

/// As `claims` wants to know what became of a number.
pub(super) fn list_numbers(lists: &[Option<u16>]) -> Vec<u32> {
    lists.iter().map(|list| list.map_or(NONE, u32::from)).collect()
}

/// What is said of a guarded name, with the list's new number.
pub(super) fn guard_said(lists: &[Option<u16>], said: u32) -> u32 {
    let list = lists.get(usize::from(said as u16)).copied().flatten();
    list.map_or(NONE, |list| said & !0xffff | u32::from(list))
}

/// For each feed or guard list of the base its number in the target, told by where its name went. Both sections begin
/// their records with offset and length of the name.
pub(super) fn followers(base: &[u8], target: &[u8], bytes_each: usize, moves: &Moves) -> Vec<Option<u16>> {
    let name = |record: &[u8]| Some((u32_at(record, 0)?, u32_at(record, 4)?));
    // More than a u16 counts are refused with the section.
    let number = |(at, record)| Some((name(record)?, u16::try_from(at).ok()?));
    let numbers: HashMap<_, u16> = target.chunks_exact(bytes_each).enumerate().filter_map(number).collect();
    let one = |record: &[u8]| {
        let (offset, length) = name(record)?;
        numbers.get(&(moves.of((offset, length))?, length)).copied()
    };
    base.chunks_exact(bytes_each).map(one).collect()
}

fn whole(section: Vec<u8>, bytes_each: usize) -> Result<Vec<u8>, DeltaError> {
    let fits = section.len().is_multiple_of(bytes_each) && section.len() / bytes_each <= 1 << 16;
    if fits { Ok(section) } else { Err(DeltaError::Damaged("a section has an impossible length")) }
}

/// The filter has a bit for each /32: a wide network costs as much as it holds of them.
fn widely(v6: &[Net<u128>]) -> Result<(), DeltaError> {
    let cost = v6.iter().filter(|net| (9..32).contains(&net.1)).map(|net| 1_u64 << (32 - net.1));
    if cost.sum::<u64>() <= WIDE_MAX { Ok(()) } else { Err(DeltaError::Damaged("too many wide networks")) }
}

/// How much longer than the base an image may be, so that a delta cannot take any memory it likes: a whole image takes
/// none.
const GROWTH_MAX: u64 = 4;
const GROWTH_FREE: u64 = 64 << 20;

/// A second of work; 128 networks of /9.
const WIDE_MAX: u64 = 1 << 30;

/// Bytes of the target that are not spoken for.
struct Room(u64);

impl Room {
    fn take(&mut self, bytes: usize) -> Result<(), DeltaError> {
        self.0 = self.0.checked_sub(bytes as u64).ok_or(DeltaError::Damaged("it gives more than it states"))?;
        Ok(())
    }

    /// How many of so many bytes each fit.
    fn left(&self, bytes_each: usize) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX) / bytes_each
    }
}

/// Hashes what it passes on.
struct Hashed<'w> {
    out: &'w mut dyn Write,
    hash: Sha256,
}

impl Write for Hashed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.hash.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
