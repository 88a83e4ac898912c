//! Which rows of the audit are still to be told elsewhere?
//!
//! A mark of each receiver says how far it was told. Rows are taken from the chain itself, in its order, and only as
//! fast as that receiver takes them: one that is away for long finds them all and holds up no other, and the queue of
//! other news has its room.

use sqlx::{Row as _, SqliteConnection};

use tripoint_model::Timestamp;

use super::StoreError;
use super::deliveries::{Deliveries, Routed};
use super::divide::{Rooms, route};
use super::outbox::WAITING_MAX;
use super::rows::{signed, unsigned};
use crate::auth::audit::chain::Row;
use crate::auth::audit::offline::shown;
use crate::notify::news;
use crate::notify::plan::Placed;

/// The number of the last row that a channel was told. What all of them shared before is the mark of a channel without
/// a name, until each has one.
pub(super) const TABLE: &[&str] = &[
    "CREATE TABLE audit_told (channel TEXT PRIMARY KEY, number BIGINT NOT NULL)",
    "INSERT INTO audit_told (channel, number) SELECT '', value FROM counts WHERE name = 'audit_told'",
    "DELETE FROM counts WHERE name = 'audit_told'",
];

impl Deliveries {
    /// Writes the next rows down for each channel that has taken its last ones; whether there are more for any.
    pub(crate) async fn tell_audit(&self, channels: &[String], now: Timestamp) -> Result<bool, StoreError> {
        let last: Option<i64> = sqlx::query_scalar("SELECT MAX(number) FROM audit").fetch_one(&self.readers).await?;
        let last = last.unwrap_or(0);
        let mut behind = Vec::new();
        for channel in channels {
            let told = told(&mut *self.readers.acquire().await?, channel).await?;
            if told.is_none_or(|told| told < last) && self.has_room(channel).await? {
                behind.push(channel.clone());
            }
        }
        if behind.is_empty() {
            return Ok(false);
        }
        let all = channels.to_vec();
        self.writer
            .submit(move |connection| {
                Box::pin(async move {
                    begin(connection, &all).await?;
                    let mut is_more = false;
                    for channel in behind {
                        is_more |= next(connection, &channel, now).await?;
                    }
                    Ok(is_more)
                })
            })
            .await
    }

    /// Up to which row all of these have been told; nothing to wait for where there are none.
    pub(crate) async fn audit_told(&self, channels: &[String]) -> Result<u64, StoreError> {
        let mut least = i64::MAX;
        for channel in channels {
            least = least.min(told(&mut *self.readers.acquire().await?, channel).await?.unwrap_or(0));
        }
        Ok(unsigned(least))
    }

    async fn has_room(&self, channel: &str) -> Result<bool, StoreError> {
        let counted = "SELECT COALESCE(SUM(state = 'waiting'), 0), COUNT(*) FROM deliveries \
                       WHERE channel = $1 AND state <> 'dead'";
        let row = sqlx::query(counted).bind(channel).fetch_one(&self.readers).await?;
        let (waiting, held): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        Ok(waiting < TOGETHER && held + TOGETHER <= WAITING_MAX)
    }
}

async fn told(connection: &mut SqliteConnection, channel: &str) -> Result<Option<i64>, StoreError> {
    let told = sqlx::query_scalar("SELECT number FROM audit_told WHERE channel = $1").bind(channel);
    Ok(told.fetch_optional(connection).await?)
}

