//! Is what has changed on the disk by itself never served: one bit, or an end that is gone?
//!
//! Promise D8: whatever is not what was written is found, or every answer is what it was, byte for byte.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use tripoint_api::Role;
use tripoint_api::agent::Item;
use tripoint_pages::journal::{Ending, ending};
use tripoint_server::{ServeError, ServerOptions};

use crate::backup::{alerts, ended, fold, killed};
use crate::browser::{add_user, sql};
use crate::rig::{Rig, alert};

fn flips() -> usize {
    std::env::var("TRIPOINT_FLIPS").map_or(300, |flips| flips.parse().unwrap())
}

/// What people are told, as it comes.
async fn answers(rig: &Rig) -> Vec<String> {
    let mut all = Vec::new();
    for question in [
        "/v1/alerts?limit=1000",
        "/v1/queue?limit=500",
        "/v1/queue?limit=500&filter=app",
        "/v1/queue/facets",
        "/v1/connections?limit=100",
        "/v1/exceptions",
        "/v1/views",
        "/v1/users",
        "/v1/alerts/a007",
    ] {
        all.push(rig.client.get_text(question).await.unwrap_or_else(|error| panic!("{question}: {error}")));
    }
    all
}

async fn start(folder: &Path) -> Result<Rig, ServeError> {
    Rig::try_start(ServerOptions { data_dir: folder.to_owned(), ..ServerOptions::default() }).await
}

/// The files of a stopped server.
struct Files {
    database: Vec<u8>,
    /// Empty where there is none.
    journal: Vec<u8>,
    /// What lies beside them, by name.
    beside: Vec<(OsString, Vec<u8>)>,
}

impl Files {
    fn of(folder: &Path) -> Self {
        let entries = fs::read_dir(folder.join("server")).unwrap().map(Result::unwrap);
        let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
        let is_own = |name: &OsString| name.to_string_lossy().starts_with("server.sqlite");
        let beside = files.map(|entry| entry.file_name()).filter(|name| !is_own(name));
        let beside = beside.map(|name| (name.clone(), fs::read(folder.join("server").join(name)).unwrap())).collect();
        let own = own(folder);
        let journal = fs::read(ended(&own, "-wal")).unwrap_or_default();
        Self { database: fs::read(own).unwrap(), journal, beside }
    }

    /// The same with another database or journal, in a folder of its own: whoever closed the one before last may still
    /// take its journal away.
    fn with(&self, database: &[u8], journal: &[u8]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("server")).unwrap();
        for (name, bytes) in &self.beside {
            fs::write(folder.path().join("server").join(name), bytes).unwrap();
        }
        fs::write(own(folder.path()), database).unwrap();
        if !journal.is_empty() {
            fs::write(ended(&own(folder.path()), "-wal"), journal).unwrap();
        }
        folder
    }
}

fn own(folder: &Path) -> PathBuf {
    folder.join("server/server.sqlite")
}

/// Whether nothing of what was found damaged was touched.
fn is_left(folder: &Path, database: &[u8], journal: &[u8]) -> bool {
    let kept = fs::read(ended(&own(folder), "-wal")).unwrap_or_default();
    fs::read(own(folder)).unwrap() == database && kept == journal
}

/// The pages that hold nothing, numbered from 0: SQLite writes over them before it reads them.
fn free_pages(database: &[u8]) -> Vec<usize> {
    let word = |at: usize| u32::from_be_bytes(database[at..at + 4].try_into().unwrap()) as usize;
    let (mut free, mut trunk) = (Vec::new(), word(32));
    while trunk != 0 {
        let at = (trunk - 1) * PAGE;
        free.extend((0..word(at + 4)).map(|leaf| word(at + 8 + leaf * 4) - 1));
        trunk = word(at);
    }
    free
}

/// What turning a bit of a file came to.
#[derive(Debug, Default)]
struct Tally {
    found: usize,
    unchanged: usize,
    /// Of the last change alone: as a power cut leaves it.
    torn: usize,
}

/// A server of which something of everything is kept, with a fifth of its pages free; stopped, its journal folded in.
async fn filled(folder: &Path) -> Vec<String> {
    let rig = Rig::start(folder).await;
    add_user(&rig.client, "ada", Role::Analyst, &[]).await;
    rig.report("web1", 1, &(0..150).map(|n| alert(&format!("a{n:03}"), 50, n % 60)).collect::<Vec<_>>()).await;
    let contacts = (0..50).map(contact).collect();
    rig.report_items("web1", 2, vec![Item::Contacts { contacts, dropped: 0 }]).await;
    rig.stop().await;
    sql(
        folder,
        "CREATE TABLE filler AS WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 60)
         SELECT n, hex(randomblob(1900)) AS said FROM n",
    )
    .await;
    sql(folder, "DROP TABLE filler").await;
    // Once more: what only a start changes has changed.
    let rig = start(folder).await.unwrap();
    let before = answers(&rig).await;
    rig.stop().await;
    fold(folder).await;
    before
}

fn contact(number: usize) -> tripoint_model::Contact {
    let value = serde_json::json!({"hour": "2026-11-20T03:00:00Z", "application": {"kind": "unit", "id": "app.service",
        "name": "app"}, "direction": "outbound", "protocol": "tcp", "peer": format!("203.0.113.{number}"), "port": 443,
        "count": 1, "carried": 0, "bytes_in": number, "bytes_out": 50, "first_seen": "2026-11-20T03:00:00Z",
        "last_seen": "2026-11-20T03:00:00Z"});
    serde_json::from_value(value).unwrap()
}

