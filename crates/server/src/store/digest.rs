//! How do many messages become one?

use std::collections::BTreeMap;

use serde_json::json;
use sqlx::{Row, SqliteConnection};

use tripoint_model::Timestamp;

use super::rows::unsigned;
use super::{StoreError, divide};
use crate::notify::news::{Digest, Kind};
use crate::notify::plan::Placed;

/// Makes one message of each bundle that is due; how many. A message that waited alone goes as it is.
pub(super) async fn release(connection: &mut SqliteConnection, now: Timestamp) -> Result<u64, StoreError> {
    let bundles = sqlx::query(
        "SELECT channel, bundle, COUNT(*) FROM deliveries WHERE state = 'held' GROUP BY channel, bundle HAVING MIN(due) <= $1",
    )
    .bind(now.0)
    .fetch_all(&mut *connection)
    .await?;
    for row in &bundles {
        let (channel, bundle): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        if row.try_get::<i64, _>(2)? > 1 {
            let digest = gather(connection, &channel, &bundle).await?;
            let body = json!({ "schema": 1, "type": Kind::Digest, "at": now, "digest": digest }).to_string();
            sqlx::query("DELETE FROM deliveries WHERE channel = $1 AND state = 'held' AND bundle = $2")
                .bind(&channel)
                .bind(&bundle)
                .execute(&mut *connection)
                .await?;
            divide::insert(connection, &Placed { channel, hold: None }, &body, now).await?;
        } else {
            sqlx::query("UPDATE deliveries SET state = 'waiting', queued = $3 WHERE channel = $1 AND state = 'held' AND bundle = $2")
                .bind(&channel)
                .bind(&bundle)
                .bind(now.0)
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(bundles.len() as u64)
}

async fn gather(connection: &mut SqliteConnection, channel: &str, bundle: &str) -> Result<Digest, StoreError> {
    let rows = sqlx::query(
        "SELECT line, queued FROM deliveries WHERE channel = $1 AND state = 'held' AND bundle = $2 ORDER BY number",
    )
    .bind(channel)
    .bind(bundle)
    .fetch_all(connection)
    .await?;
    let mut digest = Digest { why: bundle.to_owned(), count: rows.len() as u64, ..Digest::default() };
    let add = |counts: &mut BTreeMap<String, u64>, name: &str| {
        if !name.is_empty() {
            *counts.entry(name.to_owned()).or_default() += 1;
        }
    };
    for (at, row) in rows.iter().enumerate() {
        let (line, queued): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        let mut parts = line.splitn(3, '\t');
        add(&mut digest.types, parts.next().unwrap_or_default());
        add(&mut digest.levels, parts.next().unwrap_or_default());
        if at == 0 {
            digest.from = Timestamp(queued);
        }
        digest.until = Timestamp(queued);
        if at < LINES {
            digest.lines.push(parts.next().unwrap_or_default().to_owned());
        }
    }
    digest.left_out = unsigned(i64::try_from(rows.len().saturating_sub(LINES)).unwrap_or(0));
    Ok(digest)
}

/// Messages of a digest that have a line.
const LINES: usize = 100;
