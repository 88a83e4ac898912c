//! Which of the claims are words of their own, and which repeat another list?

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Meeting, WHOLE, at_port, fade, in_direction};
use crate::indicator::Claim;

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

    /// The lists that its word comes from.
    fn origins(&self) -> &[String] {
        let source = &self.claim.source;
        if source.origins.is_empty() { std::slice::from_ref(&self.claim.feed) } else { &source.origins }
    }
}

fn weigh<'a>(claim: &'a Claim, meeting: &Meeting<'_>) -> Voice<'a> {
    let kept = [
        u32::from(claim.confidence.min(100)) * 100,
        u32::from(claim.source.reliability.0.min(100)) * 100,
        u32::from(claim.source.verdicts.believed().0) * 100,
        fade::kept(claim, meeting.at),
        in_direction(claim, meeting.direction),
        at_port(claim, meeting.port),
    ];
    let mut steps = [0; 6];
    let mut left = WHOLE;
    for (step, kept) in steps.iter_mut().zip(kept) {
        left = left * kept / WHOLE;
        *step = left;
    }
    Voice { claim, steps }
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

/// Puts voices of the same origin together, the surest group first. A list that gathers others joins the first of them
/// that is there. Who joins whom never depends on how sure anybody is: so a claim that gets older lowers the sum only.
pub(super) fn groups(voices: &[Voice<'_>]) -> Vec<Group> {
    let mut order: Vec<usize> = (0..voices.len()).collect();
    order.sort_by_key(|at| voices[*at].origins().len());
    let mut by_origin: BTreeMap<&str, usize> = BTreeMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for at in order {
        let origins = voices[at].origins();
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
            members.sort_by_key(|at| (Reverse(voices[*at].value()), *at));
            Group { best: members[0], rest: members.split_off(1) }
        })
        .collect();
    groups.sort_by_key(|group| (Reverse(voices[group.best].value()), group.best));
    groups
}
