//! Are the connections of the last day kept, bounded, found, and told to whoever proposes a block?

use std::time::SystemTime;

use tripoint_api::agent::{CONTACTS_MAX, Item};
use tripoint_api::connections::HostContact;
use tripoint_api::{ConnectionList, ConnectionQuery, ExceptionPreview, ExceptionRequest, path};
use tripoint_model::contact::HOUR;
use tripoint_model::{Application, ApplicationKind, Contact, Direction, Protocol, Timestamp};
use tripoint_server::KeepContacts;

use crate::rig::Rig;

fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

/// Three connections of an application with a peer, so many hours ago.
pub fn contact(name: &str, peer: &str, port: u16, hours: u32) -> Contact {
    let hour = Contact::hour_of(now().minus(HOUR * hours));
    let application = Application { kind: ApplicationKind::Unit, id: format!("{name}.service"), name: name.to_owned() };
    Contact {
        hour,
        application: Some(application).filter(|_| !name.is_empty()),
        direction: Direction::Outbound,
        protocol: Protocol::Tcp,
        peer: peer.parse().unwrap(),
        port,
        name: None,
        count: 3,
        carried: 0,
        bytes_in: 100,
        bytes_out: 10,
        first_seen: hour.plus(std::time::Duration::from_secs(1)),
        last_seen: hour.plus(std::time::Duration::from_secs(2)),
    }
}

pub fn item(contacts: Vec<Contact>) -> Item {
    Item::Contacts { contacts, dropped: 0 }
}

pub async fn ask(rig: &Rig, query: &str) -> ConnectionList {
    rig.client.get(&format!("{}{query}", path::CONNECTIONS)).await.unwrap()
}

/// Application and peer of each, sorted.
pub fn pairs(connections: &[HostContact]) -> Vec<String> {
    let one = |c: &Contact| {
        let name = c.application.as_ref().map_or("?", |application| &application.name);
        format!("{name} {} {}", c.peer, c.port)
    };
    let mut all: Vec<String> = connections.iter().map(|of| one(&of.contact)).collect();
    all.sort();
    all
}

