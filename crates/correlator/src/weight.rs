//! Do lists say of a peer what they said before, as far as it has weight?
//!
//! A list that is read again moves its dates forward, and each verdict of a person moves a feed's counts a little: an
//! alert is not judged anew for that, or each new image would rewrite every alert.

use tripoint_model::confidence::{Verdicts, worth};
use tripoint_model::{AppliesTo, Category, Claim, Connection, Observable, Source, Timestamp};

use crate::dossier;

/// Whether two lists of claims about a connection, as it is known at `at`, have the same weight: the same things said by
/// the same sources as surely, which hold for it or do not (of an open one also: still hold). How long ago a source saw its peer counts where it makes a
/// difference of `POINTS` or more; what people taught about the source does not.
pub fn has_same_weight(connection: &Connection, before: &[Claim], after: &[Claim], at: Timestamp) -> bool {
    if before.len() != after.len() {
        return false;
    }
    let end = dossier::end_of(connection, at, at).max(connection.opened);
    let is_open = connection.closed.is_none() && connection.state.is_open();
    let weighed = |claims: &[Claim]| -> Vec<(Claim, (bool, bool), u32)> {
        let weigh = |claim: &Claim| {
            let source = Source { verdicts: Verdicts::default(), ..claim.source.clone() };
            let worth = worth(claim.confidence, claim.category, claim.last_seen, &source, connection.opened);
            (claim.clone(), (dossier::holds(claim, connection, end), is_open && claim.holds_at(at)), worth)
        };
        let mut all: Vec<_> = claims.iter().map(weigh).collect();
        all.sort_by(|a, b| (said(&a.0), a.1, a.2).cmp(&(said(&b.0), b.1, b.2)));
        all
    };
    weighed(before)
        .iter()
        .zip(&weighed(after))
        .all(|(a, b)| said(&a.0) == said(&b.0) && a.1 == b.1 && a.2.abs_diff(b.2) < POINTS * HUNDREDTHS)
}

/// What a claim says, without when.
fn said(claim: &Claim) -> Said<'_> {
    let place = (claim.category, claim.direction, claim.port, claim.confidence, claim.system);
    (&claim.feed, &claim.matched, place, &claim.cves, &claim.source.origins)
}

type Said<'a> =
    (&'a str, &'a Observable, (Category, AppliesTo, Option<u16>, u8, Option<u32>), &'a [String], &'a [String]);

/// What a claim's age must change of its worth, of 100 points, to be told: less is lost in what sources disagree by.
const POINTS: u32 = 5;
/// `worth` counts hundredths of points.
const HUNDREDTHS: u32 = 100;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tripoint_model::{ConnectionState, testing};

    use super::*;

    const DAY: i64 = 86_400;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_seconds(day * DAY)
    }

    fn connection() -> Connection {
        Connection {
            state: ConnectionState::Closed,
            opened: at(1000),
            closed: Some(at(1001)),
            ..testing::connection(1, "203.0.113.66:443")
        }
    }

    fn claim() -> Claim {
        Claim { last_seen: Some(at(1000)), valid_until: Some(at(1003)), ..testing::claim("203.0.113.66") }
    }

    fn same(change: impl FnOnce(&mut Claim)) -> bool {
        let mut other = claim();
        change(&mut other);
        let (one, two): (Arc<[Claim]>, Arc<[Claim]>) = (Arc::from([claim()]), Arc::from([other]));
        has_same_weight(&connection(), &one, &two, at(1002))
    }

    #[test]
    fn dates_that_move_and_verdicts_have_no_weight() {
        assert!(same(|_| {}));
        assert!(same(|claim| claim.valid_until = Some(at(1004))));
        assert!(same(|claim| claim.last_seen = Some(at(1002))));
        assert!(same(|claim| claim.first_seen = Some(at(5))));
        assert!(same(|claim| claim.source.verdicts.wrong = 3));
        assert!(same(|claim| claim.labels.push("family".into())));
    }

    #[test]
    fn what_is_said_and_whether_it_holds_has() {
        assert!(!same(|claim| claim.feed = "other".into()));
        assert!(!same(|claim| claim.matched = "203.0.113.0/24".parse().unwrap()));
        assert!(!same(|claim| claim.category = Category::Scanner));
        assert!(!same(|claim| claim.direction = AppliesTo::In));
        assert!(!same(|claim| claim.port = Some(443)));
        assert!(!same(|claim| claim.confidence = 79));
        assert!(!same(|claim| claim.cves.push("CVE-2026-10001".into())));
        assert!(!same(|claim| claim.system = Some(64_500)));
        assert!(!same(|claim| claim.valid_until = Some(at(999))), "it does not hold for the connection");
        assert!(!same(|claim| claim.valid_from = Some(at(1002))));
        assert!(!same(|claim| claim.last_seen = Some(at(1))), "years old");
        assert!(!has_same_weight(&connection(), &[claim()], &[], at(1002)));
    }

    #[test]
    fn of_an_open_connection_it_counts_whether_it_still_holds() {
        let open = Connection { state: ConnectionState::Established, closed: None, ..connection() };
        let renewed = Claim { valid_until: Some(at(1009)), ..claim() };
        assert!(has_same_weight(&open, &[claim()], std::slice::from_ref(&renewed), at(1002)));
        assert!(!has_same_weight(&open, &[claim()], &[renewed], at(1005)), "what was said had run out");
    }

    #[test]
    fn the_order_of_claims_has_no_weight() {
        let other = Claim { feed: "other".into(), ..claim() };
        assert!(has_same_weight(&connection(), &[claim(), other.clone()], &[other, claim()], at(1002)));
    }
}
