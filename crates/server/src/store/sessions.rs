//! Who is signed in, since when, and until when does that hold?

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{Row, SqliteConnection, SqliteExecutor};

use tripoint_model::Timestamp;

use super::StoreError;

/// Somebody who has signed in. Kept by the hash of what its cookie says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionRow {
    pub(crate) hash: String,
    pub(crate) person: String,
    pub(crate) created: Timestamp,
    /// To the minute: each request would be a write.
    pub(crate) used: Timestamp,
    /// When it last proved who is there.
    pub(crate) confirmed: Timestamp,
    pub(crate) source: String,
    pub(crate) agent: String,
}

impl SessionRow {
    /// One that begins now, of a browser with these headers.
    pub(crate) fn new(hash: String, person: String, source: String, headers: &HeaderMap, now: Timestamp) -> Self {
        let agent = headers.get(header::USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
        let agent = String::from_utf8_lossy(agent).chars().take(AGENT_KEPT).collect();
        Self { hash, person, created: now, used: now, confirmed: now, source, agent }
    }
}

/// Characters kept of what a browser calls itself.
const AGENT_KEPT: usize = 200;
/// Unused for so long a session ends.
pub(crate) const IDLE: Duration = Duration::from_secs(30 * 60);
/// After so long it ends whatever happens.
pub(crate) const LONGEST: Duration = Duration::from_secs(12 * 3600);
/// How exactly it is known when one was last used.
pub(crate) const USED_EVERY: Duration = Duration::from_secs(60);
/// Sessions that one person may have; the oldest gives way.
const SESSIONS_MAX: i64 = 32;

/// The session of this hash while it holds.
pub(super) async fn find<'c>(
    executor: impl SqliteExecutor<'c>,
    hash: &str,
    now: Timestamp,
) -> Result<Option<SessionRow>, StoreError> {
    let row = sqlx::query("SELECT * FROM sessions WHERE hash = $1 AND created > $2 AND used > $3")
        .bind(hash)
        .bind(now.minus(LONGEST).0)
        .bind(now.minus(IDLE).0)
        .fetch_optional(executor)
        .await?;
    row.as_ref().map(session).transpose()
}

fn session(row: &SqliteRow) -> Result<SessionRow, StoreError> {
    let time = |name: &str| row.try_get(name).map(Timestamp);
    Ok(SessionRow {
        hash: row.try_get("hash")?,
        person: row.try_get("person")?,
        created: time("created")?,
        used: time("used")?,
        confirmed: time("confirmed")?,
        source: row.try_get("source")?,
        agent: row.try_get("agent")?,
    })
}

/// Begins one; what has ended is forgotten.
pub(super) async fn begin(
    connection: &mut SqliteConnection,
    new: &SessionRow,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sessions WHERE created <= $1 OR used <= $2")
        .bind(now.minus(LONGEST).0)
        .bind(now.minus(IDLE).0)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "DELETE FROM sessions WHERE hash IN (SELECT hash FROM sessions WHERE person = $1 ORDER BY created DESC, hash \
         LIMIT -1 OFFSET $2)",
    )
    .bind(&new.person)
    .bind(SESSIONS_MAX - 1)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO sessions (hash, person, created, used, confirmed, source, agent) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&new.hash)
    .bind(&new.person)
    .bind(new.created.0)
    .bind(new.used.0)
    .bind(new.confirmed.0)
    .bind(&new.source)
    .bind(&new.agent)
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes down that it was used, or that it proved again who is there.
pub(super) async fn touch(
    connection: &mut SqliteConnection,
    hash: &str,
    confirmed: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE sessions SET used = $1, confirmed = CASE WHEN $2 = 1 THEN $1 ELSE confirmed END WHERE hash = $3",
    )
    .bind(now.0)
    .bind(i64::from(confirmed))
    .bind(hash)
    .execute(connection)
    .await?;
    Ok(())
}

/// One person's, the newest first.
pub(super) async fn of(readers: &SqlitePool, person: &str, now: Timestamp) -> Result<Vec<SessionRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM sessions WHERE person = $1 AND created > $2 AND used > $3 ORDER BY created DESC, hash",
    )
    .bind(person)
    .bind(now.minus(LONGEST).0)
    .bind(now.minus(IDLE).0)
    .fetch_all(readers)
    .await?;
    rows.iter().map(session).collect()
}

/// Ends one, or all of a person.
pub(super) async fn end(
    connection: &mut SqliteConnection,
    person: &str,
    hash: Option<&str>,
) -> Result<u64, StoreError> {
    let done = sqlx::query("DELETE FROM sessions WHERE person = $1 AND ($2 = '' OR hash = $2)")
        .bind(person)
        .bind(hash.unwrap_or_default())
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}
