//! Which alerts are there, and what do people make of them?

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::{Extension, Json};
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::broadcast::error::RecvError;

use tripoint_api::{
    AlertList, AlertQuery, AssignRequest, CommentRequest, Order, ReopenRequest, ResolveRequest, Resolved,
};
use tripoint_model::{Alert, Resolution};

use super::actions;
use crate::access::Caller;
use crate::listen::until;
use crate::refuse::{Refused, json, refuse};
use crate::state::{App, now};
use crate::store::WorkChange;
use crate::{merge, narrow};

type Changed = Result<Json<Alert>, Refused>;

/// A page of alerts.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    query: Result<Query<AlertQuery>, QueryRejection>,
) -> Result<Json<AlertList>, Refused> {
    let Query(query) = query.map_err(|error| refuse(StatusCode::BAD_REQUEST, "unreadable", error.body_text()))?;
    Ok(Json(app.store.alerts(query).await?))
}

/// One alert.
pub(crate) async fn show(State(app): State<Arc<App>>, Path(id): Path<String>) -> Changed {
    app.store.alert(id).await?.map(Json).ok_or_else(missing)
}

/// Closes an alert. A false one comes with what would keep it from coming again.
pub(crate) async fn resolve(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<Resolved>, Refused> {
    let request: ResolveRequest = json(&body)?;
    let Json(alert) = work(&app, id, WorkChange::Resolve(request.resolution, request.comment), caller).await?;
    app.hand_on_trust().await;
    let exception = (request.resolution == Resolution::FalsePositive).then(|| narrow::exception(&alert));
    Ok(Json(Resolved { alert, exception }))
}

/// Opens an alert again.
pub(crate) async fn reopen(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Changed {
    let request: ReopenRequest = json(&body)?;
    let changed = work(&app, id, WorkChange::Reopen(request.comment), caller).await?;
    app.hand_on_trust().await;
    Ok(changed)
}

/// Says something about an alert.
pub(crate) async fn comment(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Changed {
    let request: CommentRequest = json(&body)?;
    if request.text.trim().is_empty() {
        return Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "incomplete", "a comment needs a text"));
    }
    if request.text.len() > COMMENT_MAX {
        return Err(refuse(
            StatusCode::UNPROCESSABLE_ENTITY,
            "too-long",
            format!("a comment has at most {COMMENT_MAX} bytes"),
        ));
    }
    work(&app, id, WorkChange::Comment(request.text), caller).await
}

const COMMENT_MAX: usize = 16 << 10;

/// Gives an alert to somebody.
pub(crate) async fn assign(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Changed {
    let request: AssignRequest = json(&body)?;
    work(&app, id, WorkChange::Assign(request.assignee.filter(|who| !who.is_empty())), caller).await
}

/// Has the host look into an alert now, and gives the alert with what was found.
pub(crate) async fn investigate(State(app): State<Arc<App>>, Path(id): Path<String>) -> Changed {
    let mut alert = app.store.alert(id).await?.ok_or_else(missing)?;
    let hosts = actions::hosts(&app, Some(&alert.host))?;
    let said = actions::answers(&app, hosts, Order::Investigate { alert: Box::new(alert.clone()) }).await?;
    let answer = said.answers.into_iter().next().map(|(_, answer)| answer);
    match answer.map(|answer| (answer.investigation, answer.error)) {
        Some((Some(found), _)) => {
            merge::investigated(&mut alert, found);
            Ok(Json(alert))
        }
        Some((None, error)) => Err(refuse(
            StatusCode::SERVICE_UNAVAILABLE,
            "not-investigated",
            error.unwrap_or_else(|| "the agent does not know how to".into()),
        )),
        None => Err(refuse(StatusCode::GATEWAY_TIMEOUT, "no-answer", said.errors.join("; "))),
    }
}

async fn work(app: &App, id: String, change: WorkChange, caller: Caller) -> Changed {
    let alert = app.store.work(id, change, caller.0, now()).await?.ok_or_else(missing)?;
    app.show(std::slice::from_ref(&alert));
    Ok(Json(alert))
}

fn missing() -> Refused {
    refuse(StatusCode::NOT_FOUND, "not-found", "there is no such alert")
}

/// Every new or changed alert, as a server-sent event. A watcher that is too slow is told how many
/// it missed in a `missed` event without data.
pub(crate) async fn watch(State(app): State<Arc<App>>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let receiver = app.alerts.subscribe();
    let stopped = app.stopped.clone();
    let stream = unfold((receiver, stopped), |(mut receiver, stopped)| async move {
        let event = tokio::select! {
            alert = receiver.recv() => match alert {
                Ok(text) => Event::default().event("alert").data(&*text),
                Err(RecvError::Lagged(missed)) => Event::default().comment(format!("missed {missed}")),
                Err(RecvError::Closed) => return None,
            },
            () = until(stopped.clone()) => return None,
        };
        Some((Ok(event), (receiver, stopped)))
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}
