//! How does a package stand in an image: its key, the ladder of its versions, its entries?

use std::cmp::Reverse;
use std::collections::HashMap;

use tripoint_model::Ecosystem;

use super::numbered::Numbered;
use super::outrank::Entry;
use super::write::{TooLarge, put, put_list, put_text, size};
use super::{NOWHERE, OPEN, ladder};
use crate::evaluate::{EventKind, is_open};
use crate::version::Scheme;

/// Ecosystem and name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    ecosystem: Ecosystem,
    name: Box<str>,
}

impl Key {
    pub(super) fn new(ecosystem: Ecosystem, name: &str) -> Self {
        Self { ecosystem, name: name.into() }
    }

    pub(super) fn ecosystem(&self) -> &'static str {
        self.ecosystem.osv_name()
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

/// What the numbers of entries mean.
pub(super) struct Meant<'b> {
    pub(super) versions: &'b Numbered,
    /// Offsets.
    pub(super) cves: &'b [u32],
}

/// Writes a package.
pub(super) fn write(out: &mut Vec<u8>, key: &Key, entries: &[Entry], meant: &Meant<'_>) -> Result<(), TooLarge> {
    put_text(out, key.ecosystem())?;
    put_text(out, &key.name)?;
    let rungs = write_ladder(out, key, entries, meant.versions)?;
    put(out, size(entries.len())?);
    let mut reaching: Vec<(u32, &Entry)> = entries.iter().map(|entry| (reach(entry, &rungs), entry)).collect();
    reaching.sort_by_key(|(reach, _)| Reverse(*reach));
    reaching.into_iter().try_for_each(|(reach, entry)| {
        put(out, reach);
        write_entry(out, entry, &rungs, meant)
    })
}

/// The rung above which the entry says nothing of a version; the highest where it has no end.
fn reach(entry: &Entry, rungs: &Rungs) -> u32 {
    let of_range = |range: &Vec<(u8, u32)>| {
        let closes = |kind| matches!(EventKind::of(kind), Some(EventKind::Fixed | EventKind::LastAffected));
        let limited = range.iter().any(|(kind, _)| EventKind::of(*kind) == Some(EventKind::Limit));
        let (_, number) = range.last().filter(|(kind, _)| closes(*kind) && !limited)?;
        rungs.get(number).copied()
    };
    let ranges = entry.ranges.iter().map(|range| of_range(range).unwrap_or(u32::MAX));
    let listed = entry.versions.iter().filter_map(|number| rungs.get(number).copied());
    ranges.chain(listed).max().unwrap_or(0)
}

/// The rung of each version by its number. Bounds outside the order have none.
type Rungs = HashMap<u32, u32>;

fn write_ladder(out: &mut Vec<u8>, key: &Key, entries: &[Entry], versions: &Numbered) -> Result<Rungs, TooLarge> {
    let bounds = entries.iter().flat_map(|entry| entry.ranges.iter().flatten());
    let ordered =
        bounds.filter(|(kind, number)| EventKind::of(*kind).is_some_and(|kind| !is_open(kind, versions.text(*number))));
    let listed = entries.iter().flat_map(|entry| &entry.versions);
    let mut numbers: Vec<u32> = ordered.map(|(_, number)| *number).chain(listed.copied()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let texts = numbers.iter().map(|number| versions.text(*number)).collect();
    let sorted = ladder::write(out, Scheme::of(key.ecosystem), texts)?;
    let rungs: HashMap<&str, u32> = sorted.into_iter().zip(0..).collect();
    Ok(numbers.iter().filter_map(|number| Some((*number, *rungs.get(versions.text(*number))?))).collect())
}

fn write_entry(out: &mut Vec<u8>, entry: &Entry, rungs: &Rungs, meant: &Meant<'_>) -> Result<(), TooLarge> {
    let mut body = vec![entry.state, entry.kind as u8];
    put(&mut body, entry.module);
    put(&mut body, entry.arch);
    if entry.is_cut {
        let own: Vec<u32> = entry.cves.iter().filter_map(|number| meant.cves.get(*number as usize)).copied().collect();
        put_list(&mut body, &own)?;
    } else {
        put(&mut body, NOWHERE);
    }
    put(&mut body, size(entry.ranges.len())?);
    for range in &entry.ranges {
        let events: Vec<u32> = range
            .iter()
            .filter_map(|(kind, number)| event(*kind, meant.versions.text(*number), rungs.get(number)))
            .collect();
        put_list(&mut body, &events)?;
    }
    let listed: Vec<u32> = entry.versions.iter().filter_map(|number| rungs.get(number).copied()).collect();
    put_list(&mut body, &listed)?;
    put(out, entry.advisory);
    put(out, entry.release);
    put(out, size(body.len())?);
    out.extend_from_slice(&body);
    Ok(())
}

/// Rung and kind in one number.
fn event(kind: u8, version: &str, rung: Option<&u32>) -> Option<u32> {
    let found = EventKind::of(kind)?;
    let rung = if is_open(found, version) { OPEN } else { *rung? };
    Some(rung << 2 | u32::from(kind))
}
