//! How is an alert told in STIX 2.1?
//!
//! Whoever met what, how often, from when to when: an indicator, the addresses that were seen, the
//! observation and the sighting that joins them. Ids follow from the alert's, so that each is the same every time.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::{Map, Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use tripoint_model::{Alert, AlertStatus, Observable, Resolution, Timestamp};

/// Who says it all.
pub(crate) fn identity() -> Value {
    json!({ "type": "identity", "spec_version": "2.1", "id": author(), "created": BEGAN, "modified": BEGAN,
        "name": "Tripoint", "identity_class": "system", "description": "Sightings of a Tripoint server." })
}

/// The objects of an alert that was last changed at `changed`.
pub(crate) fn objects(alert: &Alert, changed: Timestamp) -> Vec<Value> {
    let (first, last) = (alert.first_seen.min(alert.last_seen), alert.last_seen.max(alert.first_seen));
    let created = moment(first.min(changed));
    let base = |kind: &str| {
        let mut base = Map::new();
        for (name, value) in [
            ("type", kind.to_owned()),
            ("spec_version", "2.1".to_owned()),
            ("id", format!("{kind}--{}", uuid4(&format!("{kind} {}", alert.id)))),
            ("created_by_ref", author()),
            ("created", created.clone()),
            ("modified", moment(changed)),
        ] {
            base.insert(name.to_owned(), value.into());
        }
        if is_void(alert) {
            base.insert("revoked".to_owned(), true.into());
        }
        base
    };
    let with = |kind: &str, more: Value| {
        let mut object = base(kind);
        object.extend(more.as_object().cloned().unwrap_or_default());
        Value::Object(object)
    };
    let categories: BTreeSet<&str> = alert.claims.iter().map(|claim| claim.category.as_str()).collect();
    let feeds: BTreeSet<&str> = alert.claims.iter().map(|claim| claim.feed.as_str()).collect();
    let mut indicator = with(
        "indicator",
        json!({ "name": alert.indicator.to_string(), "pattern": pattern(&alert.indicator), "pattern_type": "stix",
            "description": format!("named by {}", feeds.into_iter().collect::<Vec<_>>().join(", ")),
            "pattern_version": "2.1", "indicator_types": ["malicious-activity"], "valid_from": created,
            "confidence": alert.confidence.min(100) }),
    );
    if !categories.is_empty() {
        indicator["labels"] = json!(categories);
    }
    let seen = seen(alert);
    let count = alert.count.clamp(1, COUNT_MAX);
    let mut sighting = with(
        "sighting",
        json!({ "first_seen": moment(first), "last_seen": moment(last), "count": count,
            "sighting_of_ref": indicator["id"], "confidence": alert.confidence.min(100),
            "description": format!("{} ({}, {})", alert.title, alert.rule, alert.application.key()) }),
    );
    let mut out = vec![indicator];
    if !seen.is_empty() {
        let refs: Vec<&Value> = seen.iter().filter_map(|object| object.get("id")).collect();
        let observed = with(
            "observed-data",
            json!({ "first_observed": moment(first), "last_observed": moment(last), "number_observed": count,
                "object_refs": refs }),
        );
        sighting["observed_data_refs"] = json!([observed["id"]]);
        out.extend(seen);
        out.push(observed);
    }
    out.push(sighting);
    out
}

/// The vulnerabilities that the alert names by a CVE, each once.
pub(crate) fn vulnerabilities(alert: &Alert, changed: Timestamp) -> Vec<Value> {
    let named: BTreeSet<&str> =
        alert.findings.iter().flat_map(|finding| finding.cves.iter().map(String::as_str)).filter(is_cve).collect();
    let one = |id: &str| {
        json!({ "type": "vulnerability", "spec_version": "2.1", "id": format!("vulnerability--{}", uuid4(&format!("vulnerability {id}"))),
            "created_by_ref": author(), "created": BEGAN, "modified": moment(changed.max(BEGAN_AT)), "name": id,
            "external_references": [{ "source_name": "cve", "external_id": id }] })
    };
    named.into_iter().take(VULNERABILITIES_MAX).map(one).collect()
}

/// What the alert says in words, about all that it is made of.
pub(crate) fn note(alert: &Alert, changed: Timestamp, about: &[Value]) -> Value {
    let refs: Vec<&Value> =
        about.iter().filter(|object| object["type"] != "identity").map(|object| &object["id"]).collect();
    let factors =
        alert.severity.factors.iter().map(|factor| format!("{:+} {}: {}", factor.points, factor.name, factor.reason));
    let content: Vec<String> = std::iter::once(alert.title.clone()).chain(factors).collect();
    json!({ "type": "note", "spec_version": "2.1", "id": format!("note--{}", uuid4(&format!("note {}", alert.id))),
        "created_by_ref": author(), "created": moment(alert.first_seen.min(changed)), "modified": moment(changed),
        "abstract": format!("{} of {}, severity {} of 100", alert.rule, alert.host, alert.severity.score),
        "content": content.join("\n"), "object_refs": refs })
}

