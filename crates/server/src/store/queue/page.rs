//! Which lines of the queue come next?

use std::time::{Duration, Instant};

use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, Row, Sqlite, SqliteConnection};
use tracing::Instrument as _;

use tripoint_api::filter::Filter;
use tripoint_api::queue::{AlertSummary, NEVER, QUEUE_MAX, QueuePage, QueueRow, Sort};
use tripoint_model::Timestamp;

use super::sql::{Bound, Condition};
use crate::spans;
use crate::store::rows::from_text;
use crate::store::{OfHosts, StoreError};

/// Lines of a page when nothing is said.
const PAGE: u32 = 50;

/// Where a page ended.
struct Place {
    key: i64,
    seen: i64,
    id: String,
}

impl Place {
    /// Reads a cursor; one of another order is none.
    fn read(cursor: &str, sort: Sort) -> Option<Self> {
        let mut parts = cursor.splitn(4, '.');
        if parts.next()? != sort.as_str() {
            return None;
        }
        Some(Self { key: parts.next()?.parse().ok()?, seen: parts.next()?.parse().ok()?, id: parts.next()?.to_owned() })
    }

    fn write(line: &AlertSummary, sort: Sort) -> String {
        let key = match sort {
            Sort::Worst | Sort::Mildest => i64::from(line.score),
            Sort::LastSeen | Sort::LongestQuiet => line.last_seen.0,
            Sort::Youngest | Sort::Oldest => line.first_seen.0,
            Sort::Changed => line.changed.0,
            Sort::Due => line.due.unwrap_or(NEVER).0,
        };
        format!("{}.{key}.{}.{}", sort.as_str(), line.last_seen.0, line.id)
    }
}

/// A page of what the filter takes; an unreadable cursor is told as nothing.
pub(in crate::store) async fn page(
    readers: &SqlitePool,
    (filter, of): (&Filter, &OfHosts),
    sort: Sort,
    limit: Option<u32>,
    after: Option<&str>,
) -> Result<Option<QueuePage>, StoreError> {
    let place = match after.map(|cursor| Place::read(cursor, sort)) {
        Some(None) => return Ok(None),
        Some(place) => place,
        None => None,
    };
    let limit = limit.unwrap_or(PAGE).clamp(1, QUEUE_MAX);
    let mut condition = Condition::of(filter).of_hosts(of);
    let column = sort.as_str().trim_start_matches('-');
    let (order, beyond) = if sort.as_str().starts_with('-') { ("DESC", "<") } else { ("ASC", ">") };
    if let Some(place) = place {
        let key = condition.bind(Bound::Number(place.key));
        let seen = condition.bind(Bound::Number(place.seen));
        let id = condition.bind(Bound::Text(place.id));
        condition.text.push_str(&format!(
            " AND ({column} {beyond} {key} OR ({column} = {key} AND (last_seen < {seen} OR (last_seen = {seen} AND id > {id}))))"
        ));
    }
    let most = condition.bind(Bound::Number(i64::from(limit) + 1));
    // The lines are long: they are read for the page alone.
    let text = format!(
        "SELECT line FROM (SELECT id AS found, {column} AS key, last_seen AS seen FROM queue WHERE {} \
         ORDER BY {column} {order}, last_seen DESC, id LIMIT {most}) JOIN queue_lines ON id = found \
         ORDER BY key {order}, seen DESC, found",
        condition.text
    );
    // One snapshot: what changes from here on is news to whoever has this page.
    let mut snapshot = readers.begin().await?;
    let changed = last_change(&mut snapshot, of).await?;
    let rows = ask_on(&mut snapshot, text, condition.values, ANSWER_WITHIN).await?;
    drop(snapshot);
    let mut lines = rows.iter().map(line).collect::<Result<Vec<_>, _>>()?;
    let more = lines.len() > limit as usize;
    lines.truncate(limit as usize);
    let next = lines.last().filter(|_| more).map(|last| Place::write(last, sort));
    Ok(Some(QueuePage { rows: lines, next, changed }))
}

/// When anything of these hosts last changed.
async fn last_change(connection: &mut SqliteConnection, of: &OfHosts) -> Result<Timestamp, StoreError> {
    let condition = Condition::of(&Filter::everything()).of_hosts(of);
    let text = format!("SELECT changed FROM queue WHERE {} ORDER BY changed DESC LIMIT 1", condition.text);
    let rows = ask_on(connection, text, condition.values, ANSWER_WITHIN).await?;
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?.map_or(Timestamp(0), Timestamp))
}

/// The next lines by when they last changed, with their words.
pub(in crate::store) async fn changed(
    readers: &SqlitePool,
    after: Timestamp,
    limit: u32,
) -> Result<Vec<QueueRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT line, words, whole FROM (SELECT id AS found, changed AS at FROM queue WHERE changed > $1 ORDER BY changed LIMIT $2) \
         JOIN queue_lines ON id = found ORDER BY at",
    )
    .bind(after.0)
    .bind(i64::from(limit))
    .fetch_all(readers)
    .await?;
    let one = |row: &SqliteRow| {
        let whole = Some(row.try_get::<&str, _>(2)?).filter(|whole| !whole.is_empty());
        let whole = whole.map(|whole| from_text("values of an alert", whole)).transpose()?;
        Ok(QueueRow { summary: line(row)?, text: row.try_get(1)?, whole })
    };
    rows.iter().map(one).collect()
}

pub(super) fn line(row: &SqliteRow) -> Result<AlertSummary, StoreError> {
    from_text("line of the queue", row.try_get::<&str, _>(0)?)
}

/// Asks what a filter became. The text holds names of ours and `$n` only; all that people wrote is bound.
pub(super) async fn ask(
    searchers: &SqlitePool,
    text: String,
    values: Vec<Bound>,
) -> Result<Vec<SqliteRow>, StoreError> {
    ask_on(&mut *searchers.acquire().await?, text, values, ANSWER_WITHIN).await
}

/// The same on a connection of those who search. What takes longer than `within` is broken off: a connection works on
/// also when nobody waits for it any more.
pub(super) async fn ask_on(
    connection: &mut SqliteConnection,
    text: String,
    values: Vec<Bound>,
    within: Duration,
) -> Result<Vec<SqliteRow>, StoreError> {
    let end = Instant::now() + within;
    // Set anew for each question, so that none ends by the time of one before.
    connection.lock_handle().await?.set_progress_handler(LOOKS_EVERY, move || Instant::now() < end);
    let mut query = sqlx::query::<Sqlite>(AssertSqlSafe(text));
    for value in values {
        query = match value {
            Bound::Text(text) => query.bind(text),
            Bound::Number(number) => query.bind(number),
        };
    }
    Ok(query.fetch_all(connection).instrument(spans::search()).await?)
}

/// A hundred times what the slowest usual question takes among a hundred thousand alerts.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Instructions of the database between two looks at the clock: some tenths of a millisecond.
const LOOKS_EVERY: i32 = 10_000;
