//! Do bouncers and firewalls get what hosts block, as long as one of them does, and nothing else?

use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use tripoint_api::agent::Item;
use tripoint_api::{BouncerKey, BouncerList, ClientError, NewBouncer, path};
use tripoint_model::{ActionKind, Outcome, OutcomeState, Scope, Timestamp};

use crate::rig::{Rig, alert};

/// What a host says of a block that ends so many seconds from now.
pub fn outcome(action: ActionKind, target: &str, state: OutcomeState, left_s: i64) -> Outcome {
    let now = Timestamp::from_system(std::time::SystemTime::now());
    Outcome {
        id: "b".into(),
        action,
        target: target.parse().unwrap(),
        scope: Scope::Host,
        mechanism: "bpf".into(),
        state,
        verified: true,
        detail: String::new(),
        at: now,
        expires: Some(Timestamp(now.0 + left_s * 1_000_000)),
    }
}

pub fn blocked(target: &str, left_s: i64) -> Item {
    Item::Outcome { alert: None, outcome: outcome(ActionKind::Block, target, OutcomeState::Applied, left_s) }
}

pub fn lifted(target: &str) -> Item {
    Item::Outcome { alert: None, outcome: outcome(ActionKind::Block, target, OutcomeState::Lifted, 60) }
}

/// An answer as bytes on the wire have it.
struct Heard {
    status: u16,
    head: String,
    body: String,
}

impl Heard {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// Asks as a program does that is not ours.
struct Asker {
    at: SocketAddr,
    headers: String,
}

impl Asker {
    fn new(rig: &Rig, key: &str) -> Self {
        Self { at: rig.ready.address.unwrap(), headers: format!("x-api-key: {key}\r\nuser-agent: test/v1\r\n") }
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> Heard {
        let mut stream = TcpStream::connect(self.at).await.unwrap();
        let length = body.len();
        let text = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{}\r\n{body}",
            self.headers
        );
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Heard { status, head: head.to_owned(), body: body.to_owned() }
    }

    async fn get(&self, path: &str) -> Heard {
        self.ask("GET", path, "").await
    }

    /// New and deleted values of a pull.
    async fn pull(&self, query: &str) -> (Vec<String>, Vec<String>) {
        let changes = self.get(&format!("{}{query}", path::DECISIONS_STREAM)).await.json();
        let values = |list: &Value| match list {
            Value::Null => Vec::new(),
            list => list.as_array().unwrap().iter().map(|one| one["value"].as_str().unwrap().to_owned()).collect(),
        };
        (values(&changes["new"]), values(&changes["deleted"]))
    }
}

async fn key(rig: &Rig, name: &str) -> String {
    let made: BouncerKey = rig.client.post(path::BOUNCERS, &NewBouncer { name: name.into() }).await.unwrap();
    assert_eq!((made.name.as_str(), made.key.len()), (name, 64));
    made.key
}

fn values(list: &[&str]) -> Vec<String> {
    list.iter().map(|value| (*value).to_owned()).collect()
}

#[tokio::test]
async fn a_target_is_published_while_one_host_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let asker = Asker::new(&rig, &key(&rig, "fw").await);
    assert_eq!(asker.pull("?startup=true").await, (vec![], vec![]));
    rig.report_items("a", 1, vec![blocked("203.0.113.66", 600), blocked("2001:db8::/64", 600)]).await;
    rig.report_items("b", 1, vec![blocked("203.0.113.66", 300)]).await;
    assert_eq!(asker.pull("").await, (values(&["203.0.113.66", "2001:db8::/64"]), vec![]));
    // The same words again, and a shorter hold beside a longer one, are no change.
    rig.report_items("a", 1, vec![blocked("203.0.113.66", 600)]).await;
    assert_eq!(asker.pull("").await, (vec![], vec![]));
    rig.report_items("a", 2, vec![lifted("203.0.113.66")]).await;
    assert_eq!(asker.pull("").await, (values(&["203.0.113.66"]), vec![]), "still held by the other, for less time");
    let unblock = outcome(ActionKind::Unblock, "203.0.113.66", OutcomeState::Lifted, 0);
    rig.report_items("b", 2, vec![Item::Outcome { alert: None, outcome: unblock }]).await;
    assert_eq!(asker.pull("").await, (vec![], values(&["203.0.113.66"])));
    assert_eq!(asker.pull("").await, (vec![], vec![]));
    // Another one begins at the beginning; a restart forgets nothing.
    rig.stop().await;
    let rig = Rig::start(folder.path()).await;
    let asker = Asker { at: rig.ready.address.unwrap(), ..asker };
    assert_eq!(asker.pull("?startup=false").await, (vec![], vec![]));
    let late = Asker::new(&rig, &key(&rig, "late").await);
    assert_eq!(late.pull("?startup=true").await, (values(&["2001:db8::/64"]), vec![]));
    rig.stop().await;
}

