//! Is this address bad, and who says so? The answer as people and scripts read it.

use std::sync::Arc;

use serde::Serialize;
use tripoint_model::confidence::confidence;
use tripoint_model::{AppliesTo, Category, Claim, Factor, GuardHit, IndicatorLookup, Meeting, Observable, Timestamp};

use crate::guardlist::{Listed, Purpose};
use crate::index::Index;
use crate::networks::Network;

/// The judgement in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// A source calls it bad now.
    Bad,
    /// A guard list holds it: shared infrastructure, whatever sources say.
    Guarded,
    /// Every claim on it is over, or has not begun.
    Expired,
    /// No source knows it.
    Unknown,
    /// The text is no address.
    Invalid,
}

/// How a claim stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimState {
    /// It holds.
    Current,
    /// It is over, or has not begun.
    Expired,
    /// Its source took it out of its list.
    Withdrawn,
}

/// One claim in an answer. What is not part of the bulk answer is left out there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AnswerClaim {
    /// The feed.
    pub feed: String,
    /// Of which kind.
    pub category: Category,
    /// In which direction.
    pub direction: AppliesTo,
    /// The port, where the claim names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// When the source first saw it.
    pub first_seen: Option<Timestamp>,
    /// When the source last saw it.
    pub last_seen: Option<Timestamp>,
    /// Not bad from this moment on.
    pub valid_until: Option<Timestamp>,
    /// What the claim names.
    pub matched: Observable,
    /// How it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<ClaimState>,
    /// How sure the source is, 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<u8>,
    /// Malware family, campaign and the like.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// CVEs it is said to exploit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cves: Vec<String>,
    /// Since when our copies of the feed hold it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_since: Option<Timestamp>,
    /// When the feed's copy no longer held it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Timestamp>,
}

/// The `intel lookup` row of the command contracts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LookupAnswer {
    /// The text as given.
    pub address: String,
    /// Its one form; nothing when invalid.
    pub canonical: Option<String>,
    /// The judgement.
    pub verdict: Verdict,
    /// 0 to 100, over the claims that hold.
    pub confidence: u8,
    /// Every claim, expired ones too.
    pub claims: Vec<AnswerClaim>,
    /// Guard lists that hold it.
    pub guard: Vec<GuardHit>,
    /// Other lists that hold it and guard nothing: they only say what it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Listed>,
    /// Whose network it is in, where a table tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// The arithmetic of the confidence: the points add up to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<Factor>,
    /// Why the text is invalid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Answers for an address (claims on any of its ports count), an `address:port` or a domain name.
pub fn lookup(index: &Index, text: &str, at: Timestamp) -> LookupAnswer {
    lookup_with(index, &|_| Vec::new(), text, at)
}

/// As `lookup`, with `more` lists that the image does not hold (`guardlist::Texts`).
pub fn lookup_with(
    index: &Index,
    more: &dyn Fn(&Observable) -> Vec<Listed>,
    text: &str,
    at: Timestamp,
) -> LookupAnswer {
    let observable = match text.parse::<Observable>() {
        Ok(Observable::Network(net)) => return invalid(text, format!("{net} is a network; ask for one address")),
        Ok(system @ Observable::System(_)) => {
            return invalid(text, format!("{system} is an autonomous system; ask for one address"));
        }
        Ok(observable) => observable,
        Err(error) => return invalid(text, error.to_string()),
    };
    let claims: Arc<[Claim]> = match &observable {
        Observable::Domain(name) => index.claims_for_name(name),
        Observable::AddressPort(address, port) => index.claims(*address, *port),
        Observable::Address(address) => index.claims_any_port(*address),
        Observable::Network(net) => index.claims_any_port(net.addr()),
        Observable::System(_) => Arc::from([]),
    };
    let (guard, labels) = listed(index, more, &observable);
    let holds = claims.iter().any(|claim| claim.holds_at(at));
    let verdict = match (guard.is_empty(), holds, claims.is_empty()) {
        (false, ..) => Verdict::Guarded,
        (true, true, _) => Verdict::Bad,
        (true, false, false) => Verdict::Expired,
        (true, false, true) => Verdict::Unknown,
    };
    let borrowed: Vec<&Claim> = claims.iter().collect();
    let spared = labels.iter().filter(|label| label.purpose.spares()).cloned().map(GuardHit::from);
    let spared: Vec<GuardHit> = guard.iter().cloned().chain(spared).collect();
    let sure = confidence(&borrowed, &Meeting { guard: &spared, ..Meeting::at(at) });
    LookupAnswer {
        address: text.to_owned(),
        canonical: Some(observable.to_string()),
        verdict,
        confidence: sure.total,
        claims: claims.iter().map(AnswerClaim::from).collect(),
        guard,
        labels,
        network: None,
        why: sure.terms,
        error: None,
    }
}

