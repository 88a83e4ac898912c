//! Is what was put aside under load what comes back, and is what is damaged never served?

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use tripoint_api::Role;
use tripoint_server::audit::offline::{list_folder, verify_folder};
use tripoint_server::store::backup::{BackupError, backup, restore};
use tripoint_server::{ServerOptions, serve};

use crate::browser::{Browser, add_user};
use crate::rig::{Rig, alert};

/// Every alert as it is shown, by its id.
pub async fn alerts(rig: &Rig) -> BTreeMap<String, Value> {
    let list: Value = rig.client.get("/v1/alerts?limit=1000").await.unwrap();
    let alerts = list["alerts"].as_array().unwrap().iter();
    alerts.map(|alert| (alert["id"].as_str().unwrap().to_owned(), alert.clone())).collect()
}

#[tokio::test]
async fn a_backup_under_load_holds_what_was_acknowledged_before_and_comes_back_equal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.sqlite");
    let rig = Rig::start(folder.path()).await;
    add_user(&rig.client, "ada", Role::Analyst, &[]).await;
    let ada = Browser::signed_in(&rig, "ada").await;
    rig.report("web1", 1, &(0..100).map(|n| alert(&format!("{n:03}"), 50, 1)).collect::<Vec<_>>()).await;
    // Reports go on while it is made, and before it begins.
    let sent = Arc::new(AtomicU64::new(1));
    let writer = async {
        for number in 100..400_u64 {
            rig.report("web1", number, &[alert(&format!("{number:03}"), 50, 1)]).await;
            sent.store(number, Ordering::SeqCst);
        }
    };
    let copy = async {
        while sent.load(Ordering::SeqCst) < 150 {
            tokio::task::yield_now().await;
        }
        (sent.load(Ordering::SeqCst), backup(folder.path(), &file).await.unwrap())
    };
    let ((), (before, made)) = tokio::join!(writer, copy);
    // Alert `before` was acknowledged, and so were all with lower numbers.
    assert!(made.alerts > before as i64 && made.alerts <= 400, "{made:?}, {before} before it");
    assert!(matches!(backup(folder.path(), &file).await, Err(BackupError::Exists(_))));
    assert!(matches!(restore(folder.path(), &file, "t").await, Err(BackupError::Running)));
    let mode = |file: &Path| std::fs::metadata(file).unwrap().mode() & 0o777;
    assert_eq!(mode(&file), 0o600);
    let all = alerts(&rig).await;
    assert_eq!(all.len(), 400);
    assert_eq!(ada.get("/v1/queue").await.status, 200);
    rig.stop().await;

    // Whoever may read the backup may not therefore read the database.
    std::fs::set_permissions(&file, Permissions::from_mode(0o444)).unwrap();
    let back = restore(folder.path(), &file, "t").await.unwrap();
    assert!(back.replaced.as_ref().is_some_and(|aside| aside.exists()), "what was there is kept: {back:?}");
    assert_eq!(mode(&back.file), 0o600);
    let rig = Rig::start(folder.path()).await;
    let restored = alerts(&rig).await;
    let first: BTreeMap<_, _> = all.into_iter().take(made.alerts as usize).collect();
    assert!(restored == first, "each alert as it was, in the order in which they were acknowledged");
    let ada = Browser { at: rig.ready.address.unwrap(), ..ada };
    assert_eq!(ada.get("/v1/queue").await.status, 401, "nobody is signed in");
    Browser::signed_in(&rig, "ada").await;
    rig.stop().await;
    // On an empty folder too, and for its owner: root may do it for a server without privileges.
    let other = tempfile::tempdir().unwrap();
    assert_eq!(restore(other.path(), &file, "t").await.unwrap().replaced, None);
    let rig = Rig::start(other.path()).await;
    assert!(alerts(&rig).await == first);
    rig.stop().await;
}

#[tokio::test]
async fn what_a_lost_database_left_behind_is_not_played_into_the_restored_one() {
    let folder = tempfile::tempdir().unwrap();
    let (file, own) = (folder.path().join("backup.sqlite"), folder.path().join("server/server.sqlite"));
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 1, &[alert("aa", 50, 1)]).await;
    backup(folder.path(), &file).await.unwrap();
    rig.report("web1", 2, &[alert("bb", 50, 1)]).await;
    // As a kill leaves it, and then somebody removes the file that is called damaged.
    let journal = ended(&own, "-wal");
    let left = std::fs::read(&journal).unwrap();
    rig.stop().await;
    std::fs::write(&journal, left).unwrap();
    std::fs::remove_file(&own).unwrap();
    let back = restore(folder.path(), &file, "t").await.unwrap();
    assert!(ended(&back.replaced.unwrap(), "-wal").exists() && !journal.exists());
    let rig = Rig::start(folder.path()).await;
    assert_eq!(alerts(&rig).await.keys().collect::<Vec<_>>(), ["aa"]);
    rig.stop().await;
}

#[tokio::test]
async fn one_server_uses_a_folder_and_a_restore_that_was_cut_off_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let code = std::fs::read(folder.path().join("run/setup")).unwrap();
    let second = ServerOptions { data_dir: folder.path().to_owned(), ..ServerOptions::default() };
    let error = serve(second, std::future::ready(())).await.unwrap_err();
    assert!(format!("{:?}", error).contains("InUse"), "{error:?}");
    assert_eq!(std::fs::read(folder.path().join("run/setup")).unwrap(), code, "the first one's code still opens");
    rig.stop().await;
    let left = folder.path().join("server/server.sqlite.restored");
    std::fs::write(&left, "").unwrap();
    let third = ServerOptions { data_dir: folder.path().to_owned(), ..ServerOptions::default() };
    let error = serve(third, std::future::ready(())).await.unwrap_err();
    let said = std::error::Error::source(&error).unwrap().to_string();
    assert!(said.contains("cut off") && said.contains("server restore"), "{said}");
}

