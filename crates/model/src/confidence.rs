//! How sure are all sources together that a peer is bad, as a sum that can be printed?
//!
//! The surest claim is the base: what its source states, times how far that source is believed, faded with age. Further
//! lists that have other origins add to it; copies of a list that is counted already do not. The reference page is
//! `docs/reference/confidence.md`.

mod fade;
mod source;
pub mod trust;
mod voices;

pub use fade::half_life_days;
pub use source::{Percent, Source, Verdicts};
pub use trust::Trust;

use crate::connection::Direction;
use crate::indicator::{AppliesTo, Category, Claim, GuardHit};
use crate::severity::Factor;
use crate::time::Timestamp;
use voices::{Voice, voices};

/// How sure, with its arithmetic: the points of the terms add up to the total.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confidence {
    /// 0 to 100.
    pub total: u8,
    /// The terms, in the order of the reckoning.
    pub terms: Vec<Factor>,
}

/// What the claims are asked about.
#[derive(Clone, Copy, Debug)]
pub struct Meeting<'a> {
    /// The moment from which ages count.
    pub at: Timestamp,
    /// First and last moment: claims that hold at none between them count nothing.
    pub span: (Timestamp, Timestamp),
    /// Who began it; nothing where only an address is asked about.
    pub direction: Option<Direction>,
    /// The peer's port, where one was met.
    pub port: Option<u16>,
    /// Guard lists that hold the peer.
    pub guard: &'a [GuardHit],
    /// Earlier alerts on the same indicator that nobody called false.
    pub sightings: u32,
}

impl Meeting<'_> {
    /// An address and a moment, nothing else.
    pub fn at(at: Timestamp) -> Self {
        Self { at, span: (at, at), direction: None, port: None, guard: &[], sightings: 0 }
    }
}

/// Of 10,000: one step of the reckoning may keep so much of what was before.
pub(crate) const WHOLE: u32 = 10_000;
/// What a claim keeps whose direction is not the one met: a scanner is no command server.
const OTHER_DIRECTION: u32 = 2_500;
/// What a claim for both directions keeps whose category fits the other one.
const OTHER_ROLE: u32 = 5_000;
/// What a claim keeps that names a port other than the one met.
const OTHER_PORT: u32 = 5_000;
/// The most that further lists can add: many mediocre lists do not make one good one.
const CORROBORATION_MAX: u32 = 2_500;
/// Terms printed of further lists, and of copies; the rest is one term.
const PRINTED_MAX: usize = 8;
/// How much less sure one is of a peer on a guard list.
pub const GUARDED_LESS: u8 = 30;
/// What each earlier alert adds, and all of them.
const SIGHTING_POINTS: (u32, u32) = (2, 10);

/// The total alone.
pub fn total(claims: &[&Claim], meeting: &Meeting<'_>) -> u8 {
    let voices = voices(claims, meeting);
    let lists: Vec<_> = voices.iter().map(Voice::list).collect();
    let sum = value_of(&lists);
    let guarded = if meeting.guard.is_empty() { 0 } else { u32::from(GUARDED_LESS) };
    let less = points(sum).saturating_sub(guarded);
    // At most 100 by construction.
    (less + if sum == 0 { 0 } else { sightings(meeting.sightings) }).min(100) as u8
}

/// The total that policy acts on: of those claims alone that name the peer or a network around it themselves. What was
/// found through an autonomous system is too broad to cut anybody off, however sure its feed is.
pub fn total_to_act_on(claims: &[&Claim], meeting: &Meeting<'_>) -> u8 {
    let own: Vec<&Claim> = claims.iter().copied().filter(|claim| claim.system.is_none()).collect();
    total(&own, meeting)
}

/// What one claim is worth by itself, of 10,000.
pub fn worth(stated: u8, category: Category, last_seen: Option<Timestamp>, source: &Source, at: Timestamp) -> u32 {
    voices::alone(stated, category, last_seen, source, at)[3]
}

/// How sure several lists are together, each by its origins and what its claim is worth.
pub fn together(lists: &[(&[String], u32)]) -> u8 {
    // At most 100 by construction.
    points(value_of(lists)) as u8
}

fn value_of(lists: &[(&[String], u32)]) -> u32 {
    corroborated(voices::groups(lists).iter().map(|group| lists[group.best].1))
}

