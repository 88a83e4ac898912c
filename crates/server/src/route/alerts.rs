//! Which alerts are there, and what do people make of them?

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::broadcast::error::RecvError;

use tripoint_api::context::AlertContext;
use tripoint_api::queue::AlertSummary;
use tripoint_api::work::Work;
use tripoint_api::{
    AlertList, AlertQuery, AssignRequest, CommentRequest, Order, ReopenRequest, ResolveRequest, Resolved,
};
use tripoint_model::{Alert, AlertId, Resolution, Timestamp};

use super::actions;
use super::tags::Tags;
use crate::auth::caller::Caller;
use crate::listen::until;
use crate::next_step::next_step;
use crate::refuse::{Params, Refused, json, refuse};
use crate::state::{App, now};
use crate::store::Worked;
use crate::{merge, narrow};

/// A page of alerts.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(query): Params<AlertQuery>,
) -> Result<Json<AlertList>, Refused> {
    let place = |after: &str| after.split_once('-').is_some_and(|(time, _)| time.parse::<i64>().is_ok());
    if query.after.as_deref().is_some_and(|after| !place(after)) {
        return Err(refuse(
            StatusCode::UNPROCESSABLE_ENTITY,
            "cursor",
            "after is no place among alerts; ask without it",
        ));
    }
    let of = app.seen_by(&caller).await?;
    Ok(Json(app.store.alerts(query, of).await?))
}

/// One alert, with its version as `ETag`; 304 for whoever has it.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let version = app.store.version(id.clone()).await?.ok_or_else(missing)?;
    let known = Tags::of(&headers, &header::IF_NONE_MATCH).ok().flatten();
    if known.is_some_and(|known| known.weakly(&version.0.to_string())) {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let alert = app.store.alert(id).await?.ok_or_else(missing)?;
    Ok((tag(version), Json(alert)).into_response())
}

/// What surrounds an alert, of the hosts that the caller sees.
pub(crate) async fn context(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<AlertContext>, Refused> {
    let alert = app.store.alert(id.clone()).await?.ok_or_else(missing)?;
    let changed = app.store.version(id).await?.ok_or_else(missing)?;
    let of = app.seen_by(&caller).await?;
    let (related, parts) = app.store.around(AlertSummary::of(&alert, changed), of).await?;
    let timers = alert.work.clock.map(|clock| app.levels.timers(&clock)).unwrap_or_default();
    Ok(Json(AlertContext { next: next_step(&alert, now()), timers, related, parts }))
}

/// Closes an alert. A false one comes with what would keep it from coming again.
pub(crate) async fn resolve(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let request: ResolveRequest = json(&body)?;
    let wanted = Work::Resolve { resolution: request.resolution, comment: request.comment };
    let (alert, version) = done(&app, id, wanted, &headers, caller).await?;
    let exception = (request.resolution == Resolution::FalsePositive).then(|| narrow::exception(&alert));
    Ok((tag(version), Json(Resolved { alert, exception })).into_response())
}

/// Opens an alert again.
pub(crate) async fn reopen(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let request: ReopenRequest = json(&body)?;
    worked(&app, id, Work::Reopen { comment: request.comment }, &headers, caller).await
}

/// Says something about an alert.
pub(crate) async fn comment(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let request: CommentRequest = json(&body)?;
    worked(&app, id, Work::Comment { text: request.text }, &headers, caller).await
}

/// Gives an alert to somebody.
pub(crate) async fn assign(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let request: AssignRequest = json(&body)?;
    worked(&app, id, Work::Assign { assignee: request.assignee }, &headers, caller).await
}

/// Has the host look into an alert now, and gives the alert with what was found.
pub(crate) async fn investigate(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<Alert>, Refused> {
    let mut alert = app.store.alert(id).await?.ok_or_else(missing)?;
    let hosts = actions::hosts(&app, &caller, Some(&alert.host))?;
    let said = actions::answers(&app, hosts, Order::Investigate { alert: Box::new(alert.clone()) }).await?;
    let answer = said.answers.into_iter().next().map(|(_, answer)| answer);
    match answer.map(|answer| (answer.investigation, answer.error)) {
        Some((Some(found), _)) => {
            merge::investigated(&mut alert, found);
            Ok(Json(alert))
        }
        Some((None, error)) => Err(refuse(
            StatusCode::CONFLICT,
            "not-investigated",
            error.unwrap_or_else(|| "the agent does not know how to".into()),
        )),
        None => Err(refuse(StatusCode::GATEWAY_TIMEOUT, "no-answer", said.errors.join("; "))),
    }
}

/// Any work on an alert.
pub(crate) async fn work(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    worked(&app, id, json(&body)?, &headers, caller).await
}

/// Does it and gives the alert with its version.
async fn worked(app: &App, id: String, wanted: Work, headers: &HeaderMap, caller: Caller) -> Result<Response, Refused> {
    let (alert, version) = done(app, id, wanted, headers, caller).await?;
    Ok((tag(version), Json(alert)).into_response())
}

/// Does it; with `If-Match`, only on the alert as the person saw it.
async fn done(
    app: &App,
    id: String,
    wanted: Work,
    headers: &HeaderMap,
    caller: Caller,
) -> Result<(Alert, Timestamp), Refused> {
    let expected = expected(app, &id, headers).await?;
    sound(&wanted)?;
    if let Work::Merge { into } = &wanted {
        seen(app, &caller, into).await?;
    }
    let judges = matches!(wanted, Work::Resolve { .. } | Work::Reopen { .. } | Work::Status { .. });
    match app.store.work(id, wanted, (caller.name, expected), now()).await? {
        Worked::Done(mut alerts, version) => {
            app.show(&alerts);
            if judges {
                app.hand_on_trust().await;
            }
            Ok((alerts.swap_remove(0), version))
        }
        Worked::Missing => Err(missing()),
        Worked::Changed => Err(changed()),
        Worked::Refused(why) => Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "not-possible", why)),
    }
}

