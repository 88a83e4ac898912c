//! Is memory bounded, and is what is not an alert still on record?

use std::sync::Arc;

use tripoint_model::testing::{claim, finding};
use tripoint_model::{Claim, Connection, ConnectionState, Process, Sighting, testing};

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
        direction,
        state,
        opened: Timestamp::from_seconds(at),
        closed: (!state.is_open()).then(|| Timestamp::from_seconds(at + 1)),
        bytes_in: 1,
        bytes_out: 2,
        process: Some(process()),
        ..testing::connection(cookie, "203.0.113.66:443")
    };
    Fact { at: Timestamp::from_seconds(at), what: What::Connection { connection: Arc::new(connection) } }
}

fn seen(cookie: u64, claims: impl Into<Arc<[Claim]>>) -> Sighting {
    Sighting { connection: ConnectionId { cookie, peer: 0 }, claims: claims.into(), guard: vec![] }
}

fn sighting(cookie: u64, at: i64) -> Fact {
    let sighting = seen(cookie, [claim("203.0.113.66")]);
    Fact { at: Timestamp::from_seconds(at), what: What::Sighting { sighting } }
}

fn findings(at: i64) -> Fact {
    Fact {
        at: Timestamp::from_seconds(at),
        what: What::Findings { process: process().key, findings: Arc::from([finding()]), rejudged: false },
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

#[test]
fn an_alert_stays_the_same_one_however_often_its_lists_are_read_again() {
    let mut correlator = Correlator::new("web1", Weights::default());
    correlator.observe(&findings(0));
    correlator.observe(&connection(1, 1, ConnectionState::Established, Direction::Outbound));
    let mut ids = BTreeSet::new();
    for hour in 1..=100 {
        let until = Some(Timestamp::from_seconds((hour + 24) * 3600));
        let exact = Claim { valid_until: until, ..claim("203.0.113.66:443") };
        let claims = [Claim { valid_until: until, ..claim("203.0.113.66") }, exact];
        let said = correlator.look_again(Timestamp::from_seconds(hour * 3600), &[seen(1, claims)]);
        assert!(said.iter().all(|alert| alert.suppressed_by.is_none()), "taken back at hour {hour}");
        ids.extend(said.into_iter().map(|alert| alert.id));
    }
    assert_eq!(ids.len(), 1);
    assert_eq!(correlator.alerts()[0].indicator, "203.0.113.66:443".parse().unwrap());
}

/// A feed that says something else of 40 connections of one application, bad clients and bad servers.
#[test]
fn many_peers_looked_at_again_end_as_one_by_one_and_each_alert_is_told_once() {
    let laid = || {
        let mut correlator = Correlator::new("web1", Weights::default());
        correlator.observe(&findings(0));
        for cookie in 0..40 {
            let direction = if cookie % 2 == 0 { Direction::Inbound } else { Direction::Outbound };
            let at = i64::try_from(cookie).unwrap();
            correlator.observe(&connection(cookie, at, ConnectionState::Established, direction));
            correlator.observe(&sighting(cookie, at));
        }
        correlator
    };
    let news: Vec<Sighting> =
        (0..40).map(|cookie| seen(cookie, [Claim { confidence: 30, ..claim("203.0.113.66") }])).collect();
    let at = Timestamp::from_seconds(100);
    let (mut together, mut one_by_one) = (laid(), laid());
    let mut said = together.look_again(at, &news);
    said.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(said.len(), 2, "each alert once");
    for sighting in news {
        one_by_one.observe(&Fact { at, what: What::Sighting { sighting } });
    }
    assert!(together.alerts() == one_by_one.alerts(), "one by one they end otherwise");
    assert!(together.alerts() == said, "what was told is not what stands");
}

/// Who accepted CVE-2026-10001, or something else, of the application until 10,000.
fn accepts(cve: &str) -> Fact {
    let text = format!(
        r#"{{"id":"ex-1","application":"{}","cves":["{cve}"],"reason":"accepted","owner":"o","created":"1970-01-01T00:00:01Z","expires":"1970-01-01T02:00:00Z"}}"#,
        process().application().key()
    );
    let exception = serde_json::from_str(&text).unwrap();
    Fact { at: Timestamp::from_seconds(1), what: What::ExceptionAdded { exception } }
}

#[test]
fn whoever_accepted_a_vulnerability_has_accepted_that_it_is_withdrawn() {
    let nothing = Fact {
        at: Timestamp::from_seconds(60),
        what: What::Findings { process: process().key, findings: Arc::from([]), rejudged: true },
    };
    for (cve, covered) in [("CVE-2026-10001", Some("ex-1")), ("CVE-2026-99999", None)] {
        let connected = connection(1, 1, ConnectionState::Closed, Direction::Outbound);
        let mut facts = [accepts(cve), findings(0), connected, sighting(1, 1), nothing.clone()];
        for _ in 0..facts.len() {
            facts.rotate_left(1);
            let mut correlator = Correlator::new("web1", Weights::default());
            facts.iter().for_each(|fact| drop(correlator.observe(fact)));
            let alerts = correlator.alerts();
            assert_eq!(alerts.len(), 1);
            assert!(alerts[0].findings.is_empty(), "it was withdrawn");
            assert_eq!(alerts[0].suppressed_by.as_deref(), covered, "{cve}");
        }
    }
}
