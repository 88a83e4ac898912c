//! A real server of a test's own, and an agent that answers its orders as the real one does.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tripoint_api::agent::Item;
use tripoint_api::{AgentIdentity, Answer, Batch, BatchAnswer, Client, Order, Orders, path};
use tripoint_model::{
    Action, ActionKind, Alert, Cut, Outcome, OutcomeState, PlannedAction, Refusal, Scope, Terms, Timestamp,
};

use crate::bench::Bench;

/// A server of its own and an agent that answers as the real one does.
pub struct Rig {
    pub bench: Bench,
    server: Child,
    pub address: Option<String>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Rig {
    pub fn start(listen: &str) -> Self {
        Self::on(Bench::new(), listen)
    }

    /// On the data folder of another that has stopped.
    pub fn on(bench: Bench, listen: &str) -> Self {
        Self::spawned(bench, listen, |_| {})
    }

    /// On a kernel that seems to lack this; what the server says is in `log`.
    pub fn lacking(bench: Bench, listen: &str, lacks: &str) -> Self {
        let log = std::fs::File::create(bench.path("log")).unwrap();
        Self::spawned(bench, listen, |command| {
            command.env(tripoint_linux::faults::VARIABLE, lacks).stderr(log);
        })
    }

    /// What the server says, with these flags besides, is in `log`.
    pub fn talking(bench: Bench, flags: &[&str]) -> Self {
        let log = std::fs::File::create(bench.path("log")).unwrap();
        Self::spawned(bench, "none", |command| {
            command.args(flags).stderr(log);
        })
    }

    fn spawned(bench: Bench, listen: &str, change: impl FnOnce(&mut Command)) -> Self {
        // In a folder that the server writes anyway: it gains nothing by it.
        let ready = bench.path("data/run/ready");
        std::fs::create_dir_all(bench.path("data/run")).unwrap();
        let _ = std::fs::remove_file(&ready);
        let mut command = bench.command(&["server", "--listen", listen, "--ready-file", ready.to_str().unwrap()]);
        change(&mut command);
        let server = command.stdin(Stdio::null()).spawn().unwrap();
        let text = wait_for(|| std::fs::read_to_string(&ready).ok());
        let address = text.lines().find_map(|line| line.strip_prefix("address ")).map(str::to_owned);
        Self { bench, server, address }
    }

    /// Stops the server in order; what is left.
    pub fn without_server(mut self) -> Bench {
        tripoint_linux::child::terminate(&mut self.server);
        let _ = self.server.wait();
        std::mem::replace(&mut self.bench, Bench::new())
    }

    /// Waits for the end of a server that was told to end; how it ended, and what is left.
    pub fn ended(mut self) -> (ExitStatus, Bench) {
        let status = self.server.wait().unwrap();
        (status, std::mem::replace(&mut self.bench, Bench::new()))
    }

    /// The server's process.
    pub fn pid(&self) -> u32 {
        self.server.id()
    }

    pub fn client(&self) -> Client {
        Client::unix(&tripoint_server::socket_path(&self.bench.path("data")))
    }

    /// Reports items as the agent of `web1`.
    pub fn report(&self, sequence: u64, items: Vec<Item>) {
        let agent =
            AgentIdentity { host: "web1".into(), boot_id: "boot".into(), version: "1".into(), started: Timestamp(1) };
        let batch = Batch { agent, sequence, items };
        let answer: BatchAnswer = block_on(self.client().post(path::AGENT_BATCH, &batch)).unwrap();
        assert_eq!(answer.acknowledged, sequence);
    }

    /// Starts the agent; it ends with the server.
    pub fn agent(&self) {
        let client = self.client();
        std::thread::spawn(move || block_on(answer_orders(client)));
        wait_for(|| self.bench.run(&["disconnect", "192.0.2.250", "--dry-run"]).code.eq(&0).then_some(()));
    }
}

pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

pub fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "not within 20 seconds");
        std::thread::sleep(Duration::from_millis(10));
    }
}

