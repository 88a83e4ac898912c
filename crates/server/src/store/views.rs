//! Which searches do people keep?

use sqlx::sqlite::SqlitePool;
use sqlx::{Row, SqliteConnection};

use tripoint_api::views::{OwnedView, VIEWS_MAX, View};

use super::StoreError;
use super::rows::{from_text, to_text};

pub(super) const TABLES: &[&str] = &[
    "CREATE TABLE views (owner TEXT NOT NULL, name TEXT NOT NULL, shared BIGINT NOT NULL, body TEXT NOT NULL, \
     PRIMARY KEY (owner, name))",
    "CREATE INDEX views_shared ON views (shared, name)",
    "CREATE TABLE answered (key TEXT PRIMARY KEY, request TEXT NOT NULL, status BIGINT NOT NULL, kind TEXT NOT NULL, \
     body TEXT NOT NULL, at BIGINT NOT NULL)",
    "CREATE INDEX answered_oldest ON answered (at)",
];

/// What users of the host keep is not a user's who is called the same.
pub(super) const OF_HOST: &str =
    "UPDATE views SET owner = 'host ' || owner WHERE owner NOT IN (SELECT name FROM users)";

pub(super) async fn all(readers: &SqlitePool, owner: &str) -> Result<Vec<OwnedView>, StoreError> {
    let rows = sqlx::query(
        "SELECT owner, body FROM views WHERE owner = $1 OR shared = 1 \
         ORDER BY CASE WHEN owner = $1 THEN 0 ELSE 1 END, name, owner LIMIT 1000",
    )
    .bind(owner)
    .fetch_all(readers)
    .await?;
    let view = |row: &sqlx::sqlite::SqliteRow| {
        let view: View = from_text("view", row.try_get::<&str, _>(1)?)?;
        Ok(OwnedView { owner: row.try_get(0)?, view })
    };
    rows.iter().map(view).collect()
}

/// Says whether there was room.
pub(super) async fn put(connection: &mut SqliteConnection, owned: &OwnedView) -> Result<bool, StoreError> {
    let others: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM views WHERE owner = $1 AND name <> $2")
        .bind(&owned.owner)
        .bind(&owned.view.name)
        .fetch_one(&mut *connection)
        .await?;
    if others >= VIEWS_MAX as i64 {
        return Ok(false);
    }
    sqlx::query(
        "INSERT INTO views (owner, name, shared, body) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (owner, name) DO UPDATE SET shared = excluded.shared, body = excluded.body",
    )
    .bind(&owned.owner)
    .bind(&owned.view.name)
    .bind(i64::from(owned.view.shared))
    .bind(to_text("view", &owned.view)?)
    .execute(connection)
    .await?;
    Ok(true)
}

pub(super) async fn remove(connection: &mut SqliteConnection, owner: &str, name: &str) -> Result<bool, StoreError> {
    let gone = sqlx::query("DELETE FROM views WHERE owner = $1 AND name = $2")
        .bind(owner)
        .bind(name)
        .execute(connection)
        .await?;
    Ok(gone.rows_affected() > 0)
}