#[tokio::test]
async fn what_was_reported_is_added_up_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let inbound = Contact { direction: Direction::Inbound, ..contact("web", "2001:db8::66", 443, 0) };
    let named = Contact { name: Some("cdn.example".into()), ..contact("shop", "203.0.113.67", 80, 2) };
    let all = vec![contact("shop", "203.0.113.66", 443, 0), named, contact("", "198.51.100.7", 22, 1), inbound];
    rig.report_items("web1", 1, vec![item(all)]).await;
    // The same again is not taken twice; more of the same hour is added to it.
    rig.report_items("web1", 1, vec![item(vec![contact("shop", "203.0.113.66", 443, 0)])]).await;
    rig.report_items("web1", 2, vec![item(vec![contact("shop", "203.0.113.66", 443, 0)])]).await;
    rig.report_items("web2", 1, vec![item(vec![contact("shop", "203.0.113.66", 443, 0)])]).await;
    let list = ask(&rig, "").await;
    assert_eq!((list.connections.len(), list.kept.rows, list.kept.dropped, list.next), (5, 5, 0, None));
    let added = list.connections.iter().find(|c| c.host == "web1" && c.contact.port == 443 && c.contact.count == 6);
    assert_eq!(added.map(|c| (c.contact.bytes_in, c.contact.bytes_out)), Some((200, 20)));
    let since = Contact::hour_of(now()).to_string();
    for (query, found) in [
        ("?host=web1&peer=203.0.113.66", vec!["shop 203.0.113.66 443"]),
        ("?host=web1&peer=203.0.113.0/24", vec!["shop 203.0.113.66 443", "shop 203.0.113.67 80"]),
        ("?host=web1&peer=203.0.113.67:443", vec![]),
        ("?peer=203.0.113.67:80", vec!["shop 203.0.113.67 80"]),
        ("?peer=2001:db8::/32", vec!["web 2001:db8::66 443"]),
        ("?peer=[2001:db8::66]:443", vec![]),
        ("?peer=cdn.example", vec!["shop 203.0.113.67 80"]),
        ("?application=web", vec!["web 2001:db8::66 443"]),
        ("?application=unit:web.service&direction=inbound", vec!["web 2001:db8::66 443"]),
        ("?direction=inbound", vec!["web 2001:db8::66 443"]),
        (&format!("?host=web1&direction=outbound&since={since}"), vec!["shop 203.0.113.66 443"]),
        (&format!("?until={}", now().minus(HOUR * 4)), vec![]),
    ] {
        let found_now = pairs(&ask(&rig, query).await.connections);
        assert_eq!(found_now, found, "{query}");
    }
    for wrong in ["?peer=AS64500", "?peer=%00", "?direction=up", "?since=yesterday", "?limit=x"] {
        let refused = rig.client.get::<ConnectionList>(&format!("{}{wrong}", path::CONNECTIONS)).await;
        assert!(refused.is_err(), "{wrong}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn pages_hold_each_once_also_while_more_comes() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let many = |from: u16| (from..from + 200).map(|port| contact("shop", "203.0.113.66", port, 0)).collect();
    rig.report_items("web1", 1, vec![item(many(1000))]).await;
    let mut query = ConnectionQuery { limit: Some(64), ..ConnectionQuery::default() };
    let mut ports = Vec::new();
    for sequence in 2.. {
        let page = ask(&rig, &query.to_query()).await;
        ports.extend(page.connections.iter().map(|of| of.contact.port));
        rig.report_items("web1", sequence, vec![item(many(2000)), item(many(1000))]).await;
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    // Names as long as they may be make pages shorter, not longer than a client reads.
    let wide = (0..CONTACTS_MAX as u16).map(|n| contact(&format!("{n}{}", "a".repeat(3_990)), "203.0.113.9", 443, 0));
    let wide: Vec<Contact> = wide.collect();
    for part in 0..3 {
        let contacts = wide.iter().map(|one| Contact { port: part, ..one.clone() }).collect();
        rig.report_items("web2", u64::from(part) + 1, vec![item(contacts)]).await;
    }
    let mut query = ConnectionQuery { limit: Some(5_000), host: Some("web2".into()), ..ConnectionQuery::default() };
    let mut found = 0;
    loop {
        let page = ask(&rig, &query.to_query()).await;
        found += page.connections.len();
        assert!(page.connections.len() < 1_000);
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    assert_eq!(found, 3 * CONTACTS_MAX);
    ports.sort_unstable();
    assert_eq!(ports, (1000..1200).collect::<Vec<u16>>());
    rig.stop().await;
}

/// Bounded rows and time, and an account of what gave way.
#[tokio::test]
async fn what_is_too_old_or_too_much_gives_way_and_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let start = async |rows_max, span| {
        Rig::start_as(folder.path(), |options| options.contacts = KeepContacts { span, rows_max }).await
    };
    let rig = start(300, HOUR * 24).await;
    let many = |from: u16, hours| (from..from + 200).map(|port| contact("shop", "203.0.113.66", port, hours)).collect();
    rig.report_items("web1", 1, vec![item(many(1000, 3))]).await;
    rig.report_items("web1", 2, vec![item(many(2000, 30))]).await;
    assert_eq!(ask(&rig, "").await.kept.rows, 200, "what is past its time is not taken in");
    rig.report_items("web1", 3, vec![item(many(3000, 0))]).await;
    let kept = ask(&rig, "?limit=1000").await;
    assert_eq!((kept.connections.len() as u64, kept.kept.rows, kept.kept.dropped), (297, 297, 3 * 103));
    assert!(kept.connections.iter().filter(|of| of.contact.port >= 3000).count() == 200, "the newest stay");
    // Hostile: from the future, too many in one item, texts without an end.
    let future = Contact { hour: Contact::hour_of(now().plus(HOUR * 3)), ..contact("shop", "203.0.113.66", 1, 0) };
    let long = contact(&"a".repeat(5_000), "203.0.113.66", 2, 0);
    let odd = Contact { hour: now(), ..contact("shop", "203.0.113.66", 3, 0) };
    let crowd = vec![contact("shop", "203.0.113.66", 4, 0); CONTACTS_MAX + 1];
    rig.report_items("web1", 4, vec![item(vec![future, long, odd]), item(crowd)]).await;
    let kept = ask(&rig, "").await.kept;
    assert_eq!((kept.rows, kept.dropped), (298, 3 * 103 + 3 * 4));
    let text = rig.client.get_text(path::METRICS).await.unwrap();
    assert!(text.contains("tripoint_connections_dropped_total 321"), "{text}");
    // Sums that no number holds.
    let endless = Contact { count: u64::MAX, bytes_in: u64::MAX, ..contact("shop", "203.0.113.66", 5, 0) };
    let items = vec![item(vec![endless; 3]), Item::Contacts { contacts: Vec::new(), dropped: u64::MAX }];
    rig.report_items("web1", 5, items).await;
    rig.report_items("web1", 6, vec![item(many(6000, 0)), item(many(7000, 0))]).await;
    assert!(ask(&rig, "").await.kept.dropped > 1 << 40);
    rig.stop().await;
    // A server that is told to keep nothing forgets.
    let rig = start(300, std::time::Duration::ZERO).await;
    rig.report_items("web1", 7, vec![item(many(1000, 0))]).await;
    assert_eq!(ask(&rig, "").await.kept.rows, 0);
    rig.stop().await;
}

#[tokio::test]
async fn an_exception_is_previewed_over_what_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let named = Contact { name: Some("a.cdn.example".into()), ..contact("web", "203.0.113.9", 443, 0) };
    let all = vec![contact("shop", "203.0.113.66", 443, 0), contact("shop", "203.0.113.66", 443, 1), named];
    rig.report_items("web1", 1, vec![item(all)]).await;
    // Of what stands an agent would be asked; after a restart none is there.
    rig.stop().await;
    let rig = Rig::start(folder.path()).await;
    let preview = async |target: &str, rule: Option<&str>| -> ExceptionPreview {
        let request = ExceptionRequest {
            target: Some(target.parse().unwrap()),
            rule: rule.map(str::to_owned),
            reason: "partner".into(),
            ..ExceptionRequest::default()
        };
        rig.client.post(path::EXCEPTIONS_PREVIEW, &request).await.unwrap()
    };
    for (target, connections, peers, applications) in [
        ("203.0.113.0/24", 9, 2, vec!["unit:shop.service", "unit:web.service"]),
        ("203.0.113.66:80", 0, 0, vec![]),
        ("cdn.example", 3, 1, vec!["unit:web.service"]),
        ("AS64500", 9, 2, vec!["unit:shop.service", "unit:web.service"]),
    ] {
        let covered = preview(target, None).await.connections.unwrap();
        assert_eq!((covered.connections, covered.peers), (connections, peers), "{target}");
        assert_eq!(covered.applications, applications, "{target}");
    }
    assert_eq!(preview("203.0.113.0/24", Some("bad_peer")).await.connections, None);
    rig.stop().await;
}

/// A store with many rows takes more and finds one peer among them without looking at all.
#[tokio::test]
async fn many_rows_cost_little() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let began = std::time::Instant::now();
    let items = 100;
    for at in 0..items {
        let peer = |n: usize| format!("2001:db8::{:x}:{n:x}", at + 1);
        let contacts = (0..CONTACTS_MAX).map(|n| contact("shop", &peer(n), 443, 0)).collect();
        rig.report_items("web1", at + 1, vec![item(contacts)]).await;
    }
    let taken = began.elapsed();
    let began = std::time::Instant::now();
    for at in 0..100 {
        let found = ask(&rig, &format!("?peer=2001:db8::{:x}:7", at + 1)).await;
        assert_eq!((found.connections.len(), found.kept.rows), (1, items * CONTACTS_MAX as u64));
    }
    let found = began.elapsed() / 100;
    println!("{} rows taken in {taken:?}, one peer found in {found:?}", items * CONTACTS_MAX as u64);
    assert!(found < std::time::Duration::from_millis(20), "{found:?}");
    rig.stop().await;
}
