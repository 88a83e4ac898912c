//! Do call-backs that are over take the place of those that come?

use std::sync::mpsc::{channel, sync_channel};

use tripoint_correlator::Weights;
use tripoint_model::{ConnectionState, testing};

use super::tried::CALLED_BACK_MAX;
use super::*;

fn detector() -> Detector {
    // Nobody listens: what is told goes nowhere.
    let (reports, _) = tokio::sync::mpsc::unbounded_channel();
    let doors = Doors {
        reports,
        findings: channel().0,
        actions: channel().0,
        cases: sync_channel(1).0,
        shared: Arc::default(),
    };
    let weights = Weights::new(std::collections::BTreeMap::new()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = config::load(folder.path(), None).unwrap().config;
    Detector::new(Correlator::new("h", weights), "h", None, &config, doors)
}

fn process(pid: u32) -> Arc<Process> {
    Arc::new(Process { key: ProcessKey { pid, start_ns: 1 }, exe: "/usr/sbin/nginx".into(), ..Process::default() })
}

fn call(cookie: usize, owner: &Arc<Process>, state: ConnectionState) -> Arc<Connection> {
    Arc::new(Connection {
        state,
        process: Some(Arc::clone(owner)),
        ..testing::connection(cookie as u64, "203.0.113.5:80")
    })
}

fn tell(detector: &mut Detector, server: &Arc<Process>, calls: Vec<Arc<Connection>>) {
    let calls = calls.into_iter().map(|call| (call, Timestamp::from_seconds(2))).collect();
    detector.tried(Arc::clone(server), Arc::default(), calls);
}

fn is_followed(detector: &mut Detector, server: &Arc<Process>, cookie: usize) -> bool {
    let new = call(cookie, server, ConnectionState::Established);
    tell(detector, server, vec![Arc::clone(&new)]);
    detector.called_back.contains(&new.id)
}

#[test]
fn call_backs_that_have_ended_take_no_place() {
    let (mut detector, server) = (detector(), process(7));
    let ended = |cookie| call(cookie, &server, ConnectionState::Closed);
    tell(&mut detector, &server, (0..CALLED_BACK_MAX + 10).map(ended).collect());
    assert!(detector.called_back.is_empty());
    assert!(is_followed(&mut detector, &server, CALLED_BACK_MAX + 10));
}

#[test]
fn a_call_back_that_ends_gives_its_place_back() {
    let (mut detector, server) = (detector(), process(7));
    let open = |cookie| call(cookie, &server, ConnectionState::Established);
    tell(&mut detector, &server, (0..CALLED_BACK_MAX).map(open).collect());
    assert!(!is_followed(&mut detector, &server, CALLED_BACK_MAX), "there is room for so many only");
    detector.follow_up(call(3, &server, ConnectionState::Closed), Timestamp::from_seconds(3));
    assert!(is_followed(&mut detector, &server, CALLED_BACK_MAX + 1));
}

#[test]
fn call_backs_of_a_process_that_ended_give_their_places_back() {
    let (mut detector, first, second) = (detector(), process(7), process(8));
    let open = |cookie| call(cookie, &first, ConnectionState::Established);
    tell(&mut detector, &first, (0..CALLED_BACK_MAX).map(open).collect());
    detector.forget(first.key);
    assert!(detector.called_back.is_empty());
    assert!(is_followed(&mut detector, &second, CALLED_BACK_MAX));
}
