//! How is everything kept in one SQLite file?

use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Row, SqliteConnection};

use tripoint_api::agent::Item;
use tripoint_api::people::LIMIT_MAX;
use tripoint_api::{AgentHealth, AgentIdentity, AgentStatus, AlertList, AlertQuery, Answer, Batch, NumberedOrder, Order};
use tripoint_model::alert::{Change, Comment};
use tripoint_model::{Alert, AlertId, AlertStatus, Exception, Outcome, Refusal, Timestamp};

use super::writer::Writer;
use super::{Ingested, OrderState, StatusCounts, Store, StoreError, Stored, WorkChange};
use crate::merge::{add_outcomes, add_refusals, merge};

/// One file, one writer, a few readers.
pub struct Sqlite {
    writer: Writer,
    readers: SqlitePool,
}

impl Sqlite {
    /// Opens or creates the file. Every commit is on the disk before it is acknowledged
    /// (`synchronous=FULL`: with less, a power cut loses acknowledged rows).
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(10));
        let mut connection = options.connect().await?;
        migrate(&mut connection).await?;
        let readers = SqlitePoolOptions::new().max_connections(4).connect_with(options.read_only(true)).await?;
        Ok(Self { writer: Writer::start(connection), readers })
    }
}

async fn migrate(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query("CREATE TABLE IF NOT EXISTS layout (version BIGINT NOT NULL)").execute(&mut *connection).await?;
    let found: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM layout").fetch_one(&mut *connection).await?;
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(StoreError::TooNew { found, known });
    }
    for (version, statements) in MIGRATIONS.iter().enumerate().skip(usize::try_from(found).unwrap_or(0)) {
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
        for statement in *statements {
            sqlx::query(*statement).execute(&mut *connection).await?;
        }
        sqlx::query("INSERT INTO layout (version) VALUES ($1)").bind(version as i64 + 1).execute(&mut *connection).await?;
        sqlx::query("COMMIT").execute(&mut *connection).await?;
    }
    Ok(())
}

/// Only ever added to. Text, BIGINT and `$n` only, so that the same text can serve PostgreSQL.
const MIGRATIONS: &[&[&str]] = &[&[
    "CREATE TABLE alerts (id TEXT PRIMARY KEY, host TEXT NOT NULL, rule TEXT NOT NULL, status TEXT NOT NULL, \
     suppressed BIGINT NOT NULL, last_seen BIGINT NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX alerts_newest ON alerts (last_seen, id)",
    "CREATE TABLE batches (boot_id TEXT PRIMARY KEY, sequence BIGINT NOT NULL)",
    "CREATE TABLE agents (host TEXT PRIMARY KEY, identity TEXT NOT NULL, last_seen BIGINT NOT NULL, health TEXT)",
    "CREATE TABLE orders (number BIGINT PRIMARY KEY, host TEXT NOT NULL, issued BIGINT NOT NULL, body TEXT NOT NULL, \
     state TEXT NOT NULL, answer TEXT)",
    "CREATE INDEX orders_of_host ON orders (host, state, number)",
    "CREATE TABLE exceptions (id TEXT PRIMARY KEY, expires BIGINT NOT NULL, body TEXT NOT NULL)",
    "CREATE TABLE ledger (host TEXT NOT NULL, at BIGINT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL, detail TEXT NOT NULL)",
]];

fn to_text(what: &'static str, value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Unreadable { what, why: error.to_string() })
}

fn from_text<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Unreadable { what, why: error.to_string() })
}

fn status_text(status: AlertStatus) -> &'static str {
    match status {
        AlertStatus::Open => "open",
        AlertStatus::Investigating => "investigating",
        AlertStatus::Contained => "contained",
        AlertStatus::Resolved => "resolved",
    }
}

/// SQL integers are signed; sequence and order numbers stay far below the limit.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

async fn load(connection: &mut SqliteConnection, id: &str) -> Result<Option<Alert>, StoreError> {
    let body: Option<String> =
        sqlx::query_scalar("SELECT body FROM alerts WHERE id = $1").bind(id).fetch_optional(connection).await?;
    body.map(|body| from_text("alert", &body)).transpose()
}

