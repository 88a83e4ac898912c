//! How is the queue of alerts kept so that it is quick to search?
//!
//! Four tables beside the alerts: `queue`, short rows with what is sorted and counted by; `queue_terms`, what has
//! several values; `queue_lines`, the line that is shown and the words that are looked for; `queue_words`,
//! what these words are found by. All are made from the
//! alert when it is saved, in the same transaction, and can be made anew at any time.

mod facets;
mod page;
mod related;
mod sql;

use std::net::IpAddr;

use ipnet::IpNet;
use sqlx::{Row, SqliteConnection};

use tripoint_api::queue::{AlertSummary, NEVER, QueueRow};
use tripoint_model::{Alert, Observable, Timestamp};

use super::rows::{from_text, signed, to_text};
use super::{StoreError, sla};

pub(super) use facets::{LEVELS, begun, facets};
pub(super) use page::{changed, page};
pub(super) use related::{parts, related};

pub(super) const TABLES: &[&str] = &[
    "CREATE TABLE queue (id TEXT PRIMARY KEY, score BIGINT NOT NULL, severity BIGINT NOT NULL, confidence BIGINT NOT NULL, \
     count BIGINT NOT NULL, bytes_in BIGINT NOT NULL, bytes_out BIGINT NOT NULL, first_seen BIGINT NOT NULL, \
     last_seen BIGINT NOT NULL, changed BIGINT NOT NULL, open BIGINT NOT NULL, suppressed BIGINT NOT NULL, \
     merged BIGINT NOT NULL, blocked BIGINT NOT NULL, kev BIGINT NOT NULL, comments BIGINT NOT NULL, direction TEXT NOT NULL, \
     status TEXT NOT NULL, resolution TEXT NOT NULL, rule TEXT NOT NULL, host TEXT NOT NULL, application TEXT NOT NULL, \
     application_id TEXT NOT NULL, application_key TEXT NOT NULL, assignee TEXT NOT NULL, peer TEXT NOT NULL, low TEXT NOT NULL, high TEXT NOT NULL)",
    "CREATE INDEX queue_worst ON queue (score, last_seen, id)",
    "CREATE INDEX queue_seen ON queue (last_seen, id)",
    "CREATE INDEX queue_begun ON queue (first_seen, id)",
    "CREATE INDEX queue_changed ON queue (changed)",
    "CREATE TABLE queue_terms (id TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (field, value, id))",
    "CREATE INDEX queue_terms_of ON queue_terms (id)",
    "CREATE TABLE queue_lines (id TEXT PRIMARY KEY, title TEXT NOT NULL, words TEXT NOT NULL, line TEXT NOT NULL)",
];

/// `whole` is what a line does not show of fields with very many values. Lines of an older version that could not be
/// asked about all of them are made anew.
pub(super) const WHOLE: &[&str] = &[
    "ALTER TABLE queue_lines ADD COLUMN whole TEXT NOT NULL DEFAULT ''",
    "DELETE FROM queue WHERE id IN (SELECT id FROM queue_terms GROUP BY id, field HAVING COUNT(*) >= 32) \
     OR id IN (SELECT id FROM queue_lines WHERE LENGTH(words) >= 4096)",
];

/// What words are found by: an index of every three letters in a row, so that no line is read that does not hold them.
/// Only SQLite has it so; elsewhere another index takes its place. `number` is what it calls an alert.
pub(super) const WORDS: &[&str] = &[
    "ALTER TABLE queue ADD COLUMN number BIGINT",
    "UPDATE queue SET number = rowid",
    "CREATE UNIQUE INDEX queue_number ON queue (number)",
    "CREATE VIRTUAL TABLE queue_words USING fts5 (words, content = '', contentless_delete = 1, \
     tokenize = 'trigram case_sensitive 1')",
    "INSERT INTO queue_words (rowid, words) SELECT number, words FROM queue JOIN queue_lines ON queue_lines.id = queue.id",
];

