//! How are pages of whole alerts and the list of agents read?

use sqlx::Row;

use tripoint_api::people::LIMIT_MAX;
use tripoint_api::{AgentHealth, AgentIdentity, AgentStatus, AlertList, AlertQuery};
use tripoint_model::{Alert, Timestamp};

use super::rows::{from_text, names, status_text, unsigned};
use super::{OfHosts, Sqlite, StatusCounts, StoreError};

impl Sqlite {
    pub(super) async fn status_counts(&self, of: OfHosts) -> Result<StatusCounts, StoreError> {
        let rows = sqlx::query(
            "SELECT status, COUNT(*) FROM alerts WHERE $1 IS NULL OR host IN (SELECT value FROM json_each($1)) \
             GROUP BY status ORDER BY status",
        )
        .bind(names(&of)?)
        .fetch_all(&self.readers)
        .await?;
        let one = |row: &sqlx::sqlite::SqliteRow| {
            let status = from_text("status", &format!("\"{}\"", row.try_get::<String, _>(0)?))?;
            Ok((status, unsigned(row.try_get(1)?)))
        };
        rows.iter().map(one).collect()
    }

    pub(super) async fn page(&self, query: AlertQuery, of: OfHosts) -> Result<AlertList, StoreError> {
        let limit = query.limit.unwrap_or(100).clamp(1, LIMIT_MAX);
        let only = query.suppressed_only.unwrap_or(false);
        // The cursor is the last row's place: its time, then its id.
        let (time, id) = query
            .after
            .as_deref()
            .and_then(|cursor| cursor.split_once('-'))
            .and_then(|(time, id)| Some((time.parse::<i64>().ok()?, id.to_owned())))
            .unwrap_or((i64::MAX, String::new()));
        let rows = sqlx::query(
            "SELECT body FROM alerts WHERE ($1 = '' OR status = $1) AND ($2 = '' OR rule = $2) AND ($3 = '' OR host = $3) \
             AND suppressed BETWEEN $8 AND $4 AND (last_seen < $5 OR (last_seen = $5 AND id > $6)) \
             AND ($9 IS NULL OR host IN (SELECT value FROM json_each($9))) ORDER BY last_seen DESC, id LIMIT $7",
        )
        .bind(query.status.map_or("", status_text))
        .bind(query.rule.unwrap_or_default())
        .bind(query.host.unwrap_or_default())
        .bind(i64::from(query.suppressed.unwrap_or(false) || only))
        .bind(time)
        .bind(id)
        .bind(i64::from(limit) + 1)
        .bind(i64::from(only))
        .bind(names(&of)?)
        .fetch_all(&self.readers)
        .await?;
        let mut alerts: Vec<Alert> = Vec::with_capacity(rows.len());
        let mut bytes = 0;
        let mut more = false;
        for row in rows {
            let body: String = row.try_get(0)?;
            bytes += body.len();
            if alerts.len() == limit as usize || (bytes > PAGE_BYTES && !alerts.is_empty()) {
                more = true;
                break;
            }
            alerts.push(from_text("alert", &body)?);
        }
        let next = alerts.last().filter(|_| more).map(|last| format!("{}-{}", last.last_seen.0, last.id));
        Ok(AlertList { alerts, next })
    }

    pub(super) async fn changed(&self, (time, id): (Timestamp, String)) -> Result<Vec<(Timestamp, Alert)>, StoreError> {
        let rows = sqlx::query(
            "SELECT changed, body FROM alerts WHERE (changed, id) > ($1, $2) ORDER BY changed, id LIMIT $3",
        )
        .bind(time.0)
        .bind(id)
        .bind(i64::from(LIMIT_MAX))
        .fetch_all(&self.readers)
        .await?;
        let mut bytes = 0;
        let mut alerts = Vec::with_capacity(rows.len());
        for row in rows {
            let body: String = row.try_get(1)?;
            bytes += body.len();
            if bytes > PAGE_BYTES && !alerts.is_empty() {
                break;
            }
            alerts.push((Timestamp(row.try_get(0)?), from_text("alert", &body)?));
        }
        Ok(alerts)
    }

    pub(super) async fn all_agents(&self) -> Result<Vec<AgentStatus>, StoreError> {
        let rows = sqlx::query("SELECT identity, last_seen, health FROM agents ORDER BY host")
            .fetch_all(&self.readers)
            .await?;
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

/// A page ends early when it gets longer than this; clients read answers of up to 16 MiB.
const PAGE_BYTES: usize = 8 << 20;
