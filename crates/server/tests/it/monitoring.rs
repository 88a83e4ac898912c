//! Do the metrics exist that the dashboard, the alert rules and the reference speak of, and may anybody ask for life?

use std::collections::BTreeSet;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tripoint_api::{ClientError, ServerHealth, path};

use crate::browser::database;
use crate::rig::Rig;

const SPEAK_OF_THEM: &[(&str, &str)] = &[
    ("the alert rules", include_str!("../../../../packaging/prometheus/tripoint.rules.yml")),
    ("the dashboard", include_str!("../../../../packaging/grafana/tripoint.json")),
    ("the reference", include_str!("../../../../docs/reference/monitoring.md")),
];

/// Every name that begins like ours.
fn names(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c: char| !is_part(c));
    words.filter(|word| word.starts_with("tripoint_") && word.len() > "tripoint_".len()).collect()
}

/// Every metric that is spoken of is one of these, and the reference has each of these.
pub fn agree(metrics: &str) {
    let told: BTreeSet<&str> =
        metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert!(told.len() >= 12, "{told:?}");
    for (what, text) in SPEAK_OF_THEM {
        let missing: Vec<_> = names(text).difference(&told).copied().collect::<Vec<_>>();
        assert!(missing.is_empty(), "{what} speaks of {missing:?}, and the server tells {told:?}");
    }
    let unsaid: Vec<_> = told.difference(&names(SPEAK_OF_THEM[2].1)).copied().collect::<Vec<_>>();
    assert!(unsaid.is_empty(), "the reference does not have {unsaid:?}");
}

#[test]
fn the_dashboard_is_json_with_a_question_in_each_panel() {
    let dashboard: serde_json::Value = serde_json::from_str(SPEAK_OF_THEM[1].1).unwrap();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(panel["targets"][0]["expr"].as_str().is_some_and(|expr| expr.contains("tripoint_")), "{panel}");
    }
}

#[tokio::test]
async fn anybody_may_ask_whether_it_lives_and_learns_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    for (path, expected) in [(path::ALIVE, "alive\n"), (path::READY, "ready\n")] {
        let mut stream = tokio::net::TcpStream::connect(rig.ready.address.unwrap()).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(expected), "{path}: {answer}");
    }
    let audit: serde_json::Value = rig.client.get("/v1/audit").await.unwrap();
    assert!(!audit.to_string().contains("healthz"), "questions are no changes: {audit}");
    rig.stop().await;
}

#[tokio::test]
async fn a_store_that_takes_nothing_is_not_ready_and_is_again_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let mut other = database(folder.path()).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let refused = rig.client.get_text(path::READY).await.unwrap_err();
    let ClientError::Problem(problem) = refused else { panic!("{refused}") };
    assert_eq!((problem.status, problem.kind.as_str()), (503, "tripoint:not-ready"));
    assert_eq!(problem.detail, "the store does not work at the moment");
    let health: ServerHealth = rig.client.get(path::HEALTH).await.unwrap();
    assert_eq!(health.status, problem.detail, "both say the same");
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(rig.client.get_text(path::READY).await.unwrap(), "ready\n");
    let health: ServerHealth = rig.client.get(path::HEALTH).await.unwrap();
    assert_eq!(health.status, "ok");
    rig.stop().await;
}
