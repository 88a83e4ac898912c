//! Is each change written down with who, what, before and after, and is it found when that is changed afterwards?

use serde_json::{Value, json};

use tripoint_api::{AuditList, AuditRow, Role, path};
use tripoint_server::audit::offline::{list_folder, verify_folder};

use crate::browser::{Browser, PASSWORD, add_user, sql};
use crate::rig::{Rig, alert};

async fn rows(rig: &Rig) -> Vec<AuditRow> {
    let list: AuditList = rig.client.get(path::AUDIT).await.unwrap();
    list.rows.into_iter().rev().collect()
}

#[tokio::test]
async fn each_change_and_each_refusal_has_its_row() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 1, &[alert("aa", 50, 1)]).await;
    add_user(&rig.client, "ada", Role::Analyst, &[]).await;
    let ada = Browser::signed_in(&rig, "ada").await;
    let _ = Browser::new(&rig).sign_in("ada", "a wrong password").await;
    let resolve = json!({"resolution": "expected", "comment": "a test of ours"});
    ada.post(&path::alert_work("aa", "resolve"), resolve).await;
    ada.post(path::ACTIONS, json!({"kind": "block", "target": "203.0.113.1", "reason": "c2"})).await;
    ada.get(path::ALERTS).await;
    let stranger = Browser::new(&rig);
    stranger.post(path::ACTIONS, json!({})).await;
    for nonsense in ["", "{}", "[[[", "{\"name\":1}"] {
        assert_eq!(stranger.ask("POST", path::SESSION, nonsense).await.status, 400);
    }
    assert_eq!(stranger.ask("POST", path::SESSION, &"x".repeat(20_000)).await.status, 413);
    let once = Browser { more: "idempotency-key: k\r\n".into(), ..ada.clone() };
    once.post(&path::alert_work("nope", "reopen"), json!({})).await;
    rig.client.post::<Value>(&path::user("ada"), &json!({"role": "viewer"})).await.unwrap();
    let rows = rows(&rig).await;
    let told: Vec<String> = rows
        .iter()
        .map(|row| {
            let entry = &row.entry;
            format!("{} {} {} {}: {}", row.number, entry.who, entry.what, entry.target, entry.result)
        })
        .collect();
    assert_eq!(
        told,
        [
            "1 root POST /v1/users : done",
            "2 ada POST /v1/session : done",
            "3  POST /v1/session : 401 wrong-credentials",
            "4 ada POST /v1/alerts/{id}/resolve aa: done",
            "5 ada POST /v1/actions : 403 forbidden",
            "6 ada POST /v1/alerts/{id}/reopen nope: 404 not-found",
            "7 root POST /v1/users/{name} ada: done",
        ]
    );
    assert!(rows[0].entry.asked.contains(r#""password":"***""#) && rows[0].entry.from == "socket, root");
    assert!(rows[2].entry.asked.contains(r#""name":"ada""#) && rows[2].entry.from == "127.0.0.1");
    assert_eq!(rows[3].entry.before, r#"{"assignee":null,"resolution":null,"status":"open"}"#);
    assert_eq!(rows[3].entry.after, r#"{"assignee":null,"resolution":"expected","status":"resolved"}"#);
    assert_eq!(rows[3].entry.reason, "a test of ours");
    assert!(rows[3].entry.by.starts_with("session "));
    assert_eq!(rows[4].entry.reason, "c2");
    assert!(rows[6].entry.before.contains("analyst") && rows[6].entry.after.contains("viewer"));
    let all = serde_json::to_string(&rows).unwrap();
    assert!(!all.contains(PASSWORD) && !all.contains("a wrong password") && !all.contains("argon2"), "{all}");
    let page: AuditList = rig.client.get(&format!("{}?limit=3&after=6", path::AUDIT)).await.unwrap();
    assert_eq!(page.rows.iter().map(|row| row.number).collect::<Vec<_>>(), [5, 4, 3]);
    assert_eq!(page.next, Some(3));
    rig.stop().await;
    let found = verify_folder(folder.path()).await.unwrap();
    assert_eq!((found.rows, found.vouched, found.broken), (7, 7, None), "the end is signed at the stop");
    assert_eq!(list_folder(folder.path(), 100, None).await.unwrap().rows.len(), 7);
}

#[tokio::test]
async fn what_is_changed_behind_the_servers_back_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    for name in ["web", "db", "dns", "mail"] {
        rig.client.post::<Value>(path::GROUPS, &json!({"name": name, "hosts": ["a*"]})).await.unwrap();
    }
    rig.stop().await;
    sql(folder.path(), "PRAGMA wal_checkpoint(TRUNCATE)").await;
    let whole = std::fs::read(folder.path().join("server/server.sqlite")).unwrap();
    for (statement, row) in [
        ("UPDATE audit SET body = replace(body, 'root', 'eve0') WHERE number = 2", 2),
        ("UPDATE audit SET hash = substr(hash, 2) || substr(hash, 1, 1) WHERE number = 3", 3),
        ("DELETE FROM audit WHERE number = 1", 1),
        ("DELETE FROM audit WHERE number = 4", 4),
        ("DELETE FROM audit", 1),
        ("INSERT INTO audit VALUES (0, '{}', '')", 1),
        ("INSERT INTO audit VALUES (5, '{}', '')", 5),
    ] {
        sql(folder.path(), statement).await;
        let broken = verify_folder(folder.path()).await.unwrap().broken;
        assert_eq!(broken.map(|broken| broken.row), Some(row), "{statement}");
        sql(folder.path(), "PRAGMA wal_checkpoint(TRUNCATE)").await;
        std::fs::write(folder.path().join("server/server.sqlite"), &whole).unwrap();
        assert_eq!(verify_folder(folder.path()).await.unwrap().broken, None);
    }
    // An older copy is put back, and the server goes on with it: the heads know better, and it is said.
    let rig = Rig::start(folder.path()).await;
    rig.client.delete(&path::group("web")).await.unwrap();
    rig.stop().await;
    sql(folder.path(), "PRAGMA wal_checkpoint(TRUNCATE)").await;
    std::fs::write(folder.path().join("server/server.sqlite"), &whole).unwrap();
    let found = verify_folder(folder.path()).await.unwrap();
    assert_eq!(found.broken.map(|broken| broken.row), Some(5));
    let rig = Rig::start(folder.path()).await;
    let rows = rows(&rig).await;
    let last = rows.last().unwrap();
    assert!(last.entry.what == "start" && last.entry.result.contains("5 were signed at"), "{last:?}");
    rig.stop().await;
    assert!(verify_folder(folder.path()).await.unwrap().broken.is_some());
    // Heads that are not of this server's key, or gone.
    let heads = folder.path().join("server/audit.heads");
    let text = std::fs::read_to_string(&heads).unwrap();
    std::fs::write(&heads, text.replacen("\"number\":0", "\"number\":1", 1)).unwrap();
    let broken = verify_folder(folder.path()).await.unwrap().broken.unwrap();
    assert!(broken.why.contains("not signed"), "{broken:?}");
    std::fs::remove_file(&heads).unwrap();
    assert!(verify_folder(folder.path()).await.is_err());
}

#[tokio::test]
async fn a_change_that_cannot_be_written_down_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.client.post::<Value>(path::GROUPS, &json!({"name": "web", "hosts": ["a*"]})).await.unwrap();
    sql(folder.path(), "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no room'); END").await;
    assert!(rig.client.post::<Value>(path::GROUPS, &json!({"name": "db", "hosts": ["a*"]})).await.is_err());
    assert!(rig.client.delete(&path::group("web")).await.is_err());
    sql(folder.path(), "DROP TRIGGER full").await;
    let groups: Value = rig.client.get(path::GROUPS).await.unwrap();
    assert_eq!(groups, json!([{"name": "web", "hosts": ["a*"]}]));
    rig.client.delete(&path::group("web")).await.unwrap();
    rig.stop().await;
    assert_eq!(verify_folder(folder.path()).await.unwrap().broken, None);
}

/// What is old is forgotten up to a signed end, by leave that is signed as such; what is left is still a chain.
#[tokio::test]
async fn what_is_forgotten_is_told_and_nobody_else_can_forget() {
    let folder = tempfile::tempdir().unwrap();
    let add = async |rig: &Rig, names: &[&str]| {
        for name in names {
            rig.client.post::<Value>(path::GROUPS, &json!({"name": name, "hosts": ["a*"]})).await.unwrap();
        }
    };
    for names in [["a", "b"], ["c", "d"]] {
        let rig = Rig::start(folder.path()).await;
        add(&rig, &names).await;
        rig.stop().await;
    }
    assert_eq!(verify_folder(folder.path()).await.unwrap().begins, None, "for ever, where nothing is said");
    let short = std::time::Duration::from_millis(1);
    let rig = Rig::start_as(folder.path(), |options| options.audit_for = short).await;
    let numbers = async || rows(&rig).await.iter().map(|row| row.number).collect::<Vec<_>>();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while numbers().await != [3, 4] {
        assert!(std::time::Instant::now() < until, "{:?}", numbers().await);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    add(&rig, &["e"]).await;
    rig.stop().await;
    let found = verify_folder(folder.path()).await.unwrap();
    assert_eq!(
        (found.rows, found.vouched, found.begins.map(|(first, _)| first), &found.broken),
        (5, 5, Some(3), &None)
    );
    // It goes on from there, and says nothing at its start.
    let rig = Rig::start(folder.path()).await;
    assert!(rows(&rig).await.iter().all(|row| row.entry.what != "start"));
    rig.stop().await;
    let row = async || verify_folder(folder.path()).await.unwrap().broken.map(|broken| broken.row);
    let begin = folder.path().join("server/audit.begin");
    let signed = std::fs::read(&begin).unwrap();
    std::fs::remove_file(&begin).unwrap();
    assert_eq!(row().await, Some(1), "rows without leave");
    let heads = std::fs::read_to_string(folder.path().join("server/audit.heads")).unwrap();
    std::fs::write(&begin, heads.lines().last().unwrap()).unwrap();
    assert!(row().await.is_some(), "a head is no leave");
    std::fs::write(&begin, &signed).unwrap();
    assert_eq!(row().await, None);
    sql(folder.path(), "DELETE FROM audit WHERE number = 3").await;
    assert_eq!(row().await, Some(3));
}
