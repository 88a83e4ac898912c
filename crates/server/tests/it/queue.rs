//! Is the queue searched, counted, watched and worked on as people see it?

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use tripoint_api::ClientError;
use tripoint_api::agent::Item;
use tripoint_api::context::{AlertContext, Step};
use tripoint_api::queue::{Facets, QueuePage, QueueQuery};
use tripoint_api::views::{OwnedView, ViewList};
use tripoint_api::work::BulkAnswer;
use tripoint_model::{ActionKind, Alert, AlertId, AlertStatus, OutcomeState};

use crate::lapi::outcome;
use crate::rig::{Rig, alert};

pub async fn rows(rig: &Rig, filter: &str) -> Vec<String> {
    let query = QueueQuery { filter: Some(filter.into()), ..QueueQuery::default() };
    let page: QueuePage = rig.client.get(&format!("/v1/queue{}", query.to_query())).await.unwrap();
    page.rows.into_iter().map(|row| row.id.0).collect()
}

pub async fn work(rig: &Rig, id: &str, work: Value) -> Result<Alert, ClientError> {
    rig.client.post(&format!("/v1/alerts/{id}/work"), &work).await
}

pub async fn rig(folder: &std::path::Path) -> Rig {
    let rig = Rig::start(folder).await;
    let alerts = [alert("aa", 90, 1), alert("bb", 50, 2), alert("cc", 10, 3)];
    rig.report("web1", 1, &alerts).await;
    rig
}

#[tokio::test]
async fn a_queue_is_searched_and_a_wrong_filter_is_pointed_at() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path()).await;
    assert_eq!(rows(&rig, "").await, ["aa", "bb", "cc"], "the worst first");
    assert_eq!(rows(&rig, "severity>=medium -id:aa").await, ["bb"]);
    assert_eq!(rows(&rig, "address:203.0.113.0/24 score<20").await, ["cc"]);
    assert_eq!(rows(&rig, "nothing").await, [""; 0]);
    let wrong = rig.client.get::<QueuePage>("/v1/queue?filter=score%3E50%20hots%3Aa").await;
    let Err(ClientError::Problem(problem)) = wrong else { panic!("{wrong:?}") };
    assert_eq!((problem.status, problem.at, problem.end), (422, Some(9), Some(13)));
    assert!(problem.detail.contains("is host meant"), "{problem}");
    let facets: Facets = rig.client.get("/v1/queue/facets?filter=score%3E20").await.unwrap();
    let severity = facets.fields.iter().find(|facet| facet.field == "severity").unwrap();
    let counted: Vec<_> = severity.values.iter().map(|value| (value.value.as_str(), value.count)).collect();
    assert_eq!((facets.total, counted), (2, vec![("critical", 1), ("medium", 1)]));
    rig.stop().await;
}

