//! Is every request answered as the contract says?

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use tripoint_api::agent::{ANSWER_MAX, Item, KernelWord, StandingAction};
use tripoint_api::people::StandingList;
use tripoint_api::{
    ActionAnswer, ActionRequest, AgentHealth, AgentStatus, AlertList, AlertQuery, Answer, AssignRequest, Batch,
    BatchAnswer, Client, ClientError, CommentRequest, ExceptionList, ExceptionRequest, FeedHealth, LedgerEntry, Order,
    Orders, ReopenRequest, ResolveRequest, ServerHealth, path,
};
use tripoint_model::{
    ActionKind, Alert, AlertId, AlertStatus, Exception, Outcome, OutcomeState, Resolution, Scope, Terms, Timestamp,
};

use crate::rig::{Rig, alert, held_feed, identity};

fn status(error: ClientError) -> u16 {
    match error {
        ClientError::Problem(problem) => problem.status,
        other => panic!("no refusal: {other}"),
    }
}

fn request(kind: ActionKind) -> ActionRequest {
    ActionRequest {
        for_seconds: Some(3600),
        reason: Some("c2".into()),
        cause: Some(AlertId("aa".into())),
        ..ActionRequest::new(kind, vec!["203.0.113.66".parse().unwrap()])
    }
}

#[tokio::test]
async fn an_alert_is_reported_shown_resolved_reopened_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let mut watch = rig.client.watch().await.unwrap();
    let answer = rig.report("web1", 1, &[alert("aa", 50, 1), alert("bb", 30, 2), alert("cc", 30, 3)]).await;
    assert_eq!(answer.acknowledged, 1);
    assert_eq!(watch.next().await.unwrap().unwrap().id.0, "aa");
    let list: AlertList = rig.client.get(path::ALERTS).await.unwrap();
    assert_eq!(list.alerts.iter().map(|a| a.id.0.as_str()).collect::<Vec<_>>(), ["cc", "bb", "aa"]);

    let resolve = ResolveRequest { resolution: Resolution::Expected, comment: Some("a test of ours".into()) };
    let resolved: Alert = rig.client.post(&path::alert_work("aa", "resolve"), &resolve).await.unwrap();
    assert_eq!(resolved.work.status, AlertStatus::Resolved);
    rig.report("web1", 2, &[alert("aa", 55, 4)]).await;
    let shown: Alert = rig.client.get(&path::alert("aa")).await.unwrap();
    assert_eq!((shown.work.status, shown.severity.score), (AlertStatus::Resolved, 55));
    assert_eq!(shown.work.comments[0].text, "a test of ours");
    let query = AlertQuery { status: Some(AlertStatus::Open), ..AlertQuery::default() };
    let open: AlertList = rig.client.get(&format!("{}{}", path::ALERTS, query.to_query())).await.unwrap();
    assert_eq!(open.alerts.len(), 2);

    let reopened: Alert = rig.client.post(&path::alert_work("aa", "reopen"), &ReopenRequest::default()).await.unwrap();
    assert_eq!((reopened.work.status, reopened.work.resolution), (AlertStatus::Open, None));
    let assign = AssignRequest { assignee: Some("ada".into()) };
    let assigned: Alert = rig.client.post(&path::alert_work("aa", "assign"), &assign).await.unwrap();
    assert_eq!(assigned.work.status, AlertStatus::Investigating);
    let comment = CommentRequest { text: "looking".into() };
    let commented: Alert = rig.client.post(&path::alert_work("aa", "comment"), &comment).await.unwrap();
    assert_eq!(commented.work.comments.len(), 2);
    let what: Vec<_> = commented.work.history.iter().map(|change| change.what.as_str()).collect();
    assert_eq!(what, ["raised", "resolved as expected", "reopened", "assigned to ada"]);
    assert_eq!(status(rig.client.get::<Alert>(&path::alert("nope")).await.unwrap_err()), 404);
    assert_eq!(status(rig.client.get::<Alert>(&format!("{}?limit=x", path::ALERTS)).await.unwrap_err()), 400);
    rig.stop().await;
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_double() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let alerts: Vec<Alert> = (0..25).map(|n| alert(&format!("{n:02}"), 50, n / 5)).collect();
    rig.report("web1", 1, &alerts).await;
    let mut seen = Vec::new();
    let mut query = AlertQuery { limit: Some(7), ..AlertQuery::default() };
    loop {
        let page: AlertList = rig.client.get(&format!("{}{}", path::ALERTS, query.to_query())).await.unwrap();
        seen.extend(page.alerts.into_iter().map(|alert| (alert.last_seen, alert.id)));
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    let mut expected: Vec<_> = alerts.into_iter().map(|alert| (alert.last_seen, alert.id)).collect();
    expected.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    assert_eq!(seen, expected);
    rig.stop().await;
}

