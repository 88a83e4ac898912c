//! How does a message come into the queues of its channels, and out of them?

use std::collections::BTreeMap;

use sqlx::SqliteConnection;

use tripoint_model::Timestamp;

use super::deliveries::{Ended, Routed};
use super::rows::signed;
use super::{StoreError, counts, outbox};
use crate::notify::news::News;
use crate::notify::plan::{Hold, Placed, Watch};

/// How many messages each channel holds, as counted once in a transaction.
#[derive(Default)]
pub(super) struct Rooms(BTreeMap<String, i64>);

impl Rooms {
    /// Whether there is room for one more, which is then taken.
    async fn take(&mut self, connection: &mut SqliteConnection, channel: &str) -> Result<bool, StoreError> {
        let held = match self.0.get(channel) {
            Some(held) => *held,
            None => {
                let held = "SELECT COUNT(*) FROM deliveries WHERE channel = $1 AND state <> 'dead'";
                sqlx::query_scalar(held).bind(channel).fetch_one(connection).await?
            }
        };
        let is_free = held < outbox::WAITING_MAX;
        self.0.insert(channel.to_owned(), held + i64::from(is_free));
        Ok(is_free)
    }
}

/// Gives one message to its channels, and writes down what is watched and followed.
pub(super) async fn route(
    connection: &mut SqliteConnection,
    one: Routed,
    rooms: &mut Rooms,
    now: Timestamp,
) -> Result<(), StoreError> {
    if let Some(number) = one.number
        && !outbox::take_out(connection, number).await?
    {
        return Ok(());
    }
    if one.is_lost {
        counts::add(connection, outbox::UNDELIVERED, 1).await?;
    }
    for placed in &one.placed {
        if rooms.take(connection, &placed.channel).await? {
            insert(connection, placed, &one.body, now).await?;
        } else {
            counts::add(connection, &format!("channel/{}/lost", placed.channel), 1).await?;
            counts::add(connection, outbox::UNDELIVERED, 1).await?;
        }
    }
    let Some(alert) = &one.alert else { return Ok(()) };
    for watch in &one.watches {
        watch_on(connection, alert, watch).await?;
    }
    for channel in &one.follow {
        sqlx::query(
            "INSERT INTO followed (alert, channel, told) VALUES ($1, $2, $3) ON CONFLICT (alert, channel) \
             DO UPDATE SET told = excluded.told",
        )
        .bind(alert)
        .bind(channel)
        .bind(now.0)
        .execute(&mut *connection)
        .await?;
    }
    if let Some(channel) = &one.unfollow {
        sqlx::query("DELETE FROM followed WHERE alert = $1 AND channel = $2")
            .bind(alert)
            .bind(channel)
            .execute(&mut *connection)
            .await?;
    }
    if one.over {
        for table in ["DELETE FROM followed WHERE alert = $1", "DELETE FROM watches WHERE alert = $1"] {
            sqlx::query(table).bind(alert).execute(&mut *connection).await?;
        }
    }
    Ok(())
}

/// Watches an alert for a route; a step before is forgotten.
pub(super) async fn watch_on(connection: &mut SqliteConnection, alert: &str, watch: &Watch) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO watches (alert, route, step, due) VALUES ($1, $2, $3, $4) ON CONFLICT (alert, route) \
         DO UPDATE SET step = excluded.step, due = excluded.due",
    )
    .bind(alert)
    .bind(&watch.route)
    .bind(i64::try_from(watch.step).unwrap_or(0))
    .bind(watch.due.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts one message into a channel's queue.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    placed: &Placed,
    body: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let number = next_number(connection).await?;
    let (state, bundle, due) = match &placed.hold {
        Some(Hold { bundle, due }) => {
            ("held", bundle.as_str(), first_due(connection, &placed.channel, bundle, *due).await?)
        }
        None => ("waiting", "", now),
    };
    sqlx::query(
        "INSERT INTO deliveries (number, channel, state, bundle, due, queued, tries, error, line, body) \
         VALUES ($1, $2, $3, $4, $5, $6, 0, '', $7, $8)",
    )
    .bind(number)
    .bind(&placed.channel)
    .bind(state)
    .bind(bundle)
    .bind(due.0)
    .bind(now.0)
    .bind(line(body))
    .bind(body)
    .execute(connection)
    .await?;
    Ok(())
}

/// A place behind everything that ever waited.
async fn next_number(connection: &mut SqliteConnection) -> Result<i64, StoreError> {
    let number = signed(counts::read(&mut *connection, LAST).await?) + 1;
    counts::add(connection, LAST, 1).await?;
    Ok(number)
}

/// The first of a bundle says when all of it is told.
async fn first_due(
    connection: &mut SqliteConnection,
    channel: &str,
    bundle: &str,
    due: Timestamp,
) -> Result<Timestamp, StoreError> {
    let first: Option<i64> =
        sqlx::query_scalar("SELECT MIN(due) FROM deliveries WHERE channel = $1 AND state = 'held' AND bundle = $2")
            .bind(channel)
            .bind(bundle)
            .fetch_one(connection)
            .await?;
    Ok(first.map_or(due, Timestamp))
}

