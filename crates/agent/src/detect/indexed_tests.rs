//! Do new images change what must change, in the right order, and nothing else?

use std::sync::mpsc::{Receiver, channel, sync_channel};

use tokio::sync::mpsc::UnboundedReceiver;
use tripoint_correlator::Weights;
use tripoint_intel::image::Builder;
use tripoint_model::testing::finding;
use tripoint_model::{AppliesTo, Category, Indicator, testing};

use super::super::*;

/// A detector that acts on all it may, what it tells, and what it wants done.
fn detector() -> (Detector, UnboundedReceiver<Report>, Receiver<Ask>) {
    let (reports, told) = tokio::sync::mpsc::unbounded_channel();
    let (actions, asked) = channel();
    let doors = Doors { reports, findings: channel().0, actions, cases: sync_channel(1).0, shared: Arc::default() };
    let folder = tempfile::tempdir().unwrap();
    let mut config = config::load(folder.path(), None).unwrap().config;
    config.response.mode = config::Mode::Enforce;
    config.response.min_confidence = 60;
    let weights = Weights::new(std::collections::BTreeMap::new()).unwrap();
    (Detector::new(Correlator::new("h", weights), "h", None, &config, doors), told, asked)
}

/// An image of one list with one peer, that sure of it, saying so for another `hours`.
fn index(confidence: u8, hours: i64) -> Arc<Index> {
    let mut builder = Builder::default();
    let feed = builder.feed("c2").unwrap();
    let peer = "203.0.113.5".parse().unwrap();
    let mut bad = Indicator::new(peer, Category::C2, AppliesTo::Out, confidence);
    bad.last_seen = Some(now());
    bad.valid_until = Some(now().plus(Duration::from_secs(hours.unsigned_abs() * 3600)));
    builder.add(feed, &bad);
    Arc::new(Index::open(Arc::new(builder.finish(now()))).unwrap())
}

fn process() -> Arc<Process> {
    Arc::new(Process { key: ProcessKey { pid: 7, start_ns: 1 }, exe: "/usr/sbin/nginx".into(), ..Process::default() })
}

fn connection() -> Arc<Connection> {
    Arc::new(Connection { opened: now(), process: Some(process()), ..testing::connection(1, "203.0.113.5:80") })
}

fn looked_up(detector: &mut Detector, edition: i64) {
    looked_up_of(detector, process().key, edition);
}

fn looked_up_of(detector: &mut Detector, process: ProcessKey, edition: i64) {
    let edition = Edition { built: Timestamp(edition), number: None };
    detector.take(Wake::Findings { process, findings: Arc::from([finding()]), rejudged: true, edition, at: now() });
}

/// The alerts told since, the newest last.
fn alerts(told: &mut UnboundedReceiver<Report>) -> Vec<Alert> {
    let mut alerts = Vec::new();
    while let Ok(report) = told.try_recv() {
        if let Report::Alert(alert) = report {
            alerts.push(*alert);
        }
    }
    alerts
}

fn met(confidence: u8) -> (Detector, UnboundedReceiver<Report>, Receiver<Ask>) {
    let (mut detector, mut told, asked) = detector();
    detector.swap(index(confidence, 4), 1);
    looked_up(&mut detector, 1);
    detector.connection(connection(), now());
    assert_eq!(alerts(&mut told).len(), 1);
    (detector, told, asked)
}

#[test]
fn an_image_with_other_dates_tells_nothing() {
    let (mut detector, mut told, _asked) = met(90);
    detector.swap(index(90, 5), 2);
    assert!(alerts(&mut told).is_empty());
    detector.swap(index(50, 6), 3);
    let said = alerts(&mut told);
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].claims[0].confidence, 50);
}

#[test]
fn what_acts_knows_new_indicators_before_it_is_asked_to_act_on_them() {
    let (mut detector, _told, asked) = met(20);
    assert!(asked.try_iter().all(|ask| matches!(ask, Ask::Index(_))), "too unsure to act on");
    detector.swap(index(100, 4), 2);
    let order: Vec<Ask> = asked.try_iter().collect();
    assert!(matches!(order.as_slice(), [Ask::Index(_), Ask::Policy(_)]), "{} asked", order.len());
}

#[test]
fn an_alert_is_as_old_as_the_advisories_its_process_was_looked_up_in() {
    let (mut detector, mut told, _asked) = met(90);
    detector.take(Wake::Seen(vec![Seen::Ended { key: process().key, at: now() }]));
    looked_up_of(&mut detector, ProcessKey { pid: 8, start_ns: 2 }, 2);
    alerts(&mut told);
    detector.swap(index(50, 4), 2);
    let said = alerts(&mut told);
    assert_eq!(said[0].judged.as_ref().unwrap().vuln.unwrap().built, Timestamp(1));
}