/// Lists that guard, and lists that only label.
fn listed(
    index: &Index,
    more: &dyn Fn(&Observable) -> Vec<Listed>,
    observable: &Observable,
) -> (Vec<GuardHit>, Vec<Listed>) {
    let mut all = match observable {
        Observable::Domain(name) => index.listed_name(name),
        other => other.net().map(|net| index.listed(net)).unwrap_or_default(),
    };
    let more = more(observable);
    // Of what the image holds already, the list's own text says more.
    all.retain(|listed| more.iter().all(|text| text.list != listed.list));
    all.extend(more);
    all.sort_unstable();
    let (guard, labels): (Vec<Listed>, _) = all.into_iter().partition(|listed| listed.purpose == Purpose::Guard);
    (guard.into_iter().map(GuardHit::from).collect(), labels)
}

impl From<&Claim> for AnswerClaim {
    fn from(claim: &Claim) -> Self {
        Self {
            feed: claim.feed.clone(),
            category: claim.category,
            direction: claim.direction,
            port: claim.port,
            first_seen: claim.first_seen,
            last_seen: claim.last_seen,
            valid_until: claim.valid_until,
            matched: claim.matched.clone(),
            state: None,
            confidence: None,
            labels: Vec::new(),
            cves: Vec::new(),
            known_since: None,
            withdrawn: None,
        }
    }
}

/// The answer to a text that is no address.
pub fn invalid(text: &str, error: String) -> LookupAnswer {
    LookupAnswer {
        address: text.to_owned(),
        canonical: None,
        verdict: Verdict::Invalid,
        confidence: 0,
        claims: Vec::new(),
        guard: Vec::new(),
        labels: Vec::new(),
        network: None,
        why: Vec::new(),
        error: Some(error),
    }
}

#[cfg(all(test, feature = "feeds"))]
mod tests {
    use tripoint_model::Indicator;

    use super::*;
    use crate::image::Builder;

    fn index() -> Index {
        let mut builder = Builder::default();
        let (a, b) = (builder.feed("a").unwrap(), builder.feed("b").unwrap());
        let bad =
            |text: &str, confidence| Indicator::new(text.parse().unwrap(), Category::C2, AppliesTo::Out, confidence);
        builder.add(a, &bad("203.0.113.66:443", 60));
        builder.add(b, &bad("203.0.113.0/24", 50));
        builder.add(b, &bad("8.8.8.8", 50));
        let mut old = bad("198.51.100.1", 90);
        old.valid_until = Some(Timestamp::from_seconds(100));
        builder.add(a, &old);
        Index::open(Arc::new(builder.finish(Timestamp(0)))).unwrap()
    }

    #[test]
    fn each_verdict() {
        let index = index();
        let at = Timestamp::from_seconds(100);
        for (text, verdict, confidence) in [
            ("::ffff:203.0.113.66", Verdict::Bad, 80),
            ("203.0.113.66:80", Verdict::Bad, 50),
            ("8.8.8.8", Verdict::Guarded, 20),
            ("198.51.100.1", Verdict::Expired, 0),
            ("192.0.2.1", Verdict::Unknown, 0),
            ("name.example", Verdict::Unknown, 0),
            ("127.1", Verdict::Invalid, 0),
            ("203.0.113.0/24", Verdict::Invalid, 0),
            ("AS64500", Verdict::Invalid, 0),
        ] {
            let answer = lookup(&index, text, at);
            assert_eq!((answer.verdict, answer.confidence), (verdict, confidence), "{text}");
            assert_eq!(answer.error.is_some(), verdict == Verdict::Invalid);
        }
        assert_eq!(lookup(&index, "198.51.100.1", Timestamp::from_seconds(99)).verdict, Verdict::Bad);
    }

    #[test]
    fn the_row_has_the_promised_shape() {
        let answer = lookup(&index(), "203.0.113.66", Timestamp(0));
        let expected = concat!(
            r#"{"address":"203.0.113.66","canonical":"203.0.113.66","verdict":"bad","confidence":80,"claims":["#,
            r#"{"feed":"a","category":"c2","direction":"out","port":443,"first_seen":null,"last_seen":null,"valid_until":null,"matched":"203.0.113.66:443"},"#,
            r#"{"feed":"b","category":"c2","direction":"out","first_seen":null,"last_seen":null,"valid_until":null,"matched":"203.0.113.0/24"}],"guard":[],"why":["#,
            r#"{"name":"claim","points":60,"reason":"a calls 203.0.113.66:443 c2, sure to 60 of 100"},"#,
            r#"{"name":"corroboration","points":20,"reason":"b, another list, calls it c2"}]}"#
        );
        assert_eq!(serde_json::to_string(&answer).unwrap(), expected);
    }
}
