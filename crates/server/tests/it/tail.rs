//! Is who follows connections told what comes, what they asked for, and nothing else?

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpStream;

use tripoint_api::connections::HostContact;
use tripoint_api::{Role, path};
use tripoint_model::{Contact, Direction};

use crate::browser::{Browser, add_user, head_of};
use crate::connections::{ask, contact, item, pairs};
use crate::queue::{send, until};
use crate::rig::Rig;

/// Follows as the machine does.
async fn follow(rig: &Rig, query: &str) -> TcpStream {
    let mut stream = send(rig, &format!("GET {}{query}", path::CONNECTIONS_WATCH), "", "").await;
    until(&mut stream, "text/event-stream").await;
    stream
}

/// The rows of the next event.
async fn rows(stream: &mut TcpStream) -> Vec<HostContact> {
    let told = until(stream, "]\n\n").await;
    assert!(told.contains("event: connections"), "{told}");
    let data = told.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    serde_json::from_str(data).unwrap()
}

/// Nothing comes for longer than reports are gathered.
async fn is_silent(stream: &mut TcpStream) -> bool {
    tokio::time::timeout(Duration::from_millis(600), until(stream, "event:")).await.is_err()
}

#[tokio::test]
async fn the_stream_takes_what_the_page_lists() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let queries = [
        "",
        "?host=web1",
        "?host=web2",
        "?peer=203.0.113.66",
        "?peer=203.0.113.0/24",
        "?peer=::ffff:203.0.113.0/120",
        "?peer=203.0.113.67:443",
        "?peer=203.0.113.67:80",
        "?peer=2001:db8::/32",
        "?peer=[2001:db8::66]:443",
        "?peer=cdn.example",
        "?peer=other.example",
        "?application=web",
        "?application=unit:web.service&direction=inbound",
        "?direction=inbound",
        "?since=2026-01-01T00:00:00Z",
        "?until=2026-01-01T00:00:00Z",
    ];
    let mut streams = Vec::new();
    for query in queries {
        streams.push((query, follow(&rig, query).await));
    }
    let inbound = Contact { direction: Direction::Inbound, ..contact("web", "2001:db8::66", 443, 0) };
    let named = Contact { name: Some("cdn.example".into()), ..contact("shop", "203.0.113.67", 80, 2) };
    let all = vec![contact("shop", "203.0.113.66", 443, 0), named, contact("", "198.51.100.7", 22, 1), inbound];
    rig.report_items("web1", 1, vec![item(all)]).await;
    let mut told = 0;
    for (query, stream) in &mut streams {
        let listed = pairs(&ask(&rig, query).await.connections);
        match listed.is_empty() {
            true => assert!(is_silent(stream).await, "{query}"),
            false => assert_eq!(pairs(&rows(stream).await), listed, "{query}"),
        }
        told += listed.len();
    }
    assert_eq!(told, 23);
    for wrong in ["?peer=AS64500", "?direction=up", "?since=yesterday"] {
        let refused = Browser::with_token(&rig, &rig.token()).get(&format!("{}{wrong}", path::CONNECTIONS_WATCH)).await;
        assert_eq!(refused.status / 100, 4, "{wrong}: {refused:?}");
    }
    rig.stop().await;
}

/// As it stands afterwards; of hosts of others not even that there is something.
#[tokio::test]
async fn rows_are_told_as_they_are_kept_to_whom_they_concern() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.report_items("web1", 1, vec![item(vec![contact("shop", "203.0.113.66", 443, 0)])]).await;
    rig.report_items("db1", 1, vec![item(vec![contact("sql", "203.0.113.66", 443, 0)])]).await;
    rig.client.post::<serde_json::Value>(path::GROUPS, &json!({"name": "web", "hosts": ["web*"]})).await.unwrap();
    add_user(&rig.client, "ada", Role::Viewer, &["web"]).await;
    let ada = Browser::signed_in(&rig, "ada").await;
    let mut own = ada.begin("GET", path::CONNECTIONS_WATCH, "").await;
    assert!(head_of(&mut own).await.contains("200 OK"));
    let mut all = follow(&rig, "").await;
    // Too much of another host to tell one by one.
    let many = |host: u8| (1..=500).map(|port| contact("sql", &format!("203.0.113.{host}"), port, 0)).collect();
    rig.report_items("db1", 2, vec![item(many(1)), item(many(2))]).await;
    until(&mut all, "event: reset\ndata: {}\n\n").await;
    rig.report_items("web1", 2, vec![item(vec![contact("shop", "203.0.113.66", 443, 0); 2])]).await;
    let told = rows(&mut all).await;
    assert_eq!(told.iter().map(|one| (one.host.as_str(), one.contact.count)).collect::<Vec<_>>(), [("web1", 9)]);
    let heard = until(&mut own, "]\n\n").await;
    assert!(heard.contains("web1") && !heard.contains("db1") && !heard.contains("reset"), "{heard}");
    // A batch that was taken already brings nothing.
    rig.report_items("web1", 2, vec![item(vec![contact("shop", "203.0.113.66", 443, 0)])]).await;
    assert!(is_silent(&mut all).await);
    rig.stop().await;
}
