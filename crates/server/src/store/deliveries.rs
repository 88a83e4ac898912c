//! Which message is on its way to which channel, which waits for others, and which was given up?
//!
//! A message that was written down with its news is divided here, in one transaction, into a row for each channel:
//! from then on no channel waits for another.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::sqlite::SqlitePool;

use tripoint_model::Timestamp;

use super::divide::{Rooms, bury_others, end, forget_dead, revive, route, watch_on};
use super::rows::{signed, unsigned};
use super::writer::Writer;
use super::{Message, Sqlite, StoreError, outbox};
use crate::notify::plan::{Placed, Watch};

/// Queues of channels; in the same file, by the same writer.
#[derive(Clone)]
pub(crate) struct Deliveries {
    pub(super) writer: Writer,
    pub(super) readers: SqlitePool,
}

/// A message that has found its channels.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routed {
    /// Its place among what was written down; nothing for what was written down nowhere.
    pub(crate) number: Option<u64>,
    pub(crate) body: String,
    pub(crate) placed: Vec<Placed>,
    /// The alert, and by which routes it is watched.
    pub(crate) alert: Option<String>,
    pub(crate) watches: Vec<Watch>,
    /// Channels that keep the state of the alert from now on.
    pub(crate) follow: Vec<String>,
    /// The alert is over: nobody follows it any more.
    pub(crate) over: bool,
    /// This channel follows it no more.
    pub(crate) unfollow: Option<String>,
    /// Nobody can be told of it.
    pub(crate) is_lost: bool,
}

/// A message whose turn it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) number: u64,
    pub(crate) queued: Timestamp,
    /// Attempts that failed.
    pub(crate) tries: u64,
    pub(crate) body: String,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Delivered,
    /// It is tried again.
    Failed(String),
    /// Nobody tries it again unless a person wants it.
    Dead(String),
}

/// How a channel's messages stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Queue {
    pub(crate) waiting: u64,
    pub(crate) held: u64,
    pub(crate) dead: u64,
    pub(crate) delivered: u64,
    /// Found no room.
    pub(crate) lost: u64,
}

/// A message that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeadRow {
    pub(crate) number: u64,
    pub(crate) queued: Timestamp,
    pub(crate) tries: u64,
    pub(crate) error: String,
    pub(crate) line: String,
}

/// `bundle` is what a held message waits with, `line` its type, level and headline between tabs. `watches` are steps of
/// escalations to come, `followed` the channels that keep the state of an alert.
pub(super) const TABLES: &[&str] = &[
    "CREATE TABLE deliveries (number BIGINT PRIMARY KEY, channel TEXT NOT NULL, state TEXT NOT NULL, bundle TEXT NOT NULL, \
     due BIGINT NOT NULL, queued BIGINT NOT NULL, tries BIGINT NOT NULL, error TEXT NOT NULL, line TEXT NOT NULL, \
     body TEXT NOT NULL)",
    "CREATE INDEX deliveries_turn ON deliveries (channel, state, number)",
    "CREATE INDEX deliveries_due ON deliveries (state, due)",
    "CREATE TABLE watches (alert TEXT NOT NULL, route TEXT NOT NULL, step BIGINT NOT NULL, due BIGINT NOT NULL, \
     PRIMARY KEY (alert, route))",
    "CREATE INDEX watches_due ON watches (due)",
    "CREATE TABLE followed (alert TEXT NOT NULL, channel TEXT NOT NULL, PRIMARY KEY (alert, channel))",
    "ALTER TABLE alerts ADD COLUMN told_succeeded BIGINT",
    "ALTER TABLE alerts ADD COLUMN told_exploited TEXT",
];

/// When a channel was last told of an alert that it follows.
pub(super) const FOLLOWED: &[&str] = &["ALTER TABLE followed ADD COLUMN told BIGINT NOT NULL DEFAULT 0"];

impl Sqlite {
    /// What is on its way to whom, in the same file.
    pub(crate) fn deliveries(&self) -> Deliveries {
        Deliveries { writer: self.writer.clone(), readers: self.readers.clone() }
    }
}

