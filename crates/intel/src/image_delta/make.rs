//! What has to be said to somebody who has one image, so that he has the other?

use std::io::{self, Write as _};
use std::sync::Arc;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::apply::{apply, followers, guard_said, list_numbers};
use super::names::Name;
use super::nets::{Class, Family};
use super::texts::Moves;
use super::wire::{Packed, Reader};
use super::{DELTA_BYTES_MAX, DeltaError, Header, Identity, details, names, nets, texts};
use crate::image::lay::Net;
use crate::image::{
    DETAIL_BYTES, FEED_BYTES, GUARD_LIST_BYTES, ImageBytes, NAME_BYTES, Section, Sections, u16_at, u32_at,
};
use crate::table::{NONE, class_of};

/// The delta from `base` to `target`: the same two images give the same bytes. It is applied once before it is handed
/// out, so that none leaves here that does not give its target.
pub fn make(base: &ImageBytes, target: &ImageBytes) -> Result<Vec<u8>, DeltaError> {
    let (old, new) = (Sections::open(Arc::clone(base))?, Sections::open(Arc::clone(target))?);
    let mut counts = Counts::default();
    let body = body(&old, &new, &mut counts)?;
    if body.len() > DELTA_BYTES_MAX {
        return Err(DeltaError::TooLarge("body", DELTA_BYTES_MAX as u64));
    }
    let target = (**target).as_ref();
    let header = Header {
        base: Identity::of((**base).as_ref()),
        target: Identity::of(target),
        target_length: target.len() as u64,
        body_length: body.len() as u64,
        added: counts.added,
        removed: counts.removed,
        changed: counts.changed,
    };
    let mut delta = Vec::new();
    header.write(&mut delta);
    let mut packer = DeflateEncoder::new(delta, Compression::new(6));
    let mut delta = packer.write_all(&body).and_then(|()| packer.finish()).map_err(DeltaError::Write)?;
    delta.extend_from_slice(&crc32fast::hash(&delta).to_le_bytes());
    apply(base, &delta, &mut io::sink())?;
    Ok(delta)
}

fn body(old: &Sections, new: &Sections, counts: &mut Counts) -> Result<Vec<u8>, DeltaError> {
    let mut body = Packed::default();
    body.signed(new.built.0);
    let multiplier = new.get(Section::Classes).last_chunk::<8>();
    body.0.extend_from_slice(multiplier.ok_or(DeltaError::Damaged("no multiplier"))?);
    body.column(new.get(Section::Feeds));
    body.column(new.get(Section::GuardLists));

    let (old_texts, new_texts) = (old.get(Section::Texts), new.get(Section::Texts));
    let packed = texts::pack((old_texts, &places(old)), (new_texts, &places(new)));
    let (_, moves) = texts::read(again(&packed), old_texts, new_texts.len())?;
    body.columns(&packed);

    let feeds = followers(old.get(Section::Feeds), new.get(Section::Feeds), FEED_BYTES, &moves);
    let old_details: &[details::Record] = old.get(Section::Details).as_chunks().0;
    let new_details: &[details::Record] = new.get(Section::Details).as_chunks().0;
    let moved = details::Moved { details: old_details, feeds: &feeds, moves: &moves };
    let (before, now) = (Entries::read(old, old_details.len())?, Entries::read(new, new_details.len())?);
    let first = now.first_of_each(new_details.len());
    let packed = details::pack(&moved, new_details, |number, became| {
        let feed = u16_at(&new_details[number], 0)?;
        before.like(&now, first[number], |former| {
            let of = old_details.get(former as usize).and_then(|record| u16_at(record, 0));
            let of = of.and_then(|of| feeds.get(usize::from(of)).copied().flatten());
            of == Some(feed) && became[former as usize] == NONE
        })
    });
    let (_, became) = details::read(again(&packed), &moved, new_details.len())?;
    body.columns(&packed);

    body.columns(&nets::pack(
        &nets::claims::<u32>(old.get(Section::V4), nets::unclassed, &became)?,
        &now.v4,
        nets::unclassed,
    ));
    body.columns(&nets::pack(&nets::claims::<u128>(old.get(Section::V6), class_of, &became)?, &now.v6, class_of));
    let said = |detail: u32| became.get(detail as usize).copied().unwrap_or(NONE);
    let kept = names::moved(old.get(Section::Names), &moves, new_texts, said)?;
    body.columns(&names::pack(&kept, &now.names, new_texts));
    guards(old, new, &moves, &mut body)?;
    counts.count(&before, &now, &details::same(&moved, new_details));
    Ok(body.0)
}

