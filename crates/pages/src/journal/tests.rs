//! Is a damaged log told from a torn one?

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions as _, Connection as _};

use super::*;

fn of(log: &[u8]) -> Ending {
    super::of(log).unwrap()
}

/// The log of five transactions, and where each ends.
async fn log() -> (Vec<u8>, Vec<usize>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sqlite");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut connection = options.journal_mode(SqliteJournalMode::Wal).connect().await.unwrap();
    let log = folder.path().join("a.sqlite-wal");
    let mut ends = Vec::new();
    for number in 0..5 {
        let make = format!("CREATE TABLE t{number} (n BIGINT PRIMARY KEY, said TEXT)");
        sqlx::query(sqlx::AssertSqlSafe(make)).execute(&mut connection).await.unwrap();
        ends.push(std::fs::read(&log).unwrap().len());
    }
    let bytes = std::fs::read(&log).unwrap();
    connection.close().await.unwrap();
    (bytes, ends)
}

#[tokio::test]
async fn a_cut_at_any_place_is_no_damage_and_a_changed_bit_is() {
    let (log, ends) = log().await;
    assert_eq!(of(&log), Ending::Whole);
    for cut in (0..log.len()).step_by(97).chain(ends.iter().copied()) {
        assert!(matches!(of(&log[..cut]), Ending::Whole | Ending::Torn), "cut at {cut}");
    }
    for bit in (0..ends[3] * 8).step_by(131) {
        let mut changed = log.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(matches!(of(&changed), Ending::Damaged { .. }), "bit {bit}");
    }
    let mut last = log.clone();
    last[ends[3] + FRAME_HEADER + 5] ^= 1;
    assert_eq!(of(&last), Ending::Torn);
    assert_eq!((of(b""), of(&[0; 31]), of(&[0; 5000])), (Ending::Whole, Ending::Whole, Ending::Whole));
    assert_eq!(of(&[7; 5000]), Ending::Damaged { frame: 0 });
}