/// Files whose names begin so.
fn named(folder: &Path, begin: &str) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(begin)).collect()
}

#[tokio::test]
async fn of_several_backups_of_one_name_at_once_one_is_made_and_the_others_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 1, &(0..100).map(|n| alert(&format!("{n:03}"), 50, 1)).collect::<Vec<_>>()).await;
    let file = folder.path().join("backup.sqlite");
    let make = || backup(folder.path(), &file);
    let (a, b, c) = tokio::join!(make(), make(), make());
    let made = [&a, &b, &c].into_iter().filter(|made| made.is_ok()).count();
    let exist = [&a, &b, &c].into_iter().filter(|made| matches!(made, Err(BackupError::Exists(_)))).count();
    assert_eq!((made, exist), (1, 2), "{a:?} {b:?} {c:?}");
    assert_eq!(named(folder.path(), "backup.sqlite"), ["backup.sqlite"]);
    rig.stop().await;
    assert_eq!(restore(folder.path(), &file, "t").await.unwrap().alerts, 100);
}

/// Folds the journal into the database: what is looked at is there.
pub async fn fold(folder: &Path) {
    crate::browser::sql(folder, "PRAGMA wal_checkpoint(TRUNCATE)").await;
}

pub fn ended(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[tokio::test]
async fn what_is_damaged_or_foreign_is_refused_and_nothing_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 1, &(0..200).map(|n| alert(&format!("{n:03}"), 50, 1)).collect::<Vec<_>>()).await;
    rig.stop().await;
    fold(folder.path()).await;
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

/// A data folder as a kill leaves it: its last changes are in the journal alone.
pub async fn killed(folder: &Path) -> PathBuf {
    // Another folder: whoever closes the database last takes its journal away.
    let living = folder.join("living");
    let rig = Rig::start(&living).await;
    rig.stop().await;
    let rig = Rig::start(&living).await;
    // Few enough that all of them lie in one round of the journal.
    for number in 1..10_u64 {
        rig.report("web1", number, &[alert(&format!("{number:03}"), 50, 1)]).await;
    }
    std::fs::create_dir(folder.join("server")).unwrap();
    for entry in std::fs::read_dir(living.join("server")).unwrap().map(Result::unwrap) {
        let is_shared_memory = entry.file_name().to_string_lossy().ends_with("-shm");
        if entry.file_type().unwrap().is_file() && !is_shared_memory {
            std::fs::copy(entry.path(), folder.join("server").join(entry.file_name())).unwrap();
        }
    }
    rig.stop().await;
    ended(&folder.join("server/server.sqlite"), "-wal")
}

#[tokio::test]
async fn a_damaged_journal_is_opened_by_nobody_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let journal = killed(folder.path()).await;
    let own = folder.path().join("server/server.sqlite");
    let (whole, before) = (std::fs::read(&journal).unwrap(), std::fs::read(&own).unwrap());
    let file = folder.path().join("backup.sqlite");
    // As it is, it can be put aside whole, and stays.
    let made = backup(folder.path(), &file).await.unwrap();
    assert_eq!(made.alerts, 9);
    assert!(std::fs::read(&journal).unwrap() == whole && std::fs::read(&own).unwrap() == before);
    // A database in use is more than its file.
    let refused = restore(folder.path(), &own, "t").await;
    assert!(matches!(&refused, Err(BackupError::Unusable { why, .. }) if why.contains("journal")), "{refused:?}");

    let mut turned = whole.clone();
    // In its first frame: what lies there was kept, wherever this round of the journal ends.
    turned[32 + 24 + 100] ^= 4;
    std::fs::write(&journal, &turned).unwrap();
    let others = folder.path().join("other.sqlite");
    let refused = backup(folder.path(), &others).await.unwrap_err();
    let said = format!("{refused}: {}", std::error::Error::source(&refused).unwrap());
    assert!(said.contains("nothing was put aside") && said.contains("-wal is damaged: frame"), "{said}");
    assert!(named(folder.path(), "other.sqlite").is_empty());
    let options = ServerOptions { data_dir: folder.path().to_owned(), ..ServerOptions::default() };
    let refused = serve(options, std::future::ready(())).await.unwrap_err();
    assert!(std::error::Error::source(&refused).unwrap().to_string().contains("is damaged: frame"), "{refused:?}");
    for refused in [verify_folder(folder.path()).await.map(drop), list_folder(folder.path(), 10, None).await.map(drop)]
    {
        let refused = refused.unwrap_err();
        assert!(std::error::Error::source(&refused).unwrap().to_string().contains("is damaged: frame"), "{refused:?}");
    }
    assert!(std::fs::read(&journal).unwrap() == turned && std::fs::read(&own).unwrap() == before, "the bytes stay");

    // The backup that there is comes back, and what is damaged lies beside it.
    let back = restore(folder.path(), &file, "t").await.unwrap();
    assert!(std::fs::read(ended(&back.replaced.unwrap(), "-wal")).unwrap() == turned);
    let rig = Rig::start(folder.path()).await;
    assert_eq!(alerts(&rig).await.len(), 9);
    rig.stop().await;
}
