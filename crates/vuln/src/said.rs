//! What do the advisories together say of a package: one finding for each set of CVEs?

use std::collections::HashMap;

use smallvec::SmallVec;
use tripoint_model::FindingState;

use crate::image::{Database, Numbers};
use crate::ratings::Ratings;
use crate::subject::{Asked, weight};

/// One finding, still borrowed from the image.
pub(crate) struct Said<'d> {
    pub(crate) id: &'d str,
    pub(crate) cves: SmallVec<[&'d str; 1]>,
    pub(crate) state: FindingState,
    pub(crate) fixed: Option<&'d str>,
    pub(crate) severity: Ratings<'d>,
    pub(crate) cvss_tenths: Option<u8>,
    pub(crate) known_exploited: bool,
    pub(crate) epss_bp: Option<u16>,
    pub(crate) source: &'d str,
    /// Offsets of the CVEs of the advisory that it begins with.
    offsets: Numbers<'d>,
    /// Where it is made of several advisories: of each its id and its CVEs.
    joined: Vec<(&'d str, Numbers<'d>)>,
}

/// What is said of a package under each of its names, by id. Advisories that speak of the same
/// CVEs become one: the heavier state, then the one that names a fix; severities are joined.
pub(crate) fn said<'d>(database: &'d Database, asked: &[Asked<'_>]) -> Vec<Said<'d>> {
    let mut out: Vec<Said<'d>> = Vec::new();
    let mut places = Places::default();
    for asked in asked {
        let hits = database.hits(asked);
        out.reserve(hits.len());
        for hit in hits {
            let Some(advisory) = database.advisory(hit.advisory) else { continue };
            let found = Said {
                id: advisory.id,
                cves: SmallVec::new(),
                state: hit.state,
                fixed: hit.fixed,
                severity: advisory.severity,
                cvss_tenths: advisory.cvss_tenths,
                known_exploited: false,
                epss_bp: None,
                source: advisory.source,
                offsets: database.hit_cves(&hit).unwrap_or(advisory.cves),
                joined: Vec::new(),
            };
            match places.of(&found, &out) {
                Some(place) => out[place].join(found),
                None => out.push(found),
            }
        }
    }
    for said in &mut out {
        said.rate(database);
    }
    out.sort_by(|a, b| a.id.cmp(b.id));
    out
}

/// Where each advisory and each set of CVEs that was taken in stands.
#[derive(Default)]
struct Places<'d> {
    by_id: HashMap<&'d str, usize>,
    by_cves: HashMap<Numbers<'d>, usize>,
}

impl<'d> Places<'d> {
    /// The finding among `known` that speaks of the same; none when it is to be the next one.
    fn of(&mut self, said: &Said<'d>, known: &[Said<'d>]) -> Option<usize> {
        // Looking at each would take the square of their number, and some packages have thousands.
        if known.len() < FEW { Self::look_at_each(said, known) } else { self.look_up(said, known) }
    }

    fn look_at_each(said: &Said<'d>, known: &[Said<'d>]) -> Option<usize> {
        let same =
            |(id, offsets): (&str, Numbers<'_>)| id == said.id || (!offsets.is_empty() && offsets == said.offsets);
        known.iter().position(|other| other.taken_in().any(same))
    }

    fn look_up(&mut self, said: &Said<'d>, known: &[Said<'d>]) -> Option<usize> {
        if self.by_id.is_empty() {
            for (place, other) in known.iter().enumerate() {
                other.taken_in().for_each(|(id, offsets)| self.note(id, offsets, place));
            }
        }
        let places = [self.by_id.get(said.id), self.by_cves.get(&said.offsets)];
        let found = places.into_iter().flatten().min().copied();
        self.note(said.id, said.offsets, found.unwrap_or(known.len()));
        found
    }

    fn note(&mut self, id: &'d str, offsets: Numbers<'d>, place: usize) {
        let first = |known: &mut usize| *known = place.min(*known);
        self.by_id.entry(id).and_modify(first).or_insert(place);
        if !offsets.is_empty() {
            self.by_cves.entry(offsets).and_modify(first).or_insert(place);
        }
    }
}

const FEW: usize = 16;

impl<'d> Said<'d> {
    /// Id and CVEs of each advisory that is part of it.
    fn taken_in(&self) -> impl Iterator<Item = (&'d str, Numbers<'d>)> {
        let alone = self.joined.is_empty().then_some((self.id, self.offsets));
        alone.into_iter().chain(self.joined.iter().copied())
    }

    fn join(&mut self, other: Self) {
        if self.joined.is_empty() {
            self.joined.push((self.id, self.offsets));
        }
        self.joined.push((other.id, other.offsets));
        let better = (weight(other.state), other.fixed.is_some()) > (weight(self.state), self.fixed.is_some());
        if better {
            (self.id, self.state, self.fixed, self.source) = (other.id, other.state, other.fixed, other.source);
        }
        for (source, value) in other.severity.iter() {
            self.severity.add(source, value);
        }
        self.cvss_tenths = self.cvss_tenths.max(other.cvss_tenths);
    }

    /// Adds what is known of its CVEs; of several the worst counts.
    fn rate(&mut self, database: &'d Database) {
        let mut worst: Vec<(&str, &str, Option<u8>)> = Vec::new();
        let offsets = self.taken_in().flat_map(|(_, cves)| cves.iter());
        let (mut cves, mut known_exploited, mut epss_bp) = (SmallVec::new(), false, None);
        for cve in offsets.filter_map(|at| database.cve_at(at)) {
            cves.push(cve.id);
            known_exploited |= cve.known_exploited;
            epss_bp = epss_bp.max(cve.epss_bp);
            for (source, value, tenths) in cve.severities {
                match worst.iter_mut().find(|(known, ..)| *known == source) {
                    Some(slot) if tenths > slot.2 => *slot = (source, value, tenths),
                    Some(_) => {}
                    None => worst.push((source, value, tenths)),
                }
            }
        }
        cves.sort_unstable();
        cves.dedup();
        (self.cves, self.known_exploited, self.epss_bp) = (cves, known_exploited, epss_bp);
        for (source, value, tenths) in worst {
            self.severity.add(source, value);
            self.cvss_tenths = self.cvss_tenths.max(tenths);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(id: &'static str, offsets: Numbers<'static>) -> Said<'static> {
        Said {
            id,
            cves: SmallVec::new(),
            state: FindingState::Affected,
            fixed: None,
            severity: Ratings::default(),
            cvss_tenths: None,
            known_exploited: false,
            epss_bp: None,
            source: "",
            offsets,
            joined: Vec::new(),
        }
    }

    const SETS: [&[u8]; 8] = [b"", b"1...", b"2...", b"3...", b"1...2...", b"2...1...", b"1...3...", b"1...2...3..."];
    const IDS: [&str; 5] = ["A", "B", "C", "D", "E"];

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_index_joins_what_looking_at_each_joins(
            all in proptest::collection::vec((0_usize..5, 0_usize..8), 0..24),
            known_first in 0_usize..5,
        ) {
            let (mut known, mut places) = (Vec::new(), Places::default());
            for (at, (id, set)) in all.into_iter().enumerate() {
                let said = one(IDS[id], Numbers::of(SETS[set]));
                let place = Places::look_at_each(&said, &known);
                if at >= known_first {
                    prop_assert_eq!(places.look_up(&said, &known), place);
                }
                match place {
                    Some(place) => known[place].join(said),
                    None => known.push(said),
                }
            }
        }
    }
}
