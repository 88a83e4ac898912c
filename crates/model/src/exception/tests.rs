//! How far does an exception reach, and not one step further?

use super::*;
use crate::testing;

fn exception(target: &str) -> Exception {
    Exception { created: Timestamp(10), ..testing::exception("e1", target, Timestamp(20)) }
}

fn subject(address: &str, at: i64) -> Subject<'static> {
    Subject {
        address: address.parse().unwrap(),
        port: 443,
        name: Some("cdn.partner.example"),
        application: Some("unit:app.service"),
        direction: Some(Direction::Outbound),
        host: Some("web-1"),
        rule: None,
        indicator: None,
        findings: None,
        at: Timestamp(at),
    }
}

#[test]
fn covers_only_its_target_and_its_time() {
    assert!(exception("203.0.113.0/24").covers(&subject("203.0.113.9", 10)));
    assert!(exception("203.0.113.9:443").covers(&subject("203.0.113.9", 19)));
    assert!(exception("partner.example").covers(&subject("203.0.113.9", 15)));
    assert!(!exception("203.0.113.9:80").covers(&subject("203.0.113.9", 15)));
    assert!(!exception("203.0.113.9").covers(&subject("203.0.113.9", 20)));
    assert!(!exception("artner.example").covers(&subject("203.0.113.9", 15)));
}

#[test]
fn an_exception_for_one_application_does_not_cover_the_host() {
    let mut narrow = exception("203.0.113.9");
    narrow.application = Some("unit:app.service".into());
    let mut host = subject("203.0.113.9", 15);
    assert!(narrow.covers(&host));
    host.application = None;
    assert!(!narrow.covers(&host));
}

fn finding(id: &str, cves: &[&str], state: &str) -> Finding {
    let cves = serde_json::to_string(cves).unwrap();
    let text = format!(r#"{{"purl":"pkg:deb/debian/a@1","id":"{id}","cves":{cves},"state":"{state}","fixed":null}}"#);
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_pattern_of_hosts_needs_a_host_that_fits() {
    let own = Exception { hosts: Some("web-*".into()), ..exception("203.0.113.9") };
    let subject = subject("203.0.113.9", 15);
    assert!(own.covers(&subject));
    assert!(!own.covers(&Subject { host: Some("db-1"), ..subject }));
    assert!(!own.covers(&Subject { host: None, ..subject }), "an unknown host is no host of it");
}

#[test]
fn an_indicator_is_meant_exactly() {
    let listed: Observable = "203.0.113.0/24".parse().unwrap();
    let other: Observable = "203.0.113.9".parse().unwrap();
    let own = Exception { target: None, indicator: Some(listed.clone()), ..exception("203.0.113.9") };
    let subject = subject("203.0.113.9", 15);
    assert!(own.covers(&Subject { indicator: Some(&listed), ..subject }));
    assert!(!own.covers(&Subject { indicator: Some(&other), ..subject }));
    assert!(!own.covers(&subject));
}

#[test]
fn accepted_vulnerabilities_cover_nothing_beyond_themselves() {
    let own = Exception { cves: vec!["CVE-2026-1".into()], ..exception("203.0.113.9") };
    let (one, alias) = (finding("CVE-2026-1", &[], "affected"), finding("DSA-1", &["cve-2026-1"], "wont-fix"));
    let (other, fixed) = (finding("CVE-2026-2", &[], "affected"), finding("CVE-2026-3", &[], "fixed"));
    for (findings, expected) in [
        (Some(vec![one.clone()]), true),
        (Some(vec![one.clone(), alias]), true),
        (Some(vec![one.clone(), fixed]), true),
        (Some(vec![one, other]), false),
        (Some(vec![]), false),
        (None, false),
    ] {
        let subject = Subject { findings: findings.as_deref(), ..subject("203.0.113.9", 15) };
        assert_eq!(own.covers(&subject), expected, "{findings:?}");
    }
}

#[test]
fn a_system_means_the_networks_it_had() {
    let networks = ["198.51.100.0/25", "203.0.113.0/26", "2001:db8::/48"].map(|net| net.parse().unwrap()).to_vec();
    let own = Exception { networks, ..exception("AS64500") };
    for (address, expected) in [
        ("198.51.100.0", true),
        ("198.51.100.128", false),
        ("198.51.99.255", false),
        ("203.0.113.63", true),
        ("203.0.113.64", false),
        ("2001:db8::1", true),
        ("2001:db8:1::1", false),
    ] {
        assert_eq!(own.covers(&subject(address, 15)), expected, "{address}");
    }
    assert!(!exception("AS64500").covers(&subject("203.0.113.1", 15)), "without networks it means nobody");
}

#[test]
fn nothing_at_all_covers_nothing() {
    let bare = Exception { target: None, hosts: Some("*".into()), ..exception("203.0.113.9") };
    assert!(!bare.covers(&subject("203.0.113.9", 15)));
}

/// What the first version wrote is read, and written as it was.
#[test]
fn an_old_exception_reads_and_stays_as_it_is() {
    let old = r#"{"id":"e1","target":"203.0.113.9","reason":"r","owner":"ada","created":"2026-11-20T03:00:00Z","expires":"2026-11-20T04:00:00Z"}"#;
    let read: Exception = serde_json::from_str(old).unwrap();
    assert_eq!(read.hosts, None);
    assert_eq!(serde_json::to_string(&read).unwrap(), old);
}