#[tokio::test]
async fn a_batch_counts_once_and_another_host_cannot_overwrite_it() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 5, &[alert("aa", 50, 1)]).await;
    let again = rig.report("web1", 5, &[alert("aa", 90, 9)]).await;
    assert_eq!(again.acknowledged, 5);
    let late = rig.report("web1", 4, &[alert("bb", 90, 9)]).await;
    assert_eq!(late.acknowledged, 5);
    rig.report("web2", 1, &[alert("aa", 10, 9)]).await;
    let list: AlertList = rig.client.get(path::ALERTS).await.unwrap();
    assert_eq!(list.alerts.len(), 1);
    assert_eq!((list.alerts[0].severity.score, list.alerts[0].host.as_str()), (50, "web1"));
    rig.stop().await;
}

/// An agent that answers every order in the way the real one does.
async fn fake_agent(client: Client) {
    let mut after = 0;
    loop {
        let asked = format!("{}?host=web1&after={after}&wait_s=5", path::AGENT_ORDERS);
        let Ok(orders) = client.get::<Orders>(&asked).await else { return };
        for order in orders.orders {
            let mut answer = Answer::default();
            if let Order::Act { actions, dry_run, .. } = &order.order {
                let state = if *dry_run { OutcomeState::DryRun } else { OutcomeState::Applied };
                answer.outcomes = actions
                    .iter()
                    .map(|action| Outcome {
                        id: "b1".into(),
                        action: action.kind,
                        target: action.target.clone(),
                        scope: Scope::Host,
                        mechanism: "bpf".into(),
                        state,
                        verified: !dry_run,
                        detail: action.reason.clone(),
                        at: order.issued,
                        expires: Some(action.expires),
                    })
                    .collect();
            }
            client.post::<()>(&path::order_answer(order.number), &answer).await.unwrap();
            after = order.number;
        }
    }
}

#[tokio::test]
async fn an_order_goes_to_the_agent_and_its_answer_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 1, &[alert("aa", 50, 1)]).await;
    let agent = tokio::spawn(fake_agent(rig.client.clone()));
    let answer: ActionAnswer = rig.client.post(path::ACTIONS, &request(ActionKind::Block)).await.unwrap();
    assert_eq!(
        (answer.hosts, answer.outcomes[0].state, answer.outcomes[0].verified),
        (vec!["web1".into()], OutcomeState::Applied, true)
    );
    let shown: Alert = rig.client.get(&path::alert("aa")).await.unwrap();
    assert_eq!(shown.work.status, AlertStatus::Contained, "what was read back is on the alert");
    let dry = ActionRequest { dry_run: true, ..request(ActionKind::Disconnect) };
    let answer: ActionAnswer = rig.client.post(path::ACTIONS, &dry).await.unwrap();
    assert_eq!(answer.outcomes[0].state, OutcomeState::DryRun);
    let allowed: ActionAnswer = rig.client.post(path::ACTIONS, &request(ActionKind::Allow)).await.unwrap();
    let list: ExceptionList = rig.client.get(path::EXCEPTIONS).await.unwrap();
    assert_eq!(allowed.exceptions, [list.exceptions[0].exception.id.clone()], "what an undo takes away");
    assert_eq!(list.exceptions[0].exception.reason, "c2");
    let _: ActionAnswer = rig.client.post(path::RELEASE_ALL, &()).await.unwrap();
    let long = ActionRequest { for_seconds: Some(31 * 86_400), ..request(ActionKind::Block) };
    assert_eq!(status(rig.client.post::<ActionAnswer>(path::ACTIONS, &long).await.unwrap_err()), 422);
    let crowd = (1..=21).map(|host| format!("203.0.113.{host}").parse().unwrap()).collect();
    let mut crowd = ActionRequest::new(ActionKind::Block, crowd);
    assert_eq!(status(rig.client.post::<ActionAnswer>(path::ACTIONS, &crowd).await.unwrap_err()), 422, "unconfirmed");
    crowd.confirmed = true;
    let answer: ActionAnswer = rig.client.post(path::ACTIONS, &crowd).await.unwrap();
    assert_eq!(answer.outcomes.len(), 21, "all in one order");
    let nobody = ActionRequest::new(ActionKind::Block, vec![]);
    assert_eq!(status(rig.client.post::<ActionAnswer>(path::ACTIONS, &nobody).await.unwrap_err()), 422);
    rig.stop().await;
    agent.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_that_is_too_slow_is_told_how_many_it_missed() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let mut watch = rig.client.watch().await.unwrap();
    let long = |number: u64| Alert { title: "x".repeat(2000), ..alert(&format!("m{number}"), 50, 1) };
    for part in 0..6 {
        let alerts: Vec<Alert> = (part * 500..(part + 1) * 500).map(long).collect();
        rig.report("web1", part + 1, &alerts).await;
    }
    let mut seen = 0;
    while watch.next().await.unwrap().unwrap().id.0 != "m2999" {
        seen += 1;
    }
    assert!(watch.missed() > 0, "it must have been too slow");
    assert_eq!(seen + 1 + watch.missed(), 3000);
    rig.stop().await;
}

