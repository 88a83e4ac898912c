//! What waits for people, searched, counted, watched and worked on many at once?

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::{Extension, Json};
use futures_util::Stream;
use futures_util::stream::{iter, unfold};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::broadcast::error::RecvError;

use tripoint_api::filter::{self, Filter, FilterError};
use tripoint_api::queue::{ALERT_FIELDS, FacetQuery, Facets, QueuePage, QueueQuery, WatchQuery};
use tripoint_api::work::{BULK_MAX, BulkAnswer, BulkRefusal, BulkRequest, Work};
use tripoint_model::Timestamp;

use super::alerts::{seen, sound};
use crate::auth::caller::{Caller, Sees};
use crate::listen::until;
use crate::live::{Changed, beat};
use crate::refuse::{Params, Refused, json, refuse};
use crate::state::{App, now};

/// A page of the queue.
pub(crate) async fn page(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(query): Params<QueueQuery>,
) -> Result<Json<QueuePage>, Refused> {
    let filter = filter_of(query.filter.as_deref())?;
    let (of, sort) = (app.seen_by(&caller).await?, query.sort.unwrap_or_default());
    let page = app.store.queue_page(filter, of, sort, (query.limit, query.after)).await?;
    page.map(Json).ok_or_else(|| {
        refuse(StatusCode::UNPROCESSABLE_ENTITY, "cursor", "after is no place in a queue of this order; ask without it")
    })
}

/// How many alerts there are, and by what.
pub(crate) async fn facets(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(query): Params<FacetQuery>,
) -> Result<Json<Facets>, Refused> {
    let of = app.seen_by(&caller).await?;
    Ok(Json(app.store.queue_facets(filter_of(query.filter.as_deref())?, of).await?))
}

/// The same work on many alerts.
pub(crate) async fn work(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<BulkAnswer>, Refused> {
    let request: BulkRequest = json(&body)?;
    if request.ids.len() > BULK_MAX {
        let detail = format!("at most {BULK_MAX} alerts at once, these are {}", request.ids.len());
        return Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "too-many", detail));
    }
    sound(&request.work)?;
    if let Work::Merge { into } = &request.work {
        seen(&app, &caller, into).await?;
    }
    let (mut ids, mut hidden) = (Vec::with_capacity(request.ids.len()), Vec::new());
    let mut named = HashSet::new();
    for id in request.ids {
        // Named twice, done once.
        if !named.insert(id.clone()) {
            continue;
        }
        match seen(&app, &caller, &id).await {
            Ok(()) => {
                let expected = request.versions.get(&id).copied();
                ids.push((id, expected));
            }
            Err(Refused(problem, wait)) if problem.status != 404 => return Err(Refused(problem, wait)),
            Err(Refused(problem, _)) => hidden.push(BulkRefusal { id, reason: problem.detail }),
        }
    }
    let (mut answer, changed) = app.store.work_on(ids, request.work, caller.name, now()).await?;
    answer.refused.extend(hidden);
    app.show(&changed);
    app.hand_on_trust().await;
    Ok(Json(answer))
}