#[tokio::test]
async fn work_is_done_refused_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path()).await;
    let reason = "the host is a test machine";
    work(&rig, "aa", json!({"do": "severity", "level": "low", "reason": reason})).await.unwrap();
    assert_eq!(rows(&rig, "severity:low").await, ["aa"], "a person's word outranks the sum");
    work(&rig, "aa", json!({"do": "tag", "name": "team", "value": "blue"})).await.unwrap();
    assert_eq!(rows(&rig, "tag:team=blue").await, ["aa"]);
    work(&rig, "bb", json!({"do": "assign", "assignee": "ada"})).await.unwrap();
    assert_eq!(rows(&rig, "assignee:ada status:investigating").await, ["bb"]);
    let url = "https://tickets.example/1";
    let with = work(&rig, "bb", json!({"do": "attach", "name": "ticket", "url": url})).await.unwrap();
    assert_eq!(with.work.attachments[0].url, url);

    // What is merged goes with the whole, and only one level deep.
    work(&rig, "cc", json!({"do": "merge", "into": "bb"})).await.unwrap();
    assert_eq!(rows(&rig, "").await, ["bb", "aa"]);
    assert_eq!(rows(&rig, "merged:yes").await, ["cc"]);
    for (id, into) in [("bb", "bb"), ("bb", "aa"), ("aa", "cc"), ("aa", "zz")] {
        let refused = work(&rig, id, json!({"do": "merge", "into": into})).await;
        assert!(
            matches!(&refused, Err(ClientError::Problem(problem)) if problem.status == 422),
            "{id} {into}: {refused:?}"
        );
    }
    work(&rig, "bb", json!({"do": "resolve", "resolution": "expected"})).await.unwrap();
    assert_eq!(rows(&rig, "merged:yes status:resolved resolution:expected").await, ["cc"]);
    let split = work(&rig, "cc", json!({"do": "split"})).await.unwrap();
    let told: Vec<&str> = split.work.history.iter().map(|change| change.what.as_str()).collect();
    assert_eq!(told[told.len() - 3..], ["merged into bb", "resolved as expected with bb", "split from bb"]);
    // A person's work outlives what the agent reports next.
    rig.report("web1", 2, &[alert("aa", 92, 9)]).await;
    assert_eq!(rows(&rig, "severity:low tag:team").await, ["aa"]);

    // What was closed with the whole comes back with it, however it comes back, and stands as it is told to.
    work(&rig, "cc", json!({"do": "merge", "into": "bb"})).await.unwrap();
    work(&rig, "bb", json!({"do": "status", "status": "investigating"})).await.unwrap();
    assert_eq!(rows(&rig, "merged:yes status:investigating").await, ["cc"]);
    work(&rig, "cc", json!({"do": "split"})).await.unwrap();
    // To open what is open changes nothing.
    let open = work(&rig, "bb", json!({"do": "reopen", "comment": "again"})).await.unwrap();
    assert_eq!((open.work.status, open.work.comments.len()), (AlertStatus::Investigating, 1));
    assert_eq!(open.work.history.last().unwrap().what, "now investigating");

    let bulk = json!({"ids": ["aa", "zz", "cc"], "work": {"do": "tag", "name": "seen"}});
    let answer: BulkAnswer = rig.client.post("/v1/queue/work", &bulk).await.unwrap();
    assert_eq!(answer.done.iter().map(|id| id.0.as_str()).collect::<Vec<_>>(), ["aa", "cc"]);
    assert_eq!((answer.refused.len(), answer.refused[0].id.0.as_str()), (1, "zz"));
    assert_eq!(rows(&rig, "tag:seen").await.len(), 2);
    rig.stop().await;
}

/// An agent speaks for its own host: what it blocks there contains no alert of another.
#[tokio::test]
async fn what_a_host_did_is_added_to_its_own_alerts_only() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path()).await;
    let of_db = Alert { host: "db1".into(), ..alert("dd", 50, 1) };
    rig.report("db1", 1, &[of_db]).await;
    let done = |host: &'static str, sequence: u64| {
        let outcome = outcome(ActionKind::Block, "203.0.113.66", OutcomeState::Applied, 86_400);
        let item = Item::Outcome { alert: Some(AlertId("aa".into())), outcome };
        rig.report_items(host, sequence, vec![item])
    };
    done("db1", 2).await;
    assert_eq!(rows(&rig, "status:contained").await, [""; 0]);
    // Where its own alert is part of the other one, it is that.
    work(&rig, "dd", json!({"do": "merge", "into": "aa"})).await.unwrap();
    done("db1", 3).await;
    assert_eq!(rows(&rig, "merged:yes status:contained blocked:yes").await, ["dd"]);
    assert_eq!(rows(&rig, "status:contained").await, [""; 0]);
    done("web1", 2).await;
    assert_eq!(rows(&rig, "status:contained").await, ["aa"]);
    rig.stop().await;
}

fn token(rig: &Rig) -> String {
    std::fs::read_to_string(rig.ready.socket.with_file_name("token")).unwrap().trim().to_owned()
}

