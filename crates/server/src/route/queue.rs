//! What waits for people, searched, counted, watched and worked on many at once?

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
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
use crate::live::Changed;
use crate::refuse::{Refused, json, refuse};
use crate::state::{App, now};

type Asked<T> = Result<Query<T>, QueryRejection>;

/// A page of the queue.
pub(crate) async fn page(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    query: Asked<QueueQuery>,
) -> Result<Json<QueuePage>, Refused> {
    let Query(query) = query.map_err(unreadable)?;
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
    query: Asked<FacetQuery>,
) -> Result<Json<Facets>, Refused> {
    let Query(query) = query.map_err(unreadable)?;
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
    for id in request.ids {
        match seen(&app, &caller, &id).await {
            Ok(()) => ids.push(id),
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
    query: Asked<WatchQuery>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refused> {
    let Query(query) = query.map_err(unreadable)?;
    let filter = Arc::new((filter_of(query.filter.as_deref())?, caller.sees));
    // Heard from now on, so that nothing falls between what was missed and what comes.
    let receiver = app.live.subscribe();
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    let (seen, missed) = missed(&app, last.or(query.since).map(Timestamp)).await?;
    let begin = match &missed {
        None => vec![Ok(Event::default().event("reset").data("{}"))],
        Some(missed) => missed.iter().map(|changed| Ok(event(changed, &filter))).collect(),
    };
    let stream = unfold((receiver, app.stopped.clone()), move |(mut receiver, stopped)| {
        let filter = Arc::clone(&filter);
        async move {
            let event = tokio::select! {
                changed = receiver.recv() => match changed {
                    Ok(changed) if changed.row.summary.changed <= seen => Event::default().comment("known"),
                    Ok(changed) => event(&changed, &filter),
                    Err(RecvError::Lagged(_)) => Event::default().event("reset").data("{}"),
                    Err(RecvError::Closed) => return None,
                },
                () = until(stopped.clone()) => return None,
            };
            Some((Ok(event), (receiver, stopped)))
        }
        .boxed()
    });
    Ok(Sse::new(iter(begin).chain(stream)).keep_alive(KeepAlive::default()))
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

/// The line, or that it is none of those asked for.
fn event(changed: &Changed, (filter, sees): &(Filter, Sees)) -> Event {
    // Of other hosts not even that there is something.
    if !sees.host(&changed.row.summary.host) {
        return Event::default().comment("known");
    }
    let event = Event::default().id(changed.row.summary.changed.0.to_string());
    if filter.matches(&*changed.row) {
        event.event("alert").data(&*changed.line)
    } else {
        event.event("gone").data(&changed.row.summary.id.0)
    }
}

/// Reads a filter. What an exception covers and what is part of another alert is left out unless it is asked about.
pub(super) fn filter_of(text: Option<&str>) -> Result<Filter, Refused> {
    let text = text.unwrap_or_default();
    let mut filter = read(text)?;
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

fn unreadable(error: QueryRejection) -> Refused {
    refuse(StatusCode::BAD_REQUEST, "unreadable", error.body_text())
}