#[tokio::test]
async fn a_table_full_of_blocks_is_listed_and_a_longer_answer_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 1, &[]).await;
    let block = |number: u32| StandingAction {
        id: format!("b{number}"),
        target: format!("198.18.{}.{}", number >> 8 & 255, number & 255).parse().unwrap(),
        scope: Scope::Host,
        since: Some(Timestamp(1)),
        expires: Timestamp(2),
        requester: "socket:0".into(),
        reason: "a list of addresses that somebody keeps".into(),
        cause: None,
        terms: Terms::default(),
        mechanism: "nft".into(),
        kernel: KernelWord::Held,
    };
    let client = rig.client.clone();
    let asking = tokio::spawn(async move { client.get::<StandingList>(path::ACTIONS).await });
    let asked = format!("{}?host=web1&after=0&wait_s=5", path::AGENT_ORDERS);
    let orders: Orders = rig.client.get(&asked).await.unwrap();
    let answer = path::order_answer(orders.orders[0].number);
    let endless = Answer { error: Some("x".repeat(ANSWER_MAX)), ..Answer::default() };
    assert_eq!(status(rig.client.post::<()>(&answer, &endless).await.unwrap_err()), 413);
    let full = Answer { standing: (0..120_000).map(block).collect(), ..Answer::default() };
    assert!(serde_json::to_vec(&full).unwrap().len() > 16 << 20);
    rig.client.post::<()>(&answer, &full).await.unwrap();
    assert_eq!(asking.await.unwrap().unwrap().actions.len(), 120_000);
    rig.stop().await;
}

#[tokio::test]
async fn without_an_agent_an_action_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    assert_eq!(
        status(rig.client.post::<ActionAnswer>(path::ACTIONS, &request(ActionKind::Block)).await.unwrap_err()),
        409
    );
    rig.stop().await;
}

#[tokio::test]
async fn exceptions_need_a_reason_reach_the_agent_and_can_be_withdrawn() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 1, &[]).await;
    let mut wish = ExceptionRequest { target: Some("203.0.113.0/24".parse().unwrap()), ..ExceptionRequest::default() };
    assert_eq!(status(rig.client.post::<Exception>(path::EXCEPTIONS, &wish).await.unwrap_err()), 422);
    wish.reason = "laboratory".into();
    let exception: Exception = rig.client.post(path::EXCEPTIONS, &wish).await.unwrap();
    rig.client.delete(&path::exception(&exception.id)).await.unwrap();
    assert_eq!(status(rig.client.delete(&path::exception(&exception.id)).await.unwrap_err()), 404);
    let orders: Orders = rig.client.get(&format!("{}?host=web1&after=0&wait_s=0", path::AGENT_ORDERS)).await.unwrap();
    let kinds: Vec<_> = orders.orders.into_iter().map(|order| order.order).collect();
    assert_eq!(
        kinds,
        [Order::AddException { exception: exception.clone() }, Order::RemoveException { id: exception.id }]
    );
    rig.stop().await;
}

#[tokio::test]
async fn strangers_on_tcp_are_refused_and_the_token_opens() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let address = rig.ready.address.unwrap();
    for token in ["", "0", &"0".repeat(64)] {
        let stranger = Client::tcp(address, token);
        for asked in [path::ALERTS, path::HEALTH, path::METRICS, path::AGENTS, path::EXCEPTIONS, path::ALERTS_WATCH] {
            assert_eq!(status(stranger.get_text(asked).await.unwrap_err()), 401, "{asked}");
        }
        assert_eq!(
            status(stranger.post::<ActionAnswer>(path::ACTIONS, &request(ActionKind::Block)).await.unwrap_err()),
            401
        );
    }
    let token = std::fs::read_to_string(tripoint_server::token_path(folder.path())).unwrap();
    let known = Client::tcp(address, &token);
    let health: ServerHealth = known.get(path::HEALTH).await.unwrap();
    assert_eq!(health.status, "ok");
    // Not even with the token does the network speak as an agent.
    let batch = Batch { agent: identity("web1"), sequence: 1, items: vec![] };
    assert_eq!(status(known.post::<BatchAnswer>(path::AGENT_BATCH, &batch).await.unwrap_err()), 403);
    let ready = std::fs::read_to_string(folder.path().join("ready")).unwrap();
    assert!(ready.contains(&format!("http://{address}")), "{ready}");
    rig.stop().await;
}

