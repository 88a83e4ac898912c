//! Does the audit go on to find what was changed, once an older state was brought back by leave?

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use tripoint_api::{AuditList, path};
use tripoint_server::audit::offline::{Verified, verify_folder};
use tripoint_server::store::backup::{backup, restore};

use crate::browser::sql;
use crate::rig::Rig;

/// Runs a server for so many changes more.
async fn more(folder: &Path, name: &str, changes: usize) {
    let rig = Rig::start(folder).await;
    for number in 0..changes {
        let group = json!({"name": format!("{name}{number}"), "hosts": ["a*"]});
        rig.client.post::<Value>(path::GROUPS, &group).await.unwrap();
    }
    rig.stop().await;
}

async fn put_aside(folder: &Path, name: &str) -> PathBuf {
    let file = folder.join(name);
    backup(folder, &file).await.unwrap();
    file
}

async fn verified(folder: &Path) -> Verified {
    verify_folder(folder).await.unwrap()
}

async fn broken_at(folder: &Path) -> Option<u64> {
    verified(folder).await.broken.map(|broken| broken.row)
}

/// Four rows, a backup, three rows more, and the backup again with two rows more.
async fn brought_back(folder: &Path) {
    more(folder, "a", 4).await;
    let file = put_aside(folder, "backup").await;
    more(folder, "b", 3).await;
    restore(folder, &file, "t").await.unwrap();
}

#[tokio::test]
async fn a_restore_is_told_and_is_no_break() {
    let folder = tempfile::tempdir().unwrap();
    brought_back(folder.path()).await;
    // Before the server starts, and after.
    for rows in [5, 7] {
        let found = verified(folder.path()).await;
        assert_eq!((found.rows, found.vouched, &found.broken), (rows, rows, &None));
        let [restored] = found.restored.as_slice() else { panic!("{found:?}") };
        assert_eq!((restored.row, restored.given_up), (4, Some((5, 7))));
        assert!(restored.from.ends_with("/backup"), "{restored:?}");
        more(folder.path(), "c", 2).await;
    }
    let rig = Rig::start(folder.path()).await;
    let list: AuditList = rig.client.get(path::AUDIT).await.unwrap();
    rig.stop().await;
    let told = &list.rows.iter().find(|row| row.number == 5).unwrap().entry;
    assert_eq!((told.what.as_str(), told.result.as_str()), ("server restore", "done"));
    assert!(!told.who.is_empty() && told.target.ends_with("/backup"), "{told:?}");
    assert!(told.before.contains("\"rows\":7") && told.after.contains("\"rows\":4"), "{told:?}");
    assert!(list.rows.iter().all(|row| row.entry.what != "start"), "the server finds nothing amiss");
}

#[tokio::test]
async fn what_is_changed_is_found_on_both_sides_of_a_restore() {
    let folder = tempfile::tempdir().unwrap();
    brought_back(folder.path()).await;
    more(folder.path(), "c", 2).await;
    sql(folder.path(), "PRAGMA wal_checkpoint(TRUNCATE)").await;
    let own = folder.path().join("server/server.sqlite");
    let whole = std::fs::read(&own).unwrap();
    for (statement, row) in [
        ("UPDATE audit SET body = replace(body, 'root', 'eve0') WHERE number = 2", 2),
        ("UPDATE audit SET body = body || ' ' WHERE number = 5", 5),
        ("UPDATE audit SET body = body || ' ' WHERE number = 7", 7),
        ("DELETE FROM audit WHERE number >= 5", 5),
        ("DELETE FROM audit WHERE number = 7", 7),
    ] {
        sql(folder.path(), statement).await;
        assert_eq!(broken_at(folder.path()).await, Some(row), "{statement}");
        sql(folder.path(), "PRAGMA wal_checkpoint(TRUNCATE)").await;
        std::fs::write(&own, &whole).unwrap();
    }
    assert_eq!(broken_at(folder.path()).await, None);
    // The same file put back by hand, where no restore says so.
    let older = std::fs::read(&own).unwrap();
    more(folder.path(), "d", 2).await;
    sql(folder.path(), "PRAGMA wal_checkpoint(TRUNCATE)").await;
    std::fs::write(&own, older).unwrap();
    assert_eq!(broken_at(folder.path()).await, Some(8));
}

