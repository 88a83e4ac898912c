//! What was answered to requests that may be sent again?

use std::time::Duration;

use sqlx::sqlite::SqlitePool;
use sqlx::{Row, SqliteConnection};
use tripoint_model::Timestamp;

use super::StoreError;
use crate::auth::audit::nothing_changed;

/// An answer, and what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Hash of what was asked.
    pub request: String,
    /// HTTP status; 0 where it was done and its answer was lost with the server.
    pub status: u16,
    /// Media type.
    pub kind: String,
    /// The answer.
    pub body: String,
}

/// How long an answer is remembered.
const KEPT: Duration = Duration::from_secs(24 * 3600);

pub(super) async fn find(readers: &SqlitePool, key: &str) -> Result<Option<Kept>, StoreError> {
    let row = sqlx::query("SELECT request, status, kind, body FROM answered WHERE key = $1")
        .bind(key)
        .fetch_optional(readers)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let status = u16::try_from(row.try_get::<i64, _>(1)?).unwrap_or(0);
    Ok(Some(Kept { request: row.try_get(0)?, status, kind: row.try_get(2)?, body: row.try_get(3)? }))
}

/// Writes down with a change that it was made, before its answer is known.
pub(super) async fn done(
    connection: &mut SqliteConnection,
    key: &str,
    request: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO answered (key, request, status, kind, body, at) VALUES ($1, $2, 0, '', '', $3) \
         ON CONFLICT (key) DO NOTHING",
    )
    .bind(key)
    .bind(request)
    .bind(now.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps an answer; without one, forgets that the change was made: what was answered asks for another try.
pub(super) async fn keep(
    connection: &mut SqliteConnection,
    key: &str,
    answer: Option<&Kept>,
    now: Timestamp,
) -> Result<(), StoreError> {
    // What is remembered is no change of anything that somebody asked for.
    nothing_changed();
    let Some(answer) = answer else {
        sqlx::query("DELETE FROM answered WHERE key = $1 AND status = 0").bind(key).execute(connection).await?;
        return Ok(());
    };
    sqlx::query("DELETE FROM answered WHERE at < $1").bind(now.minus(KEPT).0).execute(&mut *connection).await?;
    sqlx::query(
        "INSERT INTO answered (key, request, status, kind, body, at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (key) DO UPDATE SET status = excluded.status, kind = excluded.kind, body = excluded.body \
         WHERE answered.status = 0",
    )
    .bind(key)
    .bind(&answer.request)
    .bind(i64::from(answer.status))
    .bind(&answer.kind)
    .bind(&answer.body)
    .bind(now.0)
    .execute(connection)
    .await?;
    Ok(())
}