#[tokio::test]
async fn what_was_acknowledged_survives_being_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    for round in 1..=5_u64 {
        let rig = Rig::start(folder.path()).await;
        let id = format!("r{round}");
        rig.report("web1", round, &[alert(&id, 50, i64::try_from(round).unwrap())]).await;
        // A request in flight when the end comes must not harm what was acknowledged.
        let client = rig.client.clone();
        let flying = tokio::spawn(async move {
            let batch = Batch { agent: identity("web9"), sequence: round, items: vec![] };
            let _ = client.post::<BatchAnswer>(path::AGENT_BATCH, &batch).await;
        });
        rig.abort().await;
        flying.abort();
        let rig = Rig::start(folder.path()).await;
        let list: AlertList = rig.client.get(path::ALERTS).await.unwrap();
        assert_eq!(list.alerts.len() as u64, round);
        rig.abort().await;
    }
}

#[tokio::test]
async fn health_is_shown_as_last_reported() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let health =
        AgentHealth { sensor: "bpf".into(), losses: [("ring_full\"".to_owned(), 3)].into(), ..AgentHealth::default() };
    let entry =
        LedgerEntry { at: Timestamp(4), id: "b1".into(), state: "applied".into(), detail: "203.0.113.66".into() };
    let items = vec![Item::Health { at: Timestamp(5), health: health.clone() }, Item::Ledger { entry }];
    let batch = Batch { agent: identity("web1"), sequence: 1, items };
    let _: BatchAnswer = rig.client.post(path::AGENT_BATCH, &batch).await.unwrap();
    let agents: Vec<AgentStatus> = rig.client.get(path::AGENTS).await.unwrap();
    assert_eq!((agents[0].health.as_ref(), agents[0].connected), (Some(&health), true));
    let metrics = rig.client.get_text(path::METRICS).await.unwrap();
    assert!(metrics.contains("tripoint_agent_lost_total{host=\"web1\",reason=\"ring_full\\\"\"} 3"), "{metrics}");
    for line in ["trouble{feed=\"list\\\"1\"} 1", "indicators{feed=\"list\\\"1\"} 7"] {
        assert!(metrics.contains(&format!("tripoint_feed_{line}\n")), "{metrics}");
    }
    assert!(metrics.contains("tripoint_feed_age_seconds{") && !metrics.contains("tripoint_feed_unchanged_seconds{"));
    let feeds: Vec<FeedHealth> = rig.client.get(path::FEEDS).await.unwrap();
    assert_eq!(feeds, [held_feed()]);
    // Nothing new is in the agent's spool: its health is news all the same, and nothing else is taken twice.
    let later = AgentHealth { sensor: "sock_diag".into(), ..AgentHealth::default() };
    let items = vec![
        Item::Health { at: Timestamp(6), health: later.clone() },
        Item::Alert { alert: Box::new(alert("dd", 50, 1)) },
    ];
    let batch = Batch { agent: identity("web1"), sequence: 1, items };
    let _: BatchAnswer = rig.client.post(path::AGENT_BATCH, &batch).await.unwrap();
    let agents: Vec<AgentStatus> = rig.client.get(path::AGENTS).await.unwrap();
    assert_eq!(agents[0].health.as_ref(), Some(&later));
    assert!(rig.client.get::<Alert>(&path::alert("dd")).await.is_err());
    rig.stop().await;
}

#[tokio::test]
async fn new_images_are_announced_to_connected_agents() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("images")).unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 1, &[]).await;
    std::fs::write(folder.path().join("images/intel.1"), "x").unwrap();
    let orders: Orders = rig.client.get(&format!("{}?host=web1&after=0&wait_s=10", path::AGENT_ORDERS)).await.unwrap();
    assert_eq!(orders.orders[0].order, Order::ContentChanged);
    rig.stop().await;
}

#[tokio::test]
async fn nonsense_is_refused_in_the_same_form_as_everything() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    assert_eq!(status(rig.client.get::<()>("/v1/nothing").await.unwrap_err()), 404);
    assert_eq!(status(rig.client.delete(path::HEALTH).await.unwrap_err()), 405);
    assert_eq!(status(rig.client.post::<Alert>(&path::alert_work("aa", "resolve"), &"x").await.unwrap_err()), 400);
    let mut raw = tokio::net::UnixStream::connect(&rig.ready.socket).await.unwrap();
    raw.write_all(b"\x00\xff\x16\x03 nonsense\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), raw.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the connection is ended");
    let health: ServerHealth = rig.client.get(path::HEALTH).await.unwrap();
    assert_eq!(health.status, "ok");
    rig.stop().await;
}
