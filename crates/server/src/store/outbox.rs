//! What is still to be told, and what is news at all?
//!
//! News is written down in the transaction that brought it and sent later by somebody else: a receiver that is slow or
//! dead holds nothing up, and a restart forgets nothing.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sqlx::{Row, SqliteConnection};

use tripoint_api::LedgerEntry;
use tripoint_model::{ActionKind, Alert, AlertId, AlertStatus, Outcome, OutcomeState, Timestamp};

use super::rows::{signed, to_text, unsigned};
use super::{StoreError, counts};
use crate::merge::{EXPLOITED_MAX, exploited, has_succeeded, newly_exploited};
use crate::notify::news::{self, Kind};

/// What is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tell {
    /// New alerts, and those that got worse.
    pub alerts: bool,
    /// Actions that were made, failed or ended, and repairs.
    pub actions: bool,
    /// Feeds that got into trouble, and out of it.
    pub feeds: bool,
    /// Alerts that somebody took up or closed.
    pub work: bool,
    /// Alerts that people promised to do something about by now.
    pub overdue: bool,
}

/// A message that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its place; they are sent in this order.
    pub number: u64,
    /// When it was written down.
    pub queued: Timestamp,
    /// JSON.
    pub body: String,
}

/// How many messages wait, were taken, and will never be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    /// Not sent yet.
    pub waiting: u64,
    /// Taken by a receiver.
    pub delivered: u64,
    /// Given up, or never taken in for want of room.
    pub undelivered: u64,
}

/// `told` is how bad the worst was that was told of an alert, 0 where nothing was; rows of an older version have none
/// and begin where they stand.
pub(super) const TABLES: &[&str] = &[
    "CREATE TABLE messages (number BIGINT PRIMARY KEY, queued BIGINT NOT NULL, body TEXT NOT NULL)",
    "ALTER TABLE alerts ADD COLUMN told BIGINT",
];

/// Writes a message down; says whether there was room. Where there is none it counts as undelivered.
pub(super) async fn queue(connection: &mut SqliteConnection, body: &Value, now: Timestamp) -> Result<bool, StoreError> {
    let row =
        sqlx::query("SELECT COUNT(*), COALESCE(MAX(number), 0) FROM messages").fetch_one(&mut *connection).await?;
    if row.try_get::<i64, _>(0)? >= WAITING_MAX {
        counts::add(connection, UNDELIVERED, 1).await?;
        return Ok(false);
    }
    let last = row.try_get::<i64, _>(1)?.max(signed(counts::read(&mut *connection, LAST).await?));
    sqlx::query("INSERT INTO messages (number, queued, body) VALUES ($1, $2, $3)")
        .bind(last + 1)
        .bind(now.0)
        .bind(body.to_string())
        .execute(&mut *connection)
        .await?;
    Ok(true)
}

/// The first that have found no channels yet.
pub(super) async fn first(readers: &sqlx::SqlitePool, limit: u32) -> Result<Vec<Message>, StoreError> {
    let rows = sqlx::query("SELECT number, queued, body FROM messages ORDER BY number LIMIT $1")
        .bind(i64::from(limit))
        .fetch_all(readers)
        .await?;
    let one = |row: &sqlx::sqlite::SqliteRow| {
        let (number, queued) = (unsigned(row.try_get(0)?), Timestamp(row.try_get(1)?));
        Ok(Message { number, queued, body: row.try_get(2)? })
    };
    rows.iter().map(one).collect()
}

/// Takes a message out that has found its channels; says whether it was still there.
pub(super) async fn take_out(connection: &mut SqliteConnection, number: u64) -> Result<bool, StoreError> {
    let gone =
        sqlx::query("DELETE FROM messages WHERE number = $1").bind(signed(number)).execute(&mut *connection).await?;
    if gone.rows_affected() == 0 {
        return Ok(false);
    }
    // No number is used twice, also when nothing waits any more.
    let last = counts::read(&mut *connection, LAST).await?;
    counts::add(connection, LAST, signed(number.saturating_sub(last))).await?;
    Ok(true)
}