async fn save(connection: &mut SqliteConnection, alert: &Alert) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO alerts (id, host, rule, status, suppressed, last_seen, body) VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (id) DO UPDATE SET host = excluded.host, rule = excluded.rule, status = excluded.status, \
         suppressed = excluded.suppressed, last_seen = excluded.last_seen, body = excluded.body",
    )
    .bind(&alert.id.0)
    .bind(&alert.host)
    .bind(&alert.rule)
    .bind(status_text(alert.work.status))
    .bind(i64::from(alert.suppressed_by.is_some()))
    .bind(alert.last_seen.0)
    .bind(to_text("alert", alert)?)
    .execute(connection)
    .await?;
    Ok(())
}

async fn ingest(connection: &mut SqliteConnection, batch: Batch, now: Timestamp) -> Result<Ingested, StoreError> {
    let boot_id = &batch.agent.boot_id;
    let known: Option<i64> = sqlx::query_scalar("SELECT sequence FROM batches WHERE boot_id = $1")
        .bind(boot_id)
        .fetch_optional(&mut *connection)
        .await?;
    if let Some(known) = known.map(unsigned).filter(|known| *known >= batch.sequence) {
        return Ok(Ingested { acknowledged: known, changed: Vec::new() });
    }
    sqlx::query(
        "INSERT INTO agents (host, identity, last_seen) VALUES ($1, $2, $3) \
         ON CONFLICT (host) DO UPDATE SET identity = excluded.identity, last_seen = excluded.last_seen",
    )
    .bind(&batch.agent.host)
    .bind(to_text("agent", &batch.agent)?)
    .bind(now.0)
    .execute(&mut *connection)
    .await?;
    let mut changed: Vec<AlertId> = Vec::new();
    for item in batch.items {
        if let Some(id) = take(connection, &batch.agent.host, item, now).await?
            && !changed.contains(&id)
        {
            changed.push(id);
        }
    }
    sqlx::query(
        "INSERT INTO batches (boot_id, sequence) VALUES ($1, $2) \
         ON CONFLICT (boot_id) DO UPDATE SET sequence = excluded.sequence",
    )
    .bind(boot_id)
    .bind(signed(batch.sequence))
    .execute(&mut *connection)
    .await?;
    let mut alerts = Vec::with_capacity(changed.len());
    for id in changed {
        alerts.extend(load(connection, &id.0).await?);
    }
    Ok(Ingested { acknowledged: batch.sequence, changed: alerts })
}

/// Takes one item; the alert that it changed.
async fn take(connection: &mut SqliteConnection, host: &str, item: Item, now: Timestamp) -> Result<Option<AlertId>, StoreError> {
    match item {
        Item::Alert { alert } => {
            let stored = load(connection, &alert.id.0).await?;
            // An agent speaks for its own host only.
            let merged = merge(stored, Alert { host: host.to_owned(), ..*alert }, now);
            save(connection, &merged).await?;
            Ok(Some(merged.id))
        }
        Item::Outcome { alert: Some(id), outcome } => {
            let changed = add_to_alert(connection, &id, &[outcome], &[], now).await?;
            Ok(changed.map(|alert| alert.id))
        }
        Item::Outcome { alert: None, outcome } => {
            let detail = to_text("outcome", &outcome)?;
            note(connection, host, outcome.at, &outcome.id, "outcome", &detail).await?;
            Ok(None)
        }
        Item::Health { health, .. } => {
            sqlx::query("UPDATE agents SET health = $1 WHERE host = $2")
                .bind(to_text("health", &health)?)
                .bind(host)
                .execute(connection)
                .await?;
            Ok(None)
        }
        Item::Ledger { entry } => {
            note(connection, host, entry.at, &entry.id, &entry.state, &entry.detail).await?;
            Ok(None)
        }
    }
}

async fn note(connection: &mut SqliteConnection, host: &str, at: Timestamp, id: &str, state: &str, detail: &str) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO ledger (host, at, id, state, detail) VALUES ($1, $2, $3, $4, $5)")
        .bind(host)
        .bind(at.0)
        .bind(id)
        .bind(state)
        .bind(detail)
        .execute(connection)
        .await?;
    Ok(())
}

async fn add_to_alert(
    connection: &mut SqliteConnection,
    id: &AlertId,
    outcomes: &[Outcome],
    refusals: &[Refusal],
    now: Timestamp,
) -> Result<Option<Alert>, StoreError> {
    let Some(mut alert) = load(connection, &id.0).await? else { return Ok(None) };
    add_outcomes(&mut alert, outcomes, now);
    add_refusals(&mut alert, refusals);
    save(connection, &alert).await?;
    Ok(Some(alert))
}

