//! Which tables are there, and how does an older database become one of ours?

use sqlx::SqliteConnection;

use super::{
    StoreError, audit_told, bouncers, contacts, decisions, deliveries, exceptions, foreign, judged, outbox, queue,
    resets, sla, users, views,
};

/// Brings a database to the newest layout, or refuses one that is newer.
pub(super) async fn migrate(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query("CREATE TABLE IF NOT EXISTS layout (version BIGINT NOT NULL)").execute(&mut *connection).await?;
    let found: i64 =
        sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM layout").fetch_one(&mut *connection).await?;
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(StoreError::TooNew { found, known });
    }
    for (version, statements) in MIGRATIONS.iter().enumerate().skip(usize::try_from(found).unwrap_or(0)) {
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
        for statement in *statements {
            sqlx::query(*statement).execute(&mut *connection).await?;
        }
        sqlx::query("INSERT INTO layout (version) VALUES ($1)")
            .bind(version as i64 + 1)
            .execute(&mut *connection)
            .await?;
        sqlx::query("COMMIT").execute(&mut *connection).await?;
    }
    Ok(())
}

/// Only ever added to. Text, BIGINT and `$n` only, so that the same text can serve PostgreSQL.
pub(super) const MIGRATIONS: &[&[&str]] = &[
    &[
        "CREATE TABLE alerts (id TEXT PRIMARY KEY, host TEXT NOT NULL, rule TEXT NOT NULL, status TEXT NOT NULL, \
     suppressed BIGINT NOT NULL, last_seen BIGINT NOT NULL, body TEXT NOT NULL)",
        "CREATE INDEX alerts_newest ON alerts (last_seen, id)",
        "CREATE TABLE batches (boot_id TEXT PRIMARY KEY, sequence BIGINT NOT NULL)",
        "CREATE TABLE agents (host TEXT PRIMARY KEY, identity TEXT NOT NULL, last_seen BIGINT NOT NULL, health TEXT)",
        "CREATE TABLE orders (number BIGINT PRIMARY KEY, host TEXT NOT NULL, issued BIGINT NOT NULL, body TEXT NOT NULL, \
     state TEXT NOT NULL, answer TEXT)",
        "CREATE INDEX orders_of_host ON orders (host, state, number)",
        "CREATE TABLE exceptions (id TEXT PRIMARY KEY, expires BIGINT NOT NULL, body TEXT NOT NULL)",
        "CREATE TABLE ledger (host TEXT NOT NULL, kept BIGINT NOT NULL, at BIGINT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL, \
     detail TEXT NOT NULL)",
        "CREATE INDEX ledger_oldest ON ledger (kept)",
    ],
    &[
        "ALTER TABLE alerts ADD COLUMN changed BIGINT NOT NULL DEFAULT 0",
        "UPDATE alerts SET changed = last_seen",
        "CREATE INDEX alerts_changed ON alerts (changed, id)",
    ],
    // Older rows have no indicator and are not counted as met before.
    &[
        "ALTER TABLE alerts ADD COLUMN indicator TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE alerts ADD COLUMN first_seen BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE alerts ADD COLUMN refuted BIGINT NOT NULL DEFAULT 0",
        "CREATE INDEX alerts_of_indicator ON alerts (indicator, first_seen)",
        "CREATE TABLE verdicts (alert TEXT NOT NULL, feed TEXT NOT NULL, category TEXT NOT NULL, wrong BIGINT NOT NULL, \
     PRIMARY KEY (alert, feed, category))",
    ],
    decisions::TABLES,
    &[bouncers::TABLE],
    exceptions::COUNTS,
    contacts::TABLES,
    outbox::TABLES,
    queue::TABLES,
    users::TABLES,
    views::TABLES,
    deliveries::TABLES,
    &[foreign::TABLE],
    queue::WHOLE,
    deliveries::FOLLOWED,
    sla::TABLES,
    queue::WORDS,
    &[resets::TABLE],
    judged::TABLE,
    &[views::OF_HOST],
    audit_told::TABLE,
];
