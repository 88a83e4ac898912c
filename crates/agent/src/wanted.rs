//! What does policy want done about an alert? The same question for what happens and for what is only simulated.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tripoint_model::confidence::total_to_act_on;
use tripoint_model::{Alert, Claim, Connection, Direction, Meeting, Observable, Timestamp};

use crate::config::{Matter, Policy, Response};
use crate::respond::{Place, Proposal};

/// A proposal that the guard refused is made again after this.
pub const PROPOSE_AGAIN: Duration = Duration::from_secs(60);

/// The entry of the configuration that decides about the alert at this moment, if one does.
pub fn wanted(response: &Response, alert: &Alert, moment: Timestamp) -> Option<Policy> {
    if alert.suppressed_by.is_some() {
        return None;
    }
    let decides = |rule: &str| {
        response.policy_for(&Matter {
            rule,
            direction: alert.direction,
            application: &alert.application.key(),
            confidence: sure(alert, moment),
        })
    };
    decides(&alert.rule).or_else(|| decides(without_its_call_back(alert)?))
}

/// The rule that such an alert would have without it: what policy does about a listed peer it does all the more when
/// an attack came first.
fn without_its_call_back(alert: &Alert) -> Option<&'static str> {
    if alert.call_back.is_none() || alert.claims.is_empty() {
        return None;
    }
    let by_name = alert.claims.iter().all(|claim| matches!(claim.matched, Observable::Domain(_)));
    Some(match (alert.findings.is_empty(), by_name) {
        (true, _) => "bad_peer",
        (false, true) => "bad_name_of_vulnerable_app",
        (false, false) => "bad_server_of_vulnerable_app",
    })
}

/// Everybody whom the alert's connections were with.
pub fn peers(alert: &Alert) -> BTreeSet<IpAddr> {
    alert.connections.iter().map(|connection| connection.remote.ip()).collect()
}

/// What policy proposes about one of them. `open` are the connections with it that are open at the moment.
pub fn proposal(
    response: &Response,
    policy: &Policy,
    alert: &Alert,
    (peer, open): (IpAddr, Vec<Arc<Connection>>),
    moment: Timestamp,
    place: Place,
) -> Proposal {
    Proposal {
        alert: alert.id.clone(),
        application: alert.application.key(),
        peer,
        until: moment.plus(policy.block_for.unwrap_or(response.block_for)),
        reason: alert.title.clone(),
        open,
        policy: policy.clone(),
        place,
    }
}

/// How sure the claims that hold at `moment` make it together that the peer is bad, as far as policy may act on them.
fn sure(alert: &Alert, moment: Timestamp) -> u8 {
    let claims: Vec<&Claim> = alert.claims.iter().collect();
    let newest = alert.connections.first();
    let meeting = Meeting {
        direction: Some(alert.direction),
        // A client's own port says nothing.
        port: newest.filter(|_| alert.direction == Direction::Outbound).map(|connection| connection.remote.port()),
        guard: &alert.guard,
        ..Meeting::at(moment)
    };
    total_to_act_on(&claims, &meeting)
}