#[tokio::test]
async fn only_what_the_whole_host_refuses_is_published() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let asker = Asker::new(&rig, &key(&rig, "fw").await);
    let with = |change: &dyn Fn(&mut Outcome)| {
        let mut said = outcome(ActionKind::Block, "203.0.113.66", OutcomeState::Applied, 600);
        change(&mut said);
        Item::Outcome { alert: None, outcome: said }
    };
    let quiet = vec![
        blocked("203.0.113.66:443", 600),
        blocked("bad.example", 600),
        blocked("127.0.0.1", 600),
        blocked("0.0.0.0/0", 600),
        blocked("203.0.113.66", -5),
        with(&|said| said.scope = Scope::Application("unit:a.service".into())),
        with(&|said| said.verified = false),
        with(&|said| said.state = OutcomeState::DryRun),
        with(&|said| said.state = OutcomeState::Failed),
        with(&|said| said.action = ActionKind::Disconnect),
        with(&|said| said.action = ActionKind::Allow),
    ];
    rig.report_items("a", 1, quiet).await;
    assert_eq!(asker.pull("?startup=true").await, (vec![], vec![]));
    // The reason is the rule of the alert behind it; no hold is longer than ours may be.
    rig.report("a", 2, &[alert("aa", 50, 1)]).await;
    let Item::Outcome { outcome, .. } = blocked("203.0.113.66", 400 * 86_400) else { unreachable!() };
    rig.report_items("a", 3, vec![Item::Outcome { alert: Some(tripoint_model::AlertId("aa".into())), outcome }]).await;
    let new = asker.get("/v1/decisions/stream").await.json()["new"][0].clone();
    // The alert is host web1's, and stays; the block is host a's.
    assert_eq!(new["scenario"], "tripoint/bad_server_of_vulnerable_app", "{new}");
    let hours: u32 = new["duration"].as_str().unwrap().split_once('h').unwrap().0.parse().unwrap();
    assert!((718..=720).contains(&hours), "{new}");
    rig.stop().await;
}

#[tokio::test]
async fn an_end_is_told_although_no_agent_is_left_to_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let asker = Asker::new(&rig, &key(&rig, "fw").await);
    rig.report_items("a", 1, vec![blocked("203.0.113.66", 1), blocked("203.0.113.67", 600)]).await;
    assert_eq!(asker.pull("?startup=true").await.0.len(), 2);
    let mut gone = Vec::new();
    for _ in 0..40 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        gone = asker.pull("").await.1;
        if !gone.is_empty() {
            break;
        }
    }
    assert_eq!(gone, values(&["203.0.113.66"]));
    assert_eq!(asker.get("/v1/decisions?ip=203.0.113.66").await.json(), Value::Null);
    rig.stop().await;
}

