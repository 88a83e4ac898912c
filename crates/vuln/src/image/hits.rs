//! Which entries of an image speak of a package at a version?

use tripoint_model::FindingState;

use super::cursor::{Cursor, Numbers};
use super::ladder::{Ladder, Standing};
use super::read::Database;
use super::{AFFECTED, NOWHERE, OPEN, TABLE, hash};
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
    /// Rung of the fix.
    rung: Option<u32>,
    /// Offset of the advisory.
    pub(crate) advisory: u32,
    /// Offset of the CVEs that the entry is left with, where they are not all of the advisory's.
    cves: Option<u32>,
}

/// The question as one package's entries understand it.
struct Question<'a, 'd> {
    asked: &'a Asked<'a>,
    ladder: Ladder<'d>,
    standing: Standing,
}

impl Database {
    /// The advisories that speak of this version; each once, with its heaviest state and latest
    /// fix. Nothing is allocated where nothing speaks.
    pub fn hits(&self, asked: &Asked<'_>) -> Vec<Hit<'_>> {
        self.find_hits(asked).unwrap_or_default()
    }

    fn find_hits(&self, asked: &Asked<'_>) -> Option<Vec<Hit<'_>>> {
        let mut cursor = self.find(asked.ecosystem.osv_name(), asked.name)?;
        let ladder = Ladder::read(&mut cursor)?;
        let standing = ladder.standing(Scheme::of(asked.ecosystem), asked.version);
        let question = Question { asked, ladder, standing };
        let mut out: Vec<Hit<'_>> = Vec::new();
        for _ in 0..cursor.u32()? {
            // The entries that reach highest stand first: a version above one is above the rest.
            if standing.is_above(cursor.u32()?) {
                break;
            }
            let Some(hit) = self.entry(&mut cursor, &question) else { break };
            out.extend(hit);
        }
        out.sort_unstable_by_key(|hit| (hit.advisory, hit.cves));
        out.dedup_by(|other, kept| other.advisory == kept.advisory && kept.join(other));
        Some(out)
    }

    /// The offsets of a hit's CVEs, where another source has the last word on some of its advisory's.
    pub(crate) fn hit_cves(&self, hit: &Hit<'_>) -> Option<Numbers<'_>> {
        self.cursor(AFFECTED, hit.cves?).numbers()
    }

    /// Where the versions of a package begin.
    fn find(&self, ecosystem: &str, name: &str) -> Option<Cursor<'_>> {
        let table = self.section(TABLE);
        let slots = table.len() / 8;
        let wanted = hash(ecosystem, name);
        let first = (wanted as usize).checked_rem(slots)?;
        for slot in (first..slots).chain(0..first) {
            let mut cursor = Cursor { bytes: table, at: slot * 8 };
            let (found, at) = (cursor.u32()?, cursor.u32()?);
            if at == NOWHERE {
                return None;
            }
            if found == wanted {
                let mut entry = self.cursor(AFFECTED, at);
                if entry.text() == Some(ecosystem) && entry.text() == Some(name) {
                    return Some(entry);
                }
            }
        }
        None
    }

    /// Reads one entry; the inner option is `None` when it says nothing of the version.
    fn entry<'d>(&'d self, cursor: &mut Cursor<'d>, question: &Question<'_, 'd>) -> Option<Option<Hit<'d>>> {
        let Question { asked, ladder, standing } = question;
        let advisory = cursor.u32()?;
        let release = self.next_text(cursor)?;
        let len = cursor.u32()? as usize;
        let mut body = *cursor;
        cursor.at = cursor.at.checked_add(len)?;
        let (state, kind) = (state_of(body.u8()?), NameKind::of(body.u8()?));
        let (module, arches) = (self.next_text(&mut body)?, self.next_text(&mut body)?);
        if !asked.is_meant(release, kind, module, arches) {
            return Some(None);
        }
        let cves = u32::try_from(body.at).ok();
        let own = body.u32()?;
        let cves = cves.filter(|_| own != NOWHERE);
        body.skip(if own == NOWHERE { 0 } else { (own as usize).saturating_mul(4) });
        let Some(rung) = ranges(&mut body, *standing)? else { return Some(None) };
        let fixed = rung.and_then(|rung| ladder.text(rung));
        Some(Some(Hit { state, fixed, rung, advisory, cves }))
    }
}

impl Hit<'_> {
    /// Takes in what another entry of the same advisory says.
    fn join(&mut self, other: &Self) -> bool {
        let heavier = weight(other.state) > weight(self.state);
        let later = other.state == self.state && other.rung > self.rung;
        if heavier {
            *self = *other;
        } else if later {
            (self.rung, self.fixed) = (other.rung, other.fixed);
        }
        true
    }
}

/// Whether a range or the list of versions holds the version, and the rung of the latest fix; the
/// inner option is `None` when nothing does.
fn ranges(cursor: &mut Cursor<'_>, standing: Standing) -> Option<Option<Option<u32>>> {
    let mut hit: Option<Option<u32>> = None;
    for _ in 0..cursor.u32()? {
        let events = cursor.numbers()?.iter().map_while(event);
        let found = judge(events, |rung| standing.order(rung));
        if found.affected {
            hit = Some(hit.flatten().max(found.fixed));
        }
    }
    let listed = cursor.numbers()?;
    if hit.is_none() && listed.iter().any(|rung| standing.order(rung).is_eq()) {
        hit = Some(None);
    }
    Some(hit)
}

/// Kind and rung; none where the bound stands outside the order.
fn event(packed: u32) -> Option<(EventKind, Option<u32>)> {
    let rung = packed >> 2;
    Some((EventKind::of((packed & 3) as u8)?, (rung != OPEN).then_some(rung)))
}