#[tokio::test]
async fn d8_a_bit_that_turns_in_the_database_is_found_or_changes_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let before = filled(folder.path()).await;
    let files = Files::of(folder.path());
    let whole = &files.database;
    let free = free_pages(whole);
    assert!(files.journal.is_empty() && free.len() > 20 && free.len() * 2 < whole.len() / PAGE, "{} free", free.len());
    let mut tally = Tally::default();
    for flip in 0..flips() {
        let spread = flip.wrapping_mul(2_654_435_761);
        // Over the whole file, and every fourth time in its header.
        let bit = if flip % 4 == 0 { spread % (100 * 8) } else { spread % (whole.len() * 8) };
        let mut turned = whole.clone();
        turned[bit / 8] ^= 1 << (bit % 8);
        let folder = files.with(&turned, &[]);
        match start(folder.path()).await {
            Ok(rig) => {
                assert!(answers(&rig).await == before, "bit {bit} changed an answer");
                rig.stop().await;
                assert!(free.contains(&(bit / 8 / PAGE)), "bit {bit} is in a page that is used, and was not found");
                tally.unchanged += 1;
            }
            Err(error) => {
                let said = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                assert!(said.contains("damaged"), "bit {bit}: {error}: {said}");
                assert!(is_left(folder.path(), &turned, &[]), "bit {bit}: what is damaged is left as it is");
                tally.found += 1;
            }
        }
    }
    println!("of {} turned bits: {tally:?}", flips());
    assert!(tally.found + tally.unchanged == flips() && tally.torn == 0);
}

#[tokio::test]
async fn d8_a_database_that_was_cut_is_found() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    let files = Files::of(folder.path());
    for percent in 0..100 {
        let cut = &files.database[..files.database.len() * percent / 100];
        let folder = files.with(cut, &[]);
        let error = start(folder.path()).await.err().unwrap_or_else(|| panic!("cut at {percent} %: it started"));
        let said = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        assert!(said.contains("damaged"), "cut at {percent} %: {error}: {said}");
        assert!(is_left(folder.path(), cut, &[]), "cut at {percent} %: what is damaged is left as it is");
    }
    println!("100 of 100 cuts found");
}

/// Every alert as it is shown, by its id.
type Alerts = BTreeMap<String, Value>;

/// What is told of a journal as it was left.
async fn told_of(files: &Files) -> Alerts {
    let folder = files.with(&files.database, &files.journal);
    let rig = start(folder.path()).await.unwrap();
    let told = alerts(&rig).await;
    rig.stop().await;
    assert_eq!(told.len(), 9);
    told
}

/// What turned in the journal, or was cut from it, and what came of it.
async fn journal_as(files: &Files, journal: &[u8], told: &Alerts, tally: &mut Tally, what: &str) {
    let folder = files.with(&files.database, journal);
    let how = ending(&ended(&own(folder.path()), "-wal")).unwrap();
    match start(folder.path()).await {
        Ok(rig) => {
            let shown = alerts(&rig).await;
            rig.stop().await;
            let first: Alerts = told.clone().into_iter().take(shown.len()).collect();
            assert!(shown == first, "{what}: that was never said");
            match how {
                Ending::Torn => tally.torn += 1,
                _ => tally.unchanged += 1,
            }
            // A change that is torn is one that nobody was told of; a report is the last change or before it.
            let least = told.len() - usize::from(how == Ending::Torn);
            assert!(
                what.starts_with("cut") || shown.len() >= least,
                "{what}: {} reports are left, {how:?}",
                shown.len()
            );
        }
        Err(error) => {
            let said = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            assert!(said.contains("damaged"), "{what}: {error}: {said}");
            assert!(
                is_left(folder.path(), &files.database, journal),
                "{what}, {how:?}: what is damaged is left: {said}"
            );
            tally.found += 1;
        }
    }
}

#[tokio::test]
async fn d8_a_bit_that_turns_in_the_journal_is_found_or_changes_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    killed(folder.path()).await;
    let files = Files::of(folder.path());
    let told = told_of(&files).await;
    let mut tally = Tally::default();
    for flip in 0..flips() {
        let bit = flip.wrapping_mul(2_654_435_761) % (files.journal.len() * 8);
        let mut turned = files.journal.clone();
        turned[bit / 8] ^= 1 << (bit % 8);
        journal_as(&files, &turned, &told, &mut tally, &format!("bit {bit}")).await;
    }
    println!("of {} turned bits: {tally:?}", flips());
    assert!(tally.found > 0 && tally.found + tally.unchanged + tally.torn == flips());
}

#[tokio::test]
async fn d8_a_journal_that_was_cut_gives_what_was_before_the_cut() {
    let folder = tempfile::tempdir().unwrap();
    killed(folder.path()).await;
    let files = Files::of(folder.path());
    let told = told_of(&files).await;
    let mut tally = Tally::default();
    for percent in 0..=100 {
        let cut = &files.journal[..files.journal.len() * percent / 100];
        journal_as(&files, cut, &told, &mut tally, &format!("cut at {percent} %")).await;
    }
    println!("of 101 cuts: {tally:?}");
    assert_eq!(tally.found, 0, "an end is no damage");
}

const PAGE: usize = 4096;
