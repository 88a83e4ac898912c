//! Does what was acknowledged survive `kill -9`, whatever was being written?

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use tripoint_api::accounts::{NewToken, Token, TokenMade};
use tripoint_api::agent::Item;
use tripoint_api::queue::Facets;
use tripoint_api::views::ViewList;
use tripoint_api::{AlertList, AlertQuery, Batch, BatchAnswer, Client, ExceptionList, Role, path};
use tripoint_fetch::Settings;
use tripoint_model::{Alert, Exception, Timestamp};
use tripoint_server::audit::offline::verify_folder;
use tripoint_server::notify_config::ChannelConfig;
use tripoint_server::{Notify, ServerOptions, serve, socket_path};

use crate::channels::{config, to, types, until, webhook};
use crate::receiver::{Manner, Receiver};
use crate::rig::{alert, identity, own_uid};

/// Names the data folder to the child, and where its webhook leads.
const FOLDER: &str = "TRIPOINT_KILL_TEST_FOLDER";
const HOOK: &str = "TRIPOINT_KILL_TEST_HOOK";
/// Rounds when nobody asks for more; the long run asks by this variable.
const ROUNDS: u64 = 100;
const ROUNDS_VARIABLE: &str = "TRIPOINT_SERVER_KILL_ROUNDS";

/// The server that gets killed: this very test, run in a process of its own.
#[tokio::test]
async fn child_server() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        println!("skipped: the tests beside it start it");
        return;
    };
    let data_dir = Path::new(&folder);
    let hook = ChannelConfig { per_minute: Some(u32::MAX), ..webhook(data_dir, "hook", &std::env::var(HOOK).unwrap()) };
    let notify = Notify::new(&config(vec![hook], vec![to(&["hook"])]), Settings::default()).unwrap();
    let tick = Duration::from_millis(20);
    let options = ServerOptions {
        data_dir: data_dir.to_owned(),
        ready_file: Some(data_dir.join("ready")),
        agent_uids: vec![own_uid()],
        notify: Some(notify.paced(Duration::from_secs(30), tick, tick)),
        ..ServerOptions::default()
    };
    serve(options, std::future::pending()).await.unwrap();
}

/// It ends with the test, however that ends.
struct Killed(Child);