/// Writes the line of an alert that was saved as changed at `changed`.
pub(super) async fn put(
    connection: &mut SqliteConnection,
    alert: &Alert,
    changed: Timestamp,
) -> Result<(), StoreError> {
    let row = QueueRow::of(alert, changed).promised(alert, &sla::read(connection).await?);
    put_words(connection, &row).await?;
    put_terms(connection, &row).await?;
    let whole = row.whole.as_ref().map(|whole| to_text("values of an alert", whole)).transpose()?;
    sqlx::query(
        "INSERT INTO queue_lines (id, title, words, line, whole) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO \
         UPDATE SET title = excluded.title, words = excluded.words, line = excluded.line, whole = excluded.whole",
    )
    .bind(&alert.id.0)
    .bind(lower(&row.summary.title))
    .bind(row.text.replace('\0', " "))
    .bind(to_text("line of the queue", &row.summary)?)
    .bind(whole.unwrap_or_default())
    .execute(connection)
    .await?;
    Ok(())
}

/// The short row, and what words are found by, where it is another than before.
async fn put_words(connection: &mut SqliteConnection, row: &QueueRow) -> Result<(), StoreError> {
    let (id, words) = (&row.summary.id.0, row.text.replace('\0', " "));
    let known: Option<String> = sqlx::query_scalar(
        "SELECT words FROM queue_lines WHERE id = $1 AND EXISTS (SELECT 1 FROM queue WHERE queue.id = queue_lines.id)",
    )
    .bind(id)
    .fetch_optional(&mut *connection)
    .await?;
    put_row(connection, &row.summary).await?;
    if known.is_some_and(|known| known == words) {
        return Ok(());
    }
    sqlx::query("DELETE FROM queue_words WHERE rowid = (SELECT number FROM queue WHERE id = $1)")
        .bind(id)
        .execute(&mut *connection)
        .await?;
    sqlx::query("INSERT INTO queue_words (rowid, words) SELECT number, $2 FROM queue WHERE id = $1")
        .bind(id)
        .bind(words)
        .execute(connection)
        .await?;
    Ok(())
}

