//! Which entries of an image speak of a package at a version?

use tripoint_model::FindingState;

use super::cursor::Cursor;
use super::read::Database;
use super::{AFFECTED, NOWHERE, TABLE, hash};
use crate::evaluate::{EventKind, judge};
use crate::subject::{Asked, NameKind, state_of, weight};
use crate::version::Scheme;

/// An advisory that speaks of the version.
#[derive(Clone, Copy, Debug)]
pub struct Hit<'d> {
    /// What it says.
    pub state: FindingState,
    /// The version that carries the fix.
    pub fixed: Option<&'d str>,
    /// Offset of the advisory.
    pub(crate) advisory: u32,
    /// Offset of the CVEs that the entry is left with, where they are not all of the advisory's.
    cves: Option<u32>,
}

impl Database {
    /// The advisories that speak of this version; each once, with its heaviest state and latest
    /// fix. Nothing is allocated where nothing speaks.
    pub fn hits(&self, asked: &Asked<'_>) -> Vec<Hit<'_>> {
        let mut out: Vec<Hit<'_>> = Vec::new();
        let Some(at) = self.find(asked.ecosystem.osv_name(), asked.name) else { return out };
        let scheme = Scheme::of(asked.ecosystem);
        let mut cursor = self.cursor(AFFECTED, at);
        cursor.skip(8);
        for _ in 0..cursor.u32().unwrap_or(0) {
            let Some(hit) = self.judge_entry(&mut cursor, scheme, asked) else { break };
            let Some(hit) = hit else { continue };
            // The entries of an advisory stand together.
            match out.last_mut().filter(|known| known.advisory == hit.advisory) {
                Some(known) if weight(hit.state) > weight(known.state) => *known = hit,
                Some(known) if hit.state == known.state => {
                    known.fixed = later(scheme, known.fixed, hit.fixed);
                }
                Some(_) => {}
                None => out.push(hit),
            }
        }
        out
    }

    /// The CVEs of a hit, where another source has the last word on some of its advisory's.
    pub(crate) fn hit_cves(&self, hit: &Hit<'_>) -> Option<Vec<&str>> {
        let mut cursor = self.cursor(AFFECTED, hit.cves?);
        (0..cursor.u32()?).map(|_| self.next_text(&mut cursor)).collect()
    }

    /// Where the entries of a package begin.
    fn find(&self, ecosystem: &str, name: &str) -> Option<u32> {
        let table = self.section(TABLE);
        let slots = table.len() / 8;
        if slots == 0 {
            return None;
        }
        let wanted = hash(ecosystem, name);
        for step in 0..slots {
            let slot = (wanted as usize + step) % slots;
            let mut cursor = Cursor { bytes: table, at: slot * 8 };
            let (found, at) = (cursor.u32()?, cursor.u32()?);
            if at == NOWHERE {
                return None;
            }
            let mut entry = self.cursor(AFFECTED, at);
            if found == wanted
                && self.next_text(&mut entry) == Some(ecosystem)
                && self.next_text(&mut entry) == Some(name)
            {
                return Some(at);
            }
        }
        None
    }

    /// Reads one entry; the inner option is `None` when it says nothing of the version.
    fn judge_entry<'d>(
        &'d self,
        cursor: &mut Cursor<'_>,
        scheme: Scheme,
        asked: &Asked<'_>,
    ) -> Option<Option<Hit<'d>>> {
        let advisory = cursor.u32()?;
        let release = self.next_text(cursor)?;
        let len = cursor.u32()? as usize;
        let end = cursor.at.checked_add(len)?;
        let (state, kind) = (state_of(cursor.u8()?), NameKind::of(cursor.u8()?));
        let (module, arches) = (self.next_text(cursor)?, self.next_text(cursor)?);
        let mut hit = None;
        if asked.is_meant(release, kind, module, arches) {
            let cves = u32::try_from(cursor.at).ok();
            let own = cursor.u32()?;
            let cves = cves.filter(|_| own != NOWHERE);
            cursor.skip(if own == NOWHERE { 0 } else { (own as usize).saturating_mul(4) });
            let fixed = self.judge_ranges(cursor, scheme, asked.version);
            hit = fixed.map(|fixed| Hit { state, fixed, advisory, cves });
        }
        cursor.at = end;
        Some(hit)
    }

    fn judge_ranges<'d>(&'d self, cursor: &mut Cursor<'_>, scheme: Scheme, version: &str) -> Option<Option<&'d str>> {
        let mut hit: Option<Option<&str>> = None;
        for _ in 0..cursor.u32()? {
            let count = cursor.u32()?;
            let mut events = Cursor { bytes: cursor.bytes, at: cursor.at };
            let found = judge(
                scheme,
                version,
                std::iter::from_fn(|| {
                    let kind = EventKind::of(events.u8()?)?;
                    Some((kind, self.next_text(&mut events)?))
                })
                .take(count as usize),
            );
            cursor.skip((count as usize).saturating_mul(5));
            if found.affected {
                hit = Some(later(scheme, hit.flatten(), found.fixed));
            }
        }
        for _ in 0..cursor.u32()? {
            let listed = self.next_text(cursor)?;
            if hit.is_none() && scheme.order(version, listed).is_eq() {
                hit = Some(None);
            }
        }
        hit
    }
}

fn later<'d>(scheme: Scheme, old: Option<&'d str>, new: Option<&'d str>) -> Option<&'d str> {
    match (old, new) {
        (Some(old), Some(new)) if scheme.order(new, old).is_le() => Some(old),
        (_, Some(new)) => Some(new),
        (old, None) => old,
    }
}