fn guards(old: &Sections, new: &Sections, moves: &Moves, body: &mut Packed) -> Result<(), DeltaError> {
    let lists = followers(old.get(Section::GuardLists), new.get(Section::GuardLists), GUARD_LIST_BYTES, moves);
    let became = list_numbers(&lists);
    let same = numbers(new.get(Section::GuardLists).len() / GUARD_LIST_BYTES);
    fn nets_of<A: Family>(
        (old, became): (&[u8], &[u32]),
        (new, same): (&[u8], &[u32]),
    ) -> Result<[Packed; nets::COLUMNS], DeltaError> {
        Ok(nets::pack(&nets::guarded::<A>(old, became)?, &nets::guarded::<A>(new, same)?, nets::unclassed))
    }
    let section = Section::GuardNets4;
    body.columns(&nets_of::<u32>((old.get(section), &became), (new.get(section), &same))?);
    let section = Section::GuardNets6;
    body.columns(&nets_of::<u128>((old.get(section), &became), (new.get(section), &same))?);
    let texts = new.get(Section::Texts);
    let kept = names::moved(old.get(Section::GuardNames), moves, texts, |said| guard_said(&lists, said))?;
    let now = names_of(new.get(Section::GuardNames))?;
    body.columns(&names::pack(&kept, &now, texts));
    Ok(())
}

fn again<const N: usize>(columns: &[Packed; N]) -> [Reader<'_>; N] {
    columns.each_ref().map(|column| Reader::new(&column.0))
}

/// In place of what became of numbers: each stays.
fn numbers(count: usize) -> Vec<u32> {
    (0..count as u32).collect()
}

fn names_of(section: &[u8]) -> Result<Vec<Name>, DeltaError> {
    let name = |record: &[u8]| Some(Name { text: (u32_at(record, 0)?, u32_at(record, 4)?), said: u32_at(record, 8)? });
    section.chunks_exact(NAME_BYTES).map(name).collect::<Option<_>>().ok_or(DeltaError::Damaged("no name"))
}

/// Every place in the texts that a record points at, in order.
fn places(image: &Sections) -> Vec<(u32, u32)> {
    let mut places = Vec::new();
    let mut each = |section: Section, bytes: usize, at: &[(usize, usize, bool)]| {
        for record in image.get(section).chunks_exact(bytes) {
            places.extend(at.iter().filter_map(|(offset, length, is_short)| {
                let length = if *is_short { u16_at(record, *length)?.into() } else { u32_at(record, *length)? };
                Some((u32_at(record, *offset)?, length))
            }));
        }
    };
    each(Section::Feeds, FEED_BYTES, &[(0, 4, false), (8, 12, false)]);
    each(Section::Details, DETAIL_BYTES, &[(8, 6, true), (12, 16, true)]);
    each(Section::Names, NAME_BYTES, &[(0, 4, false)]);
    each(Section::GuardLists, GUARD_LIST_BYTES, &[(0, 4, false)]);
    each(Section::GuardNames, NAME_BYTES, &[(0, 4, false)]);
    let texts = image.get(Section::Texts).len() as u64;
    places.retain(|(offset, length)| *length > 0 && u64::from(*offset) + u64::from(*length) <= texts);
    places.sort_unstable();
    places.dedup();
    places
}

/// Every claim of one image, in order, with its own numbers.
struct Entries<'a> {
    v4: Vec<Net<u32>>,
    v6: Vec<Net<u128>>,
    names: Vec<Name>,
    texts: &'a [u8],
}

/// One claim of an image: in which of the three, and where.
#[derive(Clone, Copy)]
enum Claim {
    V4(u32),
    V6(u32),
    Name(u32),
}

impl<'a> Entries<'a> {
    fn read(image: &'a Sections, details: usize) -> Result<Self, DeltaError> {
        let same = numbers(details);
        Ok(Self {
            v4: nets::claims(image.get(Section::V4), nets::unclassed, &same)?,
            v6: nets::claims(image.get(Section::V6), class_of, &same)?,
            names: names_of(image.get(Section::Names))?,
            texts: image.get(Section::Texts),
        })
    }

