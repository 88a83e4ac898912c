//! What have people promised about alerts, and which alerts are overdue?

use std::time::Duration;

use sqlx::{Row, SqliteConnection, SqliteExecutor};

use tripoint_api::queue::{AlertSummary, NEVER};
use tripoint_model::sla::{Clock, LEVELS};
use tripoint_model::{Alert, ServiceLevels, Timestamp};

use super::rows::{from_text, load, to_text};
use super::{StoreError, Tell, outbox};
use crate::notify::news::{self, Kind};

/// `promises` is what the configuration said when the lines of the queue were made; `warned` is the `due` of which was
/// told that it is over.
pub(super) const TABLES: &[&str] = &[
    "CREATE TABLE promises (respond BIGINT NOT NULL, level BIGINT NOT NULL, within BIGINT NOT NULL)",
    "ALTER TABLE queue ADD COLUMN due BIGINT NOT NULL DEFAULT 9223372036854775807",
    "ALTER TABLE queue ADD COLUMN warned BIGINT NOT NULL DEFAULT 0",
    "CREATE INDEX queue_due ON queue (due, last_seen, id)",
    "CREATE INDEX queue_unwarned ON queue (due) WHERE warned <> due",
];

/// What has been promised.
pub(super) async fn read(connection: &mut SqliteConnection) -> Result<ServiceLevels, StoreError> {
    let mut levels = ServiceLevels::default();
    for row in sqlx::query("SELECT respond, level, within FROM promises").fetch_all(connection).await? {
        let promises = if row.try_get::<i64, _>(0)? == 1 { &mut levels.respond } else { &mut levels.resolve };
        let within = u64::try_from(row.try_get::<i64, _>(2)?).unwrap_or(0);
        if let Some(promise) = usize::try_from(row.try_get::<i64, _>(1)?).ok().and_then(|at| promises.get_mut(at)) {
            *promise = Some(Duration::from_secs(within));
        }
    }
    Ok(levels)
}

/// Keeps what is promised from now on. Where that is something else than before, every open alert is due anew.
pub(super) async fn promise(connection: &mut SqliteConnection, levels: &ServiceLevels) -> Result<(), StoreError> {
    if read(connection).await? == *levels {
        return Ok(());
    }
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    sqlx::query("DELETE FROM promises").execute(&mut *connection).await?;
    for level in 0..LEVELS {
        for (respond, within) in [(1_i64, levels.respond[level]), (0, levels.resolve[level])] {
            let Some(within) = within else { continue };
            sqlx::query("INSERT INTO promises (respond, level, within) VALUES ($1, $2, $3)")
                .bind(respond)
                .bind(level as i64)
                .bind(i64::try_from(within.as_secs()).unwrap_or(i64::MAX))
                .execute(&mut *connection)
                .await?;
        }
    }
    let ids: Vec<String> =
        sqlx::query_scalar("SELECT id FROM alerts WHERE status <> 'resolved'").fetch_all(&mut *connection).await?;
    for id in ids {
        let Some(mut alert) = load(connection, &id).await? else { continue };
        if alert.work.clock.is_none() {
            begin(connection, &mut alert).await?;
        }
        put(connection, &id, due(&alert, levels)).await?;
    }
    sqlx::query("COMMIT").execute(connection).await?;
    Ok(())
}

/// Starts the clock of an alert of an older version: since it began, as nobody wrote down when the server heard of it.
async fn begin(connection: &mut SqliteConnection, alert: &mut Alert) -> Result<(), StoreError> {
    alert.work.clock = Clock::follow(alert, alert.first_seen);
    sqlx::query("UPDATE alerts SET body = $2 WHERE id = $1")
        .bind(&alert.id.0)
        .bind(to_text("alert", alert)?)
        .execute(connection)
        .await?;
    Ok(())
}

/// Until when people have to do something about it.
pub(super) fn due(alert: &Alert, levels: &ServiceLevels) -> Option<Timestamp> {
    alert.work.clock.and_then(|clock| levels.due(&clock))
}

/// Writes it into the line of an alert.
async fn put(connection: &mut SqliteConnection, id: &str, due: Option<Timestamp>) -> Result<(), StoreError> {
    let line: Option<String> = sqlx::query_scalar("SELECT line FROM queue_lines WHERE id = $1")
        .bind(id)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(line) = line else { return Ok(()) };
    let mut line: AlertSummary = from_text("line of the queue", &line)?;
    line.due = due;
    sqlx::query("UPDATE queue_lines SET line = $2 WHERE id = $1")
        .bind(id)
        .bind(to_text("line of the queue", &line)?)
        .execute(&mut *connection)
        .await?;
    sqlx::query("UPDATE queue SET due = $2 WHERE id = $1")
        .bind(id)
        .bind(due.unwrap_or(NEVER).0)
        .execute(connection)
        .await?;
    Ok(())
}

/// How many alerts are overdue at `now`.
pub(super) async fn count<'c>(executor: impl SqliteExecutor<'c>, now: Timestamp) -> Result<u64, StoreError> {
    let count: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM queue WHERE due < $1").bind(now.0).fetch_one(executor).await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Writes down of alerts that became overdue since the last look that they are, where that is told; how many.
pub(super) async fn warn(connection: &mut SqliteConnection, tell: Tell, now: Timestamp) -> Result<u64, StoreError> {
    let ids: Vec<String> =
        sqlx::query_scalar("SELECT id FROM queue WHERE warned <> due AND due < $1 ORDER BY due LIMIT $2")
            .bind(now.0)
            .bind(TOGETHER)
            .fetch_all(&mut *connection)
            .await?;
    for id in &ids {
        sqlx::query("UPDATE queue SET warned = due WHERE id = $1").bind(id).execute(&mut *connection).await?;
        if !tell.overdue {
            continue;
        }
        if let Some(alert) = load(connection, id).await? {
            let what = match alert.work.clock.is_some_and(|clock| clock.responded.is_some()) {
                true => "not resolved in time",
                false => "nobody has taken it up in time",
            };
            outbox::queue(connection, &news::about(Kind::AlertOverdue, &alert, &[what], now), now).await?;
        }
    }
    Ok(ids.len() as u64)
}

/// Alerts of one transaction.
const TOGETHER: i64 = 256;