/// Takes the line of an alert away.
pub(super) async fn remove(connection: &mut SqliteConnection, id: &str) -> Result<(), StoreError> {
    for text in [
        "DELETE FROM queue_words WHERE rowid = (SELECT number FROM queue WHERE id = $1)",
        "DELETE FROM queue WHERE id = $1",
        "DELETE FROM queue_terms WHERE id = $1",
        "DELETE FROM queue_lines WHERE id = $1",
    ] {
        sqlx::query(text).bind(id).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn put_row(connection: &mut SqliteConnection, row: &AlertSummary) -> Result<(), StoreError> {
    let word = |value: Result<String, StoreError>| value.map(|text| text.trim_matches('"').to_owned());
    let resolution = row.resolution.map(|resolution| word(to_text("resolution", &resolution))).transpose()?;
    let (low, high) = bounds(&row.indicator);
    sqlx::query(
        "INSERT INTO queue (id, score, severity, confidence, count, bytes_in, bytes_out, first_seen, last_seen, changed, open, \
         suppressed, merged, blocked, kev, comments, direction, status, resolution, rule, host, application, application_id, \
         application_key, assignee, peer, low, high, due, number) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
         $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, (SELECT COALESCE(MAX(number), 0) + 1 FROM queue)) ON CONFLICT (id) DO UPDATE SET score = excluded.score, \
         severity = excluded.severity, confidence = excluded.confidence, count = excluded.count, bytes_in = excluded.bytes_in, \
         bytes_out = excluded.bytes_out, first_seen = excluded.first_seen, last_seen = excluded.last_seen, \
         changed = excluded.changed, open = excluded.open, suppressed = excluded.suppressed, merged = excluded.merged, \
         blocked = excluded.blocked, kev = excluded.kev, comments = excluded.comments, direction = excluded.direction, \
         status = excluded.status, resolution = excluded.resolution, rule = excluded.rule, host = excluded.host, \
         application = excluded.application, application_id = excluded.application_id, application_key = excluded.application_key, assignee = excluded.assignee, \
         peer = excluded.peer, low = excluded.low, high = excluded.high, due = excluded.due",
    )
    .bind(&row.id.0)
    .bind(i64::from(row.score))
    .bind(row.level as i64)
    .bind(i64::from(row.confidence))
    .bind(signed(row.count))
    .bind(signed(row.bytes_in))
    .bind(signed(row.bytes_out))
    .bind(row.first_seen.0)
    .bind(row.last_seen.0)
    .bind(row.changed.0)
    .bind(i64::from(row.still_open))
    .bind(i64::from(row.suppressed_by.is_some()))
    .bind(i64::from(row.values.contains_key("merged")))
    .bind(i64::from(row.blocked_until.is_some()))
    .bind(i64::from(row.known_exploited))
    .bind(i64::from(row.comments))
    .bind(row.direction.as_str())
    .bind(super::rows::status_text(row.status))
    .bind(resolution.unwrap_or_default())
    .bind(lower(&row.rule))
    .bind(lower(&row.host))
    .bind(lower(&row.application.name))
    .bind(lower(&row.application.id))
    .bind(lower(&row.application.key()))
    .bind(lower(row.assignee.as_deref().unwrap_or("none")))
    .bind(lower(&row.indicator.to_string()))
    .bind(low)
    .bind(high)
    .bind(row.due.unwrap_or(NEVER).0)
    .execute(connection)
    .await?;
    Ok(())
}

/// Most changes of an alert leave its terms alone: they are written when they differ.
async fn put_terms(connection: &mut SqliteConnection, row: &QueueRow) -> Result<(), StoreError> {
    let id = &row.summary.id.0;
    let mut wanted: Vec<(String, String)> = Vec::new();
    for (field, values) in row.values() {
        let term = |value: &String| match field.as_str() {
            "address" => value.parse().ok().map(|address: IpAddr| sortable(address.into()).0),
            _ => Some(lower(value)),
        };
        wanted.extend(values.iter().filter_map(term).map(|value| (field.clone(), value)));
    }
    wanted.sort();
    wanted.dedup();
    let rows = sqlx::query("SELECT field, value FROM queue_terms WHERE id = $1 ORDER BY field, value")
        .bind(id)
        .fetch_all(&mut *connection)
        .await?;
    let known =
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<Vec<_>, sqlx::Error>>()?;
    if known == wanted {
        return Ok(());
    }
    sqlx::query("DELETE FROM queue_terms WHERE id = $1").bind(id).execute(&mut *connection).await?;
    sqlx::query("INSERT INTO queue_terms (id, field, value) SELECT $1, value ->> 0, value ->> 1 FROM json_each($2)")
        .bind(id)
        .bind(to_text("values of an alert", &wanted)?)
        .execute(connection)
        .await?;
    Ok(())
}

/// As texts are compared. A NUL would end a text for the database.
fn lower(text: &str) -> String {
    text.to_lowercase().replace('\0', " ")
}

/// The first and last address of a network as texts that sort like addresses; those of one family never lie between
/// those of the other.
fn sortable(net: IpNet) -> (String, String) {
    let text = |address: IpAddr| match address {
        IpAddr::V4(address) => format!("4{:08x}", u32::from(address)),
        IpAddr::V6(address) => format!("6{:032x}", u128::from(address)),
    };
    (text(net.network()), text(net.broadcast()))
}

/// The same of what is listed; empty where that is no address.
fn bounds(listed: &Observable) -> (String, String) {
    listed.net().map(sortable).unwrap_or_default()
}

/// Makes lines for alerts that have none: those of an older version.
pub(super) async fn fill(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    loop {
        let rows = sqlx::query(
            "SELECT changed, body FROM alerts WHERE id NOT IN (SELECT id FROM queue) ORDER BY id LIMIT 200",
        )
        .fetch_all(&mut *connection)
        .await?;
        if rows.is_empty() {
            return Ok(());
        }
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
        for row in rows {
            let alert: Alert = from_text("alert", &row.try_get::<String, _>(1)?)?;
            put(connection, &alert, Timestamp(row.try_get(0)?)).await?;
        }
        sqlx::query("COMMIT").execute(&mut *connection).await?;
    }
}

#[cfg(test)]
mod tests;
