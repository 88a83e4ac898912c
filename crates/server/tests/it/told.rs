//! Is somebody told about alerts and actions, in order, signed, once, and does nobody else wait for him?

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use tripoint_api::agent::Item;
use tripoint_api::{LedgerEntry, ServerHealth, path};
use tripoint_fetch::Settings;
use tripoint_model::{ActionKind, OutcomeState, Timestamp};
use tripoint_server::Notify;

use crate::browser::sql;
use crate::lapi::outcome;
use crate::notify::one_webhook;
use crate::rig::{Rig, alert};

const SECRET: &str = "both know it";
const EVERYTHING: &[&str] = &["alerts", "actions"];

/// What a receiver was told, and how it answers now.
struct Receiver {
    told: Vec<Value>,
    asked: u32,
    status: StatusCode,
    takes: Duration,
}

type Shared = Arc<Mutex<Receiver>>;

async fn receive(State(receiver): State<Shared>, request: Request) -> StatusCode {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let header = |name: &str| head.headers.get(name).unwrap().to_str().unwrap().to_owned();
    let seconds = header("x-tripoint-timestamp");
    let age =
        Timestamp::from_system(std::time::SystemTime::now()).since(Timestamp::from_seconds(seconds.parse().unwrap()));
    assert!(age < Duration::from_secs(60), "each attempt is of its own time: {age:?}");
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(&body);
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(header("x-tripoint-signature"), format!("sha256={hex}"));
    let (status, takes) = {
        let mut receiver = receiver.lock().unwrap();
        receiver.asked += 1;
        (receiver.status, receiver.takes)
    };
    tokio::time::sleep(takes).await;
    if status.is_success() {
        receiver.lock().unwrap().told.push(serde_json::from_slice(&body).unwrap());
    }
    status
}

struct Stage {
    folder: tempfile::TempDir,
    url: String,
    receiver: Shared,
}

