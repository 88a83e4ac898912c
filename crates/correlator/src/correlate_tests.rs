//! Is memory bounded, and is what is not an alert still on record?

use std::sync::Arc;

use tripoint_model::{
    AppliesTo, Category, Claim, Connection, ConnectionState, Finding, FindingState, PackageState, Process, Protocol,
    Sighting, Source,
};

use super::*;

fn process() -> Arc<Process> {
    Arc::new(Process {
        key: ProcessKey { pid: 7, start_ns: 70 },
        command: "app".into(),
        exe: "/usr/bin/app".into(),
        ..Process::default()
    })
}

fn connection(cookie: u64, at: i64, state: ConnectionState, direction: Direction) -> Fact {
    let connection = Connection {
        id: ConnectionId { cookie, peer: 0 },
        protocol: Protocol::Tcp,
        direction,
        local: "198.51.100.10:4000".parse().unwrap(),
        remote: "203.0.113.66:443".parse().unwrap(),
        translated: None,
        state,
        opened: Timestamp::from_seconds(at),
        closed: (!state.is_open()).then(|| Timestamp::from_seconds(at + 1)),
        bytes_in: 1,
        bytes_out: 2,
        netns: 1,
        predates_sensor: false,
        remote_name: None,
        named: None,
        process: Some(process()),
    };
    Fact { at: Timestamp::from_seconds(at), what: What::Connection { connection: Arc::new(connection) } }
}

fn sighting(cookie: u64, at: i64) -> Fact {
    let claim = Claim {
        feed: "c2".into(),
        matched: "203.0.113.66".parse().unwrap(),
        category: Category::C2,
        direction: AppliesTo::Both,
        port: None,
        confidence: 80,
        first_seen: None,
        last_seen: None,
        valid_from: None,
        valid_until: None,
        labels: vec![],
        cves: vec![],
        system: None,
        source: Source::default(),
    };
    let sighting = Sighting { connection: ConnectionId { cookie, peer: 0 }, claims: Arc::from([claim]), guard: vec![] };
    Fact { at: Timestamp::from_seconds(at), what: What::Sighting { sighting } }
}

fn findings(at: i64) -> Fact {
    let finding = Finding {
        purl: "pkg:deb/debian/app@1".into(),
        name: "app".into(),
        version: "1".into(),
        id: "EXAMPLE-1".into(),
        cves: vec!["CVE-2026-10001".into()],
        state: FindingState::Affected,
        presence: PackageState::Loaded,
        on_disk: None,
        fixed: None,
        severity: BTreeMap::new(),
        cvss_tenths: Some(98),
        known_exploited: false,
        epss_bp: None,
        fix_command: None,
        source: "debian".into(),
        paths: vec![],
    };
    Fact {
        at: Timestamp::from_seconds(at),
        what: What::Findings { process: process().key, findings: Arc::from([finding]), rejudged: false },
    }
}

fn tick(at: i64) -> Fact {
    Fact { at: Timestamp::from_seconds(at), what: What::Tick }
}

#[test]
fn a_flood_of_harmless_connections_is_forgotten_and_counted() {
    let mut correlator = Correlator::new("web1", Weights::default());
    for cookie in 0..40_000 {
        assert!(
            correlator.observe(&connection(cookie, 1, ConnectionState::Established, Direction::Outbound)).is_empty()
        );
    }
    assert!(correlator.known.connections.len() <= 16_384);
    assert_eq!(correlator.counters().connections_forgotten + correlator.known.connections.len() as u64, 40_000);
}

#[test]
fn many_connections_to_one_bad_peer_are_folded_and_still_counted() {
    let mut correlator = Correlator::new("web1", Weights::default());
    correlator.observe(&findings(0));
    for cookie in 0..1000 {
        let at = i64::try_from(cookie).unwrap() * 10;
        correlator.observe(&connection(cookie, at, ConnectionState::Closed, Direction::Outbound));
        correlator.observe(&sighting(cookie, at));
    }
    let alerts = correlator.alerts();
    assert_eq!(alerts.len(), 1);
    assert_eq!((alerts[0].count, alerts[0].bytes_in, alerts[0].bytes_out), (1000, 1000, 2000));
    assert_eq!(alerts[0].first_seen, Timestamp(0));
    assert_eq!(alerts[0].connections.len(), 20);
    assert!(correlator.known.connections.len() <= KEPT_MAX);
    assert_eq!(correlator.counters().connections_folded, 1000 - KEPT_MAX as u64);
}

