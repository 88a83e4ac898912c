//! What do agents bring, and what do they fetch?

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use tripoint_api::agent::{BATCH_ITEMS_MAX, OpenAlerts, OpenAlertsQuery};
use tripoint_api::{Answer, Batch, BatchAnswer, Orders, OrdersQuery};

use crate::listen::until;
use crate::refuse::{Params, Refused, json_of_agent, refuse};
use crate::state::{App, now};

/// Takes a batch: durable before the answer.
pub(crate) async fn batch(State(app): State<Arc<App>>, body: Bytes) -> Result<Json<BatchAnswer>, Refused> {
    let batch: Batch = json_of_agent(&body)?;
    if batch.items.len() > BATCH_ITEMS_MAX {
        return Err(refuse(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-many",
            format!("at most {BATCH_ITEMS_MAX} items in a batch"),
        ));
    }
    if batch.agent.host.is_empty() || batch.agent.boot_id.is_empty() {
        return Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "incomplete", "host and boot_id are needed"));
    }
    app.hear(&batch.agent.host);
    let batch = match &app.judging {
        Some(judging) => judging.batch(batch, &*app.store, now()).await?,
        None => batch,
    };
    let (host, sequence, items) = (batch.agent.host.clone(), batch.sequence, batch.items.len());
    let ingested = app.store.ingest(batch, now()).await?;
    tracing::info!(host, sequence, items, "report taken");
    app.show(&ingested.changed);
    if !ingested.met.contacts.is_empty() {
        // No watcher is no error.
        let _ = app.met.send(Arc::new(ingested.met));
    }
    // Whether there is news the sender finds out itself.
    app.messages.send_modify(|count| *count += 1);
    if ingested.untaught {
        app.hand_on_trust().await;
    }
    Ok(Json(BatchAnswer { acknowledged: ingested.acknowledged }))
}

/// Alerts of a host that are not closed, for an agent that has forgotten what they rest on.
pub(crate) async fn alerts(
    State(app): State<Arc<App>>,
    Params(query): Params<OpenAlertsQuery>,
) -> Result<Json<OpenAlerts>, Refused> {
    if query.host.is_empty() {
        return Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "incomplete", "host is needed"));
    }
    app.hear(&query.host);
    Ok(Json(OpenAlerts { alerts: app.judgements.open_of(&query.host).await? }))
}

/// Waits for orders.
pub(crate) async fn orders(
    State(app): State<Arc<App>>,
    Params(query): Params<OrdersQuery>,
) -> Result<Json<Orders>, Refused> {
    if query.host.is_empty() {
        return Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "incomplete", "host is needed"));
    }
    let mut changed = app.orders.subscribe();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(query.wait_s.min(WAIT_MAX_S));
    loop {
        app.hear(&query.host);
        // Seen before the store is asked, so that an order given in between is not slept through.
        changed.borrow_and_update();
        let orders = app.store.hand_out(query.host.clone(), query.after, now()).await?;
        if !orders.is_empty() {
            return Ok(Json(Orders { orders }));
        }
        tokio::select! {
            _ = changed.changed() => {}
            () = tokio::time::sleep_until(deadline) => return Ok(Json(Orders::default())),
            () = until(app.stopped.clone()) => return Ok(Json(Orders::default())),
        }
    }
}

/// Takes the answer to an order.
pub(crate) async fn answer(
    State(app): State<Arc<App>>,
    Path(number): Path<String>,
    body: Bytes,
) -> Result<StatusCode, Refused> {
    let missing = || refuse(StatusCode::NOT_FOUND, "not-found", "there is no such order");
    let number: u64 = number.parse().map_err(|_| missing())?;
    let answer: Answer = json_of_agent(&body)?;
    let changed = app.store.answer(number, answer, now()).await?.ok_or_else(missing)?;
    // Nobody waiting is no error.
    let _ = app.answers.send(number);
    app.show(&changed);
    Ok(StatusCode::NO_CONTENT)
}

const WAIT_MAX_S: u64 = 30;
