//! Which of the claims are words of their own, and which repeat another list?

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Meeting, Source, WHOLE, at_port, fade, in_direction};
use crate::indicator::{Category, Claim};
use crate::time::Timestamp;

/// The surest claim of one feed.
pub(super) struct Voice<'a> {
    pub(super) claim: &'a Claim,
    /// What is left of it, of 10,000, after each step: as stated, believed, taught, faded, by direction, by port.
    pub(super) steps: [u32; 6],
}

impl Voice<'_> {
    /// What is left in the end.
    pub(super) fn value(&self) -> u32 {
        self.steps[5]
    }

    /// The lists that its word comes from, and what it is worth.
    pub(super) fn list(&self) -> (&[String], u32) {
        (self.claim.source.origins_of(&self.claim.feed), self.value())
    }
}

fn weigh<'a>(claim: &'a Claim, meeting: &Meeting<'_>) -> Voice<'a> {
    let [stated, believed, taught, faded] =
        alone(claim.confidence, claim.category, claim.last_seen, &claim.source, meeting.at);
    let directed = faded * in_direction(claim, meeting.direction) / WHOLE;
    let ported = directed * at_port(claim, meeting.port) / WHOLE;
    Voice { claim, steps: [stated, believed, taught, faded, directed, ported] }
}

/// What is left of a claim, whatever it is asked about, after each step: as stated, believed, taught, faded.
pub(super) fn alone(
    stated: u8,
    category: Category,
    last_seen: Option<Timestamp>,
    source: &Source,
    at: Timestamp,
) -> [u32; 4] {
    let stated = u32::from(stated.min(100)) * 100;
    let believed = stated * u32::from(source.reliability.0.min(100)) / 100;
    let taught = believed * u32::from(source.verdicts.believed().0) / 100;
    [stated, believed, taught, taught * fade::kept(category, last_seen, source.stale, at) / WHOLE]
}

/// What decides between claims that are worth the same: anything that does not depend on their order.
fn tie(claim: &Claim) -> impl Ord {
    let times = (claim.first_seen, claim.last_seen, claim.valid_from, claim.valid_until);
    (claim.matched.clone(), claim.category, claim.direction, claim.port, times)
}

/// The surest claim of each feed that holds at some moment of the meeting, by the feed's name.
pub(super) fn voices<'a>(claims: &[&'a Claim], meeting: &Meeting<'_>) -> Vec<Voice<'a>> {
    let mut by_feed: BTreeMap<&str, Voice<'a>> = BTreeMap::new();
    let (from, to) = meeting.span;
    let holds = |claim: &&&Claim| {
        claim.valid_from.is_none_or(|begin| begin <= to) && claim.valid_until.is_none_or(|end| from < end)
    };
    for claim in claims.iter().filter(holds) {
        let voice = weigh(claim, meeting);
        match by_feed.get_mut(claim.feed.as_str()) {
            Some(known) => {
                let order = voice.steps.iter().rev().cmp(known.steps.iter().rev());
                if order.then_with(|| Reverse(tie(claim)).cmp(&Reverse(tie(known.claim)))).is_gt() {
                    *known = voice;
                }
            }
            None => {
                by_feed.insert(&claim.feed, voice);
            }
        }
    }
    by_feed.into_values().collect()
}

/// Voices that count once together.
pub(super) struct Group {
    /// The surest.
    pub(super) best: usize,
    /// The others.
    pub(super) rest: Vec<usize>,
}

/// Puts lists, each by its origins and what its word is worth, of the same origin together, the surest group first. A list that gathers others joins the first of them
/// that is there. Who joins whom never depends on how sure anybody is: so a claim that gets older lowers the sum only.
pub(super) fn groups(lists: &[(&[String], u32)]) -> Vec<Group> {
    let mut order: Vec<usize> = (0..lists.len()).collect();
    order.sort_by_key(|at| lists[*at].0.len());
    let mut by_origin: BTreeMap<&str, usize> = BTreeMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for at in order {
        let (origins, _) = lists[at];
        let known = origins.iter().filter_map(|origin| by_origin.get(origin.as_str()).copied()).min();
        match known.and_then(|group| groups.get_mut(group)) {
            Some(group) => group.push(at),
            None => {
                by_origin.extend(origins.iter().map(|origin| (origin.as_str(), groups.len())));
                groups.push(vec![at]);
            }
        }
    }
    let mut groups: Vec<Group> = groups
        .into_iter()
        .map(|mut members| {
            members.sort_by_key(|at| (Reverse(lists[*at].1), *at));
            Group { best: members[0], rest: members.split_off(1) }
        })
        .collect();
    groups.sort_by_key(|group| (Reverse(lists[group.best].1), group.best));
    groups
}