#[test]
fn ended_things_are_forgotten_in_time_and_open_ones_are_not() {
    let mut correlator = Correlator::new("web1", Weights::default());
    correlator.observe(&findings(0));
    correlator.observe(&connection(1, 0, ConnectionState::Established, Direction::Outbound));
    correlator.observe(&sighting(1, 0));
    correlator.observe(&connection(2, 0, ConnectionState::Closed, Direction::Inbound));
    correlator.observe(&sighting(2, 0));
    assert_eq!(correlator.alerts().len(), 2);
    correlator.observe(&tick(8 * 86_400));
    assert_eq!(correlator.alerts().len(), 1);
    assert!(correlator.alerts()[0].still_open);
}

#[test]
fn a_bad_peer_is_on_record_and_an_alert_only_when_asked_for() {
    let facts = [connection(1, 0, ConnectionState::Established, Direction::Inbound), sighting(1, 0)];
    let mut quiet = Correlator::new("web1", Weights::default());
    assert!(facts.iter().all(|fact| quiet.observe(fact).is_empty()));
    assert_eq!(quiet.recorded(), 1);
    let mut weights = Weights::default();
    weights.alert_bad_peer = true;
    let mut loud = Correlator::new("web1", weights);
    facts.iter().for_each(|fact| drop(loud.observe(fact)));
    assert_eq!(loud.alerts()[0].rule, "bad_peer");
    assert!(loud.alerts()[0].missing.iter().any(|missing| missing.what == "vulnerabilities"));
    let said = loud.observe(&findings(1));
    assert_eq!(said[0].rule, "bad_client_of_vulnerable_app", "the same alert, now with the worse judgement");
    assert_eq!(loud.alerts().len(), 1);
}

#[test]
fn an_alert_that_never_was_one_is_withdrawn() {
    let mut correlator = Correlator::new("web1", Weights::default());
    correlator.observe(&connection(1, 100, ConnectionState::Closed, Direction::Outbound));
    correlator.observe(&sighting(1, 100));
    assert_eq!(correlator.observe(&findings(10)).len(), 1);
    let clean = Fact {
        at: Timestamp::from_seconds(50),
        what: What::Findings { process: process().key, findings: Arc::from([]), rejudged: false },
    };
    let said = correlator.observe(&clean);
    assert_eq!(said[0].suppressed_by.as_deref(), Some(WITHDRAWN));
    assert!(correlator.alerts().is_empty());
}

#[test]
fn nothing_new_says_nothing() {
    let mut correlator = Correlator::new("web1", Weights::default());
    let facts = [findings(0), connection(1, 1, ConnectionState::Established, Direction::Outbound), sighting(1, 1)];
    assert_eq!(facts.iter().flat_map(|fact| correlator.observe(fact)).count(), 1);
    assert_eq!(facts.iter().flat_map(|fact| correlator.observe(fact)).count(), 0);
    assert!(correlator.observe(&tick(5)).is_empty());
}

#[test]
fn what_is_found_in_an_open_connection_counts_at_once() {
    let mut correlator = Correlator::new("web1", Weights::default());
    let clean = Fact {
        at: Timestamp::from_seconds(0),
        what: What::Findings { process: process().key, findings: Arc::from([]), rejudged: false },
    };
    let before = [clean, connection(1, 1, ConnectionState::Established, Direction::Outbound), sighting(1, 1), tick(2)];
    before.iter().for_each(|fact| drop(correlator.observe(fact)));
    let said = correlator.observe(&findings(60));
    assert_eq!(said.len(), 1, "without waiting for the next tick");
    assert_eq!(said[0].findings[0].id, "EXAMPLE-1");
}
