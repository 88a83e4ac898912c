//! What is known about one address, past and present?

use std::path::Path;

use serde::Serialize;
use tripoint_model::{IndicatorLookup as _, Observable, Timestamp};

use crate::index::{Index, Related};
use crate::lookup::{AnswerClaim, ClaimState, LookupAnswer};
use crate::networks::Networks;
use crate::online::OnlineAnswer;
use crate::past::{Withdrawn, known_since, withdrawn};
use crate::store;

/// The answer of `lookup` with everything that takes more than a moment to find.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct About {
    /// What is said now, with what was withdrawn after it.
    #[serde(flatten)]
    pub answer: LookupAnswer,
    /// Feeds whose history is damaged where this would stand: something may be missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history_damaged: Vec<String>,
    /// CVEs that it is said to exploit, or was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cves: Vec<String>,
    /// What else is listed near it or under the same labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub related: Option<Related>,
    /// What services on the internet say; nobody is asked here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub online: Vec<OnlineAnswer>,
}

/// Everything that the data folder tells of what `answer` is about.
pub fn about(index: &Index, networks: &Networks, data_dir: &Path, mut answer: LookupAnswer, at: Timestamp) -> About {
    let text = answer.address.as_str();
    let asked = match text.parse::<Observable>() {
        // A network, for instance, is read and not answered.
        Ok(asked) if answer.error.is_none() => asked,
        _ => return About::of(answer),
    };
    answer.network = network(networks, &asked);
    let full = match &asked {
        Observable::Domain(name) => index.claims_for_name(name),
        Observable::AddressPort(address, port) => index.claims(*address, *port),
        Observable::Address(address) => index.claims_any_port(*address),
        Observable::Network(net) => index.claims_any_port(net.addr()),
        Observable::System(_) => [].into(),
    };
    let mut labels: Vec<String> = Vec::new();
    for (shown, claim) in answer.claims.iter_mut().zip(full.iter()) {
        shown.state = Some(if claim.holds_at(at) { ClaimState::Current } else { ClaimState::Expired });
        shown.confidence = Some(claim.confidence);
        shown.labels.clone_from(&claim.labels);
        shown.cves.clone_from(&claim.cves);
        shown.known_since = known_since(data_dir, &claim.feed, &claim.matched);
        labels.extend(claim.labels.iter().filter(|label| !labels.contains(label)).cloned().collect::<Vec<_>>());
    }
    let mut history_damaged = Vec::new();
    for feed in store::list(data_dir) {
        let past = withdrawn(data_dir, &feed.feed, &asked);
        if past.is_damaged {
            history_damaged.push(feed.feed.clone());
        }
        for past in past.withdrawn {
            let listed_again = answer.claims.iter().any(|claim| {
                claim.state != Some(ClaimState::Withdrawn)
                    && claim.feed == feed.feed
                    && claim.matched == past.observable
                    && claim.known_since.is_none_or(|since| since <= past.gone)
            });
            // What a crash left: noted as withdrawn, and never gone.
            if !listed_again {
                answer.claims.push(shown(&feed.feed, past));
            }
        }
    }
    let mut cves: Vec<String> = answer.claims.iter().flat_map(|claim| claim.cves.iter().cloned()).collect();
    cves.sort_unstable();
    cves.dedup();
    let related = index.related(&asked, &labels, at);
    let related = (related != Related::default()).then_some(related);
    About { cves, related, history_damaged, ..About::of(answer) }
}

impl About {
    /// An answer of which nothing more is known.
    fn of(answer: LookupAnswer) -> Self {
        Self { answer, history_damaged: Vec::new(), cves: Vec::new(), related: None, online: Vec::new() }
    }
}

/// Whose network the thing asked for is in.
pub fn network(networks: &Networks, asked: &Observable) -> Option<crate::networks::Network> {
    networks.find(asked.net()?.addr())
}

fn shown(feed: &str, past: Withdrawn) -> AnswerClaim {
    AnswerClaim {
        feed: feed.to_owned(),
        category: past.category,
        direction: past.direction,
        port: past.observable.port(),
        first_seen: past.first_seen,
        last_seen: past.last_seen,
        valid_until: past.valid_until,
        matched: past.observable,
        state: Some(ClaimState::Withdrawn),
        confidence: Some(past.confidence),
        labels: past.labels,
        cves: past.cves,
        known_since: past.since,
        withdrawn: Some(past.gone),
    }
}

#[cfg(test)]
mod tests;