/// Gives each channel a mark of its own: the one that all had where there is one, else before the first row.
async fn begin(connection: &mut SqliteConnection, channels: &[String]) -> Result<(), StoreError> {
    let shared = told(&mut *connection, SHARED).await?;
    for channel in channels {
        sqlx::query("INSERT INTO audit_told (channel, number) VALUES ($1, $2) ON CONFLICT (channel) DO NOTHING")
            .bind(channel)
            .bind(shared.unwrap_or(0))
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query("DELETE FROM audit_told WHERE channel = $1").bind(SHARED).execute(connection).await?;
    Ok(())
}

/// Puts the next rows into a channel's queue; whether there may be more.
async fn next(connection: &mut SqliteConnection, channel: &str, now: Timestamp) -> Result<bool, StoreError> {
    let told = told(&mut *connection, channel).await?.unwrap_or(0);
    let rows = sqlx::query("SELECT number, body, hash FROM audit WHERE number > $1 ORDER BY number LIMIT $2")
        .bind(told)
        .bind(TOGETHER)
        .fetch_all(&mut *connection)
        .await?;
    let (mut up_to, mut rooms) = (told, Rooms::default());
    for row in &rows {
        let row = Row { number: unsigned(row.try_get(0)?), body: row.try_get(1)?, hash: row.try_get(2)? };
        up_to = signed(row.number);
        let body = news::of_audit(&shown(row)).to_string();
        let placed = vec![Placed { channel: channel.to_owned(), hold: None }];
        route(connection, Routed { body, placed, ..Routed::default() }, &mut rooms, now).await?;
    }
    sqlx::query("UPDATE audit_told SET number = $2 WHERE channel = $1")
        .bind(channel)
        .bind(up_to)
        .execute(connection)
        .await?;
    Ok(rows.len() as i64 == TOGETHER)
}

/// No channel has this name.
const SHARED: &str = "";
/// Rows in one go, and as many may wait for a channel.
const TOGETHER: i64 = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Keep, Sqlite};

    #[tokio::test]
    async fn what_all_were_told_before_is_told_none_of_them_again_and_a_new_one_has_all() {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&folder.path().join("server.sqlite"), Keep::default()).await.unwrap();
        let deliveries = store.deliveries();
        let prepare = deliveries.writer.submit(|connection| {
            Box::pin(async move {
                for number in 1..=7 {
                    let add = sqlx::query("INSERT INTO audit (number, body, hash) VALUES ($1, '{}', 'x')").bind(number);
                    add.execute(&mut *connection).await?;
                }
                // As the migration of an older database leaves it.
                sqlx::query("INSERT INTO audit_told (channel, number) VALUES ('', 5)").execute(connection).await?;
                Ok(())
            })
        });
        prepare.await.unwrap();
        let both = ["a".to_owned(), "b".to_owned()];
        assert!(!deliveries.tell_audit(&both, Timestamp(1)).await.unwrap());
        let waiting = async || {
            let queues = deliveries.queues().await.unwrap();
            ["a", "b", "c"].map(|channel| queues.get(channel).map_or(0, |queue| queue.waiting))
        };
        assert_eq!(waiting().await, [2, 2, 0]);
        let three = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
        deliveries.tell_audit(&three, Timestamp(1)).await.unwrap();
        assert_eq!(waiting().await, [2, 2, 7]);
        assert!(!deliveries.tell_audit(&three, Timestamp(1)).await.unwrap());
        assert_eq!(waiting().await, [2, 2, 7]);
    }

    #[tokio::test]
    async fn what_was_given_up_long_ago_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&folder.path().join("server.sqlite"), Keep::default()).await.unwrap();
        let deliveries = store.deliveries();
        for (at, state) in [(10, "dead"), (20, "dead"), (10, "waiting")] {
            let body = serde_json::json!({"schema": 1, "type": "test", "at": Timestamp(at), "channel": "a"});
            let placed = vec![Placed { channel: "a".to_owned(), hold: None }];
            let one = Routed { body: body.to_string(), placed, ..Routed::default() };
            deliveries.route(vec![one], Timestamp(at)).await.unwrap();
            if state == "dead" {
                let number = deliveries.next("a", None).await.unwrap().unwrap().number;
                let ended = super::super::Ended::Dead("no".to_owned());
                deliveries.ended("a".to_owned(), vec![(number, ended)]).await.unwrap();
            }
        }
        assert_eq!(deliveries.forget_dead(Timestamp(10)).await.unwrap(), 0);
        assert_eq!(deliveries.forget_dead(Timestamp(15)).await.unwrap(), 1);
        let queue = deliveries.queues().await.unwrap()["a"];
        assert_eq!((queue.dead, queue.waiting), (1, 1), "neither newer ones nor what waits");
    }
}
