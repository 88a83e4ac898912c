//! What does a person's work change about an alert, and whom else does it concern?

use serde::Serialize;
use sqlx::SqliteConnection;

use tripoint_api::work::{BulkAnswer, BulkRefusal, COMMENTS_MAX, EACH_MAX, Work};
use tripoint_model::alert::{Attachment, Change, Comment, SeverityOverride};
use tripoint_model::{Alert, AlertId, AlertStatus, Level, Resolution, Timestamp};

use super::rows::{load, save, to_text};
use super::verdicts::teach;
use super::{StoreError, Worked};
use crate::auth::audit;

/// An alert that was worked on, and how it stood before.
pub(super) struct Done {
    pub(super) before: State,
    pub(super) alert: Alert,
}

/// Does the work on one alert; with `expected`, only if it has not changed since. The alert first, then what changed
/// with it; or why nothing did.
pub(super) async fn work(
    connection: &mut SqliteConnection,
    id: &str,
    work: &Work,
    (author, expected): (&str, Option<Timestamp>),
    now: Timestamp,
) -> Result<Result<Vec<Done>, Worked>, StoreError> {
    let worked = try_work(connection, id, work, (author, expected), now).await?;
    if worked.is_err() {
        audit::nothing_changed();
    }
    Ok(worked)
}

async fn try_work(
    connection: &mut SqliteConnection,
    id: &str,
    work: &Work,
    (author, expected): (&str, Option<Timestamp>),
    now: Timestamp,
) -> Result<Result<Vec<Done>, Worked>, StoreError> {
    let Some(alert) = load(connection, id).await? else { return Ok(Err(Worked::Missing)) };
    if expected.is_some() && expected != changed(connection, id).await? {
        return Ok(Err(Worked::Changed));
    }
    if let Work::Merge { into } = work
        && let Some(why) = cannot_merge(connection, &alert, into).await?
    {
        return Ok(Err(Worked::Refused(why)));
    }
    if let Some(why) = is_full(&alert, work) {
        return Ok(Err(Worked::Refused(why)));
    }
    let whole = done(connection, alert, work, (author, ""), now).await?;
    audit::changed(&whole.before, &State::of(&whole.alert));
    let mut all = vec![whole];
    for part in parts_with(connection, id, work, all[0].before.status).await? {
        let with = format!(" with {id}");
        all.push(done(connection, part, work, (author, &with), now).await?);
    }
    Ok(Ok(all))
}

/// The parts of a whole that are worked on with it: all when it is closed, the closed ones when it is opened.
async fn parts_with(
    connection: &mut SqliteConnection,
    id: &str,
    work: &Work,
    was: AlertStatus,
) -> Result<Vec<Alert>, StoreError> {
    let closes = matches!(work, Work::Resolve { .. });
    let opens = was == AlertStatus::Resolved && matches!(work, Work::Reopen { .. } | Work::Status { .. });
    let mut all = Vec::new();
    if closes || opens {
        for part in parts(connection, id).await? {
            let part = load(connection, &part).await?;
            all.extend(part.filter(|part| closes || part.work.status == AlertStatus::Resolved));
        }
    }
    Ok(all)
}

/// How an alert stands. What was said stands in its request.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub(super) struct State {
    pub(super) status: AlertStatus,
    pub(super) resolution: Option<Resolution>,
    pub(super) assignee: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<Level>,
    #[serde(skip_serializing_if = "Option::is_none")]
    merged_into: Option<AlertId>,
}

impl State {
    fn of(alert: &Alert) -> Self {
        let work = &alert.work;
        Self {
            status: work.status,
            resolution: work.resolution,
            assignee: work.assignee.clone(),
            severity: work.severity.as_ref().map(|own| own.level),
            merged_into: work.merged_into.clone(),
        }
    }
}

