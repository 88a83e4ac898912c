//! Which open alerts were judged with former images, and how does another judgement enter what is known of them?

use sqlx::{Row, SqliteConnection, SqlitePool};

use tripoint_api::agent::OPEN_ALERTS_MAX;
use tripoint_model::judgement::OpenAlert;
use tripoint_model::{Alert, AlertId, Subject, Timestamp};

use super::alerts::settle;
use super::rows::{from_text, load, to_text};
use super::work::changed;
use super::writer::Writer;
use super::{Sqlite, StoreError, Tell, exceptions, outbox};
use crate::merge::{self, Grade};

/// Which images each alert was last judged with, by when they were built; 0 for none.
pub(super) const TABLE: &[&str] =
    &["CREATE TABLE judged (id TEXT PRIMARY KEY, intel BIGINT NOT NULL, vuln BIGINT NOT NULL)"];

/// An alert that is to be judged anew.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    pub(crate) alert: Alert,
    /// When it last changed.
    pub(crate) changed: Timestamp,
}

/// With which images alerts were judged, in the same file as they. Images are named by when they were built: of lists,
/// of advisories, 0 for none.
#[derive(Clone)]
pub(crate) struct Judgements {
    writer: Writer,
    readers: SqlitePool,
    tell: Tell,
}

impl Sqlite {
    /// With which images alerts were judged, in the same file.
    pub(crate) fn judgements(&self) -> Judgements {
        Judgements { writer: self.writer.clone(), readers: self.readers.clone(), tell: self.keep.tell }
    }
}

impl Judgements {
    /// How many open alerts were judged with images that were built before these.
    pub(crate) async fn before(&self, images: (i64, i64)) -> Result<u64, StoreError> {
        count(&self.readers, images).await
    }

    /// The next of them by id after one.
    pub(crate) async fn due(&self, images: (i64, i64), after: &str, limit: u32) -> Result<Vec<Due>, StoreError> {
        due(&self.readers, images, after, limit).await
    }

    /// Alerts of a host that are not closed and rest on its software, the last seen first; at most `OPEN_ALERTS_MAX`.
    pub(crate) async fn open_of(&self, host: &str) -> Result<Vec<OpenAlert>, StoreError> {
        open_of(&self.readers, host).await
    }

    /// Keeps how these are judged now, where nobody changed them meanwhile, and that those others stand; what changed.
    pub(crate) async fn keep(
        &self,
        news: Vec<Due>,
        same: Vec<(AlertId, Timestamp)>,
        images: (i64, i64),
        now: Timestamp,
    ) -> Result<Vec<Alert>, StoreError> {
        let told = (self.tell, now);
        self.writer.submit(move |connection| Box::pin(keep(connection, news, same, images, told))).await
    }
}

/// Open, and judged with former images or nobody knows with which.
const COUNT: &str = "SELECT COUNT(*) FROM queue LEFT JOIN judged ON judged.id = queue.id \
     WHERE queue.status <> 'resolved' AND (judged.id IS NULL OR judged.intel < $1 OR judged.vuln < $2)";
const DUE: &str = "SELECT body, alerts.changed FROM (SELECT queue.id AS found FROM queue \
     LEFT JOIN judged ON judged.id = queue.id WHERE queue.status <> 'resolved' \
     AND (judged.id IS NULL OR judged.intel < $1 OR judged.vuln < $2) AND queue.id > $3 ORDER BY queue.id LIMIT $4) \
     JOIN alerts ON alerts.id = found ORDER BY found";

/// How many there are.
async fn count(readers: &SqlitePool, (intel, vuln): (i64, i64)) -> Result<u64, StoreError> {
    let count: i64 = sqlx::query_scalar(COUNT).bind(intel).bind(vuln).fetch_one(readers).await?;
    Ok(super::rows::unsigned(count))
}

/// Alerts of a host that are not closed and rest on its software, the last seen first.
async fn open_of(readers: &SqlitePool, host: &str) -> Result<Vec<OpenAlert>, StoreError> {
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM queue WHERE host = $1 AND status <> 'resolved' ORDER BY last_seen DESC, id LIMIT $2",
    )
    .bind(host)
    .bind(OPEN_ALERTS_MAX as i64)
    .fetch_all(readers)
    .await?;
    let mut found = Vec::new();
    for id in ids {
        // One at a time: of each only a little is kept.
        let alert = load(&mut *readers.acquire().await?, &id).await?;
        found.extend(alert.as_ref().and_then(OpenAlert::of));
    }
    Ok(found)
}

/// The next ones by id after one.
async fn due(readers: &SqlitePool, (intel, vuln): (i64, i64), after: &str, limit: u32) -> Result<Vec<Due>, StoreError> {
    let rows = sqlx::query(DUE).bind(intel).bind(vuln).bind(after).bind(i64::from(limit)).fetch_all(readers).await?;
    let one = |row: &sqlx::sqlite::SqliteRow| {
        Ok(Due { alert: from_text("alert", row.try_get(0)?)?, changed: Timestamp(row.try_get(1)?) })
    };
    rows.iter().map(one).collect()
}