fn request(request: &str, header: &str, body: &str, token: &str) -> String {
    let length = body.len();
    format!(
        "{request} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{header}connection: close\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
}

/// Sends a request through TCP; the connection, from which the answer can be read.
pub async fn send(rig: &Rig, what: &str, header: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(rig.ready.address.unwrap()).await.unwrap();
    stream.write_all(request(what, header, body, &token(rig)).as_bytes()).await.unwrap();
    stream
}

pub async fn answer(rig: &Rig, request: &str, header: &str, body: &str) -> String {
    let mut answer = String::new();
    send(rig, request, header, body).await.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Reads an endless answer until a text has come; all that has come.
pub async fn until(stream: &mut TcpStream, text: &str) -> String {
    let mut seen = String::new();
    let read = async {
        let mut buffer = [0; 4096];
        while !seen.contains(text) {
            let count = stream.read(&mut buffer).await.unwrap();
            assert!(count > 0, "ended before {text:?}: {seen}");
            seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    };
    tokio::time::timeout(Duration::from_secs(10), read).await.unwrap_or_else(|_| panic!("{text:?} did not come"));
    seen
}

#[tokio::test]
async fn who_looked_at_an_older_state_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path()).await;
    let shown = answer(&rig, "GET /v1/alerts/aa", "", "").await;
    let tag = shown.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    let again = answer(&rig, "GET /v1/alerts/aa", &format!("if-none-match: {tag}\r\n"), "").await;
    assert!(again.starts_with("HTTP/1.1 304"), "{again}");
    let header = format!("if-match: {tag}\r\n");
    let comment = r#"{"do":"comment","text":"seen"}"#;
    let first = answer(&rig, "POST /v1/alerts/aa/work", &header, comment).await;
    assert!(first.starts_with("HTTP/1.1 200") && !first.contains(&format!("etag: {tag}")), "{first}");
    let second = answer(&rig, "POST /v1/alerts/aa/work", &header, comment).await;
    assert!(second.starts_with("HTTP/1.1 412"), "{second}");
    let changed = answer(&rig, "GET /v1/alerts/aa", &format!("if-none-match: {tag}\r\n"), "").await;
    assert!(changed.starts_with("HTTP/1.1 200"), "{changed}");
    rig.stop().await;
}

#[tokio::test]
async fn every_way_to_work_on_an_alert_takes_its_version() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path()).await;
    let ways = [
        ("comment", r#"{"text":"seen"}"#),
        ("assign", r#"{"assignee":"ada"}"#),
        ("resolve", r#"{"resolution":"expected"}"#),
        ("reopen", "{}"),
        ("work", r#"{"do":"tag","name":"late"}"#),
    ];
    let mut tag = answer(&rig, "GET /v1/alerts/aa", "", "").await;
    for (way, body) in ways {
        tag = tag.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
        let header = format!("if-match: {tag}\r\n");
        let path = format!("POST /v1/alerts/aa/{way}");
        let first = answer(&rig, &path, &header, body).await;
        let second = answer(&rig, &path, &header, body).await;
        assert!(first.starts_with("HTTP/1.1 200") && second.starts_with("HTTP/1.1 412"), "{way}: {first} {second}");
        tag = first;
    }
    let seen = |id: &'static str| {
        let client = &rig.client;
        async move {
            let page: QueuePage = client.get("/v1/queue").await.unwrap();
            page.rows.into_iter().find(|row| row.id.0 == id).unwrap().changed
        }
    };
    let versions = json!({"aa": seen("aa").await, "bb": seen("bb").await});
    work(&rig, "bb", json!({"do": "comment", "text": "meanwhile"})).await.unwrap();
    let bulk = json!({"ids": ["aa", "bb", "cc"], "work": {"do": "tag", "name": "x"}, "versions": versions});
    let answer: BulkAnswer = rig.client.post("/v1/queue/work", &bulk).await.unwrap();
    assert_eq!(answer.done.iter().map(|id| id.0.as_str()).collect::<Vec<_>>(), ["aa", "cc"]);
    assert_eq!((answer.refused[0].id.0.as_str(), answer.refused[0].reason.contains("changed")), ("bb", true));
    rig.stop().await;
}

#[tokio::test]
async fn who_watches_is_told_at_once_and_what_was_missed_first() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path()).await;
    let watch = "GET /v1/queue/watch?filter=severity%3E%3Dmedium";
    let mut stream = send(&rig, watch, "", "").await;
    until(&mut stream, "text/event-stream").await;
    rig.report("web1", 2, &[alert("dd", 70, 5)]).await;
    let told = until(&mut stream, "\"dd\"").await;
    assert!(told.contains("event: alert") && !told.contains("\"aa\""), "{told}");
    work(&rig, "dd", json!({"do": "resolve", "resolution": "testing"})).await.unwrap();
    let told = until(&mut stream, "\"resolved\"").await;
    let id = told.lines().filter_map(|line| line.strip_prefix("id: ")).next_back().unwrap().to_owned();
    drop(stream);
    work(&rig, "bb", json!({"do": "severity", "level": "low", "reason": "test"})).await.unwrap();
    work(&rig, "aa", json!({"do": "tag", "name": "late"})).await.unwrap();
    let mut stream = send(&rig, watch, &format!("last-event-id: {id}\r\n"), "").await;
    let told = until(&mut stream, "late").await;
    assert!(told.contains("event: gone\ndata: bb") && !told.contains("\"dd\""), "{told}");
    drop(stream);
    // Who has been away for too long is told to look anew.
    let many: Vec<Alert> = (0..1001).map(|number| alert(&format!("x{number}"), 50, 1)).collect();
    rig.report("web1", 3, &many[..1000]).await;
    rig.report("web1", 4, &many[1000..]).await;
    let mut stream = send(&rig, watch, &format!("last-event-id: {id}\r\n"), "").await;
    until(&mut stream, "event: reset").await;
    rig.stop().await;
}

