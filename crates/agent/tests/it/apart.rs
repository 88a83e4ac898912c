//! Does an agent learn what was changed while it and the server were apart?

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use serde_json::{Value, json};
use tripoint_agent::findings::Request;
use tripoint_agent::place::Place;
use tripoint_agent::respond::Ask;
use tripoint_agent::uplink::{Doors, Report, Uplink};
use tripoint_api::agent::AgentIdentity;
use tripoint_api::path;
use tripoint_model::Timestamp;

/// What the server says: exceptions and open alerts; nothing while it is away.
type Said = Arc<Mutex<Option<(Value, Value)>>>;

fn serve(socket: &Path, said: &Said) {
    std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
    let listener = UnixListener::bind(socket).unwrap();
    let said = Arc::clone(said);
    std::thread::spawn(move || {
        for caller in listener.incoming().flatten() {
            let said = Arc::clone(&said);
            std::thread::spawn(move || answer(caller, &said));
        }
    });
}

fn answer(mut caller: UnixStream, said: &Said) {
    let mut lines = BufReader::new(caller.try_clone().unwrap()).lines().map_while(Result::ok);
    let asked = lines.next().unwrap_or_default();
    while lines.next().is_some_and(|line| !line.trim().is_empty()) {}
    let Some((exceptions, alerts)) = said.lock().unwrap().clone() else { return };
    let body = if asked.contains(path::EXCEPTIONS) {
        exceptions
    } else if asked.contains(path::AGENT_ALERTS) {
        alerts
    } else {
        std::thread::sleep(Duration::from_millis(50));
        json!({ "orders": [] })
    };
    let body = body.to_string();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length:";
    let _ = caller.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes());
}

fn exceptions(ids: &[&str]) -> Value {
    let one = |id: &&str| {
        json!({"id": id, "target": "203.0.113.1", "reason": "r", "owner": "ada", "created": "2026-11-20T03:00:00Z",
            "expires": "2096-11-20T03:00:00Z", "used": {"hits": 0, "alerts": 0}, "hits": 0, "alerts": 0})
    };
    json!({ "exceptions": ids.iter().map(one).collect::<Vec<_>>() })
}

fn alerts(id: &str) -> Value {
    json!({"alerts": [{"alert": id, "application": "unit:a.service", "packages": []}]})
}

/// Promise: a change made while the server could not be reached holds when it can be again.
#[test]
fn exceptions_and_open_alerts_are_asked_for_again_after_the_server_was_away() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(folder.path());
    tripoint_agent::pipeline::prepare(&place).unwrap();
    let said: Said = Arc::new(Mutex::new(Some((exceptions(&["x1", "x2"]), alerts("a1")))));
    serve(&place.socket(), &said);
    let identity = AgentIdentity { host: "h".into(), boot_id: "b".into(), version: "1".into(), started: Timestamp(1) };
    let uplink = Uplink::open(place.socket(), &place, identity).unwrap();
    let (report, reports) = tokio::sync::mpsc::unbounded_channel();
    let (actions, asks) = mpsc::channel();
    let (findings, requests) = mpsc::channel();
    let (cases, _to_look_into) = mpsc::sync_channel(1);
    let running = std::thread::spawn(move || uplink.run(reports, Doors { actions, cases, findings }).unwrap());
    let known = || match asks.recv_timeout(Duration::from_secs(10)) {
        Ok(Ask::Exceptions(known)) => known.into_iter().map(|exception| exception.id).collect::<Vec<_>>(),
        other => panic!("{}", other.is_ok()),
    };
    let open = || match requests.recv_timeout(Duration::from_secs(10)) {
        Ok(Request::Recall(open)) => open.into_iter().map(|alert| alert.alert.0).collect::<Vec<_>>(),
        other => panic!("{}", other.is_ok()),
    };
    assert_eq!((known(), open()), (vec!["x1".to_owned(), "x2".to_owned()], vec!["a1".to_owned()]));
    assert!(asks.recv_timeout(Duration::from_millis(500)).is_err(), "once while they are together");
    *said.lock().unwrap() = None;
    std::thread::sleep(Duration::from_millis(700));
    // One was added and one deleted meanwhile.
    *said.lock().unwrap() = Some((exceptions(&["x2", "x3"]), alerts("a2")));
    assert_eq!((known(), open()), (vec!["x2".to_owned(), "x3".to_owned()], vec!["a2".to_owned()]));
    report.send(Report::Stop).unwrap();
    running.join().unwrap();
}