/// How many lists of different origins make these claims, whenever they hold.
pub fn independent(claims: &[&Claim]) -> usize {
    let always = (Timestamp(i64::MIN), Timestamp(i64::MAX));
    let voices = voices(claims, &Meeting { span: always, ..Meeting::at(Timestamp::default()) });
    voices::groups(&voices.iter().map(Voice::list).collect::<Vec<_>>()).len()
}

/// The total with its arithmetic.
pub fn confidence(claims: &[&Claim], meeting: &Meeting<'_>) -> Confidence {
    let voices = voices(claims, meeting);
    let groups = voices::groups(&voices.iter().map(Voice::list).collect::<Vec<_>>());
    let mut sum = Sum::default();
    let Some(first) = groups.first().map(|group| &voices[group.best]) else { return sum.end() };
    base(&mut sum, first, meeting);
    let mut values = Vec::with_capacity(groups.len());
    for (at, group) in groups.iter().enumerate() {
        let voice = &voices[group.best];
        values.push(voice.value());
        if at > 0 && at <= PRINTED_MAX {
            let reason = format!("{}, another list, calls it {}", voice.claim.feed, voice.claim.category.as_str());
            sum.reach(corroborated(values.iter().copied()), "corroboration", || reason);
        }
    }
    let further = groups.len().saturating_sub(PRINTED_MAX + 1);
    sum.reach(corroborated(values.into_iter()), "corroboration", || format!("{further} further lists"));
    let copies = groups.iter().flat_map(|group| group.rest.iter().map(|rest| (*rest, group.best)));
    for (copy, of) in copies.clone().take(PRINTED_MAX) {
        let reason = format!("{}: same list as {}, counted once", voices[copy].claim.feed, voices[of].claim.feed);
        sum.add("same-list", 0, reason);
    }
    if let more @ 1.. = copies.count().saturating_sub(PRINTED_MAX) {
        sum.add("same-list", 0, format!("{more} further copies of lists that are counted already"));
    }
    if sum.exact > 0 {
        around(&mut sum, meeting);
    }
    sum.end()
}

/// The surest claim, step by step.
fn base(sum: &mut Sum, voice: &Voice<'_>, meeting: &Meeting<'_>) {
    let claim = voice.claim;
    let [stated, believed, taught, faded, directed, ported] = voice.steps;
    sum.reach(stated, "claim", || {
        let kind = claim.category.as_str();
        format!("{} calls {} {kind}, sure to {} of 100", claim.feed, claim.matched, claim.confidence.min(100))
    });
    sum.step(believed, "reliability", || {
        format!("{} is right in {} % of what it says", claim.feed, claim.source.reliability.0)
    });
    sum.step(taught, "verdicts", || {
        let Verdicts { confirmed, wrong } = claim.source.verdicts;
        let kind = claim.category.as_str();
        format!("as {kind}, {} was called wrong by {wrong} and right by {confirmed} closed alerts", claim.feed)
    });
    sum.step(faded, "age", || fade::reason(claim, meeting.at));
    sum.step(directed, "direction", || {
        let met = meeting.direction.map_or("", Direction::as_str);
        let (kind, stated) = (claim.category.as_str(), claim.direction.as_str());
        format!("a claim of {kind} ({stated}) says less of a connection that is {met}")
    });
    sum.step(ported, "port", || {
        let (own, met) = (claim.port.unwrap_or(0), meeting.port.unwrap_or(0));
        format!("the claim is about port {own}, met was {met}")
    });
}

/// What is known besides claims.
fn around(sum: &mut Sum, meeting: &Meeting<'_>) {
    if let Some(hit) = meeting.guard.iter().min() {
        let what = if hit.kind.is_shared() { "shared by many" } else { "a sinkhole of researchers" };
        let reason = format!("{what}: on guard list {} ({})", hit.list, hit.range);
        sum.add("guard-list", -i16::from(GUARDED_LESS), reason);
    }
    sum.keep_within();
    if meeting.sightings > 0 {
        sum.see(meeting.sightings);
    }
}

/// Adds what earlier alerts on the same indicator are worth to a sum that was reckoned without them.
pub fn raise(total: u8, terms: Vec<Factor>, count: u32) -> Confidence {
    let mut sum = Sum { exact: u32::from(total) * 100, printed: i32::from(total), terms };
    if total > 0 && count > 0 {
        sum.see(count);
    }
    sum.end()
}