/// What a console does: a page, and the stream from there on.
#[tokio::test]
async fn who_has_a_page_is_told_what_came_after_it_and_nothing_before() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let page = |query: &'static str| {
        let client = &rig.client;
        async move { client.get::<QueuePage>(&format!("/v1/queue?limit=500{query}")).await.unwrap() }
    };
    let since = |page: &QueuePage| format!("GET /v1/queue/watch?since={}", page.changed.0);
    let empty = page("").await;
    let worst: Vec<Alert> = (0..500).map(|number| alert(&format!("w{number}"), 90, 1)).collect();
    rig.report("web1", 1, &worst).await;
    // What was changed last is beyond the page, and more than a stream tells one by one.
    for sequence in 0..3 {
        let mild: Vec<Alert> = (0..500).map(|number| alert(&format!("m{sequence}-{number}"), 10, 1)).collect();
        rig.report("web1", 2 + sequence, &mild).await;
    }
    let full = page("").await;
    assert!(full.rows.len() == 500 && full.rows.iter().all(|row| row.id.0.starts_with('w')));
    let mut stream = send(&rig, &since(&full), "", "").await;
    until(&mut stream, "text/event-stream").await;
    rig.report("web1", 9, &[alert("zz", 50, 2)]).await;
    let told = until(&mut stream, "\"zz\"").await;
    assert!(!told.contains("reset") && !told.contains("\"m0-1\""), "{told}");
    let filtered = page("&filter=host:nowhere").await;
    assert!(filtered.rows.is_empty() && filtered.changed > full.changed, "the moment is the queue's");
    let mut stream = send(&rig, &since(&empty), "", "").await;
    until(&mut stream, "event: reset").await;
    rig.stop().await;
}

