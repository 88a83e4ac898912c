//! Does nothing that somebody has to look at hide behind what is merged or closed?

use serde_json::{Value, json};

use tripoint_api::ClientError;
use tripoint_api::agent::Item;
use tripoint_model::{Alert, AlertId, AlertStatus};

use crate::queue::{rig, rows, work};
use crate::rig::{Rig, alert};

fn is_refused(answer: &Result<Alert, ClientError>) -> bool {
    matches!(answer, Err(ClientError::Problem(problem)) if problem.status == 422)
}

async fn told(rig: &Rig, id: &str) -> (AlertStatus, String) {
    let alert: Alert = rig.client.get(&format!("/v1/alerts/{id}")).await.unwrap();
    (alert.work.status, alert.work.history.last().unwrap().what.clone())
}

fn investigation(alert: &str, verdict: &str) -> Item {
    let found: Value = json!({"at": "2026-11-20T03:00:02Z", "took_ms": 1, "logs": {"verdict": verdict, "lines": 1}});
    Item::Investigation { alert: AlertId(alert.into()), found: serde_json::from_value(found).unwrap() }
}

/// What gets worse may not hide behind what is closed or was milder.
#[tokio::test]
async fn a_part_that_gets_worse_than_its_whole_is_an_alert_of_its_own_again() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path()).await;
    for (part, into) in [("bb", "aa"), ("cc", "aa")] {
        work(&rig, part, json!({"do": "merge", "into": into})).await.unwrap();
    }
    // The whole is as grave, and open: who works on it works on this.
    rig.report("web1", 2, &[alert("bb", 85, 5)]).await;
    assert_eq!(rows(&rig, "").await, ["aa"]);
    work(&rig, "aa", json!({"do": "severity", "level": "low", "reason": "a test machine"})).await.unwrap();
    rig.report("web1", 3, &[alert("bb", 85, 6), alert("cc", 50, 6)]).await;
    assert_eq!(rows(&rig, "").await, ["cc", "aa"], "what did not get worse stays");
    work(&rig, "aa", json!({"do": "severity"})).await.unwrap();
    work(&rig, "cc", json!({"do": "merge", "into": "aa"})).await.unwrap();
    work(&rig, "aa", json!({"do": "resolve", "resolution": "expected"})).await.unwrap();
    rig.report("web1", 4, &[alert("cc", 70, 7)]).await;
    assert_eq!(rows(&rig, "status:open").await, ["cc"]);
    let own: Alert = rig.client.get("/v1/alerts/cc").await.unwrap();
    let told: Vec<&str> = own.work.history.iter().rev().take(2).map(|change| change.what.as_str()).collect();
    assert_eq!(told, ["split from aa: it has become worse (high)", "reopened: it has become worse (high)"]);
    rig.stop().await;
}

#[tokio::test]
async fn what_is_open_is_no_part_of_what_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path()).await;
    work(&rig, "aa", json!({"do": "resolve", "resolution": "expected"})).await.unwrap();
    let open = work(&rig, "bb", json!({"do": "merge", "into": "aa"})).await;
    assert!(is_refused(&open), "{open:?}");
    work(&rig, "bb", json!({"do": "resolve", "resolution": "expected"})).await.unwrap();
    work(&rig, "bb", json!({"do": "merge", "into": "aa"})).await.unwrap();
    // Who opens a part opens it for somebody to look at.
    work(&rig, "bb", json!({"do": "reopen"})).await.unwrap();
    assert_eq!(rows(&rig, "status:open").await, ["bb", "cc"]);
    assert_eq!(told(&rig, "bb").await, (AlertStatus::Open, "split from aa: that is closed".into()));
    // Opened with its whole it stays what it was.
    work(&rig, "cc", json!({"do": "resolve", "resolution": "expected"})).await.unwrap();
    work(&rig, "cc", json!({"do": "merge", "into": "aa"})).await.unwrap();
    work(&rig, "aa", json!({"do": "reopen"})).await.unwrap();
    assert_eq!(rows(&rig, "merged:yes status:open").await, ["cc"]);
    rig.stop().await;
}

#[tokio::test]
async fn an_attack_that_likely_succeeded_opens_what_was_closed_and_splits_what_is_part_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path()).await;
    work(&rig, "cc", json!({"do": "merge", "into": "bb"})).await.unwrap();
    for id in ["aa", "bb"] {
        work(&rig, id, json!({"do": "resolve", "resolution": "expected"})).await.unwrap();
    }
    rig.report_items("web1", 2, vec![investigation("aa", "attempted")]).await;
    assert_eq!(rows(&rig, "status:open").await, [""; 0]);
    rig.report_items("web1", 3, vec![investigation("aa", "likely_succeeded"), investigation("cc", "likely_succeeded")])
        .await;
    assert_eq!(rows(&rig, "status:open").await, ["aa", "cc"]);
    let reopened = "reopened: an attack on it likely succeeded (critical)";
    assert_eq!(told(&rig, "aa").await, (AlertStatus::Open, reopened.into()));
    let split = "split from bb: an attack on it likely succeeded (informational)";
    assert_eq!(told(&rig, "cc").await, (AlertStatus::Open, split.into()));
    // Closed knowing that, it stays closed.
    work(&rig, "aa", json!({"do": "resolve", "resolution": "true-positive-remediated"})).await.unwrap();
    rig.report_items("web1", 4, vec![investigation("aa", "likely_succeeded")]).await;
    assert_eq!(rows(&rig, "status:open").await, ["cc"]);
    rig.stop().await;
}
