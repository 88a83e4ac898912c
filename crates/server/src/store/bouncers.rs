//! Which programs enforce our blocks elsewhere, how far has each read, and what does it say it dropped?

use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{Row, SqliteConnection};

use tripoint_model::Timestamp;

use super::StoreError;
use super::rows::{signed, unsigned};

/// A program with a key of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bouncer {
    /// What people call it.
    pub name: String,
    /// When its key was made.
    pub created: Timestamp,
    /// The last change that it was told of.
    pub cursor: u64,
    /// What it calls itself.
    pub user_agent: String,
    /// When it last asked.
    pub last_pull: Option<Timestamp>,
    /// Decisions handed to it since its key was made, and those withdrawn from it.
    pub sent: Sent,
    /// What it says of its own work since its key was made.
    pub metered: Metered,
    /// When it last said so.
    pub last_metrics: Option<Timestamp>,
}

/// What was handed to a bouncer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Decisions that were new to it.
    pub new: u64,
    /// Decisions that it was told to drop.
    pub deleted: u64,
}

/// What a bouncer did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metered {
    /// Packets dropped.
    pub dropped_packets: u64,
    /// Bytes dropped.
    pub dropped_bytes: u64,
    /// Packets or requests looked at.
    pub processed: u64,
}

/// A question that a bouncer asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pull {
    /// Who.
    pub name: String,
    /// What it calls itself.
    pub user_agent: String,
    /// How far it has read now, where it reads along.
    pub cursor: Option<u64>,
    /// What it was handed.
    pub sent: Sent,
}

/// The table; only ever added to.
pub(super) const TABLE: &str = "CREATE TABLE bouncers (name TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, created BIGINT NOT NULL, \
     cursor BIGINT NOT NULL DEFAULT 0, user_agent TEXT NOT NULL DEFAULT '', last_pull BIGINT, sent BIGINT NOT NULL DEFAULT 0, \
     deleted BIGINT NOT NULL DEFAULT 0, dropped_packets BIGINT NOT NULL DEFAULT 0, dropped_bytes BIGINT NOT NULL DEFAULT 0, \
     processed BIGINT NOT NULL DEFAULT 0, last_metrics BIGINT)";

/// Keeps a new one by the hash of its key; says whether the name was free and there was room.
pub(super) async fn add(
    connection: &mut SqliteConnection,
    name: &str,
    hash: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO bouncers (name, hash, created) SELECT $1, $2, $3 WHERE (SELECT COUNT(*) FROM bouncers) < $4 \
         ON CONFLICT (name) DO NOTHING",
    )
    .bind(name)
    .bind(hash)
    .bind(now.0)
    .bind(BOUNCERS_MAX)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn remove(connection: &mut SqliteConnection, name: &str) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM bouncers WHERE name = $1").bind(name).execute(connection).await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn all(readers: &SqlitePool) -> Result<Vec<Bouncer>, StoreError> {
    let rows = sqlx::query("SELECT * FROM bouncers ORDER BY name").fetch_all(readers).await?;
    rows.iter().map(bouncer).collect()
}

pub(super) async fn of_key(readers: &SqlitePool, hash: &str) -> Result<Option<Bouncer>, StoreError> {
    let row = sqlx::query("SELECT * FROM bouncers WHERE hash = $1").bind(hash).fetch_optional(readers).await?;
    row.as_ref().map(bouncer).transpose()
}

fn bouncer(row: &SqliteRow) -> Result<Bouncer, StoreError> {
    let number = |name: &str| row.try_get(name).map(unsigned);
    let time = |name: &str| row.try_get::<Option<i64>, _>(name).map(|at| at.map(Timestamp));
    Ok(Bouncer {
        name: row.try_get("name")?,
        created: Timestamp(row.try_get("created")?),
        cursor: number("cursor")?,
        user_agent: row.try_get("user_agent")?,
        last_pull: time("last_pull")?,
        sent: Sent { new: number("sent")?, deleted: number("deleted")? },
        metered: Metered {
            dropped_packets: number("dropped_packets")?,
            dropped_bytes: number("dropped_bytes")?,
            processed: number("processed")?,
        },
        last_metrics: time("last_metrics")?,
    })
}

pub(super) async fn pulled(connection: &mut SqliteConnection, pull: &Pull, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE bouncers SET user_agent = $1, last_pull = $2, cursor = COALESCE($3, cursor), sent = sent + $4, \
         deleted = deleted + $5 WHERE name = $6",
    )
    .bind(&pull.user_agent)
    .bind(now.0)
    .bind(pull.cursor.map(signed))
    .bind(signed(pull.sent.new))
    .bind(signed(pull.sent.deleted))
    .bind(&pull.name)
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds what a bouncer says it did. Sums stop at `SUM_MAX`: SQL has no larger integers.
pub(super) async fn metered(
    connection: &mut SqliteConnection,
    name: &str,
    done: Metered,
    now: Timestamp,
) -> Result<(), StoreError> {
    let bounded = |count: u64| signed(count.min(SUM_MAX));
    sqlx::query(
        "UPDATE bouncers SET dropped_packets = MIN(dropped_packets + $1, $2), dropped_bytes = MIN(dropped_bytes + $3, $2), \
         processed = MIN(processed + $4, $2), last_metrics = $5 WHERE name = $6",
    )
    .bind(bounded(done.dropped_packets))
    .bind(signed(SUM_MAX))
    .bind(bounded(done.dropped_bytes))
    .bind(bounded(done.processed))
    .bind(now.0)
    .bind(name)
    .execute(connection)
    .await?;
    Ok(())
}

/// How far somebody without a key has read.
pub(super) async fn cursor(readers: &SqlitePool, name: &str) -> Result<u64, StoreError> {
    let value: Option<i64> =
        sqlx::query_scalar("SELECT value FROM cursors WHERE name = $1").bind(name).fetch_optional(readers).await?;
    Ok(value.map_or(0, unsigned))
}

pub(super) async fn move_cursor(connection: &mut SqliteConnection, name: &str, value: u64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO cursors (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(name)
    .bind(signed(value))
    .execute(connection)
    .await?;
    Ok(())
}

/// Each of them asks every few seconds.
const BOUNCERS_MAX: i64 = 1000;
const SUM_MAX: u64 = 1 << 62;