async fn work(connection: &mut SqliteConnection, id: &str, change: WorkChange, author: String, now: Timestamp) -> Result<Option<Alert>, StoreError> {
    let Some(mut alert) = load(connection, id).await? else { return Ok(None) };
    let comment = match &change {
        WorkChange::Resolve(_, comment) | WorkChange::Reopen(comment) => comment.clone(),
        WorkChange::Comment(text) => Some(text.clone()),
        WorkChange::Assign(_) => None,
    };
    let what = match change {
        WorkChange::Resolve(resolution, _) => {
            alert.work.status = AlertStatus::Resolved;
            alert.work.resolution = Some(resolution);
            let word = to_text("resolution", &resolution)?;
            Some(format!("resolved as {}", word.trim_matches('"')))
        }
        WorkChange::Reopen(_) => {
            alert.work.status = AlertStatus::Open;
            alert.work.resolution = None;
            Some("reopened".to_owned())
        }
        WorkChange::Comment(_) => None,
        WorkChange::Assign(assignee) => {
            if assignee.is_some() && alert.work.status == AlertStatus::Open {
                alert.work.status = AlertStatus::Investigating;
            }
            let what = assignee.as_ref().map_or_else(|| "assigned to nobody".to_owned(), |who| format!("assigned to {who}"));
            alert.work.assignee = assignee;
            Some(what)
        }
    };
    if let Some(text) = comment.filter(|text| !text.is_empty()) {
        alert.work.comments.push(Comment { at: now, author: author.clone(), text });
    }
    alert.work.history.extend(what.map(|what| Change { at: now, author, what }));
    save(connection, &alert).await?;
    Ok(Some(alert))
}

async fn give(connection: &mut SqliteConnection, hosts: Vec<String>, order: Order, now: Timestamp) -> Result<Vec<u64>, StoreError> {
    let last: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(number), 0) FROM orders").fetch_one(&mut *connection).await?;
    let body = to_text("order", &order)?;
    let mut numbers = Vec::with_capacity(hosts.len());
    for (number, host) in (last + 1..).zip(hosts) {
        sqlx::query("INSERT INTO orders (number, host, issued, body, state) VALUES ($1, $2, $3, $4, 'waiting')")
            .bind(number)
            .bind(host)
            .bind(now.0)
            .bind(&body)
            .execute(&mut *connection)
            .await?;
        numbers.push(unsigned(number));
    }
    // The newest stays, so that numbers are never used twice.
    sqlx::query("DELETE FROM orders WHERE issued < $1 AND number < $2")
        .bind(now.minus(ORDERS_KEPT).0)
        .bind(last)
        .execute(connection)
        .await?;
    Ok(numbers)
}

async fn hand_out(connection: &mut SqliteConnection, host: &str, after: u64, now: Timestamp) -> Result<Vec<NumberedOrder>, StoreError> {
    let rows = sqlx::query(
        "SELECT number, issued, body FROM orders WHERE host = $1 AND state IN ('waiting', 'handed') AND number > $2 \
         ORDER BY number LIMIT 100",
    )
    .bind(host)
    .bind(signed(after))
    .fetch_all(&mut *connection)
    .await?;
    let mut orders = Vec::new();
    for row in rows {
        let number: i64 = row.try_get(0)?;
        let issued = Timestamp(row.try_get(1)?);
        let order: Order = from_text("order", &row.try_get::<String, _>(2)?)?;
        let stale = matches!(order, Order::Act { .. } | Order::ReleaseAll) && now.since(issued) > FRESH;
        sqlx::query("UPDATE orders SET state = $1 WHERE number = $2")
            .bind(if stale { "withdrawn" } else { "handed" })
            .bind(number)
            .execute(&mut *connection)
            .await?;
        if !stale {
            orders.push(NumberedOrder { number: unsigned(number), issued, order });
        }
    }
    Ok(orders)
}