/// Every line that is new or changed, as server-sent events; what was missed since `Last-Event-ID` first.
pub(crate) async fn watch(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Params(query): Params<WatchQuery>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refused> {
    let mut watcher = Watcher::new(query.filter, caller.sees, now())?;
    // Heard from now on, so that nothing falls between what was missed and what comes.
    let receiver = app.live.subscribe();
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    let (seen, missed) = missed(&app, last.or(query.since).map(Timestamp)).await?;
    let begin = match &missed {
        None => vec![Ok(Event::default().event("reset").data("{}"))],
        Some(missed) => missed.iter().filter_map(|changed| watcher.event(changed, now()).map(Ok)).collect(),
    };
    let stream = unfold((receiver, app.stopped.clone(), watcher), move |(mut receiver, stopped, mut watcher)| {
        async move {
            let event = loop {
                let heard = tokio::select! {
                    changed = receiver.recv() => changed,
                    () = until(stopped.clone()) => return None,
                };
                let event = match heard {
                    Ok(changed) if changed.row.summary.changed <= seen => None,
                    Ok(changed) => watcher.event(&changed, now()),
                    Err(RecvError::Lagged(_)) => Some(Event::default().event("reset").data("{}")),
                    Err(RecvError::Closed) => return None,
                };
                if let Some(event) = event {
                    break event;
                }
            };
            Some((Ok(event), (receiver, stopped, watcher)))
        }
        .boxed()
    });
    Ok(Sse::new(iter(begin).chain(stream)).keep_alive(beat()))
}

/// What changed since the watcher last heard of anything, `None` when that is too much to tell; and the moment from
/// which on it is to be told.
async fn missed(app: &App, last: Option<Timestamp>) -> Result<(Timestamp, Option<Vec<Changed>>), Refused> {
    let Some(last) = last else { return Ok((app.store.last_change().await?, Some(Vec::new()))) };
    let rows = app.store.queue_changed(last, MISSED_MAX + 1).await?;
    if rows.len() > MISSED_MAX as usize {
        return Ok((app.store.last_change().await?, None));
    }
    let seen = rows.last().map_or(last, |row| row.summary.changed);
    Ok((seen, Some(rows.into_iter().map(Changed::of).collect())))
}

/// Most lines that a watcher who was away is told one by one.
const MISSED_MAX: u32 = 1000;

/// Who watches, and what they want to hear of.
struct Watcher {
    text: Option<String>,
    filter: Filter,
    read: Timestamp,
    sees: Sees,
}

impl Watcher {
    fn new(text: Option<String>, sees: Sees, now: Timestamp) -> Result<Self, Refused> {
        Ok(Self { filter: filter_of(text.as_deref())?, text, read: now, sees })
    }

    /// The line, or that it is none of those asked for. Of other hosts not even that there is something.
    fn event(&mut self, changed: &Changed, now: Timestamp) -> Option<Event> {
        if !self.sees.host(&changed.row.summary.host) {
            return None;
        }
        // `age<4h` means four hours from now, however long somebody has been watching.
        if now.since(self.read) >= READ_AGAIN
            && let Ok(filter) = filter_at(self.text.as_deref(), now)
        {
            (self.filter, self.read) = (filter, now);
        }
        let event = Event::default().id(changed.row.summary.changed.0.to_string());
        Some(match self.filter.matches(&*changed.row) {
            true => event.event("alert").data(&*changed.line),
            false => event.event("gone").data(&changed.row.summary.id.0),
        })
    }
}

/// Times in a watcher's filter are at most so old.
const READ_AGAIN: Duration = Duration::from_secs(1);

/// Reads a filter. What an exception covers and what is part of another alert is left out unless it is asked about.
pub(super) fn filter_of(text: Option<&str>) -> Result<Filter, Refused> {
    filter_at(text, now())
}

/// The same as it is meant at a moment.
fn filter_at(text: Option<&str>, at: Timestamp) -> Result<Filter, Refused> {
    let read = |text: &str| filter::parse(text, ALERT_FIELDS, at).map_err(wrong_filter);
    let mut filter = read(text.unwrap_or_default())?;
    for (field, hidden) in [("suppressed", "suppressed:no"), ("merged", "merged:no")] {
        if !filter.names(field) {
            filter = filter.and(read(hidden)?);
        }
    }
    Ok(filter)
}

/// Reads a filter about alerts, as it stands.
pub(crate) fn read(text: &str) -> Result<Filter, Refused> {
    filter::parse(text, ALERT_FIELDS, now()).map_err(wrong_filter)
}

fn wrong_filter(error: FilterError) -> Refused {
    let mut refused = refuse(StatusCode::UNPROCESSABLE_ENTITY, "filter", error.why);
    let place = |byte: usize| u32::try_from(byte).ok();
    (refused.0.at, refused.0.end) = (place(error.at), place(error.end));
    refused
}

#[cfg(test)]
mod tests {
    use tripoint_api::queue::QueueRow;

    use super::*;

    #[tokio::test]
    async fn times_in_a_watched_filter_are_those_of_now() {
        let hour = 3_600_000_000;
        let at = |hours: i64| Timestamp(1_795_946_400_000_000 + hours * hour);
        let alert = serde_json::json!({"schema": 1, "id": "aa", "rule": "bad_peer", "title": "t", "host": "web1",
            "application": {"kind": "unit", "id": "a", "name": "a"}, "indicator": "203.0.113.66",
            "direction": "outbound", "severity": {"score": 70, "level": "high", "factors": []}, "confidence": 90,
            "first_seen": at(0), "last_seen": at(0), "count": 1, "bytes_in": 0, "bytes_out": 0, "still_open": true,
            "connections": [], "claims": [], "findings": []});
        let changed = Changed::of(QueueRow::of(&serde_json::from_value(alert).unwrap(), at(0)));
        let told = |event: Option<Event>| format!("{event:?}");
        let mut watcher = Watcher::new(Some("age<2h".into()), Sees::only(vec!["*".into()]), at(1)).unwrap();
        (watcher.read, watcher.filter) = (at(1), filter_at(Some("age<2h"), at(1)).unwrap());
        assert!(told(watcher.event(&changed, at(1))).contains("event: alert"));
        assert!(told(watcher.event(&changed, at(3))).contains("event: gone"));
    }
}
