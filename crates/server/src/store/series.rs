//! How many of something were there in each stretch of time?

use std::collections::BTreeMap;

use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, Row};

use tripoint_api::ConnectionQuery;
use tripoint_api::filter::Filter;
use tripoint_api::series::{LINES_MAX, Series, SeriesBy, SeriesLine};
use tripoint_model::{Direction, Timestamp};

use super::rows::{names, to_text, unsigned};
use super::{OfHosts, StoreError, contacts, queue};

/// Stretches of time of the same length, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretches {
    /// When the first begins.
    pub since: Timestamp,
    /// How long each is, in seconds; at least 1.
    pub step_s: u64,
    /// How many.
    pub count: u32,
}

impl Stretches {
    /// Beginning, length and end as the database counts, in microseconds.
    pub(super) fn bounds(self) -> (i64, i64, i64) {
        let step = i64::try_from(self.step_s).unwrap_or(i64::MAX).saturating_mul(1_000_000).max(1);
        let since = self.since.0;
        (since, step, since.saturating_add(step.saturating_mul(i64::from(self.count))))
    }

    /// Lines of rows `(stretch, name, count)`; `order` says which come first, what is not in it comes last, unnamed.
    fn lines(self, rows: &[SqliteRow], order: &[String]) -> Result<Series, StoreError> {
        let mut all: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        for row in rows {
            let (stretch, name): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
            let place = order.iter().position(|one| *one == name).unwrap_or(order.len());
            let counts = all.entry(place).or_insert_with(|| vec![0; self.count as usize]);
            if let Some(count) = usize::try_from(stretch).ok().and_then(|at| counts.get_mut(at)) {
                *count = count.saturating_add(unsigned(row.try_get(2)?));
            }
        }
        let line = |(place, counts): (usize, Vec<u64>)| SeriesLine {
            name: order.get(place).cloned().unwrap_or_default(),
            counts,
        };
        Ok(Series { since: self.since, step_s: self.step_s, lines: all.into_iter().map(line).collect() })
    }
}

/// Alerts by when they began; the worst line first.
pub(super) async fn alerts(
    readers: &SqlitePool,
    asked: (&Filter, &OfHosts),
    when: Stretches,
) -> Result<Series, StoreError> {
    let rows = queue::begun(readers, asked, when.bounds()).await?;
    let order: Vec<String> = queue::LEVELS.iter().rev().map(|level| (*level).to_owned()).collect();
    when.lines(&rows, &order)
}

/// Connections by the hour in which they were; the most frequent line first.
pub(super) async fn contacts(
    readers: &SqlitePool,
    only: ConnectionQuery,
    of: OfHosts,
    (by, when): (SeriesBy, Stretches),
) -> Result<Series, StoreError> {
    let (since, step, until) = when.bounds();
    let column = match by {
        SeriesBy::Application => "called",
        SeriesBy::Direction => "direction",
        SeriesBy::Host => "host",
    };
    let (low, high, port, name) = contacts::peer_of(&only);
    let ask = |head: String, tail: &'static str, named: String| {
        let text = format!(
            "SELECT {head} FROM contacts WHERE hour >= $1 AND hour < $2 AND peer BETWEEN $3 AND $4 \
             AND ($5 < 0 OR (port = $5 AND direction = 'outbound')) AND ($6 = '' OR name = $6) AND ($7 = '' OR host = $7) \
             AND ($8 = '' OR application = $8 OR called = $8) AND ($9 = '' OR direction = $9) \
             AND ($10 IS NULL OR host IN (SELECT value FROM json_each($10))) AND $11 = $11 {tail}"
        );
        let query = sqlx::query(AssertSqlSafe(text))
            .bind(since)
            .bind(until)
            .bind(low.clone())
            .bind(high.clone())
            .bind(port)
            .bind(name.clone())
            .bind(only.host.clone().unwrap_or_default())
            .bind(only.application.clone().unwrap_or_default())
            .bind(only.direction.map_or("", Direction::as_str));
        Ok::<_, StoreError>(query.bind(names(&of)?).bind(named).fetch_all(readers))
    };
    let most = format!("{column}, SUM(count)");
    let most = ask(most, "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 6", String::new())?.await?;
    let order: Vec<String> = most.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let order: Vec<String> = order.into_iter().filter(|name| !name.is_empty()).take(LINES_MAX).collect();
    // The rest is one group for the database too: there may be as many names as rows.
    let named = format!("CASE WHEN {column} IN (SELECT value FROM json_each($11)) THEN {column} ELSE '' END");
    let head = format!("(hour - $1) / {step}, {named}, SUM(count)");
    let rows = ask(head, "GROUP BY 1, 2", to_text("names", &order)?)?.await?;
    when.lines(&rows, &order)
}
