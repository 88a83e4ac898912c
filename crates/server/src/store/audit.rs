//! How are the rows of the audit written and read?

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqlitePool, SqlitePoolOptions, SqliteRow};
use sqlx::{Row as _, SqliteConnection, SqliteExecutor};

use tripoint_api::{AuditEntry, AuditList};

use super::rows::{signed, to_text, unsigned};
use super::{StoreError, file};
use crate::auth::audit::chain::{Chain, Row};
use crate::auth::audit::offline::shown;

/// Where the chain ends.
pub(super) async fn end<'c>(executor: impl SqliteExecutor<'c>) -> Result<Chain, StoreError> {
    let last = sqlx::query("SELECT number, body, hash FROM audit ORDER BY number DESC LIMIT 1")
        .fetch_optional(executor)
        .await?;
    let Some(last) = last.as_ref().map(row).transpose()? else { return Ok(Chain::default()) };
    let unreadable = || StoreError::Unreadable { what: "audit row", why: format!("row {} has no hash", last.number) };
    Chain::at(&last).ok_or_else(unreadable)
}

fn row(row: &SqliteRow) -> Result<Row, StoreError> {
    Ok(Row { number: unsigned(row.try_get(0)?), body: row.try_get(1)?, hash: row.try_get(2)? })
}

/// Adds an entry at the end.
pub(super) async fn add(connection: &mut SqliteConnection, entry: &AuditEntry) -> Result<(), StoreError> {
    let mut chain = end(&mut *connection).await?;
    let row = chain.add(to_text("audit entry", entry)?);
    sqlx::query("INSERT INTO audit (number, body, hash) VALUES ($1, $2, $3)")
        .bind(signed(row.number))
        .bind(&row.body)
        .bind(&row.hash)
        .execute(connection)
        .await?;
    Ok(())
}

/// The row of this number.
pub(super) async fn hash_of(readers: &SqlitePool, number: u64) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar("SELECT hash FROM audit WHERE number = $1")
        .bind(signed(number))
        .fetch_optional(readers)
        .await?)
}

/// Whether there is any up to this number.
pub(super) async fn has_up_to(readers: &SqlitePool, number: u64) -> Result<bool, StoreError> {
    let found: Option<i64> = sqlx::query_scalar("SELECT number FROM audit WHERE number <= $1 LIMIT 1")
        .bind(signed(number))
        .fetch_optional(readers)
        .await?;
    Ok(found.is_some())
}

/// Forgets the oldest rows up to this number, some at a time: others wait for it.
pub(super) async fn forget(connection: &mut SqliteConnection, number: u64) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM audit WHERE number IN (SELECT number FROM audit WHERE number <= $1 ORDER BY number LIMIT 1000)",
    )
    .bind(signed(number))
    .execute(connection)
    .await?;
    Ok(())
}

/// A page, the newest first.
pub(super) async fn page(readers: &SqlitePool, limit: u32, after: Option<u64>) -> Result<AuditList, StoreError> {
    let limit = limit.clamp(1, PAGE_MAX);
    let rows = sqlx::query("SELECT number, body, hash FROM audit WHERE number < $1 ORDER BY number DESC LIMIT $2")
        .bind(after.map_or(i64::MAX, signed))
        .bind(i64::from(limit))
        .fetch_all(readers)
        .await?;
    let rows = rows.iter().map(|one| row(one).map(shown)).collect::<Result<Vec<_>, _>>()?;
    let next = rows.last().map(|row| row.number).filter(|number| rows.len() == limit as usize && *number > 1);
    Ok(AuditList { rows, next })
}

/// The audit of a database that somebody else may be writing.
pub(crate) struct AuditFile(SqlitePool);

impl AuditFile {
    pub(crate) async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = file::shared(path)?.busy_timeout(Duration::from_secs(10));
        Ok(Self(SqlitePoolOptions::new().max_connections(1).connect_with(options).await?))
    }

    /// Rows after this number, oldest first; without one from the very first, whatever its number.
    pub(crate) async fn after(&self, number: Option<u64>, limit: u32) -> Result<Vec<Row>, StoreError> {
        let found = sqlx::query("SELECT number, body, hash FROM audit WHERE number > $1 ORDER BY number LIMIT $2")
            .bind(number.map_or(i64::MIN, signed))
            .bind(i64::from(limit))
            .fetch_all(&self.0)
            .await?;
        found.iter().map(row).collect()
    }

    pub(crate) async fn page(&self, limit: u32, after: Option<u64>) -> Result<AuditList, StoreError> {
        page(&self.0, limit, after).await
    }
}

/// Rows have at most some 17 KiB: a page stays below what clients read.
const PAGE_MAX: u32 = 500;