async fn answer(connection: &mut SqliteConnection, number: u64, answer: Answer, now: Timestamp) -> Result<Option<Vec<Alert>>, StoreError> {
    let row = sqlx::query("SELECT state, body FROM orders WHERE number = $1")
        .bind(signed(number))
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    if row.try_get::<String, _>(0)? == "answered" {
        return Ok(Some(Vec::new()));
    }
    sqlx::query("UPDATE orders SET state = 'answered', answer = $1 WHERE number = $2")
        .bind(to_text("answer", &answer)?)
        .bind(signed(number))
        .execute(&mut *connection)
        .await?;
    let Order::Act { actions, dry_run: false, .. } = from_text("order", &row.try_get::<String, _>(1)?)? else {
        return Ok(Some(Vec::new()));
    };
    let mut causes: Vec<AlertId> = actions.into_iter().filter_map(|action| action.cause).collect();
    causes.sort();
    causes.dedup();
    let mut changed = Vec::new();
    for cause in causes {
        changed.extend(add_to_alert(connection, &cause, &answer.outcomes, &answer.refused, now).await?);
    }
    Ok(Some(changed))
}

async fn order_state<'c>(executor: impl sqlx::SqliteExecutor<'c>, number: u64) -> Result<Option<OrderState>, StoreError> {
    let row = sqlx::query("SELECT state, answer FROM orders WHERE number = $1").bind(signed(number)).fetch_optional(executor).await?;
    let Some(row) = row else { return Ok(None) };
    let state: String = row.try_get(0)?;
    Ok(Some(match state.as_str() {
        "waiting" => OrderState::Waiting,
        "handed" => OrderState::Handed,
        "answered" => OrderState::Answered(from_text("answer", &row.try_get::<Option<String>, _>(1)?.unwrap_or_default())?),
        _ => OrderState::Withdrawn,
    }))
}

impl Sqlite {
    async fn page(&self, query: AlertQuery) -> Result<AlertList, StoreError> {
        let limit = query.limit.unwrap_or(100).clamp(1, LIMIT_MAX);
        // The cursor is the last row's place: its time, then its id.
        let (time, id) = query
            .after
            .as_deref()
            .and_then(|cursor| cursor.split_once('-'))
            .and_then(|(time, id)| Some((time.parse::<i64>().ok()?, id.to_owned())))
            .unwrap_or((i64::MAX, String::new()));
        let rows = sqlx::query(
            "SELECT body FROM alerts WHERE ($1 = '' OR status = $1) AND ($2 = '' OR rule = $2) AND ($3 = '' OR host = $3) \
             AND suppressed <= $4 AND (last_seen < $5 OR (last_seen = $5 AND id > $6)) \
             ORDER BY last_seen DESC, id LIMIT $7",
        )
        .bind(query.status.map_or("", status_text))
        .bind(query.rule.unwrap_or_default())
        .bind(query.host.unwrap_or_default())
        .bind(i64::from(query.suppressed.unwrap_or(false)))
        .bind(time)
        .bind(id)
        .bind(i64::from(limit) + 1)
        .fetch_all(&self.readers)
        .await?;
        let mut alerts: Vec<Alert> = Vec::with_capacity(rows.len());
        for row in rows {
            alerts.push(from_text("alert", &row.try_get::<String, _>(0)?)?);
        }
        let more = alerts.len() > limit as usize;
        alerts.truncate(limit as usize);
        let next = alerts.last().filter(|_| more).map(|last| format!("{}-{}", last.last_seen.0, last.id));
        Ok(AlertList { alerts, next })
    }

    async fn all_agents(&self) -> Result<Vec<AgentStatus>, StoreError> {
        let rows = sqlx::query("SELECT identity, last_seen, health FROM agents ORDER BY host").fetch_all(&self.readers).await?;
        let mut agents = Vec::with_capacity(rows.len());
        for row in rows {
            let agent: AgentIdentity = from_text("agent", &row.try_get::<String, _>(0)?)?;
            let health: Option<String> = row.try_get(2)?;
            let health: Option<AgentHealth> = health.map(|text| from_text("health", &text)).transpose()?;
            agents.push(AgentStatus { agent, last_seen: Timestamp(row.try_get(1)?), connected: false, health });
        }
        Ok(agents)
    }
}