/// How telling goes.
pub(super) async fn state(readers: &sqlx::SqlitePool) -> Result<Messages, StoreError> {
    let waiting = "SELECT (SELECT COUNT(*) FROM messages) + (SELECT COUNT(*) FROM deliveries WHERE state <> 'dead')";
    let waiting: i64 = sqlx::query_scalar(waiting).fetch_one(readers).await?;
    Ok(Messages {
        waiting: unsigned(waiting),
        delivered: counts::read(readers, DELIVERED).await?,
        undelivered: counts::read(readers, UNDELIVERED).await?,
    })
}

/// How an alert stood before it was reported anew.
#[derive(Clone, Copy)]
pub(super) struct Before {
    pub(super) known: bool,
    pub(super) resolved: bool,
}

/// Of one that is known, and has not been opened again.
pub(super) const KNOWN: Before = Before { known: true, resolved: false };

pub(super) fn before(stored: Option<&Alert>) -> Before {
    Before { known: stored.is_some(), resolved: stored.is_some_and(is_resolved) }
}

/// Writes down that an alert is new or worse than it was ever told. A repeat is no news, and what an exception keeps
/// quiet is none until it does so no longer.
pub(super) async fn alert(
    connection: &mut SqliteConnection,
    tell: Tell,
    before: Before,
    alert: &Alert,
    now: Timestamp,
) -> Result<(), StoreError> {
    if alert.suppressed_by.is_some() {
        if !before.known {
            sqlx::query("UPDATE alerts SET told = 0 WHERE id = $1").bind(&alert.id.0).execute(connection).await?;
        }
        return Ok(());
    }
    let bad = rank(alert);
    let row = sqlx::query("SELECT told, told_succeeded, told_exploited FROM alerts WHERE id = $1")
        .bind(&alert.id.0)
        .fetch_one(&mut *connection)
        .await?;
    let told: Option<i64> = row.try_get(0)?;
    // One of an older version was shown before messages were sent.
    let told = told.or(before.known.then_some(bad)).filter(|told| *told > 0);
    let succeeded = has_succeeded(alert);
    let mut exploited = exploited(alert);
    let (told_succeeded, told_exploited): (Option<i64>, Option<String>) = (row.try_get(1)?, row.try_get(2)?);
    let told_exploited: Option<BTreeSet<String>> =
        told_exploited.map(|text| text.split(' ').filter(|id| !id.is_empty()).map(str::to_owned).collect());
    let mut why = Vec::new();
    if let Some(told) = told {
        let is_new = |told: &BTreeSet<String>| newly_exploited(&exploited, told);
        let reasons = [
            (level_of(bad) > level_of(told), "severity"),
            (bad > told && level_of(bad) == level_of(told), "vulnerable"),
            (before.resolved && !is_resolved(alert), "reopened"),
            (succeeded && told_succeeded == Some(0), "likely-succeeded"),
            (told_exploited.as_ref().is_some_and(is_new), "newly-exploited"),
        ];
        why.extend(reasons.iter().filter(|(is_so, _)| *is_so).map(|(_, reason)| *reason));
    }
    exploited.extend(told_exploited.into_iter().flatten());
    let told_exploited: Vec<String> = exploited.into_iter().take(EXPLOITED_MAX).collect();
    sqlx::query("UPDATE alerts SET told = $1, told_succeeded = $2, told_exploited = $3 WHERE id = $4")
        .bind(told.unwrap_or(0).max(bad))
        .bind(i64::from(succeeded).max(told_succeeded.unwrap_or(0)))
        .bind(told_exploited.join(" "))
        .bind(&alert.id.0)
        .execute(&mut *connection)
        .await?;
    let kind = match told {
        None => Kind::AlertNew,
        Some(_) if !why.is_empty() => Kind::AlertEscalated,
        Some(_) => return Ok(()),
    };
    if !tell.alerts {
        return Ok(());
    }
    queue(connection, &news::about(kind, alert, &why, now), now).await.map(drop)
}