impl Deliveries {
    /// What was written down and has found no channels yet, the oldest first.
    pub(crate) async fn unrouted(&self, limit: u32) -> Result<Vec<Message>, StoreError> {
        outbox::first(&self.readers, limit).await
    }

    /// Gives messages to their channels: each whole, and once.
    pub(crate) async fn route(&self, all: Vec<Routed>, now: Timestamp) -> Result<(), StoreError> {
        self.writer
            .submit(move |connection| {
                Box::pin(async move {
                    let mut rooms = Rooms::default();
                    for one in all {
                        route(connection, one, &mut rooms, now).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Makes one message of what has waited with others long enough; how many.
    pub(crate) async fn release(&self, now: Timestamp) -> Result<u64, StoreError> {
        let due: Option<i64> =
            sqlx::query_scalar("SELECT number FROM deliveries WHERE state = 'held' AND due <= $1 LIMIT 1")
                .bind(now.0)
                .fetch_optional(&self.readers)
                .await?;
        if due.is_none() {
            return Ok(0);
        }
        self.writer.submit(move |connection| Box::pin(super::digest::release(connection, now))).await
    }

    /// Alerts whose next step is due: alert, route, step.
    pub(crate) async fn watches_due(&self, now: Timestamp) -> Result<Vec<(String, String, usize)>, StoreError> {
        let rows = sqlx::query("SELECT alert, route, step FROM watches WHERE due <= $1 ORDER BY due LIMIT $2")
            .bind(now.0)
            .bind(TOGETHER)
            .fetch_all(&self.readers)
            .await?;
        let one = |row: &sqlx::sqlite::SqliteRow| {
            let step = usize::try_from(row.try_get::<i64, _>(2)?).unwrap_or(0);
            Ok((row.try_get(0)?, row.try_get(1)?, step))
        };
        rows.iter().map(one).collect()
    }

    /// Takes a step of an escalation: tells, and watches on where there is a next one.
    pub(crate) async fn step(
        &self,
        alert: String,
        route_name: String,
        next: Option<Watch>,
        tell: Option<Routed>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.writer
            .submit(move |connection| {
                Box::pin(async move {
                    sqlx::query("DELETE FROM watches WHERE alert = $1 AND route = $2")
                        .bind(&alert)
                        .bind(&route_name)
                        .execute(&mut *connection)
                        .await?;
                    if let Some(watch) = &next {
                        watch_on(connection, &alert, watch).await?;
                    }
                    if let Some(one) = tell {
                        route(connection, one, &mut Rooms::default(), now).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Channels that keep the state of this alert.
    pub(crate) async fn followers(&self, alert: &str) -> Result<Vec<String>, StoreError> {
        let found = sqlx::query_scalar("SELECT channel FROM followed WHERE alert = $1 ORDER BY channel").bind(alert);
        Ok(found.fetch_all(&self.readers).await?)
    }

    /// Alerts that a channel follows and was last told of before a moment, the longest ago first.
    pub(crate) async fn followed(
        &self,
        channel: &str,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let found = "SELECT alert FROM followed WHERE channel = $1 AND told < $2 ORDER BY told, alert LIMIT $3";
        let found = sqlx::query_scalar(found).bind(channel).bind(before.0).bind(i64::from(limit));
        Ok(found.fetch_all(&self.readers).await?)
    }

    /// The one whose turn it is, or would be behind another.
    pub(crate) async fn next(&self, channel: &str, behind: Option<u64>) -> Result<Option<Delivery>, StoreError> {
        let row = sqlx::query(
            "SELECT number, queued, tries, body FROM deliveries WHERE channel = $1 AND state = 'waiting' \
             AND number > $2 ORDER BY number LIMIT 1",
        )
        .bind(channel)
        .bind(behind.map_or(-1, signed))
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Delivery {
            number: unsigned(row.try_get(0)?),
            queued: Timestamp(row.try_get(1)?),
            tries: unsigned(row.try_get(2)?),
            body: row.try_get(3)?,
        }))
    }

    /// Writes down what became of attempts: of all or of none.
    pub(crate) async fn ended(&self, channel: String, all: Vec<(u64, Ended)>) -> Result<(), StoreError> {
        self.writer
            .submit(move |connection| {
                Box::pin(async move {
                    for (number, ended) in all {
                        end(connection, &channel, number, &ended).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// How every channel's messages stand, by name.
    pub(crate) async fn queues(&self) -> Result<BTreeMap<String, Queue>, StoreError> {
        let mut all: BTreeMap<String, Queue> = BTreeMap::new();
        let rows = sqlx::query("SELECT channel, state, COUNT(*) FROM deliveries GROUP BY channel, state")
            .fetch_all(&self.readers)
            .await?;
        for row in rows {
            let queue = all.entry(row.try_get(0)?).or_default();
            let count = unsigned(row.try_get(2)?);
            match row.try_get::<String, _>(1)?.as_str() {
                "waiting" => queue.waiting = count,
                "held" => queue.held = count,
                _ => queue.dead = count,
            }
        }
        let rows =
            sqlx::query("SELECT name, value FROM counts WHERE name LIKE 'channel/%'").fetch_all(&self.readers).await?;
        for row in rows {
            let name: String = row.try_get(0)?;
            let Some((channel, what)) = name.trim_start_matches("channel/").rsplit_once('/') else { continue };
            let queue = all.entry(channel.to_owned()).or_default();
            let count = unsigned(row.try_get(1)?);
            match what {
                "delivered" => queue.delivered = count,
                _ => queue.lost = count,
            }
        }
        Ok(all)
    }

    /// What the held messages of every channel wait with, by the channel's name.
    pub(crate) async fn held_for(&self) -> Result<BTreeMap<String, Vec<String>>, StoreError> {
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let rows = sqlx::query("SELECT DISTINCT channel, bundle FROM deliveries WHERE state = 'held' ORDER BY 1, 2")
            .fetch_all(&self.readers)
            .await?;
        for row in rows {
            all.entry(row.try_get(0)?).or_default().push(row.try_get(1)?);
        }
        Ok(all)
    }

    /// What was given up, the newest first, before a number.
    pub(crate) async fn dead(
        &self,
        channel: &str,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<DeadRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT number, queued, tries, error, line FROM deliveries WHERE channel = $1 AND state = 'dead' \
             AND number < $2 ORDER BY number DESC LIMIT $3",
        )
        .bind(channel)
        .bind(before.map_or(i64::MAX, signed))
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        let one = |row: &sqlx::sqlite::SqliteRow| {
            let line: String = row.try_get(4)?;
            Ok(DeadRow {
                number: unsigned(row.try_get(0)?),
                queued: Timestamp(row.try_get(1)?),
                tries: unsigned(row.try_get(2)?),
                error: row.try_get(3)?,
                line: line.splitn(3, '\t').nth(2).unwrap_or_default().to_owned(),
            })
        };
        rows.iter().map(one).collect()
    }

    /// Puts given up messages behind those that wait: these, or all, the oldest first; how many.
    pub(crate) async fn retry(&self, channel: String, numbers: Vec<u64>, now: Timestamp) -> Result<u64, StoreError> {
        self.writer
            .submit(move |connection| Box::pin(async move { revive(connection, &channel, &numbers, now).await }))
            .await
    }

    /// Forgets what was given up and written down before; how many.
    pub(crate) async fn forget_dead(&self, before: Timestamp) -> Result<u64, StoreError> {
        let old = "SELECT 1 FROM deliveries WHERE state = 'dead' AND queued < $1 LIMIT 1";
        let old: Option<i64> = sqlx::query_scalar(old).bind(before.0).fetch_optional(&self.readers).await?;
        if old.is_none() {
            return Ok(0);
        }
        self.writer.submit(move |connection| Box::pin(async move { forget_dead(connection, before).await })).await
    }

    /// Gives up what is on its way to channels that there are no more; how many messages. Who brings such a channel
    /// back finds them among its dead letters.
    pub(crate) async fn keep_only(&self, channels: Vec<String>) -> Result<u64, StoreError> {
        self.writer.submit(move |connection| Box::pin(async move { bury_others(connection, &channels).await })).await
    }
}

/// Watched alerts looked at together.
const TOGETHER: i64 = 256;