#[tokio::test]
async fn what_surrounds_an_alert_is_told_with_reasons() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path()).await;
    let mut other = alert("ee", 40, 7);
    other.indicator = "198.51.100.9".parse().unwrap();
    other.application.id = "other.service".into();
    other.host = "db1".into();
    rig.report("db1", 1, std::slice::from_ref(&other)).await;
    work(&rig, "cc", json!({"do": "merge", "into": "aa"})).await.unwrap();
    let context: AlertContext = rig.client.get("/v1/alerts/aa/context").await.unwrap();
    let near: Vec<&str> = context.related.iter().map(|one| one.alert.id.0.as_str()).collect();
    assert_eq!(near, ["bb", "cc"], "what has nothing in common is not told");
    assert_eq!(context.related[0].reasons[0], "the same peer, 203.0.113.66");
    assert!(context.related[0].reasons.len() == 3 && context.related[0].weight == 80);
    assert_eq!(context.parts.iter().map(|part| part.id.0.as_str()).collect::<Vec<_>>(), ["cc"]);
    assert_eq!(context.next.unwrap().step, Step::Investigate);
    rig.stop().await;
}

#[tokio::test]
async fn searches_are_kept_changed_and_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let put = |body: Value| {
        let client = &rig.client;
        async move { client.post::<OwnedView>("/v1/views", &body).await }
    };
    put(json!({"name": "worst", "filter": "severity>=high", "sort": "-last_seen"})).await.unwrap();
    put(json!({"name": "worst", "filter": "severity:critical", "shared": true})).await.unwrap();
    let kept: ViewList = rig.client.get("/v1/views").await.unwrap();
    assert_eq!(kept.views.len(), 1);
    assert_eq!((kept.views[0].view.filter.as_str(), kept.views[0].view.shared), ("severity:critical", true));
    for wrong in [json!({"name": " "}), json!({"name": "x", "filter": "hots:a"}), json!({"name": "a\nb"})] {
        assert!(matches!(put(wrong).await, Err(ClientError::Problem(problem)) if problem.status == 422));
    }
    rig.client.delete("/v1/views/worst").await.unwrap();
    assert!(rig.client.delete("/v1/views/worst").await.is_err());
    rig.stop().await;
}

#[tokio::test]
async fn what_is_sent_twice_is_done_once() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path()).await;
    let comment = r#"{"do":"comment","text":"once"}"#;
    let key = "idempotency-key: k-1\r\n";
    let first = answer(&rig, "POST /v1/alerts/aa/work", key, comment).await;
    let again = answer(&rig, "POST /v1/alerts/aa/work", key, comment).await;
    assert!(first.starts_with("HTTP/1.1 200") && again.contains("idempotent-replayed: true"), "{again}");
    let body = |text: &str| text.split_once("\r\n\r\n").unwrap().1.to_owned();
    assert_eq!(body(&first), body(&again));
    let alert: Alert = rig.client.get("/v1/alerts/aa").await.unwrap();
    assert_eq!(alert.work.comments.len(), 1);
    let other = answer(&rig, "POST /v1/alerts/aa/work", key, r#"{"do":"comment","text":"twice"}"#).await;
    assert!(other.starts_with("HTTP/1.1 422") && other.contains("key-reused"), "{other}");
    let refused = answer(&rig, "POST /v1/alerts/zz/work", "idempotency-key: k-2\r\n", comment).await;
    assert!(refused.starts_with("HTTP/1.1 404"), "{refused}");
    // Many at once: one does it, the others are told so or told what it answered.
    let mut all = tokio::task::JoinSet::new();
    let (address, token) = (rig.ready.address.unwrap(), token(&rig));
    for _ in 0..20 {
        let text = request("POST /v1/alerts/bb/work", "idempotency-key: k-3\r\n", comment, &token);
        all.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer.get(9..12).unwrap().to_owned()
        });
    }
    let statuses = all.join_all().await;
    assert!(statuses.iter().all(|status| status == "200" || status == "409"), "{statuses:?}");
    let alert: Alert = rig.client.get("/v1/alerts/bb").await.unwrap();
    assert_eq!(alert.work.comments.len(), 1);
    rig.stop().await;
}
