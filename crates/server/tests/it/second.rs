//! Whose word about what waits reaches the agent, by whose name?

use tripoint_api::agent::{Answer, Order, Orders};
use tripoint_api::people::{Ruling, StandingList};
use tripoint_api::{ActionAnswer, AuditEntry, AuditList, ClientError, Proposal, ProposalState, path};
use tripoint_model::Timestamp;

use crate::rig::Rig;

fn proposal(id: &str) -> Proposal {
    Proposal {
        id: id.into(),
        state: ProposalState::Waiting,
        proposed: Timestamp(0),
        until: Timestamp(900_000_000),
        requester: "ada".into(),
        why: "bulk".into(),
        plan: Vec::new(),
        refused: Vec::new(),
        by: None,
        decided: None,
        reason: None,
    }
}

/// An agent with one proposal, which answers what it is asked and says what that was.
async fn agent(
    client: tripoint_api::Client,
    host: &'static str,
    waits: bool,
    told: tokio::sync::mpsc::UnboundedSender<Order>,
) {
    let mut after = 0;
    loop {
        let query = format!("{}?host={host}&after={after}&wait_s=5", path::AGENT_ORDERS);
        let Ok(orders) = client.get::<Orders>(&query).await else { return };
        for numbered in orders.orders {
            after = numbered.number;
            let standing = matches!(numbered.order, Order::Standing);
            let proposed = if standing && waits { vec![proposal("abc")] } else { Vec::new() };
            let _ = told.send(numbered.order);
            let answer = Answer { proposed, ..Answer::default() };
            client.post::<serde::de::IgnoredAny>(&path::order_answer(numbered.number), &answer).await.ok();
        }
    }
}

#[tokio::test]
async fn a_word_goes_to_where_it_waits_by_the_kernels_name_and_a_token_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let (other, mut others) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(agent(rig.client.clone(), "web-1", true, tell));
    tokio::spawn(agent(rig.client.clone(), "web-2", false, other));
    let list = loop {
        match rig.client.get::<StandingList>(path::ACTIONS).await {
            Ok(list) if list.hosts.len() == 2 => break list,
            _ => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    };
    assert_eq!((list.proposed[0].host.as_str(), list.proposed[0].proposal.id.as_str()), ("web-1", "abc"));
    while told.try_recv().is_ok() {}
    while others.try_recv().is_ok() {}
    let answer: ActionAnswer = rig.client.post(&path::action("abc", "approve"), &Ruling::default()).await.unwrap();
    assert_eq!(answer.hosts, ["web-1"]);
    let ruling = Ruling { reason: Some("ours".into()), consent: None };
    rig.client.post::<ActionAnswer>(&path::action("abc", "reject"), &ruling).await.unwrap();
    let asked: Vec<Order> = std::iter::from_fn(|| told.try_recv().ok()).filter(|one| *one != Order::Standing).collect();
    let by = |order: &Order| match order {
        Order::Approve { by, .. } | Order::Reject { by, .. } => by.clone(),
        _ => String::new(),
    };
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|order| !by(order).is_empty() && by(order) != "token"), "{asked:?}");
    assert!(std::iter::from_fn(|| others.try_recv().ok()).all(|order| order == Order::Standing), "web-2 has nothing");
    let status = |error: ClientError| match error {
        ClientError::Problem(problem) => problem.status,
        other => panic!("{other}"),
    };
    for what in ["approve", "reject", "confirm"] {
        let refused = rig.tcp().post::<ActionAnswer>(&path::action("abc", what), &Ruling::default()).await;
        assert_eq!(status(refused.unwrap_err()), 403, "{what} by a token");
        let unknown = Ruling { consent: Some("0".repeat(32)), ..Ruling::default() };
        let refused = rig.client.post::<ActionAnswer>(&path::action("nothing", what), &unknown).await;
        let expected = if what == "confirm" && crate::rig::own_uid() != 0 { 403 } else { 404 };
        assert_eq!(status(refused.unwrap_err()), expected, "{what} of nothing");
    }
    // What nobody waited for was not done, and that is what is written down.
    let list: AuditList = rig.client.get(path::AUDIT).await.unwrap();
    let told = |what: &str, target: &str| -> Vec<String> {
        let of = |entry: &&AuditEntry| entry.what.ends_with(what) && entry.target == target && entry.who != "token";
        list.rows.iter().map(|row| &row.entry).filter(of).map(|entry| entry.result.clone()).collect()
    };
    assert_eq!((told("approve", "abc"), told("reject", "abc")), (vec!["done".to_owned()], vec!["done".to_owned()]));
    assert_eq!(told("approve", "nothing"), ["404 not-found"]);
    let over = serde_json::json!({"kind": "block", "target": "203.0.113.1", "consent": "0"});
    assert_eq!(status(rig.tcp().post::<ActionAnswer>(path::ACTIONS, &over).await.unwrap_err()), 403);
    rig.stop().await;
}