#[tokio::test]
async fn no_line_about_a_restore_can_be_forged_taken_out_or_changed() {
    let folder = tempfile::tempdir().unwrap();
    brought_back(folder.path()).await;
    more(folder.path(), "c", 2).await;
    let path = folder.path().join("server/audit.heads");
    let text = std::fs::read_to_string(&path).unwrap();
    let line = text.lines().find(|line| line.contains("restored_from")).unwrap();
    for (from, to) in [
        (line.to_owned(), line.replace("\"number\":4", "\"number\":2")),
        (line.to_owned(), line.replace("\"before\":7", "\"before\":4")),
        (line.to_owned(), line.replace("/backup", "/another")),
        (format!("{line}\n"), String::new()),
    ] {
        assert_ne!(from, to);
        std::fs::write(&path, text.replacen(&from, &to, 1)).unwrap();
        assert!(broken_at(folder.path()).await.is_some(), "{to}");
    }
    std::fs::write(&path, &text).unwrap();
    assert_eq!(broken_at(folder.path()).await, None);
    // A line that was signed once says nothing of another place.
    std::fs::write(&path, format!("{text}{line}\n")).unwrap();
    let why = verified(folder.path()).await.broken.unwrap().why;
    assert!(why.contains("not written behind"), "{why}");
}

#[tokio::test]
async fn a_backup_that_was_changed_is_not_made_right_by_bringing_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    more(folder.path(), "a", 4).await;
    // As somebody makes it who knows how the chain is made: another server's rows of the same numbers.
    more(other.path(), "x", 4).await;
    let foreign = put_aside(other.path(), "backup").await;
    restore(folder.path(), &foreign, "t").await.unwrap();
    more(folder.path(), "b", 1).await;
    let broken = verified(folder.path()).await.broken.unwrap();
    assert_eq!(broken.row, 1);
    assert!(broken.why.starts_with("it or a later row up to 4: "), "{broken:?}");
}

#[tokio::test]
async fn the_wrong_backup_and_then_the_right_one_are_two_restores() {
    let folder = tempfile::tempdir().unwrap();
    more(folder.path(), "a", 2).await;
    let monday = put_aside(folder.path(), "monday").await;
    more(folder.path(), "b", 3).await;
    let tuesday = put_aside(folder.path(), "tuesday").await;
    more(folder.path(), "c", 2).await;
    restore(folder.path(), &monday, "t1").await.unwrap();
    more(folder.path(), "d", 1).await;
    restore(folder.path(), &tuesday, "t2").await.unwrap();
    more(folder.path(), "e", 1).await;
    let found = verified(folder.path()).await;
    assert_eq!((found.rows, found.vouched, &found.broken), (7, 7, &None));
    assert_eq!(found.restored.iter().map(|one| one.row).collect::<Vec<_>>(), [2, 5]);
    // On a folder that was lost whole.
    let empty = tempfile::tempdir().unwrap();
    restore(empty.path(), &tuesday, "t").await.unwrap();
    more(empty.path(), "f", 1).await;
    let found = verified(empty.path()).await;
    assert_eq!((found.rows, &found.broken, found.restored[0].given_up), (7, &None, None));
}

/// Runs a server that keeps rows for a moment only, until the chain begins there.
async fn forget_up_to(folder: &Path, first: u64) {
    let rig = Rig::start_as(folder, |options| options.audit_for = Duration::from_millis(1)).await;
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let list: AuditList = rig.client.get(path::AUDIT).await.unwrap();
        match list.rows.last() {
            Some(row) if row.number == first => break,
            _ => assert!(Instant::now() < until, "{list:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    rig.stop().await;
}

#[tokio::test]
async fn rows_that_were_forgotten_since_are_back_with_the_backup() {
    let folder = tempfile::tempdir().unwrap();
    more(folder.path(), "a", 2).await;
    let whole = put_aside(folder.path(), "whole").await;
    more(folder.path(), "b", 2).await;
    forget_up_to(folder.path(), 3).await;
    let cut = put_aside(folder.path(), "cut").await;
    more(folder.path(), "c", 2).await;
    more(folder.path(), "d", 2).await;
    forget_up_to(folder.path(), 7).await;
    for (file, first, rows) in [(whole, None, 3), (cut, Some(3), 5)] {
        restore(folder.path(), &file, &format!("t{rows}")).await.unwrap();
        let found = verified(folder.path()).await;
        assert_eq!((found.rows, &found.broken), (rows, &None), "{file:?}");
        assert_eq!(found.begins.map(|(first, _)| first), first, "{file:?}");
    }
}