async fn answer_orders(client: Client) {
    let mut after = 0;
    while let Ok(orders) =
        client.get::<Orders>(&format!("{}?host=web1&after={after}&wait_s=5", path::AGENT_ORDERS)).await
    {
        for order in orders.orders {
            let answer = match &order.order {
                Order::Act { actions, dry_run, .. } => actions.iter().fold(Answer::default(), |mut all, action| {
                    let one = acted(action, *dry_run, order.issued);
                    all.plan.extend(one.plan);
                    all.refused.extend(one.refused);
                    all.outcomes.extend(one.outcomes);
                    all
                }),
                _ => Answer::default(),
            };
            let _ = client.post::<()>(&path::order_answer(order.number), &answer).await;
            after = order.number;
        }
    }
}

/// Loopback is refused, everything else is done.
fn acted(action: &Action, dry_run: bool, at: Timestamp) -> Answer {
    if action.target.net().is_some_and(|net| net.addr().is_loopback()) {
        let reason = format!("{} is this host itself", action.target);
        return Answer {
            refused: vec![Refusal {
                action: action.kind,
                target: action.target.clone(),
                rule: "loopback".into(),
                reason,
            }],
            ..Answer::default()
        };
    }
    let cut = Cut {
        connection: tripoint_model::ConnectionId { cookie: 7, peer: 0 },
        protocol: tripoint_model::Protocol::Tcp,
        local: "192.0.2.1:40000".parse().unwrap(),
        remote: "203.0.113.66:443".parse().unwrap(),
        netns: 1,
        pid: 42,
        application: "shop".into(),
    };
    let planned = PlannedAction {
        id: "p1".into(),
        action: action.kind,
        target: action.target.clone(),
        scope: action.scope.clone(),
        expires: action.expires,
        reason: action.reason.clone(),
        requester: action.requester.clone(),
        cause: action.cause.clone(),
        terms: Terms::default(),
        cuts: if matches!(action.kind, ActionKind::Block | ActionKind::Disconnect) { vec![cut] } else { Vec::new() },
    };
    let state = match (dry_run, action.kind) {
        (true, _) => OutcomeState::DryRun,
        (_, ActionKind::Unblock) => OutcomeState::Lifted,
        _ => OutcomeState::Applied,
    };
    let outcome = Outcome {
        id: "p1".into(),
        action: action.kind,
        target: action.target.clone(),
        scope: Scope::Host,
        mechanism: if dry_run { "dry-run".into() } else { "bpf".into() },
        state,
        verified: !dry_run,
        detail: String::new(),
        at,
        expires: Some(action.expires),
    };
    Answer { plan: vec![planned], outcomes: vec![outcome], ..Answer::default() }
}

pub fn alert(id: &str, score: u8) -> Box<Alert> {
    let level = serde_json::to_string(&tripoint_model::Level::of(score)).unwrap();
    let text = format!(
        r#"{{"schema":1,"id":"{id}","rule":"bad_server_of_vulnerable_app","title":"shop@web1 talked to bad server 203.0.113.66:443 \u001b[31m","host":"web1",
        "application":{{"kind":"unit","id":"shop.service","name":"shop"}},"indicator":"203.0.113.66","direction":"outbound",
        "severity":{{"score":{score},"level":{level},"factors":[{{"name":"confidence","points":30,"reason":"one feed, 90"}}]}},"confidence":90,
        "first_seen":"2025-06-01T03:00:00Z","last_seen":"2025-06-01T03:00:01Z","count":2,"bytes_in":10,"bytes_out":20,"still_open":true,
        "process":{{"key":{{"pid":42,"start_ns":5}},"command":"java","exe":"/usr/bin/java","argv":["java","-jar","shop.jar"],"uid":33}},
        "connections":[],
        "claims":[{{"feed":"mine","matched":"203.0.113.66","category":"c2","direction":"out","confidence":90,"first_seen":null,"last_seen":"2025-05-31T00:00:00Z","valid_until":null}}],
        "findings":[{{"purl":"pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1","name":"log4j-core","version":"2.14.1","id":"GHSA-jfh8-c2jp-5v3q","cves":["CVE-2021-44228"],"state":"affected","presence":"loaded","fixed":"2.15.0","severity":{{}},"cvss_tenths":100,"known_exploited":true,"source":"maven"}}],
        "techniques":["T1190"],"suggested":["tripoint block 203.0.113.66"],"missing":[{{"what":"dns","why":"no answer was seen"}}]}}"#
    );
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
