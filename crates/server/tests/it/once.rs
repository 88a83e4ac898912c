//! Is a change done once that is sent twice, whenever the server ends?

use tripoint_model::Alert;

use crate::queue::{answer, rig};

/// Promise: once, also where the server ends between a change and its answer.
#[tokio::test]
async fn what_was_done_is_not_done_again_when_its_answer_was_lost() {
    use sqlx::ConnectOptions as _;
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path()).await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("server/server.sqlite"));
    let mut connection = options.vfs(tripoint_pages::NAME).connect().await.unwrap();
    // As if the server ended each time before it keeps an answer.
    let lost =
        "CREATE TRIGGER lost BEFORE INSERT ON answered WHEN NEW.status <> 0 BEGIN SELECT RAISE(ABORT, 'gone'); END";
    sqlx::query(lost).execute(&mut connection).await.unwrap();
    let comment = r#"{"do":"comment","text":"once"}"#;
    let key = "idempotency-key: k-1\r\n";
    let first = answer(&rig, "POST /v1/alerts/aa/work", key, comment).await;
    assert!(first.starts_with("HTTP/1.1 200"), "{first}");
    let again = answer(&rig, "POST /v1/alerts/aa/work", key, comment).await;
    assert!(again.starts_with("HTTP/1.1 409") && again.contains("its answer was lost"), "{again}");
    let other = answer(&rig, "POST /v1/alerts/aa/work", key, r#"{"do":"comment","text":"twice"}"#).await;
    assert!(other.starts_with("HTTP/1.1 422"), "{other}");
    // What changed nothing may be tried again.
    let key = "idempotency-key: k-2\r\n";
    for _ in 0..2 {
        let refused = answer(&rig, "POST /v1/alerts/zz/work", key, comment).await;
        assert!(refused.starts_with("HTTP/1.1 404"), "{refused}");
    }
    let alert: Alert = rig.client.get("/v1/alerts/aa").await.unwrap();
    assert_eq!(alert.work.comments.len(), 1);
    rig.stop().await;
}

#[tokio::test]
async fn what_was_asked_of_an_older_state_may_be_asked_again_under_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path()).await;
    let comment = r#"{"do":"comment","text":"once"}"#;
    let shown = answer(&rig, "GET /v1/alerts/aa", "", "").await;
    let tag = shown.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    let ask = async |tag: &str| {
        answer(&rig, "POST /v1/alerts/aa/work", &format!("idempotency-key: k-1\r\nif-match: {tag}\r\n"), comment).await
    };
    assert!(ask("\"7\"").await.starts_with("HTTP/1.1 412"));
    assert!(ask(tag).await.starts_with("HTTP/1.1 200"));
    let again = ask(tag).await;
    assert!(again.starts_with("HTTP/1.1 200") && again.contains("idempotent-replayed"), "{again}");
    let alert: Alert = rig.client.get("/v1/alerts/aa").await.unwrap();
    assert_eq!(alert.work.comments.len(), 1);
    rig.stop().await;
}

#[tokio::test]
async fn versions_are_named_in_lists_weakly_and_by_a_star() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path()).await;
    let comment = r#"{"do":"comment","text":"seen"}"#;
    let version = async || {
        let shown = answer(&rig, "GET /v1/alerts/aa", "", "").await;
        shown.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned()
    };
    let status = |answer: &str| answer.split(' ').nth(1).unwrap().to_owned();
    for (list, expected) in
        [("*", "200"), ("\"x\", TAG", "200"), ("W/TAG", "412"), ("\"x\"", "412"), ("\"x", "400"), ("TAG", "200")]
    {
        let list = list.replace("TAG", &version().await);
        let worked = answer(&rig, "POST /v1/alerts/aa/work", &format!("if-match: {list}\r\n"), comment).await;
        assert_eq!(status(&worked), expected, "{list}");
    }
    for (list, expected) in [("*", "304"), ("\"x\", TAG", "304"), ("W/TAG", "304"), ("\"x\"", "200"), ("x", "200")] {
        let list = list.replace("TAG", &version().await);
        let shown = answer(&rig, "GET /v1/alerts/aa", &format!("if-none-match: {list}\r\n"), "").await;
        assert_eq!(status(&shown), expected, "{list}");
    }
    let missing = answer(&rig, "POST /v1/alerts/zz/work", "if-match: \"1\"\r\n", comment).await;
    assert_eq!(status(&missing), "404");
    rig.stop().await;
}

#[tokio::test]
async fn an_alert_that_a_bulk_names_twice_is_worked_on_once() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path()).await;
    let bulk = r#"{"ids":["bb","aa","bb","aa"],"work":{"do":"comment","text":"x"}}"#;
    let done = answer(&rig, "POST /v1/queue/work", "", bulk).await;
    assert!(done.contains(r#""done":["bb","aa"]"#), "{done}");
    let alert: Alert = rig.client.get("/v1/alerts/bb").await.unwrap();
    assert_eq!(alert.work.comments.len(), 1);
    rig.stop().await;
}