impl Killed {
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn start(folder: &Path, hook: &str) -> Killed {
    let ready = folder.join("ready");
    let _ = std::fs::remove_file(&ready);
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child_server", "--nocapture"])
        .env(FOLDER, folder)
        .env(HOOK, hook)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let child = Killed(child.unwrap());
    for _ in 0..2_000 {
        if ready.exists() {
            return child;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the server did not become ready");
}

/// What the server has said is durable.
#[derive(Default)]
struct Acknowledged {
    reports: u64,
    comments: Vec<(String, String)>,
    exceptions: Vec<String>,
    tokens: Vec<String>,
    /// A view that is changed over and over: the last that was acknowledged.
    view: u64,
}

/// Until the server is gone: each kind of change, one after the other, beside the others.
async fn write(client: &Client, round: u64, so_far: &mut Acknowledged) {
    let Acknowledged { reports, comments, exceptions, tokens, view } = so_far;
    tokio::join!(
        reported(client, reports),
        commented(client, round, comments),
        excepted(client, round, exceptions),
        tokened(client, round, tokens),
        viewed(client, view),
    );
}

/// A batch that was not acknowledged is sent again, as an agent does.
async fn reported(client: &Client, acknowledged: &mut u64) {
    loop {
        let sequence = *acknowledged + 1;
        let one = alert(&format!("k{sequence:05}"), 50, 1);
        let items = vec![Item::Alert { alert: Box::new(one) }];
        let batch = Batch { agent: identity("web1"), sequence, items };
        match client.post::<BatchAnswer>(path::AGENT_BATCH, &batch).await {
            Ok(answer) => *acknowledged = answer.acknowledged,
            Err(_) => return,
        }
    }
}

async fn commented(client: &Client, round: u64, acknowledged: &mut Vec<(String, String)>) {
    let about = format!("w{round:05}");
    let items = vec![Item::Alert { alert: Box::new(alert(&about, 50, 1)) }];
    let batch = Batch { agent: identity("web2"), sequence: round + 1, items };
    if client.post::<BatchAnswer>(path::AGENT_BATCH, &batch).await.is_err() {
        return;
    }
    for number in 0.. {
        let text = format!("comment {number} of round {round}");
        let body = json!({ "text": text });
        if client.post::<Value>(&path::alert_work(&about, "comment"), &body).await.is_err() {
            return;
        }
        acknowledged.push((about.clone(), text));
    }
}

async fn excepted(client: &Client, round: u64, acknowledged: &mut Vec<String>) {
    for number in 0.. {
        let body = json!({ "target": "198.51.100.7", "reason": format!("exception {number} of round {round}") });
        match client.post::<Exception>(path::EXCEPTIONS, &body).await {
            Ok(made) => acknowledged.push(made.id),
            Err(_) => return,
        }
    }
}

async fn tokened(client: &Client, round: u64, acknowledged: &mut Vec<String>) {
    let now = jiff::Timestamp::now().as_microsecond();
    let expires = Timestamp(now).plus(Duration::from_secs(3600));
    for number in 0.. {
        let new = NewToken { name: format!("t{round}-{number}"), role: Role::Viewer, scopes: Vec::new(), expires };
        match client.post::<TokenMade>(path::TOKENS, &new).await {
            Ok(made) => acknowledged.push(made.id),
            Err(_) => return,
        }
    }
}

async fn viewed(client: &Client, acknowledged: &mut u64) {
    loop {
        let next = *acknowledged + 1;
        let body = json!({ "name": "counter", "filter": format!("score>={next}") });
        match client.post::<Value>(path::VIEWS, &body).await {
            Ok(_) => *acknowledged = next,
            Err(_) => return,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_by_kill_9() {
    let rounds = std::env::var(ROUNDS_VARIABLE).map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let hook = Receiver::new(Manner::Says(200)).await;
    let client = Client::unix(&socket_path(folder.path()));
    let mut so_far = Acknowledged::default();
    for round in 0..rounds {
        let mut child = start(folder.path(), &hook.url).await;
        // Another moment in every round, the same in every run.
        let moment = Duration::from_millis(10 + round * 7_919 % 290);
        let killer = tokio::task::spawn_blocking(move || {
            std::thread::sleep(moment);
            child.kill();
        });
        write(&client, round, &mut so_far).await;
        killer.await.unwrap();
    }
    let mut child = start(folder.path(), &hook.url).await;
    let kept = everything(&client).await;
    compare(&so_far, &kept);
    told(&hook, &so_far).await;
    child.kill();
    let found = verify_folder(folder.path()).await.unwrap();
    assert_eq!(found.broken, None, "the audit's chain holds through every kill");
    let changes = so_far.comments.len() + so_far.exceptions.len() + so_far.tokens.len();
    assert!(found.rows >= changes as u64 + so_far.view, "each acknowledged change has its row");
    println!(
        "{rounds} kills: {} reports, {} comments, {} exceptions, {} tokens, {} changes of a view, {} rows of audit",
        so_far.reports,
        so_far.comments.len(),
        so_far.exceptions.len(),
        so_far.tokens.len(),
        so_far.view,
        found.rows
    );
}

/// What the server knows after the last start.
struct Everything {
    alerts: Vec<Alert>,
    in_queue: u64,
    exceptions: BTreeSet<String>,
    tokens: BTreeSet<String>,
    view: u64,
}

async fn everything(client: &Client) -> Everything {
    let mut alerts = Vec::new();
    let mut query = AlertQuery { limit: Some(1000), ..AlertQuery::default() };
    loop {
        let page: AlertList = client.get(&format!("{}{}", path::ALERTS, query.to_query())).await.unwrap();
        alerts.extend(page.alerts);
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    let facets: Facets = client.get(path::QUEUE_FACETS).await.unwrap();
    let exceptions: ExceptionList = client.get(path::EXCEPTIONS).await.unwrap();
    let tokens: Vec<Token> = client.get(path::TOKENS).await.unwrap();
    let views: ViewList = client.get(path::VIEWS).await.unwrap();
    let counter = views.views.first().and_then(|view| view.view.filter.strip_prefix("score>=")?.parse().ok());
    Everything {
        alerts,
        in_queue: facets.total,
        exceptions: exceptions.exceptions.into_iter().map(|kept| kept.exception.id).collect(),
        tokens: tokens.into_iter().map(|token| token.id).collect(),
        view: counter.unwrap_or(0),
    }
}

/// What was said to be durable is there; beyond it at most what was under way at each kill.
fn compare(so_far: &Acknowledged, kept: &Everything) {
    let reported = kept.alerts.iter().filter(|alert| alert.id.0.starts_with('k')).count() as u64;
    assert!(so_far.reports > 4 && so_far.view > 4, "there must have been something to lose");
    assert!(reported == so_far.reports || reported == so_far.reports + 1, "{reported}, {}", so_far.reports);
    assert_eq!(kept.in_queue, kept.alerts.len() as u64, "queue and alerts are of one mind");
    for (about, text) in &so_far.comments {
        let alert = kept.alerts.iter().find(|alert| alert.id.0 == *about).unwrap();
        let times = alert.work.comments.iter().filter(|comment| comment.text == *text).count();
        assert_eq!(times, 1, "{about}: {text}");
    }
    assert!(!so_far.exceptions.is_empty() && so_far.exceptions.iter().all(|id| kept.exceptions.contains(id)));
    assert!(!so_far.tokens.is_empty() && so_far.tokens.iter().all(|id| kept.tokens.contains(id)));
    assert!((so_far.view..=so_far.view + 1).contains(&kept.view), "{} then {}", so_far.view, kept.view);
}

/// Every alert reaches the webhook at least once, also where the server died before it was told.
async fn told(hook: &Receiver, so_far: &Acknowledged) {
    let all: BTreeSet<String> = (1..=so_far.reports).map(|number| format!("alert-new k{number:05}")).collect();
    until("every alert at the webhook", async || {
        let came: BTreeSet<String> = types(&hook.came()).into_iter().collect();
        all.is_subset(&came)
    })
    .await;
}
