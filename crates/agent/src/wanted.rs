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
    let application = alert.application.key();
    let (direction, confidence) = (alert.direction, sure(alert, moment));
    let matter = |rule| Matter { rule, direction, application: &application, confidence };
    let own = matter(&alert.rule);
    // What concerns a call-back as such decides, also when it is not content.
    if response.is_concerned(&own) {
        return response.policy_for(&own);
    }
    response.policy_for(&matter(without_its_call_back(alert)?))
}

/// The rule that such an alert would have without it: an attack that came first neither adds to what policy does about
/// a listed peer nor takes from it. The findings of an attacked server say nothing of what it began.
fn without_its_call_back(alert: &Alert) -> Option<&'static str> {
    if alert.call_back.is_none() || alert.claims.is_empty() {
        return None;
    }
    let by_name = alert.claims.iter().all(|claim| matches!(claim.matched, Observable::Domain(_)));
    let is_childs = alert.call_back.as_ref().is_some_and(|call_back| call_back.child.is_some());
    Some(match (alert.findings.is_empty() || is_childs, by_name) {
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::check;

    fn response(text: &str) -> Response {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("agent.toml");
        std::fs::write(&file, format!("[response]\nmode = \"enforce\"\nmin_confidence = 80\n{text}")).unwrap();
        check(&file).unwrap().config.response
    }

    fn process(pid: u32) -> Value {
        json!({"key": {"pid": pid, "start_ns": 1}, "parent": 1, "command": "x", "exe": "/usr/bin/x", "exe_device": 1,
            "exe_inode": 1, "argv": [], "uid": 0, "cgroup_id": 0, "cgroup": "/", "netns": 1, "ancestry": []})
    }

    /// A vulnerable server's connection to a listed peer, or that of what it began.
    fn alert(rule: &str, call_back: bool, child: bool, confidence: u8) -> Alert {
        let connection = json!({"id": {"cookie": 1, "peer": 0}, "protocol": "tcp", "direction": "outbound",
            "local": "198.51.100.1:4000", "remote": "203.0.113.66:443", "state": "established", "opened": "2026-01-01T00:00:00Z",
            "bytes_in": 0, "bytes_out": 0});
        let mut back = json!({"server": process(7), "connection": connection, "reasons": []});
        if child {
            back["child"] = process(8);
        }
        serde_json::from_value(json!({
            "schema": 1, "id": "a", "rule": rule, "title": "t", "host": "h", "indicator": "203.0.113.66",
            "application": {"kind": "unit", "id": "shop.service", "name": "shop"}, "direction": "outbound",
            "severity": {"score": 80, "level": "critical", "factors": []}, "confidence": confidence,
            "first_seen": "2026-01-01T00:00:00Z", "last_seen": "2026-01-01T00:00:00Z", "count": 1, "bytes_in": 0,
            "bytes_out": 0, "still_open": true, "connections": [connection],
            "claims": [{"feed": "lab", "category": "c2", "direction": "both", "confidence": confidence,
                "matched": "203.0.113.66", "first_seen": null, "last_seen": null, "valid_until": null}],
            "findings": [{"id": "CVE-2021-44228", "purl": "pkg:generic/x@1", "cves": [], "state": "affected"}],
            "call_back": if call_back { back } else { Value::Null },
        }))
        .unwrap()
    }

    fn name(text: &str, alert: &Alert) -> Option<String> {
        wanted(&response(text), alert, Timestamp(1_767_225_600_000_000)).map(|policy| policy.name)
    }

    #[test]
    fn an_attack_before_neither_adds_to_policy_nor_takes_from_it() {
        let (plain, rule) = ("bad_server_of_vulnerable_app", "exploited_then_called_back");
        assert_eq!(name("", &alert(plain, false, false, 95)).as_deref(), Some("response"), "the rig acts");
        assert_eq!(name("", &alert(rule, true, false, 95)).as_deref(), Some("response"), "the server itself");
        assert_eq!(name("", &alert(rule, true, true, 95)), None, "what it began is not known to be vulnerable");
        let peers = "rules = [\"bad_peer\"]\n";
        assert_eq!(name(peers, &alert(rule, true, true, 95)).as_deref(), Some("response"));
        // An entry about call-backs is the end, content or not.
        let strict =
            "[[response.policy]]\nname = \"strict\"\nrules = [\"exploited_then_called_back\"]\nmin_confidence = 95\n";
        assert_eq!(name(strict, &alert(rule, true, false, 85)), None);
        assert_eq!(name(strict, &alert(rule, true, true, 96)).as_deref(), Some("strict"));
        let mut unlisted = alert(rule, true, false, 95);
        unlisted.claims.clear();
        assert_eq!(name("", &unlisted), None);
    }
}