    fn said_of_names(&self) -> Vec<(&'a [u8], u32)> {
        self.names.iter().map(|name| (names::text(self.texts, name).unwrap_or_default(), name.said)).collect()
    }

    /// For each detail a claim that has it.
    fn first_of_each(&self, details: usize) -> Vec<Option<Claim>> {
        let mut first = vec![None; details];
        let v4 = self.v4.iter().zip(0..).map(|(net, at)| (net.3, Claim::V4(at)));
        let v6 = self.v6.iter().zip(0..).map(|(net, at)| (net.3, Claim::V6(at)));
        let names = self.names.iter().zip(0..).map(|(name, at)| (name.said, Claim::Name(at)));
        for (detail, claim) in v4.chain(v6).chain(names) {
            if let Some(first) = first.get_mut(detail as usize) {
                first.get_or_insert(claim);
            }
        }
        first
    }

    /// The detail here of a claim on what another image's claim is on, where `fits` takes it.
    fn like(&self, other: &Self, claim: Option<Claim>, fits: impl Fn(u32) -> bool) -> Option<u32> {
        match claim? {
            Claim::V4(at) => like_net(&self.v4, &other.v4[at as usize], nets::unclassed, fits),
            Claim::V6(at) => like_net(&self.v6, &other.v6[at as usize], class_of, fits),
            Claim::Name(at) => {
                let wanted = names::text(other.texts, &other.names[at as usize]);
                let from = self.names.partition_point(|name| names::text(self.texts, name) < wanted);
                let same = self.names[from..].iter().take_while(|name| names::text(self.texts, name) == wanted);
                same.map(|name| name.said).find(|said| fits(*said))
            }
        }
    }
}

fn like_net<A: Family>(nets: &[Net<A>], wanted: &Net<A>, class: Class, fits: impl Fn(u32) -> bool) -> Option<u32> {
    let key = |net: &Net<A>| (class(net.1), net.0, net.1, net.2);
    let from = nets.partition_point(|net| key(net) < key(wanted));
    nets[from..].iter().take_while(|net| key(net) == key(wanted)).map(|net| net.3).find(|detail| fits(*detail))
}

/// How many observables differ.
#[derive(Default)]
struct Counts {
    added: u64,
    removed: u64,
    changed: u64,
}

impl Counts {
    /// `same` says which details of the former image the other has, word by word.
    fn count(&mut self, before: &Entries<'_>, now: &Entries<'_>, same: &[u32]) {
        self.compare(&before.v4, &now.v4, |net| ((net.0, net.1, net.2), net.3), same);
        self.compare(&before.v6, &now.v6, |net| ((class_of(net.1), net.0, net.1, net.2), net.3), same);
        let (old, new) = (before.said_of_names(), now.said_of_names());
        self.compare(&old, &new, |name| *name, same);
    }

    /// `parts` tells what a claim is on, and its detail.
    fn compare<T, K: Ord>(&mut self, old: &[T], new: &[T], parts: impl Fn(&T) -> (K, u32), same: &[u32]) {
        let (key, detail) = (|one: &T| parts(one).0, |one: &T| parts(one).1);
        let end = |list: &[T]| list.iter().take_while(|one| key(one) == key(&list[0])).count();
        let (mut old, mut new) = (old, new);
        loop {
            let order = match (old.first(), new.first()) {
                (None, None) => return,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(a), Some(b)) => key(a).cmp(&key(b)),
            };
            let (olds, old_rest) = old.split_at(if order.is_le() { end(old) } else { 0 });
            let (news, new_rest) = new.split_at(if order.is_ge() { end(new) } else { 0 });
            (old, new) = (old_rest, new_rest);
            self.removed += u64::from(order.is_lt());
            self.added += u64::from(order.is_gt());
            if order.is_eq() {
                let mut said: Vec<u32> = olds.iter().map(|one| same[detail(one) as usize]).collect();
                said.sort_unstable();
                self.changed += u64::from(!said.iter().copied().eq(news.iter().map(&detail)));
            }
        }
    }
}
