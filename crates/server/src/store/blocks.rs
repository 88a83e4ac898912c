//! What does each host say it blocks, and what is that over all hosts?
//!
//! Thousands at once are taken with a handful of statements: the database is asked for sets, not for rows.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use ipnet::IpNet;
use sqlx::{Row, SqliteConnection};

use tripoint_api::span::SPAN_MAX;
use tripoint_model::{ActionKind, Observable, Outcome, OutcomeState, Target, Timestamp};

use super::StoreError;
use super::decisions::{net_of, place, text};
use super::rows::to_text;

/// What one host says of blocks; of the same target the last word counts.
#[derive(Default)]
pub(super) struct Said {
    words: Vec<Word>,
    of: HashMap<String, usize>,
}

struct Word {
    target: String,
    /// Until when the host holds it; `None` = it does not.
    until: Option<Timestamp>,
    /// The rule behind it.
    why: String,
}

impl Said {
    /// Hears one outcome; `why` is the rule behind it.
    pub(super) fn hear(&mut self, outcome: &Outcome, why: &str, now: Timestamp) {
        let until = match (outcome.action, outcome.state) {
            (ActionKind::Block, OutcomeState::Applied) if outcome.verified => {
                let Some(expires) = outcome.expires.filter(|expires| *expires > now) else { return };
                // No block is longer than that, whatever an agent says.
                Some(expires.min(now.plus(SPAN_MAX)))
            }
            (ActionKind::Block, OutcomeState::Lifted | OutcomeState::Expired | OutcomeState::Failed)
            | (ActionKind::Unblock, OutcomeState::Applied | OutcomeState::Lifted | OutcomeState::Nothing) => None,
            _ => return,
        };
        let Some(net) = publishable(outcome) else { return };
        match self.of.entry(text(net)) {
            Entry::Occupied(known) => {
                let word = &mut self.words[*known.get()];
                if word.until.is_none() {
                    why.clone_into(&mut word.why);
                }
                word.until = until;
            }
            Entry::Vacant(free) => {
                self.words.push(Word { target: free.key().clone(), until, why: why.to_owned() });
                free.insert(self.words.len() - 1);
            }
        }
    }

    /// Writes down what `host` said, and what it changes of the union.
    pub(super) async fn keep(
        self,
        connection: &mut SqliteConnection,
        host: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let held: Vec<(&str, i64)> =
            self.words.iter().filter_map(|word| Some((word.target.as_str(), word.until?.0))).collect();
        if !held.is_empty() {
            sqlx::query(
                "INSERT INTO blocks (target, host, expires) SELECT value ->> 0, $2, value ->> 1 FROM json_each($1) \
                 WHERE true ON CONFLICT (target, host) DO UPDATE SET expires = excluded.expires",
            )
            .bind(to_text("blocks", &held)?)
            .bind(host)
            .execute(&mut *connection)
            .await?;
        }
        let ended = self.words.iter().filter(|word| word.until.is_none()).map(|word| word.target.as_str());
        let ended: Vec<&str> = ended.collect();
        if !ended.is_empty() {
            sqlx::query("DELETE FROM blocks WHERE host = $2 AND target IN (SELECT value FROM json_each($1))")
                .bind(to_text("blocks", &ended)?)
                .bind(host)
                .execute(&mut *connection)
                .await?;
        }
        let touched = self.words.iter().map(|word| (word.target.as_str(), word.why.as_str())).collect();
        unite(connection, touched, now).await
    }
}

/// Brings the union over hosts up to date for targets, each with the rule behind it. What stays the same has no change.
pub(super) async fn unite(
    connection: &mut SqliteConnection,
    touched: Vec<(&str, &str)>,
    now: Timestamp,
) -> Result<(), StoreError> {
    if touched.is_empty() {
        return Ok(());
    }
    let targets: Vec<&str> = touched.iter().map(|(target, _)| *target).collect();
    let rows = sqlx::query(
        "SELECT (SELECT MAX(expires) FROM blocks WHERE target = asked.value AND expires > $2), \
         (SELECT expires FROM decisions WHERE target = asked.value AND in_force = 1) \
         FROM json_each($1) AS asked ORDER BY asked.key",
    )
    .bind(to_text("blocks", &targets)?)
    .bind(now.0)
    .fetch_all(&mut *connection)
    .await?;
    let mut news = Vec::new();
    for ((target, why), row) in touched.into_iter().zip(rows) {
        let (last, standing): (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
        if last != standing {
            let place = place(net_of(target)?.network().into());
            news.push((target, place, i64::from(last.is_some()), last.or(standing), why));
        }
    }
    if news.is_empty() {
        return Ok(());
    }
    let before = numbers(connection, news.len()).await?;
    // The number and the reason of what stands already stay, and so does the end of what ended early.
    sqlx::query(
        "INSERT INTO decisions (target, place, number, in_force, expires, why, changed) \
         SELECT value ->> 0, value ->> 1, $2 + 1 + key, value ->> 2, value ->> 3, value ->> 4, $2 + 1 + key \
         FROM json_each($1) WHERE true ON CONFLICT (target) DO UPDATE SET \
         number = iif(decisions.in_force = 0, excluded.number, decisions.number), \
         why = iif(decisions.in_force = 0, excluded.why, decisions.why), \
         in_force = excluded.in_force, expires = excluded.expires, changed = excluded.changed",
    )
    .bind(to_text("blocks", &news)?)
    .bind(before)
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes so many numbers of changes; the one before the first.
async fn numbers(connection: &mut SqliteConnection, count: usize) -> Result<i64, StoreError> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let last: i64 = sqlx::query_scalar(
        "INSERT INTO cursors (name, value) VALUES ('decisions', $1) \
         ON CONFLICT (name) DO UPDATE SET value = cursors.value + $1 RETURNING value",
    )
    .bind(count)
    .fetch_one(connection)
    .await?;
    Ok(last - count)
}

/// Addresses and networks of the whole host. What no guard lets pass is not handed on to anybody either: an agent that
/// was taken over could cut others off through us.
fn publishable(outcome: &Outcome) -> Option<IpNet> {
    let net = match &outcome.target {
        Target::Peer(peer @ (Observable::Address(_) | Observable::Network(_))) if outcome.scope.is_host() => {
            peer.net()?
        }
        _ => return None,
    };
    let first = net.network();
    let special = first.is_loopback() || first.is_unspecified() || first.is_multicast();
    let shortest = if first.is_ipv4() { SHORTEST_V4 } else { SHORTEST_V6 };
    if special || net.prefix_len() < shortest {
        tracing::warn!(%net, "an agent reports a block that no guard lets pass; it is not handed on");
        return None;
    }
    Some(net)
}

/// As narrow as a person may block (`Limits` of the guard).
const SHORTEST_V4: u8 = 16;
const SHORTEST_V6: u8 = 32;
