//! What was ever listed of a peer, and for which connections did that hold?

use std::collections::BTreeMap;

use tripoint_model::{AppliesTo, Claim, Connection, Observable, Timestamp};

/// Everything that was ever listed of one peer: each thing once, however often a list named it again with other dates.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    spans: BTreeMap<Thing, Span>,
}

/// What was listed, and where that held. The most specific comes first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Thing {
    breadth: u16,
    matched: Observable,
    direction: AppliesTo,
    port: Option<u16>,
}

/// From when until when it held, as far as any claim says; `None` = from the beginning, without an end.
#[derive(Debug)]
struct Span {
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Listed {
    /// Adds what claims list. Beyond the limit the broadest goes: what an alert is counted by is the most specific. The
    /// outcome does not depend on the order of claims.
    pub(crate) fn add(&mut self, claims: &[Claim]) {
        for claim in claims {
            let thing = Thing {
                breadth: breadth(&claim.matched),
                matched: claim.matched.clone(),
                direction: claim.direction,
                port: claim.port,
            };
            let (from, until) = (claim.valid_from, claim.valid_until);
            let span = self.spans.entry(thing).or_insert(Span { from, until });
            // No beginning is the least of all, no end lies beyond every end.
            span.from = span.from.min(from);
            span.until = span.until.zip(until).map(|(known, new)| known.max(new));
            if self.spans.len() > LISTED_MAX {
                self.spans.pop_last();
            }
        }
    }

    /// The most specific thing that held for a connection that is known until `end`.
    pub(crate) fn most_specific(&self, connection: &Connection, end: Timestamp) -> Option<&Observable> {
        let held = |(thing, span): &(&Thing, &Span)| {
            crate::dossier::hold((thing.direction, thing.port), (span.from, span.until), connection, end)
        };
        self.spans.iter().find(held).map(|(thing, _)| &thing.matched)
    }
}

/// How many peers an observable may stand for: the smaller, the more specific.
fn breadth(observable: &Observable) -> u16 {
    match observable {
        Observable::AddressPort(..) => 0,
        Observable::Address(_) => 1,
        Observable::Domain(_) => 2,
        Observable::Network(net) => 3 + u16::from(net.max_prefix_len() - net.prefix_len()),
        Observable::System(_) => u16::MAX,
    }
}

/// Things listed of one peer: networks in one another, ports, names.
const LISTED_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use tripoint_model::{ConnectionState, Direction, testing};

    use super::*;

    fn claim(matched: &str, port: Option<u16>, until: Option<i64>) -> Claim {
        Claim {
            port,
            valid_from: until.map(|until| Timestamp(until - 10)),
            valid_until: until.map(Timestamp),
            ..testing::claim(matched)
        }
    }

    /// Opened at 50, closed at 60.
    fn connection() -> Connection {
        Connection {
            direction: Direction::Inbound,
            state: ConnectionState::Closed,
            opened: Timestamp(50),
            closed: Some(Timestamp(60)),
            ..testing::connection(1, "203.0.113.66:443")
        }
    }

    fn most_specific<'a>(claims: impl IntoIterator<Item = &'a Claim>) -> (Option<Observable>, usize) {
        let mut listed = Listed::default();
        claims.into_iter().for_each(|claim| listed.add(std::slice::from_ref(claim)));
        (listed.most_specific(&connection(), Timestamp(60)).cloned(), listed.spans.len())
    }

    #[test]
    fn beyond_the_limit_the_broadest_goes_in_any_order() {
        let mut claims: Vec<Claim> = (1..200).map(|port| claim("203.0.113.0/24", Some(port), None)).collect();
        claims.extend(["203.0.0.0/16", "203.0.113.66", "203.0.113.66:443"].map(|text| claim(text, None, None)));
        let expected = (Some("203.0.113.66:443".parse().unwrap()), LISTED_MAX);
        assert_eq!(most_specific(&claims), expected);
        assert_eq!(most_specific(claims.iter().rev()), expected);
    }

    #[test]
    fn what_is_listed_again_with_other_dates_is_listed_once() {
        let claims: Vec<Claim> = (0..100).map(|day| claim("203.0.113.66", None, Some(10 + day))).collect();
        assert_eq!(most_specific(&claims), (Some("203.0.113.66".parse().unwrap()), 1));
        let before = claim("203.0.113.66", None, Some(50));
        assert_eq!(most_specific([&before]), (None, 1), "it had ended when the connection was opened");
        let for_ever = claim("203.0.113.66", None, None);
        assert_eq!(most_specific([&for_ever, &before]).0, Some(before.matched.clone()));
        assert_eq!(most_specific([&before, &for_ever]).0, Some(before.matched.clone()));
    }
}
