//! Is each changed bit of a real database found when it is read?

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{ConnectOptions as _, Connection as _};

use super::*;

async fn open(path: &std::path::Path) -> Result<SqliteConnection, sqlx::Error> {
    register().unwrap();
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true).vfs(NAME);
    options.journal_mode(SqliteJournalMode::Wal).connect().await
}

async fn fill(path: &std::path::Path) {
    fill_by(open(path).await.unwrap()).await;
}

async fn fill_by(mut connection: SqliteConnection) {
    sqlx::query("CREATE TABLE t (n BIGINT PRIMARY KEY, said TEXT NOT NULL)").execute(&mut connection).await.unwrap();
    for number in 0..400_i64 {
        let said = format!("what was said {number}, {}", "again and ".repeat(number as usize % 60));
        let insert = sqlx::query("INSERT INTO t (n, said) VALUES ($1, $2)").bind(number).bind(said);
        insert.execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}

async fn all(path: &std::path::Path) -> Result<Vec<(i64, String)>, sqlx::Error> {
    let mut connection = open(path).await?;
    let all = sqlx::query_as("SELECT n, said FROM t ORDER BY n").fetch_all(&mut connection).await;
    let _ = connection.close().await;
    all
}

fn are_good(bytes: &[u8]) -> bool {
    bytes.chunks_exact(4096).zip(1..).all(|(page, number)| sum::holds_at(page, number))
}

#[tokio::test]
async fn every_page_of_a_new_database_ends_with_its_sum() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sqlite");
    fill(&path).await;
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(usize::from(bytes[RESERVED_AT]), 12);
    assert!(bytes.len() > 20 * 4096 && are_good(&bytes));
    // A copy that SQLite makes is summed too, and whoever knows no sums reads both.
    let copy = folder.path().join("b.sqlite");
    let mut connection = open(&path).await.unwrap();
    sqlx::query("VACUUM INTO $1").bind(copy.display().to_string()).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    assert!(are_good(&std::fs::read(&copy).unwrap()));
    let plain = SqliteConnectOptions::new().filename(&copy);
    let rows: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM t").fetch_one(&mut plain.connect().await.unwrap()).await.unwrap();
    assert_eq!(rows, 400);
}

#[tokio::test]
async fn a_changed_bit_is_never_read_as_if_it_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sqlite");
    fill(&path).await;
    let (bytes, before) = (std::fs::read(&path).unwrap(), all(&path).await.unwrap());
    let mut found = 0;
    for round in 0..400_usize {
        // Spread over the file, the same in every run.
        let bit = round.wrapping_mul(2_654_435_761) % (bytes.len() * 8);
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, &changed).unwrap();
        match all(&path).await {
            Ok(rows) => assert!(rows == before, "bit {bit}"),
            Err(_) => found += 1,
        }
        for ending in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{ending}", path.display()));
        }
    }
    assert!(found > 350, "{found} of 400 found");
}

/// What a change of the file's bytes makes of the answer: an error, or the same.
async fn after(path: &std::path::Path, bytes: &[u8]) -> Result<Vec<(i64, String)>, sqlx::Error> {
    std::fs::write(path, bytes).unwrap();
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{ending}", path.display()));
    }
    all(path).await
}

#[tokio::test]
async fn a_page_of_zeros_one_in_anothers_place_and_a_changed_header_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sqlite");
    fill(&path).await;
    let bytes = std::fs::read(&path).unwrap();
    let before = all(&path).await.unwrap();
    assert!(after(&path, &bytes).await.unwrap() == before);
    let pages = bytes.len() / 4096;
    // Every page is in use, but what the index of the other table's rows may leave: the first ten are.
    for page in 1..10 {
        let mut zeroed = bytes.clone();
        zeroed[page * 4096..(page + 1) * 4096].fill(0);
        assert!(after(&path, &zeroed).await.is_err(), "page {page} of zeros");
        let mut moved = bytes.clone();
        moved.copy_within((pages - 1) * 4096..pages * 4096, page * 4096);
        assert!(after(&path, &moved).await.is_err(), "page {page} is the last");
    }
    for bit in 0..8 {
        let mut changed = bytes.clone();
        changed[RESERVED_AT] ^= 1 << bit;
        assert!(after(&path, &changed).await.is_err(), "bit {bit} of what says that pages are summed");
    }
    // Also under whoever has it open.
    std::fs::write(&path, &bytes).unwrap();
    let mut connection = open(&path).await.unwrap();
    let one: i64 = sqlx::query_scalar("SELECT n FROM t WHERE n = 1").fetch_one(&mut connection).await.unwrap();
    assert_eq!(one, 1);
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(4096)).unwrap();
    std::io::Write::write_all(&mut file, &vec![0; bytes.len() - 4096]).unwrap();
    sqlx::query("PRAGMA cache_size = 0").execute(&mut connection).await.unwrap();
    sqlx::query("PRAGMA shrink_memory").execute(&mut connection).await.unwrap();
    let read = sqlx::query_scalar::<_, i64>("SELECT SUM(LENGTH(said)) FROM t").fetch_one(&mut connection).await;
    assert!(read.is_err(), "{read:?}");
}

#[tokio::test]
async fn a_database_without_numbers_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.sqlite");
    fill_by(SqliteConnectOptions::new().filename(&path).create_if_missing(true).connect().await.unwrap()).await;
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes[RESERVED_AT], 0);
    assert!(all(&path).await.is_err() && std::fs::read(&path).unwrap() == bytes);
}
