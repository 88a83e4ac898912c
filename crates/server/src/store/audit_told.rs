//! Which rows of the audit are still to be told elsewhere?
//!
//! A mark says how far they were. Rows are taken from the chain itself, in its order, and only as fast as their receivers
//! take them: one that is away for long finds them all, and the queue of other news has its room.

use sqlx::{Row as _, SqliteConnection};

use tripoint_model::Timestamp;

use super::deliveries::Deliveries;
use super::outbox::{WAITING_MAX, queue};
use super::rows::{signed, unsigned};
use super::{StoreError, counts};
use crate::auth::audit::chain::Row;
use crate::auth::audit::offline::shown;
use crate::notify::news;

impl Deliveries {
    /// Writes the next rows down as messages, where their channels have taken the last ones; whether there are more.
    pub(crate) async fn tell_audit(&self, channels: &[String], now: Timestamp) -> Result<bool, StoreError> {
        let last: Option<i64> = sqlx::query_scalar("SELECT MAX(number) FROM audit").fetch_one(&self.readers).await?;
        if counts::read(&self.readers, TOLD).await? >= last.map_or(0, unsigned) {
            return Ok(false);
        }
        for channel in channels {
            let waiting = "SELECT COUNT(*) FROM deliveries WHERE channel = $1 AND state = 'waiting'";
            let waiting: i64 = sqlx::query_scalar(waiting).bind(channel).fetch_one(&self.readers).await?;
            if waiting >= TOGETHER {
                return Ok(false);
            }
        }
        self.writer.submit(move |connection| Box::pin(next(connection, now))).await
    }
}

async fn next(connection: &mut SqliteConnection, now: Timestamp) -> Result<bool, StoreError> {
    let told = counts::read(&mut *connection, TOLD).await?;
    let waiting: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM messages").fetch_one(&mut *connection).await?;
    let rows = sqlx::query("SELECT number, body, hash FROM audit WHERE number > $1 ORDER BY number LIMIT $2")
        .bind(signed(told))
        .bind(TOGETHER.min(WAITING_MAX - waiting).max(0))
        .fetch_all(&mut *connection)
        .await?;
    let mut up_to = told;
    for row in &rows {
        let row = Row { number: unsigned(row.try_get(0)?), body: row.try_get(1)?, hash: row.try_get(2)? };
        up_to = row.number;
        queue(connection, &news::of_audit(&shown(row)), now).await?;
    }
    counts::add(connection, TOLD, signed(up_to.saturating_sub(told))).await?;
    Ok(rows.len() as i64 == TOGETHER)
}

const TOLD: &str = "audit_told";
/// Rows in one go, and as many may wait for a channel.
const TOGETHER: i64 = 256;
