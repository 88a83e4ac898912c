//! Who may choose another password by a code, and until when?

use sqlx::{Row as _, SqliteConnection, SqliteExecutor};

use tripoint_model::Timestamp;

use super::StoreError;

/// One code for each user, kept by its hash.
pub(super) const TABLE: &str =
    "CREATE TABLE resets (person TEXT PRIMARY KEY, hash TEXT NOT NULL, until BIGINT NOT NULL)";

/// Keeps a code; one that there was opens no more.
pub(super) async fn make(
    connection: &mut SqliteConnection,
    person: &str,
    hash: &str,
    until: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO resets (person, hash, until) VALUES ($1, $2, $3) ON CONFLICT (person) DO UPDATE SET \
         hash = excluded.hash, until = excluded.until",
    )
    .bind(person)
    .bind(hash)
    .bind(until.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether this code is that user's and still holds.
pub(super) async fn holds<'c>(
    executor: impl SqliteExecutor<'c>,
    person: &str,
    hash: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT until FROM resets WHERE person = $1 AND hash = $2").bind(person).bind(hash);
    let until: Option<i64> = row.fetch_optional(executor).await?.map(|row| row.try_get(0)).transpose()?;
    Ok(until.is_some_and(|until| now.0 < until))
}

/// No code opens any more.
pub(super) async fn forget(connection: &mut SqliteConnection, person: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM resets WHERE person = $1").bind(person).execute(connection).await?;
    Ok(())
}