/// `CVE-2026-10001`; what else an advisory calls a hole has no reference that all understand.
fn is_cve(id: &&str) -> bool {
    let digits = |part: &str, least: usize| part.len() >= least && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = id.strip_prefix("CVE-").and_then(|rest| rest.split_once('-'));
    parts.is_some_and(|(year, number)| year.len() == 4 && digits(year, 4) && digits(number, 4))
}

/// What people found to be harmless, or an exception covers, is taken back.
fn is_void(alert: &Alert) -> bool {
    let harmless =
        matches!(alert.work.resolution, Some(Resolution::FalsePositive | Resolution::Expected | Resolution::Testing));
    alert.suppressed_by.is_some() || (alert.work.status == AlertStatus::Resolved && harmless)
}

/// The peers of the newest connections as observables; without any, what the indicator names.
fn seen(alert: &Alert) -> Vec<Value> {
    let addresses: BTreeSet<IpAddr> =
        alert.connections.iter().take(SEEN_MAX).map(|connection| connection.remote.ip()).collect();
    if !addresses.is_empty() {
        return addresses.into_iter().map(address).collect();
    }
    match &alert.indicator {
        Observable::Address(ip) | Observable::AddressPort(ip, _) => vec![address(*ip)],
        Observable::Domain(name) => vec![observable("domain-name", name)],
        Observable::Network(_) | Observable::System(_) => Vec::new(),
    }
}

fn address(ip: IpAddr) -> Value {
    observable(if ip.is_ipv4() { "ipv4-addr" } else { "ipv6-addr" }, &ip.to_string())
}

fn observable(kind: &str, value: &str) -> Value {
    // The id that everybody else gives to the same thing (STIX 2.1, section 2.9).
    let name = json!({ "value": value }).to_string();
    json!({ "type": kind, "spec_version": "2.1", "id": format!("{kind}--{}", uuid5(&name)), "value": value })
}

fn pattern(observable: &Observable) -> String {
    let kind = |ip: &IpAddr| if ip.is_ipv4() { "ipv4-addr" } else { "ipv6-addr" };
    match observable {
        Observable::Address(ip) => format!("[{}:value = '{ip}']", kind(ip)),
        Observable::Network(net) => format!("[{}:value = '{net}']", kind(&net.addr())),
        Observable::AddressPort(ip, port) => format!(
            "[network-traffic:dst_ref.type = '{0}' AND network-traffic:dst_ref.value = '{ip}' AND network-traffic:dst_port = {port}]",
            kind(ip)
        ),
        Observable::Domain(name) => {
            format!("[domain-name:value = '{}']", name.replace('\\', "\\\\").replace('\'', "\\'"))
        }
        Observable::System(number) => format!("[autonomous-system:number = {number}]"),
    }
}

/// To the millisecond, always with three digits, as STIX writes it.
pub(crate) fn moment(time: Timestamp) -> String {
    let milliseconds = time.0.div_euclid(1000);
    let whole = Timestamp::from_seconds(milliseconds.div_euclid(1000)).to_string();
    format!("{}.{:03}Z", whole.trim_end_matches('Z'), milliseconds.rem_euclid(1000))
}

fn author() -> String {
    format!("identity--{}", uuid4("identity"))
}

/// From a digest, marked as version 4, which is what validators expect of all but observables.
pub(crate) fn uuid4(text: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(format!("tripoint taxii {text}")).into();
    uuid(digest.first_chunk().copied().unwrap_or_default(), 0x40)
}

/// Version 5 of RFC 9562 in the namespace of STIX.
fn uuid5(name: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(STIX_NAMESPACE);
    hash.update(name.as_bytes());
    let digest: [u8; 20] = hash.finalize().into();
    uuid(digest.first_chunk().copied().unwrap_or_default(), 0x50)
}

fn uuid(mut bytes: [u8; 16], version: u8) -> String {
    bytes[6] = bytes[6] & 0x0f | version;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// 00abedb4-aa42-466c-9c01-fed23315a9b7.
const STIX_NAMESPACE: [u8; 16] =
    [0x00, 0xab, 0xed, 0xb4, 0xaa, 0x42, 0x46, 0x6c, 0x9c, 0x01, 0xfe, 0xd2, 0x33, 0x15, 0xa9, 0xb7];
/// When we began to say anything.
const BEGAN: &str = "2026-01-01T00:00:00.000Z";
/// The same moment, as a place in the collection.
pub(crate) const BEGAN_AT: Timestamp = Timestamp(1_767_225_600_000_000);
/// The most that STIX counts.
const COUNT_MAX: u64 = 999_999_999;
/// As many as anybody reads.
const VULNERABILITIES_MAX: usize = 200;
/// Connections whose peers are named: an alert holds twenty.
const SEEN_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_that_others_give() {
        // As Python's `uuid.uuid5` makes it of `{"value":"198.51.100.3"}`.
        assert_eq!(address("198.51.100.3".parse().unwrap())["id"], "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4");
        assert_eq!(&uuid4("x")[14..15], "4");
        assert_eq!(moment(BEGAN_AT), BEGAN);
        assert_eq!(moment(Timestamp(1_001_999)), "1970-01-01T00:00:01.001Z");
        assert_eq!(moment(Timestamp(-1)), "1969-12-31T23:59:59.999Z");
    }
}
