//! How are exceptions kept, and how is counted what came of each?

use sqlx::{Row, SqliteConnection};

use tripoint_api::exceptions::{KeptException, Used};
use tripoint_model::{Alert, Exception, Timestamp};

use super::StoreError;
use super::rows::{from_text, signed, to_text, unsigned};

/// What was suppressed before was not counted.
pub(super) const COUNTS: &[&str] = &[
    "ALTER TABLE exceptions ADD COLUMN hits BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE exceptions ADD COLUMN alerts BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE exceptions ADD COLUMN last_used BIGINT",
];

/// Those that have not expired at `now`, soonest end first.
pub(super) async fn all<'c>(
    executor: impl sqlx::SqliteExecutor<'c>,
    now: Timestamp,
) -> Result<Vec<KeptException>, StoreError> {
    let rows =
        sqlx::query("SELECT body, hits, alerts, last_used FROM exceptions WHERE expires > $1 ORDER BY expires, id")
            .bind(now.0)
            .fetch_all(executor)
            .await?;
    let mut kept = Vec::with_capacity(rows.len());
    for row in rows {
        let exception = from_text("exception", &row.try_get::<String, _>(0)?)?;
        let used = Used {
            hits: unsigned(row.try_get(1)?),
            alerts: unsigned(row.try_get(2)?),
            last_used: row.try_get::<Option<i64>, _>(3)?.map(Timestamp),
        };
        kept.push(KeptException { exception, used });
    }
    Ok(kept)
}

/// Keeps it; what came of an earlier one with its id still counts.
pub(super) async fn add(connection: &mut SqliteConnection, exception: &Exception) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO exceptions (id, expires, body) VALUES ($1, $2, $3) \
         ON CONFLICT (id) DO UPDATE SET expires = excluded.expires, body = excluded.body",
    )
    .bind(&exception.id)
    .bind(exception.expires.0)
    .bind(to_text("exception", exception)?)
    .execute(connection)
    .await?;
    Ok(())
}

/// Drops it, and says whether there was one.
pub(super) async fn remove(connection: &mut SqliteConnection, id: &str) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM exceptions WHERE id = $1").bind(id).execute(connection).await?;
    Ok(done.rows_affected() > 0)
}

/// How an alert stood before it was reported anew: the exception that suppressed it, and its connections.
pub(super) type Before = Option<(String, u64)>;

/// What counts of a stored alert when it is reported anew.
pub(super) fn before(stored: Option<&Alert>) -> Before {
    stored.and_then(|stored| stored.suppressed_by.clone().map(|id| (id, stored.count)))
}

/// Counts what the alert shows that was not counted before. An exception that is gone counts nothing any more.
pub(super) async fn count(
    connection: &mut SqliteConnection,
    before: &Before,
    alert: &Alert,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(id) = &alert.suppressed_by else { return Ok(()) };
    let counted = before.as_ref().filter(|(own, _)| own == id).map(|(_, count)| *count);
    let hits = alert.count.saturating_sub(counted.unwrap_or(0));
    if hits == 0 && counted.is_some() {
        return Ok(());
    }
    sqlx::query("UPDATE exceptions SET hits = hits + $1, alerts = alerts + $2, last_used = $3 WHERE id = $4")
        .bind(signed(hits))
        .bind(i64::from(counted.is_none()))
        .bind(now.0)
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}
