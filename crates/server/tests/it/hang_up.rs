//! Is what somebody asked for done whole, also when they hang up before the answer?

use std::time::Duration;

use serde_json::json;

use tripoint_api::{Answer, AuditList, AuditRow, Orders, Role, path};

use crate::browser::{Browser, add_user};
use crate::rig::Rig;

/// The audit's rows once one of them is what is waited for, oldest first.
async fn rows_with(rig: &Rig, is_it: impl Fn(&AuditRow) -> bool) -> Vec<AuditRow> {
    for _ in 0..400 {
        let list: AuditList = rig.client.get(path::AUDIT).await.unwrap();
        if list.rows.iter().any(&is_it) {
            return list.rows.into_iter().rev().collect();
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the row did not come");
}

/// A guess costs its row, whether or not the one who guesses waits to hear that it was wrong.
#[tokio::test]
async fn a_guess_is_written_down_though_nobody_waits_for_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    add_user(&rig.client, "ada", Role::Analyst, &[]).await;
    let guess = json!({"name": "ada", "password": "a wrong password"}).to_string();
    drop(Browser::new(&rig).begin("POST", path::SESSION, &guess).await);
    let rows = rows_with(&rig, |row| row.entry.result.contains("wrong-credentials")).await;
    assert_eq!(rows.last().unwrap().entry.what, "POST /v1/session");
    rig.stop().await;
}

#[tokio::test]
async fn an_answer_is_remembered_for_who_hung_up() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 1, &[]).await;
    let token = std::fs::read_to_string(tripoint_server::token_path(folder.path())).unwrap();
    let asks = Browser { more: "idempotency-key: k-1\r\n".into(), ..Browser::with_token(&rig, token.trim()) };
    let block = json!({"kind": "block", "target": "203.0.113.66", "reason": "c2"});
    let line = asks.begin("POST", path::ACTIONS, &block.to_string()).await;
    let orders = format!("{}?host=web1&after=0&wait_s=10", path::AGENT_ORDERS);
    let given: Orders = rig.client.get(&orders).await.unwrap();
    drop(line);
    // The agent is slower than the one who asked is patient.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let said = Answer { error: Some("so it is".into()), ..Answer::default() };
    rig.client.post::<()>(&path::order_answer(given.orders[0].number), &said).await.unwrap();
    let mut heard = asks.post(path::ACTIONS, block.clone()).await;
    while heard.status == 409 {
        heard = asks.post(path::ACTIONS, block.clone()).await;
    }
    assert_eq!((heard.status, heard.header("idempotent-replayed")), (200, Some("true")), "{heard:?}");
    assert_eq!(heard.json()["errors"], json!(["web1: so it is"]));
    let again: Orders = rig.client.get(&format!("{}?host=web1&after=0&wait_s=0", path::AGENT_ORDERS)).await.unwrap();
    assert_eq!(again.orders.len(), 0, "one order, and it is answered");
    let is_done = |row: &AuditRow| row.entry.what == "POST /v1/actions" && row.entry.result == "done";
    let rows = rows_with(&rig, is_done).await;
    assert_eq!(rows.iter().filter(|row| is_done(row)).count(), 1, "asked again is not done again: {rows:?}");
    rig.stop().await;
}
