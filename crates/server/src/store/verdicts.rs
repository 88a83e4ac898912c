//! What do closed alerts say of the sources, and how often was a peer met before?
//!
//! A row stands for each feed and category that a closed alert rests on, as long as the alert is closed: so a reopened
//! alert takes back what it taught.

use std::collections::BTreeSet;

use sqlx::{Row, SqliteConnection};

use tripoint_model::confidence::trust::LINES_MAX;
use tripoint_model::confidence::{Trust, Verdicts};
use tripoint_model::{Alert, AlertStatus, Category, Resolution};

use super::StoreError;
use super::rows::unsigned;

/// Writes down what the alert teaches, in place of what it taught before.
pub(super) async fn teach(connection: &mut SqliteConnection, alert: &Alert) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM verdicts WHERE alert = $1").bind(&alert.id.0).execute(&mut *connection).await?;
    let wrong = match (alert.work.status, alert.work.resolution) {
        (AlertStatus::Resolved, Some(Resolution::FalsePositive)) => 1_i64,
        (AlertStatus::Resolved, Some(Resolution::TruePositiveRemediated)) => 0,
        _ => return Ok(()),
    };
    let said: BTreeSet<(&str, Category)> =
        alert.claims.iter().map(|claim| (claim.feed.as_str(), claim.category)).take(CLAIMS_MAX).collect();
    for (feed, category) in said {
        sqlx::query("INSERT INTO verdicts (alert, feed, category, wrong) VALUES ($1, $2, $3, $4)")
            .bind(&alert.id.0)
            .bind(feed)
            .bind(category.as_str())
            .bind(wrong)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// All of them, by source and category; the most spoken of, should there be too many.
pub(super) async fn all<'c>(executor: impl sqlx::SqliteExecutor<'c>) -> Result<Trust, StoreError> {
    let rows = sqlx::query(
        "SELECT feed, category, SUM(wrong), COUNT(*) FROM verdicts GROUP BY feed, category \
         ORDER BY COUNT(*) DESC, feed, category LIMIT $1",
    )
    .bind(LINES_MAX as i64)
    .fetch_all(executor)
    .await?;
    let mut trust = Trust::default();
    for row in rows {
        let (feed, category): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let count = |number: i64| u32::try_from(unsigned(number)).unwrap_or(u32::MAX);
        let (wrong, of) = (count(row.try_get(2)?), count(row.try_get(3)?));
        if let Some(category) = Category::parse(&category) {
            trust.add(&feed, category, Verdicts { confirmed: of.saturating_sub(wrong), wrong });
        }
    }
    Ok(trust)
}

/// Alerts on the same indicator that began earlier, on whatever host, and that nobody called false.
pub(super) async fn met_before(connection: &mut SqliteConnection, alert: &Alert) -> Result<u32, StoreError> {
    let count: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM alerts WHERE indicator = $1 AND id <> $2 AND first_seen < $3 AND refuted = 0",
    )
    .bind(alert.indicator.to_string())
    .bind(&alert.id.0)
    .bind(alert.first_seen.0)
    .fetch_one(connection)
    .await?;
    Ok(u32::try_from(unsigned(count)).unwrap_or(u32::MAX))
}

/// As many as an agent puts into an alert.
const CLAIMS_MAX: usize = 200;
