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