/// The same for many; of those with a version, only if they have not changed since.
pub(super) async fn bulk(
    connection: &mut SqliteConnection,
    ids: Vec<(AlertId, Option<Timestamp>)>,
    wanted: &Work,
    author: &str,
    now: Timestamp,
) -> Result<(BulkAnswer, Vec<Done>), StoreError> {
    let mut answer = BulkAnswer::default();
    let mut changed = Vec::new();
    for (id, expected) in ids {
        let reason = match try_work(connection, &id.0, wanted, (author, expected), now).await? {
            Ok(alerts) => {
                changed.extend(alerts);
                answer.done.push(id);
                continue;
            }
            Err(Worked::Refused(why)) => why,
            Err(Worked::Changed) => "it has changed since; look again".to_owned(),
            Err(Worked::Missing | Worked::Done(..)) => "there is no such alert".to_owned(),
        };
        answer.refused.push(BulkRefusal { id, reason });
    }
    if answer.done.is_empty() {
        audit::nothing_changed();
    } else {
        // Of many it is told which; how each was stands in its history.
        audit::changed(&(), &answer.done);
    }
    Ok((answer, changed))
}

/// When an alert last changed.
pub(super) async fn changed(connection: &mut SqliteConnection, id: &str) -> Result<Option<Timestamp>, StoreError> {
    let at: Option<i64> =
        sqlx::query_scalar("SELECT changed FROM alerts WHERE id = $1").bind(id).fetch_optional(connection).await?;
    Ok(at.map(Timestamp))
}

/// The alerts that are part of another.
pub(super) async fn parts(connection: &mut SqliteConnection, id: &str) -> Result<Vec<String>, StoreError> {
    let found = sqlx::query_scalar("SELECT id FROM queue_terms WHERE field = 'merged' AND value = $1 ORDER BY id")
        .bind(id)
        .fetch_all(connection)
        .await?;
    Ok(found)
}

/// One level only, so that nothing is part of itself: neither may be part of another or have parts of its own below.
async fn cannot_merge(
    connection: &mut SqliteConnection,
    alert: &Alert,
    into: &AlertId,
) -> Result<Option<String>, StoreError> {
    if alert.id == *into {
        return Ok(Some("an alert is no part of itself".into()));
    }
    let Some(whole) = load(connection, &into.0).await? else {
        return Ok(Some(format!("there is no alert {into} to merge it into")));
    };
    if let Some(other) = whole.work.merged_into {
        return Ok(Some(format!("{into} is part of {other} itself; merge it into that")));
    }
    // Nobody would look at it behind what is closed.
    if whole.work.status == AlertStatus::Resolved && alert.work.status != AlertStatus::Resolved {
        return Ok(Some(format!("{into} is closed; reopen it first, or close this one too")));
    }
    if !parts(connection, &alert.id.0).await?.is_empty() {
        return Ok(Some("other alerts are part of it; split them first, or merge the other way round".into()));
    }
    if parts(connection, &into.0).await?.len() >= PARTS_MAX {
        return Ok(Some(format!("{into} has {PARTS_MAX} parts already")));
    }
    Ok(None)
}

fn is_full(alert: &Alert, work: &Work) -> Option<String> {
    let is_full = match work {
        Work::Tag { name, .. } => alert.work.tags.len() >= EACH_MAX && !alert.work.tags.contains_key(name),
        Work::Attach { .. } => alert.work.attachments.len() >= EACH_MAX,
        _ => false,
    };
    if says(work) && alert.work.comments.len() >= COMMENTS_MAX {
        return Some(format!("it has {COMMENTS_MAX} comments already"));
    }
    is_full.then(|| format!("it has {EACH_MAX} of them already"))
}

/// Most parts of one alert: they are closed and opened with it, in one transaction.
const PARTS_MAX: usize = 1000;

/// Whether the work comes with a comment.
fn says(work: &Work) -> bool {
    match work {
        Work::Comment { .. } => true,
        Work::Resolve { comment, .. } | Work::Reopen { comment } => {
            comment.as_ref().is_some_and(|text| !text.is_empty())
        }
        _ => false,
    }
}

async fn done(
    connection: &mut SqliteConnection,
    mut alert: Alert,
    work: &Work,
    (author, with): (&str, &str),
    now: Timestamp,
) -> Result<Done, StoreError> {
    let before = State::of(&alert);
    let what = apply(&mut alert, work, author, now)?;
    alert.work.history.extend(what.map(|what| Change {
        at: now,
        author: author.to_owned(),
        what: format!("{what}{with}"),
    }));
    if before.status == AlertStatus::Resolved {
        free(connection, &mut alert, author, now).await?;
    }
    // Whatever opens a closed alert takes back what its closing taught.
    if (alert.work.status, alert.work.resolution) != (before.status, before.resolution) {
        teach(connection, &alert).await?;
    }
    save(connection, &mut alert, now).await?;
    Ok(Done { before, alert })
}