fn line(body: &str) -> String {
    match News::read(body) {
        Ok(news) => {
            let level = news.alert.as_ref().map(|alert| alert.severity.level.to_string()).unwrap_or_default();
            format!("{}\t{level}\t{}", news.kind.word(), news.headline())
        }
        Err(error) => format!("unreadable\t\t{error}"),
    }
}

/// Writes down what became of an attempt.
pub(super) async fn end(
    connection: &mut SqliteConnection,
    channel: &str,
    number: u64,
    ended: &Ended,
) -> Result<(), StoreError> {
    let number = signed(number);
    match ended {
        Ended::Delivered => {
            let gone =
                sqlx::query("DELETE FROM deliveries WHERE number = $1").bind(number).execute(&mut *connection).await?;
            if gone.rows_affected() > 0 {
                counts::add(connection, &format!("channel/{channel}/delivered"), 1).await?;
                counts::add(connection, outbox::DELIVERED, 1).await?;
            }
        }
        Ended::Failed(error) => {
            sqlx::query("UPDATE deliveries SET tries = tries + 1, error = $2 WHERE number = $1")
                .bind(number)
                .bind(error)
                .execute(connection)
                .await?;
        }
        Ended::Dead(error) => {
            let dead = "UPDATE deliveries SET state = 'dead', tries = tries + 1, error = $2 WHERE number = $1 AND state <> 'dead'";
            let dead = sqlx::query(dead).bind(number).bind(error).execute(&mut *connection).await?;
            if dead.rows_affected() > 0 {
                counts::add(connection, outbox::UNDELIVERED, 1).await?;
            }
            bound_dead(connection, channel).await?;
        }
    }
    Ok(())
}

/// The newest are kept; what gives way has been counted.
async fn bound_dead(connection: &mut SqliteConnection, channel: &str) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM deliveries WHERE state = 'dead' AND channel = $1 AND number IN (SELECT number FROM deliveries \
         WHERE channel = $1 AND state = 'dead' ORDER BY number DESC LIMIT -1 OFFSET $2)",
    )
    .bind(channel)
    .bind(DEAD_MAX)
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets dead letters that were written down before; how many. They were counted when they were given up.
pub(super) async fn forget_dead(connection: &mut SqliteConnection, before: Timestamp) -> Result<u64, StoreError> {
    let gone = "DELETE FROM deliveries WHERE state = 'dead' AND queued < $1";
    Ok(sqlx::query(gone).bind(before.0).execute(connection).await?.rows_affected())
}

/// Lets dead letters wait again, behind what waits already: these, or all. Their age counts from now: they are as good
/// as new to whoever wants them.
pub(super) async fn revive(
    connection: &mut SqliteConnection,
    channel: &str,
    numbers: &[u64],
    now: Timestamp,
) -> Result<u64, StoreError> {
    let wanted = serde_json::to_string(numbers).unwrap_or_default();
    let dead: Vec<i64> = sqlx::query_scalar(
        "SELECT number FROM deliveries WHERE channel = $1 AND state = 'dead' \
         AND ($2 = '[]' OR number IN (SELECT value FROM json_each($2))) ORDER BY number",
    )
    .bind(channel)
    .bind(wanted)
    .fetch_all(&mut *connection)
    .await?;
    for number in &dead {
        let place = next_number(connection).await?;
        sqlx::query("UPDATE deliveries SET number = $1, state = 'waiting', queued = $2, tries = 0 WHERE number = $3")
            .bind(place)
            .bind(now.0)
            .bind(number)
            .execute(&mut *connection)
            .await?;
    }
    let done = dead.len() as u64;
    counts::add(connection, outbox::UNDELIVERED, -signed(done)).await?;
    Ok(done)
}

/// Gives up what waits for channels other than these; how many messages.
pub(super) async fn bury_others(connection: &mut SqliteConnection, channels: &[String]) -> Result<u64, StoreError> {
    let known = serde_json::to_string(channels).unwrap_or_default();
    let others: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT channel FROM deliveries WHERE state <> 'dead' \
         AND channel NOT IN (SELECT value FROM json_each($1))",
    )
    .bind(&known)
    .fetch_all(&mut *connection)
    .await?;
    let mut gone = 0;
    for channel in &others {
        let dead = "UPDATE deliveries SET state = 'dead', error = 'there is no such channel any more' \
                    WHERE channel = $1 AND state <> 'dead'";
        gone += sqlx::query(dead).bind(channel).execute(&mut *connection).await?.rows_affected();
        bound_dead(connection, channel).await?;
    }
    counts::add(connection, outbox::UNDELIVERED, signed(gone)).await?;
    Ok(gone)
}

/// Messages that were given up and are kept for a person.
const DEAD_MAX: i64 = 1000;
const LAST: &str = "deliveries_last";
