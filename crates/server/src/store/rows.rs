//! Which rows does each change read and write?

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::{Row, SqliteConnection};

use tripoint_api::agent::Item;
use tripoint_api::{Answer, Batch, NumberedOrder, Order};
use tripoint_model::sla::Clock;
use tripoint_model::{Alert, AlertId, AlertStatus, Resolution, Timestamp};

use super::blocks::Said;
use super::contacts::Met;
use super::notes::Notes;
use super::outbox::Actions;
use super::{Ingested, Keep, OfHosts, OrderState, StoreError, alerts, contacts, queue};
use crate::auth::audit;

pub(super) fn to_text(what: &'static str, value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Unreadable { what, why: error.to_string() })
}

pub(super) fn from_text<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Unreadable { what, why: error.to_string() })
}

pub(super) fn status_text(status: AlertStatus) -> &'static str {
    match status {
        AlertStatus::Open => "open",
        AlertStatus::Investigating => "investigating",
        AlertStatus::Contained => "contained",
        AlertStatus::Resolved => "resolved",
    }
}

/// Hosts as SQL is told them; NULL for every one.
pub(super) fn names(of: &OfHosts) -> Result<Option<String>, StoreError> {
    of.as_ref().map(|hosts| to_text("hosts", hosts)).transpose()
}

/// SQL integers are signed; sequence and order numbers stay far below the limit.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

pub(super) async fn load(connection: &mut SqliteConnection, id: &str) -> Result<Option<Alert>, StoreError> {
    let body: Option<String> =
        sqlx::query_scalar("SELECT body FROM alerts WHERE id = $1").bind(id).fetch_optional(connection).await?;
    body.map(|body| from_text("alert", &body)).transpose()
}