impl Store for Sqlite {
    fn ingest(&self, batch: Batch, now: Timestamp) -> Stored<'_, Ingested> {
        Box::pin(self.writer.submit(move |connection| Box::pin(ingest(connection, batch, now))))
    }

    fn alerts(&self, query: AlertQuery) -> Stored<'_, AlertList> {
        Box::pin(self.page(query))
    }

    fn alert(&self, id: String) -> Stored<'_, Option<Alert>> {
        Box::pin(async move {
            let mut connection = self.readers.acquire().await?;
            load(&mut connection, &id).await
        })
    }

    fn work(&self, id: String, change: WorkChange, author: String, now: Timestamp) -> Stored<'_, Option<Alert>> {
        Box::pin(self.writer.submit(move |connection| Box::pin(async move { work(connection, &id, change, author, now).await })))
    }

    fn counts(&self) -> Stored<'_, StatusCounts> {
        Box::pin(async move {
            let rows = sqlx::query("SELECT status, COUNT(*) FROM alerts GROUP BY status ORDER BY status").fetch_all(&self.readers).await?;
            let mut counts = Vec::new();
            for row in rows {
                let status = from_text("status", &format!("\"{}\"", row.try_get::<String, _>(0)?))?;
                counts.push((status, unsigned(row.try_get(1)?)));
            }
            Ok(counts)
        })
    }

    fn exceptions(&self, now: Timestamp) -> Stored<'_, Vec<Exception>> {
        Box::pin(async move {
            let bodies: Vec<String> = sqlx::query_scalar("SELECT body FROM exceptions WHERE expires > $1 ORDER BY expires, id")
                .bind(now.0)
                .fetch_all(&self.readers)
                .await?;
            bodies.iter().map(|body| from_text("exception", body)).collect()
        })
    }

    fn add_exception(&self, exception: Exception) -> Stored<'_, ()> {
        Box::pin(self.writer.submit(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO exceptions (id, expires, body) VALUES ($1, $2, $3) \
                     ON CONFLICT (id) DO UPDATE SET expires = excluded.expires, body = excluded.body",
                )
                .bind(&exception.id)
                .bind(exception.expires.0)
                .bind(to_text("exception", &exception)?)
                .execute(connection)
                .await?;
                Ok(())
            })
        }))
    }

    fn remove_exception(&self, id: String) -> Stored<'_, bool> {
        Box::pin(self.writer.submit(move |connection| {
            Box::pin(async move {
                let done = sqlx::query("DELETE FROM exceptions WHERE id = $1").bind(id).execute(connection).await?;
                Ok(done.rows_affected() > 0)
            })
        }))
    }

    fn agents(&self) -> Stored<'_, Vec<AgentStatus>> {
        Box::pin(self.all_agents())
    }

    fn give(&self, hosts: Vec<String>, order: Order, now: Timestamp) -> Stored<'_, Vec<u64>> {
        Box::pin(self.writer.submit(move |connection| Box::pin(give(connection, hosts, order, now))))
    }

    fn hand_out(&self, host: String, after: u64, now: Timestamp) -> Stored<'_, Vec<NumberedOrder>> {
        Box::pin(async move {
            // Most questions find nothing: those do not wait for the writer.
            let waiting: Option<i64> = sqlx::query_scalar(
                "SELECT number FROM orders WHERE host = $1 AND state IN ('waiting', 'handed') AND number > $2 LIMIT 1",
            )
            .bind(&host)
            .bind(signed(after))
            .fetch_optional(&self.readers)
            .await?;
            if waiting.is_none() {
                return Ok(Vec::new());
            }
            self.writer.submit(move |connection| Box::pin(async move { hand_out(connection, &host, after, now).await })).await
        })
    }

    fn answer(&self, number: u64, said: Answer, now: Timestamp) -> Stored<'_, Option<Vec<Alert>>> {
        Box::pin(self.writer.submit(move |connection| Box::pin(answer(connection, number, said, now))))
    }

    fn order(&self, number: u64) -> Stored<'_, Option<OrderState>> {
        Box::pin(order_state(&self.readers, number))
    }

    fn withdraw(&self, number: u64) -> Stored<'_, Option<OrderState>> {
        Box::pin(self.writer.submit(move |connection| {
            Box::pin(async move {
                sqlx::query("UPDATE orders SET state = 'withdrawn' WHERE number = $1 AND state = 'waiting'")
                    .bind(signed(number))
                    .execute(&mut *connection)
                    .await?;
                order_state(connection, number).await
            })
        }))
    }
}

/// How long an action waits for its agent; who asked was told after ten seconds that nobody answered.
const FRESH: Duration = Duration::from_secs(60);
/// How long orders are remembered.
const ORDERS_KEPT: Duration = Duration::from_secs(30 * 86_400);
