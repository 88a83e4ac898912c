//! Is what was put aside under load what comes back, and is what is damaged never served?

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tripoint_api::queue::QueuePage;
use tripoint_server::store::backup::{BackupError, backup, restore};
use tripoint_server::{ServerOptions, serve};

use crate::rig::{Rig, alert};

async fn ids(rig: &Rig) -> Vec<String> {
    let page: QueuePage = rig.client.get("/v1/queue?limit=500&sort=first_seen").await.unwrap();
    let mut ids: Vec<String> = page.rows.into_iter().map(|row| row.id.0).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn a_backup_under_load_holds_what_was_acknowledged_before_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.sqlite");
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 1, &(0..100).map(|n| alert(&format!("{n:03}"), 50, 1)).collect::<Vec<_>>()).await;
    // Reports go on while it is made.
    let sent = Arc::new(AtomicU64::new(1));
    let writer = async {
        for number in 100..200_u64 {
            rig.report("web1", number, &[alert(&format!("{number:03}"), 50, 1)]).await;
            sent.store(number, Ordering::SeqCst);
        }
    };
    let copy = async {
        let before = sent.load(Ordering::SeqCst);
        (before, backup(folder.path(), &file).await.unwrap())
    };
    let ((), (before, made)) = tokio::join!(writer, copy);
    assert!(made.alerts >= 100.max(before as i64 - 100 + 1) && made.alerts <= 200, "{made:?}");
    assert!(matches!(backup(folder.path(), &file).await, Err(BackupError::Exists(_))));
    assert!(matches!(restore(folder.path(), &file, "t").await, Err(BackupError::Running)));
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&file).unwrap());
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(ids(&rig).await.len(), 200);
    rig.stop().await;

    let back = restore(folder.path(), &file, "t").await.unwrap();
    assert!(back.replaced.as_ref().is_some_and(|aside| aside.exists()), "what was there is kept: {back:?}");
    let rig = Rig::start(folder.path()).await;
    assert_eq!(ids(&rig).await.len() as i64, made.alerts);
    rig.stop().await;
    // On an empty folder too, and for its owner: root may do it for a server without privileges.
    let other = tempfile::tempdir().unwrap();
    assert_eq!(restore(other.path(), &file, "t").await.unwrap().replaced, None);
    let rig = Rig::start(other.path()).await;
    assert_eq!(ids(&rig).await.len() as i64, made.alerts);
    rig.stop().await;
}

#[tokio::test]
async fn what_is_damaged_or_foreign_is_refused_and_nothing_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 1, &(0..200).map(|n| alert(&format!("{n:03}"), 50, 1)).collect::<Vec<_>>()).await;
    rig.stop().await;
    let good = folder.path().join("good");
    backup(folder.path(), &good).await.unwrap();
    let whole = std::fs::read(&good).unwrap();
    let own = folder.path().join("server/server.sqlite");
    let before = std::fs::read(&own).unwrap();
    let mut torn = whole.clone();
    torn.truncate(whole.len() / 2);
    let mut flipped = whole.clone();
    // A page of pointers: whatever stood there is nonsense now.
    flipped[4096 * 3..4096 * 4].fill(0xAA);
    for (name, bytes) in [("torn", torn), ("flipped", flipped), ("text", b"not a database at all".to_vec())] {
        let bad = folder.path().join(name);
        std::fs::write(&bad, bytes).unwrap();
        let refused = restore(folder.path(), &bad, "t").await;
        assert!(matches!(&refused, Err(BackupError::Unusable { path, .. }) if *path == bad), "{name}: {refused:?}");
        assert!(std::fs::read(&own).unwrap() == before, "{name}: what was there is as it was");
    }
    // A damaged database keeps the server from starting, and says what to do; it stays where it is.
    let mut broken = before.clone();
    broken[4096 * 3..4096 * 4].fill(0xAA);
    std::fs::write(&own, &broken).unwrap();
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{ending}", own.display()));
    }
    let options = ServerOptions { data_dir: folder.path().to_owned(), ..ServerOptions::default() };
    let error = serve(options, std::future::ready(())).await.unwrap_err();
    let said = format!("{error}: {}", std::error::Error::source(&error).unwrap());
    assert!(said.contains("damaged") && said.contains("server restore"), "{said}");
    assert!(std::fs::read(&own).unwrap() == broken);
}