#[tokio::test]
async fn a_live_question_is_answered_for_address_network_and_value() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let asker = Asker::new(&rig, &key(&rig, "web").await);
    let all = ["203.0.113.0/24", "203.0.113.66", "198.51.100.7", "2001:db8::/48"];
    rig.report_items("a", 1, all.iter().map(|target| blocked(target, 600)).collect()).await;
    let found = async |query: &str| -> BTreeSet<String> {
        let heard = asker.get(&format!("/v1/decisions{query}")).await;
        assert_eq!(heard.status, 200, "{query}");
        let list = heard.json();
        if list.is_null() {
            return BTreeSet::new();
        }
        list.as_array().unwrap().iter().map(|one| one["value"].as_str().unwrap().to_owned()).collect()
    };
    let set = |list: &[&str]| values(list).into_iter().collect::<BTreeSet<_>>();
    assert_eq!(found("?ip=203.0.113.66").await, set(&["203.0.113.0/24", "203.0.113.66"]));
    assert_eq!(found("?ip=203.0.113.66&type=captcha").await, set(&[]));
    assert_eq!(found("?ip=203.0.113.67&contains=true").await, set(&["203.0.113.0/24"]));
    assert_eq!(found("?ip=192.0.2.1").await, set(&[]));
    assert_eq!(found("?ip=2001:db8::9").await, set(&["2001:db8::/48"]));
    assert_eq!(found("?range=203.0.113.0/25").await, set(&["203.0.113.0/24"]));
    assert_eq!(found("?range=203.0.0.0/16&contains=false").await, set(&["203.0.113.0/24", "203.0.113.66"]));
    assert_eq!(found("?scope=ip&value=198.51.100.7").await, set(&["198.51.100.7"]));
    assert_eq!(found("?scope=Range&value=198.51.100.7").await, set(&[]));
    assert_eq!(found("?scope=Country&value=XX").await, set(&[]));
    assert_eq!(found("").await, set(&all));
    for wrong in ["?ip=x", "?ip=1.2.3.4&ip=1.2.3.5", "?contains=perhaps&ip=1.2.3.4", "?range=1.2.3.4/99"] {
        let heard = asker.get(&format!("/v1/decisions{wrong}")).await;
        assert_eq!(heard.status, 400, "{wrong}");
        assert!(!heard.json()["message"].as_str().unwrap().is_empty());
    }
    rig.stop().await;
}

#[tokio::test]
async fn only_a_key_opens_and_only_until_it_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let made = key(&rig, "fw").await;
    let token = std::fs::read_to_string(rig.ready.socket.with_file_name("token")).unwrap();
    for wrong in ["", "x", token.trim(), &made[..63]] {
        let heard = Asker::new(&rig, wrong).get(path::DECISIONS_STREAM).await;
        assert_eq!((heard.status, heard.json()), (403, json!({ "message": "access forbidden" })), "{wrong}");
    }
    let asker = Asker::new(&rig, &made);
    assert_eq!(asker.get(path::ALERTS).await.status, 401, "a bouncer reads no alerts");
    for name in ["fw", "", "../x", &"x".repeat(65)] {
        let refused = rig.client.post::<Value>(path::BOUNCERS, &NewBouncer { name: name.into() }).await;
        assert!(matches!(refused, Err(ClientError::Problem(_))), "{name:?}");
    }
    // The key itself is kept nowhere.
    let stored = ["server.sqlite", "server.sqlite-wal"]
        .map(|name| std::fs::read(folder.path().join("server").join(name)).unwrap_or_default());
    assert!(stored.iter().any(|bytes| bytes.windows(2).any(|part| part == b"fw")));
    assert!(!stored.iter().any(|bytes| bytes.windows(64).any(|part| part == made.as_bytes())));
    // HEAD asks whether the key is good and takes nothing.
    rig.report_items("a", 1, vec![blocked("203.0.113.66", 600), blocked("198.51.0.0/16", 600)]).await;
    let head = asker.ask("HEAD", path::DECISIONS_STREAM, "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(asker.pull("").await.0.len(), 2);
    let usage = json!({ "remediation_components": [{ "metrics": [{ "items": [{ "name": "dropped", "value": 5, "unit": "packet" }] }] }] });
    for _ in 0..2 {
        assert_eq!(asker.ask("POST", path::USAGE_METRICS, &usage.to_string()).await.status, 201);
    }
    assert_eq!(asker.ask("POST", path::USAGE_METRICS, "{").await.status, 400);
    let list: BouncerList = rig.client.get(path::BOUNCERS).await.unwrap();
    let one = &list.bouncers[0];
    assert_eq!((list.decisions, one.kind.as_str(), one.version.as_str()), (2, "test", "v1"));
    assert_eq!((one.sent, one.deleted, one.dropped_packets, one.not_enforceable_count), (2, 0, 10, 0));
    assert!(one.last_pull.is_some() && one.last_metrics.is_some());
    let firewall = Asker { headers: asker.headers.replace("test/v1", "crowdsec-firewall-bouncer/v0.0.25"), ..asker };
    assert_eq!(firewall.pull("?startup=true").await.0, values(&["203.0.113.66"]));
    let list: BouncerList = rig.client.get(path::BOUNCERS).await.unwrap();
    assert_eq!(list.bouncers[0].not_enforceable, values(&["198.51.0.0/16"]));
    rig.client.delete(&path::bouncer("fw")).await.unwrap();
    assert_eq!(firewall.get(path::DECISIONS_STREAM).await.status, 403);
    assert!(rig.client.delete(&path::bouncer("fw")).await.is_err());
    rig.stop().await;
}