/// Refuses what is of a host that the caller does not see, as if it were not there.
pub(crate) async fn seen(app: &App, caller: &Caller, id: &AlertId) -> Result<(), Refused> {
    if caller.sees.all() {
        return Ok(());
    }
    let found = app.store.alert(id.0.clone()).await?.filter(|alert| caller.sees.host(&alert.host));
    found.map(drop).ok_or_else(missing)
}

/// Refuses what cannot be meant.
pub(crate) fn sound(wanted: &Work) -> Result<(), Refused> {
    match wanted.fault() {
        Some(fault) => Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "incomplete", fault)),
        None => Ok(()),
    }
}

/// The version that an alert must still have, of those that `If-Match` names; any where it names none.
async fn expected(app: &App, id: &str, headers: &HeaderMap) -> Result<Option<Timestamp>, Refused> {
    let unreadable = |()| refuse(StatusCode::BAD_REQUEST, "unreadable", "If-Match is no list of ETags");
    let named = match Tags::of(headers, &header::IF_MATCH).map_err(unreadable)? {
        None | Some(Tags::Any) => return Ok(None),
        Some(named) => named,
    };
    let version = app.store.version(id.to_owned()).await?.ok_or_else(missing)?;
    if named.strongly(&version.0.to_string()) { Ok(Some(version)) } else { Err(changed()) }
}

fn changed() -> Refused {
    refuse(StatusCode::PRECONDITION_FAILED, "changed", "somebody or something has changed it since; look again")
}

/// The version of an alert as `ETag`.
fn tag(version: Timestamp) -> [(header::HeaderName, String); 1] {
    [(header::ETAG, format!("\"{}\"", version.0))]
}

fn missing() -> Refused {
    refuse(StatusCode::NOT_FOUND, "not-found", "there is no such alert")
}

/// Every new or changed alert of hosts that the caller sees, as a server-sent event. A watcher that is too slow is told
/// by an event `missed` how many it missed at most: some may be of hosts that it does not see.
pub(crate) async fn watch(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let receiver = app.alerts.subscribe();
    let stopped = app.stopped.clone();
    let stream = unfold((receiver, stopped, caller.sees), |(mut receiver, stopped, sees)| async move {
        let event = loop {
            let heard = tokio::select! {
                alert = receiver.recv() => alert,
                () = until(stopped.clone()) => return None,
            };
            match heard {
                // Of other hosts not even that there is something.
                Ok(shown) if !sees.host(&shown.host) => {}
                Ok(shown) => break Event::default().event("alert").data(&*shown.text),
                Err(RecvError::Lagged(missed)) => break Event::default().event("missed").data(missed.to_string()),
                Err(RecvError::Closed) => return None,
            }
        };
        Some((Ok(event), (receiver, stopped, sees)))
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}
