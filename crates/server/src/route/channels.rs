//! How are the channels over which people are told, and do they work?

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};

use tripoint_api::channel::{
    ChannelList, ChannelPreview, ChannelStatus, ChannelTest, DeadLetter, DeadLetters, DeadQuery, PreviewRequest,
    PreviewedRequest, Retried, RetryRequest,
};

use crate::auth::caller::Caller;
use crate::notify::Board;
use crate::notify::news::{self, Kind, News};
use crate::refuse::{Params, Refused, json, refuse};
use crate::state::{App, now};

/// Every channel and how it fares.
pub(crate) async fn list(State(app): State<Arc<App>>) -> Result<Json<ChannelList>, Refused> {
    let Some(board) = &app.notify else { return Ok(Json(ChannelList::default())) };
    let (queues, mut held_for) = (app.deliveries.queues().await?, app.deliveries.held_for().await?);
    let status = board.lines().iter().map(|line| {
        let (queue, standing) = (queues.get(&line.spec.name).copied().unwrap_or_default(), line.standing().clone());
        ChannelStatus {
            name: line.spec.name.clone(),
            kind: line.spec.kind.name().to_owned(),
            waiting: queue.waiting,
            held: queue.held,
            held_for: held_for.remove(&line.spec.name).unwrap_or_default(),
            delivered: queue.delivered,
            dead: queue.dead,
            lost: queue.lost,
            breaker: standing.breaker().to_owned(),
            failures: standing.failures,
            trouble: standing.trouble,
            last_delivered: standing.delivered,
            next_attempt: standing.next,
        }
    });
    Ok(Json(ChannelList { channels: status.collect() }))
}

/// Sends a message that says that it is a test, and waits for what comes of it.
pub(crate) async fn test(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Json<ChannelTest>, Refused> {
    let board = board(&app, &name)?;
    let began = Instant::now();
    let trouble = board.test(&name).await.err();
    tracing::info!(channel = name, by = caller.name, "a channel was tested");
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Json(ChannelTest { delivered: trouble.is_none(), trouble, took_ms }))
}

/// What would be sent of an alert.
pub(crate) async fn preview(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<ChannelPreview>, Refused> {
    let board = board(&app, &name)?;
    let PreviewRequest { alert: id } = json(&body)?;
    let alert = app.store.alert(id.0).await?.filter(|alert| caller.sees.host(&alert.host));
    let alert = alert.ok_or_else(|| refuse(StatusCode::NOT_FOUND, "not-found", "there is no such alert"))?;
    let body = news::about(Kind::AlertNew, &alert, &[], now()).to_string();
    let unreadable = |error: serde_json::Error| refuse(StatusCode::UNPROCESSABLE_ENTITY, "alert", error.to_string());
    let news = News::read(&body).map_err(unreadable)?;
    let line = board.line(&name).ok_or_else(missing)?;
    let (text, requests) = board.preview(line, &news, now());
    let requests = requests.into_iter().map(|(what, body)| PreviewedRequest { what, body }).collect();
    Ok(Json(ChannelPreview { text, requests }))
}

/// Messages that were given up.
pub(crate) async fn dead(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Params(query): Params<DeadQuery>,
) -> Result<Json<DeadLetters>, Refused> {
    board(&app, &name)?;
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let rows = app.deliveries.dead(&name, query.after, limit).await?;
    let next = rows.last().filter(|_| rows.len() == limit as usize).map(|row| row.number);
    let letters = rows.into_iter().map(|row| DeadLetter {
        number: row.number,
        queued: row.queued,
        tries: row.tries,
        error: row.error,
        headline: row.line,
    });
    Ok(Json(DeadLetters { letters: letters.collect(), next }))
}

/// Tries them again.
pub(crate) async fn retry(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<Retried>, Refused> {
    let board = board(&app, &name)?;
    let RetryRequest { numbers } = json(&body)?;
    if numbers.len() > NUMBERS_MAX {
        let why = format!("at most {NUMBERS_MAX} numbers; none means all");
        return Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "too-many", why));
    }
    let retried = app.deliveries.retry(name.clone(), numbers, now()).await?;
    board.line(&name).into_iter().for_each(crate::notify::Line::wake);
    tracing::info!(channel = name, retried, by = caller.name, "dead letters are tried again");
    Ok(Json(Retried { retried }))
}

/// Who is told, where the channel is one of them.
fn board<'a>(app: &'a App, name: &str) -> Result<&'a Arc<Board>, Refused> {
    app.notify.as_ref().filter(|board| board.line(name).is_some()).ok_or_else(missing)
}

fn missing() -> Refused {
    refuse(StatusCode::NOT_FOUND, "not-found", "there is no such channel")
}

const PAGE: u32 = 50;
const PAGE_MAX: u32 = 500;
const NUMBERS_MAX: usize = 1000;