#[tokio::test]
async fn a_firewall_reads_a_list_and_asks_whether_it_changed() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let made = key(&rig, "edl").await;
    let asker = Asker::new(&rig, &made);
    rig.report_items("a", 1, ["203.0.113.2", "203.0.113.3", "2001:db8::1"].map(|target| blocked(target, 600)).into())
        .await;
    let heard = asker.get(path::BLOCKLIST).await;
    assert_eq!((heard.status, heard.body.as_str()), (200, "203.0.113.2/31\n2001:db8::1\n"));
    assert_eq!(heard.header("content-type"), Some("text/plain; charset=utf-8"));
    let etag = heard.header("etag").unwrap().to_owned();
    assert_eq!(asker.get("/v1/blocklist?family=v6").await.body, "2001:db8::1\n");
    let short = asker.get("/v1/blocklist?limit=1").await;
    assert_eq!((short.body.as_str(), short.header("x-tripoint-left-out")), ("2001:db8::1\n", Some("1")));
    for wrong in ["?family=v5", "?limit=0", "?limit=many", "?limit=-1"] {
        assert_eq!(asker.get(&format!("/v1/blocklist{wrong}")).await.status, 400, "{wrong}");
    }
    let packed = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("any:{made}"));
    let basic = |more: &str| Asker {
        at: asker.at,
        headers: format!("authorization: Basic {packed}\r\nif-none-match: {more}\r\n"),
    };
    let known = basic(&format!("\"other\", {etag}")).get(path::BLOCKLIST).await;
    assert_eq!((known.status, known.body.as_str(), known.header("etag")), (304, "", Some(etag.as_str())));
    let head = basic("x").ask("HEAD", path::BLOCKLIST, "").await;
    assert_eq!((head.status, head.body.as_str(), head.header("etag")), (200, "", Some(etag.as_str())));
    assert_eq!(basic("x").get(path::DECISIONS).await.status, 403, "Basic is for lists");
    let stranger = Asker { at: asker.at, headers: String::new() }.get(path::BLOCKLIST).await;
    assert_eq!((stranger.status, stranger.header("www-authenticate")), (401, Some("Basic realm=\"tripoint\"")));
    rig.report_items("a", 2, vec![lifted("203.0.113.3")]).await;
    assert_eq!(basic(&etag).get(path::BLOCKLIST).await.body, "203.0.113.2\n2001:db8::1\n");
    rig.stop().await;
}

/// Whatever hosts do, and however seldom it asks: who reads along holds in the end what is in force.
#[tokio::test]
async fn who_reads_along_ends_with_what_is_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let asker = Asker::new(&rig, &key(&rig, "fw").await);
    let (mut held, mut seed) = (BTreeSet::new(), 42_u64);
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut truth: BTreeSet<(u64, u64)> = BTreeSet::new();
    for sequence in 1..=60 {
        let host = random(3);
        let mut items = Vec::new();
        for _ in 0..random(5) {
            let target = random(8);
            let text = format!("203.0.113.{target}");
            if random(2) == 0 {
                items.push(blocked(&text, 600 + i64::try_from(random(100)).unwrap()));
                truth.insert((target, host));
            } else {
                items.push(lifted(&text));
                truth.remove(&(target, host));
            }
        }
        rig.report_items(&format!("h{host}"), sequence, items).await;
        if random(3) == 0 || sequence == 60 {
            let (new, deleted) = asker.pull("").await;
            held.retain(|value| !deleted.contains(value));
            held.extend(new);
            let wanted: BTreeSet<String> = truth.iter().map(|(target, _)| format!("203.0.113.{target}")).collect();
            assert_eq!(held, wanted, "after {sequence}");
        }
    }
    rig.stop().await;
}