/// Each change has a moment of its own, later than all before: who asks what changed after one misses nothing.
pub(super) async fn save(
    connection: &mut SqliteConnection,
    alert: &mut Alert,
    now: Timestamp,
) -> Result<(), StoreError> {
    alert.work.bound_history();
    alert.work.settled = crate::merge::settled(alert);
    alert.work.clock = Clock::follow(alert, now);
    let last: i64 =
        sqlx::query_scalar("SELECT COALESCE(MAX(changed), 0) FROM alerts").fetch_one(&mut *connection).await?;
    let changed = Timestamp(now.0.max(last.saturating_add(1)));
    queue::put(connection, alert, changed).await?;
    sqlx::query(
        "INSERT INTO alerts (id, host, rule, status, suppressed, last_seen, body, changed, indicator, first_seen, refuted) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
         ON CONFLICT (id) DO UPDATE SET host = excluded.host, rule = excluded.rule, status = excluded.status, \
         suppressed = excluded.suppressed, last_seen = excluded.last_seen, body = excluded.body, \
         changed = excluded.changed, indicator = excluded.indicator, first_seen = excluded.first_seen, \
         refuted = excluded.refuted",
    )
    .bind(&alert.id.0)
    .bind(&alert.host)
    .bind(&alert.rule)
    .bind(status_text(alert.work.status))
    .bind(i64::from(alert.suppressed_by.is_some()))
    .bind(alert.last_seen.0)
    .bind(to_text("alert", alert)?)
    .bind(changed.0)
    .bind(alert.indicator.to_string())
    .bind(alert.first_seen.0)
    .bind(i64::from(alert.work.resolution == Some(Resolution::FalsePositive)))
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn ingest(
    connection: &mut SqliteConnection,
    mut batch: Batch,
    keep: Keep,
    now: Timestamp,
) -> Result<Ingested, StoreError> {
    let boot_id = &batch.agent.boot_id;
    let known: Option<i64> = sqlx::query_scalar("SELECT sequence FROM batches WHERE boot_id = $1")
        .bind(boot_id)
        .fetch_optional(&mut *connection)
        .await?;
    // Sent again because our answer was lost, or nothing new in the spool.
    if let Some(known) = known.map(unsigned).filter(|known| *known >= batch.sequence) {
        batch.sequence = known;
        batch.items.retain(|item| matches!(item, Item::Health { .. }));
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
    let mut noticed = Noticed::default();
    for item in batch.items {
        for id in take(connection, &batch.agent.host, item, (keep, now), &mut noticed).await? {
            if !changed.contains(&id) {
                changed.push(id);
            }
        }
    }
    let host = &batch.agent.host;
    noticed.actions.tell(connection, keep.tell, host, now).await?;
    noticed.said.keep(connection, host, now).await?;
    noticed.notes.keep(connection, host, now).await?;
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
    Ok(Ingested { acknowledged: batch.sequence, changed: alerts, untaught: noticed.untaught, met: noticed.met })
}

/// What a batch brought beside changed alerts.
#[derive(Default)]
pub(super) struct Noticed {
    /// A verdict was taken back.
    pub(super) untaught: bool,
    pub(super) actions: Actions,
    said: Said,
    notes: Notes,
    met: Met,
}

/// Takes one item; the alerts that it changed.
async fn take(
    connection: &mut SqliteConnection,
    host: &str,
    item: Item,
    (keep, now): (Keep, Timestamp),
    noticed: &mut Noticed,
) -> Result<Vec<AlertId>, StoreError> {
    let ids = |alerts: Vec<Alert>| alerts.into_iter().map(|alert| alert.id).collect();
    match item {
        Item::Alert { alert } => {
            Ok(alerts::take(connection, host, *alert, keep.tell, now, noticed).await?.into_iter().collect())
        }
        Item::Outcome { alert: Some(id), outcome } => {
            noticed.actions.outcome(Some(&id), &outcome);
            let rule = load(connection, &id.0).await?.map(|alert| alert.rule);
            noticed.said.hear(&outcome, rule.as_deref().unwrap_or(UNASKED), now);
            Ok(ids(alerts::add(connection, host, &id, &[outcome], &[], now).await?))
        }
        Item::Outcome { alert: None, outcome } => {
            noticed.actions.outcome(None, &outcome);
            noticed.said.hear(&outcome, UNASKED, now);
            noticed.notes.add(outcome.at, &outcome.id, "outcome", to_text("outcome", &outcome)?);
            Ok(Vec::new())
        }
        Item::Refusal { alert, refusal } => Ok(ids(alerts::add(connection, host, &alert, &[], &[refusal], now).await?)),
        Item::Investigation { alert, found } => {
            let changed = alerts::investigated(connection, host, &alert, *found, (keep.tell, now), noticed).await?;
            Ok(changed.into_iter().collect())
        }
        Item::Health { health, .. } => {
            sqlx::query("UPDATE agents SET health = $1 WHERE host = $2")
                .bind(to_text("health", &health)?)
                .bind(host)
                .execute(connection)
                .await?;
            Ok(Vec::new())
        }
        // It was laid over its alert before, where somebody judges.
        Item::Software { .. } => Ok(Vec::new()),
        Item::Contacts { contacts, dropped } => {
            contacts::take(connection, host, (&contacts, dropped), (keep.contacts, now), &mut noticed.met).await?;
            Ok(Vec::new())
        }
        Item::Ledger { entry } => {
            noticed.actions.entry(&entry);
            noticed.notes.add(entry.at, &entry.id, &entry.state, entry.detail);
            Ok(Vec::new())
        }
    }
}

pub(super) async fn give(
    connection: &mut SqliteConnection,
    hosts: Vec<String>,
    order: Order,
    now: Timestamp,
) -> Result<Vec<u64>, StoreError> {
    let last: i64 =
        sqlx::query_scalar("SELECT COALESCE(MAX(number), 0) FROM orders").fetch_one(&mut *connection).await?;
    let body = to_text("order", &order)?;
    // A question is no change, and the row of the change that follows it is its own.
    if order.asks_only() {
        audit::nothing_changed();
    }
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

pub(super) async fn hand_out(
    connection: &mut SqliteConnection,
    host: &str,
    after: u64,
    now: Timestamp,
) -> Result<Vec<NumberedOrder>, StoreError> {
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
        let stale =
            matches!(order, Order::Act { .. } | Order::Approve { .. } | Order::Confirm { .. } | Order::ReleaseAll)
                && now.since(issued) > FRESH;
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

pub(super) async fn answer(
    connection: &mut SqliteConnection,
    number: u64,
    answer: Answer,
    now: Timestamp,
) -> Result<Option<Vec<Alert>>, StoreError> {
    let row = sqlx::query("SELECT state, body, host FROM orders WHERE number = $1")
        .bind(signed(number))
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let host: String = row.try_get(2)?;
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
        changed.extend(alerts::add(connection, &host, &cause, &answer.outcomes, &answer.refused, now).await?);
    }
    Ok(Some(changed))
}

pub(super) async fn order_state<'c>(
    executor: impl sqlx::SqliteExecutor<'c>,
    number: u64,
) -> Result<Option<OrderState>, StoreError> {
    let row = sqlx::query("SELECT state, answer FROM orders WHERE number = $1")
        .bind(signed(number))
        .fetch_optional(executor)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let state: String = row.try_get(0)?;
    Ok(Some(match state.as_str() {
        "waiting" => OrderState::Waiting,
        "handed" => OrderState::Handed,
        "answered" => {
            OrderState::Answered(from_text("answer", &row.try_get::<Option<String>, _>(1)?.unwrap_or_default())?)
        }
        _ => OrderState::Withdrawn,
    }))
}

/// What brings a block that no alert caused.
const UNASKED: &str = "block";
/// How long an action waits for its agent; who asked was told after ten seconds that nobody answered.
const FRESH: Duration = Duration::from_secs(60);
/// How long orders are remembered.
const ORDERS_KEPT: Duration = Duration::from_secs(30 * 86_400);
