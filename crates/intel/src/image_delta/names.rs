//! Which names are in the target and not in the base, and the other way round?

use super::DeltaError;
use super::nets::drop_places;
#[cfg(feature = "feeds")]
use super::nets::{Side, between};
use super::texts::Moves;
#[cfg(feature = "feeds")]
use super::wire::Packed;
use super::wire::{Reader, ended};
use crate::image::{NAME_BYTES, u32_at};
use crate::table::NONE;

/// A record of names or guarded names: offset and length of the name in the texts, and what is said of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Name {
    pub text: (u32, u32),
    /// The number of a detail; of guarded names the list, with the half above saying whether names below count.
    pub said: u32,
}

/// Names of a section with the texts of the target; `became` says what is said of them now (`NONE`: nothing).
pub(super) fn moved(
    section: &[u8],
    moves: &Moves,
    texts: &[u8],
    became: impl Fn(u32) -> u32,
) -> Result<Vec<Name>, DeltaError> {
    let mut out = Vec::with_capacity(section.len() / NAME_BYTES);
    for record in section.chunks_exact(NAME_BYTES) {
        let read = || Some(((u32_at(record, 0)?, u32_at(record, 4)?), u32_at(record, 8)?));
        let (text, said) = read().filter(|(text, _)| text.1 <= LENGTH_MAX).ok_or(DeltaError::Damaged("no name"))?;
        if let (Some(offset), said) = (moves.of(text), became(said))
            && said != NONE
        {
            out.push(Name { text: (offset, text.1), said });
        }
    }
    in_order(&mut out, texts);
    Ok(out)
}

fn in_order(names: &mut Vec<Name>, texts: &[u8]) {
    names.sort_by(|a, b| order(texts, a, b));
    names.dedup();
}

fn order(texts: &[u8], a: &Name, b: &Name) -> std::cmp::Ordering {
    text(texts, a).cmp(&text(texts, b)).then(a.said.cmp(&b.said)).then(a.text.cmp(&b.text))
}

/// A name's letters; `None` when they are not there.
pub(super) fn text<'a>(texts: &'a [u8], name: &Name) -> Option<&'a [u8]> {
    let start = name.text.0 as usize;
    texts.get(start..start.checked_add(name.text.1 as usize)?)
}

/// The section of these names.
pub(super) fn section(names: &[Name]) -> Vec<u8> {
    let words = names.iter().flat_map(|name| [name.text.0, name.text.1, name.said]);
    words.flat_map(u32::to_le_bytes).collect()
}

/// Columns of names: places of those that go, as for networks; then of those that come: offsets against the end of the
/// one before, lengths, what is said against what was said before.
pub(super) const COLUMNS: usize = 4;

/// The names of the target from those of the base that followed; `is_said` tells what can be said of a name.
pub(super) fn read(
    mut base: Vec<Name>,
    [mut going, mut offsets, mut lengths, mut said]: [Reader<'_>; COLUMNS],
    texts: &[u8],
    is_said: impl Fn(u32) -> bool,
) -> Result<Vec<Name>, DeltaError> {
    drop_places(&mut base, &mut going)?;
    let (mut end, mut before) = (0_i64, 0_i64);
    while !lengths.is_empty() {
        let length = lengths.number()?;
        let offset = end.checked_add(offsets.signed()?);
        before = before.wrapping_add(said.signed()?);
        let name = || {
            let text = (u32::try_from(offset?).ok()?, u32::try_from(length).ok().filter(|it| *it <= LENGTH_MAX)?);
            let name = Name { text, said: u32::try_from(before).ok()? };
            text_end(&name, texts).filter(|_| is_said(name.said)).map(|end| (name, end))
        };
        let (name, name_end) = name().ok_or(DeltaError::Damaged("no name"))?;
        end = name_end;
        base.push(name);
    }
    ended(&[offsets, said])?;
    in_order(&mut base, texts);
    Ok(base)
}

/// Longer than any domain name and than any entry of a guard list: names are sorted, and comparing them is paid for by
/// their length.
const LENGTH_MAX: u32 = 1024;

fn text_end(name: &Name, texts: &[u8]) -> Option<i64> {
    text(texts, name).map(|_| i64::from(name.text.0) + i64::from(name.text.1))
}

/// What goes and what comes between two sorted lists.
#[cfg(feature = "feeds")]
pub(super) fn pack(base: &[Name], target: &[Name], texts: &[u8]) -> [Packed; COLUMNS] {
    let [mut going, mut offsets, mut lengths, mut said]: [Packed; COLUMNS] = Default::default();
    let (mut next, mut end, mut before) = (0, 0_i64, 0_i64);
    between(
        base,
        target,
        |a, b| order(texts, a, b),
        |side| match side {
            Side::Goes(place) => {
                going.number((place - next) as u64);
                next = place + 1;
            }
            Side::Comes(name) => {
                offsets.signed(i64::from(name.text.0) - end);
                end = i64::from(name.text.0) + i64::from(name.text.1);
                lengths.number(name.text.1.into());
                said.signed(i64::from(name.said) - before);
                before = name.said.into();
            }
        },
    );
    [going, offsets, lengths, said]
}