/// Keeps other judgements of alerts that nobody changed meanwhile, and writes down of the rest that they stand, where
/// nobody changed them either; what changed. Those that somebody changed are due again.
async fn keep(
    connection: &mut SqliteConnection,
    news: Vec<Due>,
    same: Vec<(AlertId, Timestamp)>,
    with: (i64, i64),
    (tell, now): (Tell, Timestamp),
) -> Result<Vec<Alert>, StoreError> {
    sqlx::query(
        "INSERT INTO judged (id, intel, vuln) SELECT alerts.id, $1, $2 FROM json_each($3) JOIN alerts \
         ON alerts.id = json_extract(value, '$[0]') AND alerts.changed = json_extract(value, '$[1]') WHERE true \
         ON CONFLICT (id) DO UPDATE SET intel = excluded.intel, vuln = excluded.vuln",
    )
    .bind(with.0)
    .bind(with.1)
    .bind(to_text("alert ids", &same.iter().map(|(id, at)| (id, at.0)).collect::<Vec<_>>())?)
    .execute(&mut *connection)
    .await?;
    let mut kept = Vec::new();
    for Due { alert, changed: expected } in news {
        if changed(connection, &alert.id.0).await? != Some(expected) {
            continue;
        }
        let Some(stored) = load(connection, &alert.id.0).await? else { continue };
        kept.push(one(connection, stored, alert, (tell, now)).await?);
    }
    Ok(kept)
}

async fn one(
    connection: &mut SqliteConnection,
    stored: Alert,
    mut alert: Alert,
    (tell, now): (Tell, Timestamp),
) -> Result<Alert, StoreError> {
    let (before, stood) = (exceptions::before(Some(&stored)), outbox::before(Some(&stored)));
    uncovered(connection, Some(&stored), &mut alert, now).await?;
    merge::follow(&stored, &mut alert, now);
    let whole = stored.work.merged_into.clone();
    if let Some(whole) = whole {
        let grade = Grade::to_outdo(&stored);
        merge::outgrow(&mut alert, &grade, load(connection, &whole.0).await?.as_ref(), now);
    }
    settle(connection, &mut alert, (before, stood), (tell, now)).await?;
    Ok(alert)
}

/// Whoever accepted certain vulnerabilities has not accepted another that became known since. `claimed` is what it was
/// when its host last said that an exception covers it; of a report, it without what the exception does not name.
pub(super) async fn uncovered(
    connection: &mut SqliteConnection,
    claimed: Option<&Alert>,
    alert: &mut Alert,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(id) = alert.suppressed_by.as_ref() else { return Ok(()) };
    let kept = exceptions::all(&mut *connection, now).await?;
    let Some(exception) = kept.into_iter().map(|kept| kept.exception).find(|exception| exception.id == *id) else {
        return Ok(());
    };
    if exception.cves.is_empty() {
        return Ok(());
    }
    let named = |alert: &Alert| {
        let mut named = alert.clone();
        named.findings.retain(|finding| !finding.state.is_vulnerable() || exception.names(finding));
        named
    };
    let claimed = claimed.cloned().unwrap_or_else(|| named(alert));
    let Some(newest) = alert.connections.first().cloned() else { return Ok(()) };
    let application = alert.application.key();
    let covers = |alert: &Alert| {
        exception.covers(&Subject {
            address: newest.remote.ip().to_canonical(),
            port: newest.remote.port(),
            name: tripoint_model::exception::name_to_except(&newest, &claimed.claims),
            host: Some(&alert.host),
            application: Some(&application),
            direction: Some(alert.direction),
            rule: Some(&claimed.rule),
            indicator: Some(&alert.indicator),
            findings: Some(&alert.findings),
            at: now,
        })
    };
    // Where it does not seem to cover what it did cover, its host knows better.
    if covers(&claimed) && !covers(alert) && !alert.findings.is_empty() {
        alert.suppressed_by = None;
    }
    Ok(())
}

/// Writes down with which images an alert was judged that is saved.
pub(super) async fn note(connection: &mut SqliteConnection, alert: &Alert) -> Result<(), StoreError> {
    let Some(judged) = &alert.judged else { return Ok(()) };
    let built = |edition: Option<tripoint_model::Edition>| edition.map_or(0, |edition| edition.built.0);
    sqlx::query(
        "INSERT INTO judged (id, intel, vuln) VALUES ($1, $2, $3) \
         ON CONFLICT (id) DO UPDATE SET intel = excluded.intel, vuln = excluded.vuln",
    )
    .bind(&alert.id.0)
    .bind(built(judged.intel))
    .bind(built(judged.vuln))
    .execute(connection)
    .await?;
    Ok(())
}
