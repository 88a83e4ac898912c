//! Which closed alerts are old enough to be forgotten?

use sqlx::{SqliteConnection, SqliteExecutor};

use tripoint_model::Timestamp;

use super::{StoreError, counts, queue};

/// Forgets closed alerts that have not changed since `before`, the oldest first; how many. What belongs to another goes
/// after it. What their closing taught about feeds stays.
pub(super) async fn forget(connection: &mut SqliteConnection, before: Timestamp) -> Result<u64, StoreError> {
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM alerts WHERE changed < $1 AND status = 'resolved' AND NOT EXISTS (SELECT 1 FROM queue_terms \
         JOIN alerts AS whole ON whole.id = queue_terms.value WHERE queue_terms.field = 'merged' AND \
         queue_terms.id = alerts.id) ORDER BY changed LIMIT $2",
    )
    .bind(before.0)
    .bind(TOGETHER)
    .fetch_all(&mut *connection)
    .await?;
    for id in &ids {
        sqlx::query("DELETE FROM alerts WHERE id = $1").bind(id).execute(&mut *connection).await?;
        queue::remove(connection, id).await?;
        sqlx::query("DELETE FROM judged WHERE id = $1").bind(id).execute(&mut *connection).await?;
    }
    let gone = ids.len() as u64;
    counts::add(connection, FORGOTTEN, i64::try_from(gone).unwrap_or(0)).await?;
    Ok(gone)
}

/// How many were ever forgotten.
pub(super) async fn forgotten<'c>(executor: impl SqliteExecutor<'c>) -> Result<u64, StoreError> {
    counts::read(executor, FORGOTTEN).await
}

const FORGOTTEN: &str = "alerts_forgotten";
/// Alerts of one transaction: others wait for it.
const TOGETHER: i64 = 50;