/// A part that is opened while its whole is closed stands by itself: nobody would look at it behind that.
async fn free(
    connection: &mut SqliteConnection,
    part: &mut Alert,
    author: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    if part.work.status == AlertStatus::Resolved {
        return Ok(());
    }
    let Some(id) = part.work.merged_into.clone() else { return Ok(()) };
    if load(connection, &id.0).await?.is_none_or(|whole| whole.work.status == AlertStatus::Resolved) {
        part.work.merged_into = None;
        let what = format!("split from {id}: that is closed");
        part.work.history.push(Change { at: now, author: author.to_owned(), what });
    }
    Ok(())
}

/// Changes the alert; how its history tells it.
fn apply(alert: &mut Alert, work: &Work, author: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
    let own = &mut alert.work;
    let mut say = |text: &Option<String>| {
        let text = text.as_ref().filter(|text| !text.is_empty()).cloned();
        own.comments.extend(text.map(|text| Comment { at: now, author: author.to_owned(), text }));
    };
    Ok(Some(match work {
        Work::Resolve { resolution, comment } => {
            say(comment);
            own.status = AlertStatus::Resolved;
            own.resolution = Some(*resolution);
            format!("resolved as {}", to_text("resolution", resolution)?.trim_matches('"'))
        }
        Work::Reopen { comment } => {
            say(comment);
            // What is not closed stands as it stands.
            if own.status != AlertStatus::Resolved {
                return Ok(None);
            }
            own.status = AlertStatus::Open;
            own.resolution = None;
            "reopened".to_owned()
        }
        Work::Comment { text } => {
            say(&Some(text.clone()));
            return Ok(None);
        }
        Work::Assign { assignee } => {
            let assignee = assignee.clone().filter(|who| !who.is_empty());
            if assignee.is_some() && own.status == AlertStatus::Open {
                own.status = AlertStatus::Investigating;
            }
            let what = format!("assigned to {}", assignee.as_deref().unwrap_or("nobody"));
            own.assignee = assignee;
            what
        }
        Work::Status { status } => {
            own.status = *status;
            own.resolution = None;
            format!("now {}", super::rows::status_text(*status))
        }
        Work::Severity { level: None, .. } => {
            own.severity = None;
            "severity left to the sum again".to_owned()
        }
        Work::Severity { level: Some(level), reason } => {
            let (author, reason) = (author.to_owned(), reason.clone());
            let what = format!("severity set to {level}: {reason}");
            own.severity = Some(SeverityOverride { level: *level, author, at: now, reason });
            what
        }
        Work::Tag { .. } | Work::Untag { .. } | Work::Attach { .. } | Work::Detach { .. } => {
            return Ok(label(own, work, author, now));
        }
        Work::Merge { into } => {
            own.merged_into = Some(into.clone());
            format!("merged into {into}")
        }
        Work::Split {} => match own.merged_into.take() {
            Some(whole) => format!("split from {whole}"),
            None => return Ok(None),
        },
    }))
}

/// Adds or takes away what is added to an alert; nothing where there was nothing to take away.
fn label(own: &mut tripoint_model::alert::Work, work: &Work, author: &str, now: Timestamp) -> Option<String> {
    match work {
        Work::Tag { name, value } => {
            own.tags.insert(name.clone(), value.clone());
            Some(if value.is_empty() { format!("tagged {name}") } else { format!("tagged {name}={value}") })
        }
        Work::Untag { name } => own.tags.remove(name).map(|_| format!("tag {name} taken away")),
        Work::Attach { name, url, sha256 } => {
            own.attachments.retain(|known| known.url != *url);
            let (name, url, author) = (name.clone(), url.clone(), author.to_owned());
            let what = format!("attached {name}: {url}");
            own.attachments.push(Attachment { name, url, sha256: sha256.clone(), author, at: now });
            Some(what)
        }
        Work::Detach { url } => {
            let before = own.attachments.len();
            own.attachments.retain(|known| known.url != *url);
            (own.attachments.len() < before).then(|| format!("reference {url} taken away"))
        }
        _ => None,
    }
}