impl Stage {
    async fn new() -> Self {
        let receiver = Arc::new(Mutex::new(Receiver {
            told: Vec::new(),
            asked: 0,
            status: StatusCode::NO_CONTENT,
            takes: Duration::ZERO,
        }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(receive).with_state(Arc::clone(&receiver));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { folder: tempfile::tempdir().unwrap(), url, receiver }
    }

    async fn serve(&self, kinds: &[&str]) -> Rig {
        self.serve_to(&self.url, kinds).await
    }

    async fn serve_to(&self, url: &str, kinds: &[&str]) -> Rig {
        let settings = Settings { total_timeout: Duration::from_secs(2), ..Settings::default() };
        let config = one_webhook(self.folder.path(), SECRET, url, kinds);
        let tick = Duration::from_millis(20);
        let notify = Notify::new(&config, settings).unwrap().paced(Duration::from_secs(30), tick, tick);
        Rig::start_as(self.folder.path(), |options| options.notify = Some(notify)).await
    }

    fn answer(&self, status: StatusCode, takes: Duration) {
        let mut receiver = self.receiver.lock().unwrap();
        (receiver.status, receiver.takes) = (status, takes);
    }

    /// Type and id of the alert, or the targets, of everything told so far.
    fn told(&self) -> Vec<String> {
        let one = |message: &Value| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let targets = message["actions"].as_array().into_iter().flatten().map(|action| text(&action["target"]));
            let targets: Vec<String> =
                targets.chain(message["targets"].as_array().into_iter().flatten().map(text)).collect();
            let id = message["alert"]["id"].as_str().map(str::to_owned);
            format!("{} {}", text(&message["type"]), id.unwrap_or_else(|| targets.join(" ")))
        };
        self.receiver.lock().unwrap().told.iter().map(one).collect()
    }

    async fn wait(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..800 {
            if is_so(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{what} did not come about; told {:?}", self.told());
    }
}

async fn health(rig: &Rig) -> (u64, u64, u64) {
    let health: ServerHealth = rig.client.get(path::HEALTH).await.unwrap();
    let notify = health.notify.unwrap();
    (notify.waiting, notify.delivered, notify.undelivered)
}

fn act(kind: ActionKind, target: &str, state: OutcomeState) -> Item {
    Item::Outcome { alert: None, outcome: outcome(kind, target, state, 60) }
}

#[tokio::test]
async fn alerts_are_told_when_new_and_when_worse_and_no_repeat_is() {
    let stage = Stage::new().await;
    let rig = stage.serve(EVERYTHING).await;
    let quiet = tripoint_model::Alert { suppressed_by: Some("x1".into()), ..alert("qq", 50, 1) };
    rig.report("web1", 1, &[alert("aa", 50, 1), quiet]).await;
    rig.report("web1", 2, &[alert("aa", 55, 2)]).await;
    rig.report("web1", 3, &[alert("aa", 85, 3)]).await;
    // Back and forth is no news; loud again is.
    rig.report("web1", 4, &[alert("aa", 50, 4)]).await;
    rig.report("web1", 5, &[alert("aa", 85, 5), alert("qq", 50, 5)]).await;
    stage.wait("three messages", |stage| stage.told().len() >= 3).await;
    rig.stop().await;
    // A restart repeats nothing.
    let rig = stage.serve(EVERYTHING).await;
    rig.report("web1", 6, &[alert("aa", 85, 6)]).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(stage.told(), ["alert-new aa", "alert-escalated aa", "alert-new qq"]);
    assert_eq!(health(&rig).await, (0, 3, 0));
    let first = stage.receiver.lock().unwrap().told[0].clone();
    assert_eq!((&first["schema"], &first["alert"]["severity"]["level"]), (&1.into(), &"medium".into()), "{first:#}");
    assert_eq!(first["alert"]["indicator"], "203.0.113.66");
    rig.stop().await;
}

#[tokio::test]
async fn actions_are_told_as_they_are_made_fail_end_and_are_repaired() {
    use ActionKind::{Allow, Block, Disconnect, Unblock};
    use OutcomeState::{Applied, DryRun, Expired, Failed, Lifted, Nothing};
    let stage = Stage::new().await;
    let rig = stage.serve(EVERYTHING).await;
    let repaired = |target: &str, state: &str| Item::Ledger {
        entry: LedgerEntry { at: Timestamp(1), id: target.into(), state: state.into(), detail: String::new() },
    };
    let items = vec![
        act(Block, "203.0.113.1", Applied),
        act(Block, "203.0.113.2", Applied),
        act(Disconnect, "203.0.113.2", Nothing),
        act(Block, "203.0.113.3", Failed),
        act(Block, "203.0.113.4", DryRun),
        act(Allow, "203.0.113.5", Applied),
        act(Unblock, "203.0.113.1", Lifted),
        act(Block, "203.0.113.1", Lifted),
        act(Block, "203.0.113.2", Expired),
        repaired("203.0.113.9", "restored"),
        repaired("203.0.113.2", "expired"),
    ];
    rig.report_items("web1", 1, items).await;
    stage.wait("five messages", |stage| stage.told().len() >= 5).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(
        stage.told(),
        [
            "action-applied 203.0.113.1 203.0.113.2",
            "action-failed 203.0.113.3",
            "action-lifted 203.0.113.1",
            "action-expired 203.0.113.2",
            "drift-repaired 203.0.113.9",
        ]
    );
    let first = stage.receiver.lock().unwrap().told[0].clone();
    assert_eq!((&first["host"], &first["actions"][0]["mechanism"]), (&"web1".into(), &"bpf".into()), "{first:#}");
    // Many at once are few messages.
    let many = (0..250).map(|at| act(Block, &format!("198.51.100.{at}"), Applied)).collect();
    rig.report_items("web1", 2, many).await;
    stage.wait("three more", |stage| stage.told().len() >= 8).await;
    assert_eq!(stage.told().len(), 8);
    rig.stop().await;
}

#[tokio::test]
async fn only_what_is_wanted_is_told() {
    let stage = Stage::new().await;
    let rig = stage.serve(&["actions"]).await;
    rig.report("web1", 1, &[alert("aa", 50, 1)]).await;
    rig.report_items("web1", 2, vec![act(ActionKind::Block, "203.0.113.1", OutcomeState::Applied)]).await;
    stage.wait("the action", |stage| !stage.told().is_empty()).await;
    rig.stop().await;
    // What was there before somebody wanted to hear of it is not new then.
    let rig = stage.serve(EVERYTHING).await;
    rig.report("web1", 3, &[alert("aa", 51, 2), alert("bb", 50, 2)]).await;
    stage.wait("the new one", |stage| stage.told().len() >= 2).await;
    assert_eq!(stage.told(), ["action-applied 203.0.113.1", "alert-new bb"]);
    rig.stop().await;
}

#[tokio::test]
async fn what_is_not_taken_is_tried_again_in_order_and_what_is_wrong_is_given_up() {
    let stage = Stage::new().await;
    stage.answer(StatusCode::SERVICE_UNAVAILABLE, Duration::ZERO);
    let rig = stage.serve(EVERYTHING).await;
    rig.report("web1", 1, &[alert("aa", 50, 1), alert("bb", 50, 1)]).await;
    stage.wait("some attempts", |stage| stage.receiver.lock().unwrap().asked >= 3).await;
    let trouble: ServerHealth = rig.client.get(path::HEALTH).await.unwrap();
    assert!(trouble.notify.unwrap().trouble.unwrap().contains("503"));
    // What waits outlives the server.
    rig.abort().await;
    let rig = stage.serve(EVERYTHING).await;
    stage.answer(StatusCode::NO_CONTENT, Duration::ZERO);
    stage.wait("both", |stage| stage.told().len() >= 2).await;
    assert_eq!(stage.told(), ["alert-new aa", "alert-new bb"]);
    stage.answer(StatusCode::UNPROCESSABLE_ENTITY, Duration::ZERO);
    rig.report("web1", 2, &[alert("cc", 50, 1)]).await;
    for _ in 0..200 {
        if health(&rig).await == (0, 2, 1) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(health(&rig).await, (0, 2, 1));
    let metrics = rig.client.get_text(path::METRICS).await.unwrap();
    assert!(metrics.contains("tripoint_messages_total{state=\"undelivered\"} 1"), "{metrics}");
    crate::monitoring::agree(&metrics);
    rig.stop().await;
}

/// A store that fails for a while makes nobody hear the same thing over and over.
#[tokio::test]
async fn what_was_taken_is_not_sent_again_because_it_cannot_be_written_down() {
    let stage = Stage::new().await;
    let rig = stage.serve(EVERYTHING).await;
    let folder = stage.folder.path();
    sql(folder, "CREATE TRIGGER full BEFORE DELETE ON deliveries BEGIN SELECT RAISE(ABORT, 'no room'); END").await;
    rig.report("web1", 1, &[alert("aa", 50, 1), alert("bb", 50, 1)]).await;
    stage.wait("the first", |stage| stage.told().len() == 1).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!((stage.told(), health(&rig).await), (vec!["alert-new aa".to_owned()], (2, 0, 0)));
    sql(folder, "DROP TRIGGER full").await;
    stage.wait("the second", |stage| stage.told().len() == 2).await;
    assert_eq!(stage.told(), ["alert-new aa", "alert-new bb"]);
    rig.stop().await;
}

/// One alert that is damaged in the store keeps nothing back but itself.
#[tokio::test]
async fn an_alert_that_cannot_be_read_holds_up_no_other() {
    let stage = Stage::new().await;
    let rig = stage.serve(EVERYTHING).await;
    let folder = stage.folder.path();
    sql(folder, "CREATE TABLE kept AS SELECT * FROM messages").await;
    let keeps = "CREATE TRIGGER keep AFTER INSERT ON messages BEGIN INSERT INTO kept VALUES (NEW.number, NEW.queued, NEW.body); END";
    sql(folder, keeps).await;
    rig.report("web1", 1, &[alert("bad", 50, 1)]).await;
    sql(folder, "DROP TRIGGER keep").await;
    stage.wait("the first", |stage| stage.told().len() == 1).await;
    sql(folder, "UPDATE alerts SET body = '{' WHERE id = 'bad'").await;
    sql(folder, "INSERT INTO watches (alert, route, step, due) VALUES ('bad', 'route 1', 0, 0)").await;
    // Another message about it, as it was written down before.
    sql(folder, "INSERT INTO messages SELECT 1000, queued, body FROM kept").await;
    rig.report("web1", 2, &[alert("good", 50, 1)]).await;
    stage.wait("the other", |stage| stage.told().len() == 3).await;
    assert_eq!(stage.told()[1..], ["alert-new bad", "alert-new good"], "the message itself can be read");
    rig.stop().await;
}

/// Promise: whoever is told holds nothing up, slow, dead or silent.
#[tokio::test]
async fn a_receiver_that_is_slow_or_dead_delays_no_report() {
    let stage = Stage::new().await;
    stage.answer(StatusCode::NO_CONTENT, Duration::from_secs(10));
    // One that takes connections and never says anything, and one that is not there.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_url = format!("http://{}", silent.local_addr().unwrap());
    for url in [stage.url.as_str(), &silent_url, "http://127.0.0.1:9"] {
        let rig = stage.serve_to(url, EVERYTHING).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let before: Vec<Duration> = times(&rig, 50, url).await;
        let slowest = before.iter().max().unwrap();
        println!("{url}: slowest report {slowest:?}");
        assert!(*slowest < Duration::from_secs(2), "{url}: {slowest:?}");
        rig.abort().await;
    }
}

/// How long each of so many reports took.
async fn times(rig: &Rig, reports: u64, salt: &str) -> Vec<Duration> {
    let mut times = Vec::new();
    for number in 0..reports {
        let began = Instant::now();
        rig.report(salt, number + 1, &[alert(&format!("{salt}{number}"), 50, 1)]).await;
        times.push(began.elapsed());
    }
    times
}

/// Bounded, with an account: nobody takes messages, and ten thousand wait.
#[tokio::test]
async fn more_than_may_wait_is_counted_and_the_first_stay() {
    let stage = Stage::new().await;
    let rig = stage.serve_to("http://127.0.0.1:9", EVERYTHING).await;
    let mut sequence = 0;
    for part in 0..11 {
        let alerts: Vec<_> = (0..920).map(|at| alert(&format!("{part}-{at}"), 50, 1)).collect();
        sequence += 1;
        rig.report("web1", sequence, &alerts).await;
    }
    for _ in 0..400 {
        if health(&rig).await == (10_000, 0, 120) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(health(&rig).await, (10_000, 0, 120));
    rig.abort().await;
    let rig = stage.serve(EVERYTHING).await;
    stage.wait("the first", |stage| stage.told().len() > 100).await;
    assert_eq!(stage.told()[0], "alert-new 0-0");
    rig.abort().await;
}
