//! How is counted what must not be forgotten?

use sqlx::SqliteConnection;

use super::StoreError;
use super::rows::unsigned;

/// Adds to a count, which never falls below nothing.
pub(super) async fn add(connection: &mut SqliteConnection, name: &str, by: i64) -> Result<(), StoreError> {
    if by == 0 {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO counts (name, value) VALUES ($1, CASE WHEN $2 > 0 THEN $2 ELSE 0 END) ON CONFLICT (name) \
         DO UPDATE SET value = CASE WHEN counts.value + $2 > 0 THEN counts.value + $2 ELSE 0 END",
    )
    .bind(name)
    .bind(by)
    .execute(connection)
    .await?;
    Ok(())
}

/// A count; nothing where nothing was counted.
pub(super) async fn read<'c>(executor: impl sqlx::SqliteExecutor<'c>, name: &str) -> Result<u64, StoreError> {
    let value: Option<i64> =
        sqlx::query_scalar("SELECT value FROM counts WHERE name = $1").bind(name).fetch_optional(executor).await?;
    Ok(value.map_or(0, unsigned))
}