/// The name of the term of earlier alerts.
pub const SEEN_BEFORE: &str = "seen-before";

fn sightings(count: u32) -> u32 {
    count.saturating_mul(SIGHTING_POINTS.0).min(SIGHTING_POINTS.1)
}

/// What is left of a claim when the direction met is considered.
fn in_direction(claim: &Claim, direction: Option<Direction>) -> u32 {
    let Some(direction) = direction else { return WHOLE };
    if !claim.direction.covers(direction) {
        return OTHER_DIRECTION;
    }
    // Who says in or out outright knows more than the kind alone tells.
    let role = (claim.direction == AppliesTo::Both).then(|| role(claim.category)).flatten();
    if role.is_some_and(|role| role != direction) { OTHER_ROLE } else { WHOLE }
}

/// The direction of the connections that members of a category take part in, where they have one.
fn role(category: Category) -> Option<Direction> {
    match category {
        Category::Scanner | Category::BruteForce | Category::Spam | Category::Tor => Some(Direction::Inbound),
        Category::C2 | Category::MalwareHost | Category::Phishing | Category::Mining | Category::Sinkhole => {
            Some(Direction::Outbound)
        }
        Category::Exploit | Category::Botnet | Category::Proxy | Category::Hijacked | Category::Malicious => None,
    }
}

fn at_port(claim: &Claim, port: Option<u16>) -> u32 {
    if claim.port.zip(port).is_some_and(|(own, met)| own != met) { OTHER_PORT } else { WHOLE }
}

/// Several that say the same, each independent of the others, the surest first: 1 − ∏ (1 − value), no more than
/// `CORROBORATION_MAX` over the surest.
fn corroborated(values: impl Iterator<Item = u32>) -> u32 {
    // Finer than the values, so that many small ones are not lost in rounding.
    const FINE: u64 = 100_000;
    let (mut surest, mut doubt) = (0, u64::from(WHOLE) * FINE);
    for value in values.map(|value| value.min(WHOLE)) {
        surest = surest.max(value);
        doubt = doubt * u64::from(WHOLE - value) / u64::from(WHOLE);
    }
    let together = WHOLE - u32::try_from(doubt / FINE).unwrap_or(0);
    together.min(surest + CORROBORATION_MAX)
}

/// Hundredths of points to points.
fn points(value: u32) -> u32 {
    (value + 50) / 100
}

/// A sum under way: each term is the difference between two rounded values, so that nothing is lost between them.
#[derive(Default)]
struct Sum {
    /// Where the reckoning stands, hundredths.
    exact: u32,
    /// What the terms add up to.
    printed: i32,
    terms: Vec<Factor>,
}

impl Sum {
    fn add(&mut self, name: &str, points: i16, reason: String) {
        self.printed += i32::from(points);
        self.terms.push(Factor { name: name.to_owned(), points, reason });
    }

    /// Goes on to a value; one that changes nothing is not said.
    fn reach(&mut self, value: u32, name: &str, reason: impl FnOnce() -> String) {
        let was = std::mem::replace(&mut self.exact, value);
        // Between 0 and 100 each.
        let more = points(value) as i16 - points(was) as i16;
        if value != was {
            self.add(name, more, reason());
        }
    }

    /// As `reach`, downwards: a step that takes away no whole point is not said.
    fn step(&mut self, value: u32, name: &str, reason: impl FnOnce() -> String) {
        let value = value.min(self.exact);
        if points(value) == points(self.exact) {
            self.exact = value;
        } else {
            self.reach(value, name, reason);
        }
    }

    fn see(&mut self, count: u32) {
        let alerts = if count == 1 { "alert" } else { "alerts" };
        let reason = format!("met in {count} earlier {alerts} that nobody called false");
        // At most SIGHTING_POINTS.
        self.add(SEEN_BEFORE, sightings(count) as i16, reason);
        self.keep_within();
    }

    fn keep_within(&mut self) {
        let over = self.printed.clamp(0, 100) - self.printed;
        if over != 0 {
            let reason = if over > 0 { "never below 0" } else { "never above 100" };
            self.add("bounds", over as i16, reason.to_owned());
        }
    }

    fn end(self) -> Confidence {
        Confidence { total: u8::try_from(self.printed).unwrap_or(0), terms: self.terms }
    }
}

#[cfg(test)]
mod tests;
