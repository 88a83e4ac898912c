//! Does each stream answer as the contract says, whoever asks, and is each event what the contract says it is?

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use tripoint_api::{Area, BouncerKey, NewBouncer, Role, Scope, path};

use crate::browser::{Browser, Heard, add_user, head_of};
use crate::connections::{contact, item};
use crate::contract::CONTRACT;
use crate::matrix::token;
use crate::rig::{Rig, alert};
use crate::witness::whole_alert;

const STREAMS: [&str; 3] = [path::ALERTS_WATCH, path::QUEUE_WATCH, path::CONNECTIONS_WATCH];

/// The answer: of a stream that is let through its head only. Both are held to the contract.
async fn asked(browser: &Browser, stream: &str) -> u16 {
    let head = head_of(&mut browser.begin("GET", stream, "").await).await;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    if status != 200 {
        return browser.get(stream).await.status;
    }
    let heard = Heard { status, head, body: String::new() };
    assert!(heard.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")), "{heard:?}");
    CONTRACT.hold("GET", stream, &heard);
    status
}

#[tokio::test]
async fn each_stream_is_open_to_whom_it_should_be() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.client.post::<Value>(path::GROUPS, &json!({"name": "web", "hosts": ["web*"]})).await.unwrap();
    add_user(&rig.client, "vera", Role::Viewer, &["web"]).await;
    let made: BouncerKey = rig.client.post(path::BOUNCERS, &NewBouncer { name: "fw".into() }).await.unwrap();
    let session = Browser::signed_in(&rig, "vera").await;
    let of = |scopes| token(&session, Role::Viewer, scopes);
    let health = of(vec![Scope { area: Area::Health, write: false }]).await;
    let bouncer = Browser { more: format!("x-api-key: {}\r\n", made.key), origin: None, ..Browser::new(&rig) };
    for (name, browser, status) in [
        ("nobody", Browser::new(&rig), 401),
        ("a bouncer", bouncer, 401),
        ("a token for health", Browser::with_token(&rig, &health), 403),
        ("a viewer's token", Browser::with_token(&rig, &of(Vec::new()).await), 200),
        ("a viewer of one group", session.clone(), 200),
        ("the machine", Browser::with_token(&rig, &rig.token()), 200),
    ] {
        for stream in STREAMS {
            assert_eq!(asked(&browser, stream).await, status, "{stream} by {name}");
        }
    }
    rig.stop().await;
}

#[tokio::test]
async fn whatever_is_asked_of_a_stream_is_answered_as_described() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let browser = Browser::with_token(&rig, &rig.token());
    let long = "x".repeat(5000);
    let values = [
        "",
        "x",
        "-1",
        "0",
        "18446744073709551616",
        "2026-11-20T03:00:00Z",
        "AS64500",
        "%00",
        "%ff",
        "%E2%80%AE",
        "a%20or",
    ];
    let mut statuses = BTreeSet::new();
    for stream in STREAMS {
        let parameters = CONTRACT.document["paths"][stream]["get"]["parameters"].as_array();
        let names = parameters.into_iter().flatten().map(|parameter| parameter["name"].as_str().unwrap());
        for name in names.chain(["unknown"]) {
            for value in values.into_iter().chain([long.as_str()]) {
                let status = asked(&browser, &format!("{stream}?{name}={value}")).await;
                assert!(status < 500, "{stream}?{name}={value}: {status}");
                statuses.insert(status);
            }
        }
    }
    assert!(statuses.contains(&200) && statuses.iter().any(|status| (400..500).contains(status)), "{statuses:?}");
    rig.stop().await;
}

/// The next event: its name and its data.
async fn next(stream: &mut TcpStream) -> (String, String) {
    let mut text = String::new();
    while !text.contains("\n\n") || !text.contains("data:") {
        let byte = tokio::time::timeout(Duration::from_secs(20), stream.read_u8()).await.expect("an event").unwrap();
        text.push(char::from(byte));
    }
    let of = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
    (of("event: "), of("data: "))
}

/// Reads events until one of this name, all of them held to the contract.
async fn until(stream: &mut TcpStream, route: &str, wanted: &str) {
    loop {
        let (event, data) = next(stream).await;
        CONTRACT.fits_event(route, &event, &data).unwrap();
        if event == wanted {
            return;
        }
    }
}

#[tokio::test]
async fn each_event_is_what_the_contract_says() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let browser = Browser::with_token(&rig, &rig.token());
    let open = |query: &'static str| {
        let browser = &browser;
        async move {
            let mut stream = browser.begin("GET", query, "").await;
            assert!(head_of(&mut stream).await.contains("200 OK"), "{query}");
            stream
        }
    };
    let mut alerts = open(path::ALERTS_WATCH).await;
    let mut queue = open("/v1/queue/watch?filter=status%3Aopen").await;
    let mut connections = open(path::CONNECTIONS_WATCH).await;
    rig.report("web1", 1, &[whole_alert("aa", 85), alert("bb", 50, 2)]).await;
    until(&mut alerts, path::ALERTS_WATCH, "alert").await;
    until(&mut queue, path::QUEUE_WATCH, "alert").await;
    assert_eq!(browser.post(&path::alert_work("aa", "resolve"), json!({"resolution": "testing"})).await.status, 200);
    until(&mut queue, path::QUEUE_WATCH, "gone").await;
    until(&mut alerts, path::ALERTS_WATCH, "alert").await;
    rig.report_items("web1", 2, vec![item(vec![contact("app", "203.0.113.66", 443, 0)])]).await;
    until(&mut connections, path::CONNECTIONS_WATCH, "connections").await;
    // More rows than are told at once.
    let many = (0..3000u32).map(|n| contact("app", &format!("2001:db8::{n:x}"), 443, 0)).collect();
    rig.report_items("web1", 3, vec![item(many)]).await;
    until(&mut connections, path::CONNECTIONS_WATCH, "reset").await;
    // Nothing happens: pages are told that it is so, and not that nobody is there.
    until(&mut queue, path::QUEUE_WATCH, "alive").await;
    until(&mut connections, path::CONNECTIONS_WATCH, "alive").await;
    // What nobody sends fits nothing.
    assert!(CONTRACT.fits_event(path::QUEUE_WATCH, "other", "{}").is_err());
    assert!(CONTRACT.fits_event(path::QUEUE_WATCH, "alert", "{}").is_err());
    rig.stop().await;
}
