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
    let mut connection = open(path).await.unwrap();
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

#[tokio::test]
async fn every_page_of_a_new_database_ends_with_its_sum() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sqlite");
    fill(&path).await;
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(usize::from(bytes[RESERVED_AT]), sum::BYTES);
    assert!(bytes.len() > 20 * 4096 && bytes.chunks_exact(4096).all(sum::holds));
    // A copy that SQLite makes is summed too, and whoever knows no sums reads both.
    let copy = folder.path().join("b.sqlite");
    let mut connection = open(&path).await.unwrap();
    sqlx::query("VACUUM INTO $1").bind(copy.display().to_string()).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    assert!(std::fs::read(&copy).unwrap().chunks_exact(4096).all(sum::holds));
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