/// The severity in a rank.
fn level_of(rank: i64) -> i64 {
    (rank - 1) / 2
}

fn is_resolved(alert: &Alert) -> bool {
    alert.work.status == AlertStatus::Resolved
}

/// Beginning at 1: severity above all, as a person sees it where one does, and of the same a known vulnerability above
/// a merely bad peer.
fn rank(alert: &Alert) -> i64 {
    let level = alert.work.severity.as_ref().map_or(alert.severity.level, |own| own.level);
    1 + 2 * (level as i64) + i64::from(alert.rule != "bad_peer")
}

/// What a batch says of actions.
#[derive(Default)]
pub(super) struct Actions {
    outcomes: Vec<(Option<AlertId>, Outcome)>,
    repaired: Vec<LedgerEntry>,
}

impl Actions {
    pub(super) fn outcome(&mut self, alert: Option<&AlertId>, outcome: &Outcome) {
        // What lifts a block is told as the block's end; an exception is no action on anybody.
        let lifts = outcome.action.lifts().is_some() || outcome.action == ActionKind::Allow;
        if !lifts && kind(outcome.state).is_some() {
            self.outcomes.push((alert.cloned(), outcome.clone()));
        }
    }

    pub(super) fn entry(&mut self, entry: &LedgerEntry) {
        if entry.state == RESTORED {
            self.repaired.push(entry.clone());
        }
    }

    /// Writes down what is to be told, many of a kind in one message.
    pub(super) async fn tell(
        self,
        connection: &mut SqliteConnection,
        tell: Tell,
        host: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if !tell.actions {
            return Ok(());
        }
        for run in self.outcomes.chunk_by(|(_, a), (_, b)| kind(a.state) == kind(b.state)) {
            for part in run.chunks(TOGETHER_MAX) {
                let Some(kind) = part.first().and_then(|(_, outcome)| kind(outcome.state)) else { continue };
                let actions: Result<Vec<Value>, StoreError> = part.iter().map(one).collect();
                let body = json!({ "schema": 1, "type": kind, "at": now, "host": host, "actions": actions? });
                queue(connection, &body, now).await?;
            }
        }
        for part in self.repaired.chunks(TOGETHER_MAX) {
            let targets: Vec<&str> = part.iter().map(|entry| entry.id.as_str()).collect();
            let body = json!({ "schema": 1, "type": "drift-repaired", "at": now, "host": host, "targets": targets });
            queue(connection, &body, now).await?;
        }
        Ok(())
    }
}

fn one((alert, outcome): &(Option<AlertId>, Outcome)) -> Result<Value, StoreError> {
    let text = to_text("outcome", outcome)?;
    let mut value: Value = super::rows::from_text("outcome", &text)?;
    if let Some(alert) = alert {
        value["alert"] = json!(alert);
    }
    Ok(value)
}

/// How a change is called; nothing where nothing was done.
fn kind(state: OutcomeState) -> Option<&'static str> {
    match state {
        OutcomeState::Applied => Some("action-applied"),
        OutcomeState::Failed => Some("action-failed"),
        OutcomeState::Lifted => Some("action-lifted"),
        OutcomeState::Expired => Some("action-expired"),
        OutcomeState::Proposed => Some("action-proposed"),
        OutcomeState::Nothing | OutcomeState::DryRun => None,
    }
}

/// Messages that may wait: a day of a busy host, some 10 MiB.
pub(crate) const WAITING_MAX: i64 = 10_000;
/// Actions in one message.
const TOGETHER_MAX: usize = 100;
const RESTORED: &str = "restored";
const LAST: &str = "messages_last";
pub(super) const DELIVERED: &str = "messages_delivered";
pub(super) const UNDELIVERED: &str = "messages_undelivered";
