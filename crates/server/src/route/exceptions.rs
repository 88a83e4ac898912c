//! What is not to be alerted on or blocked, by whose word, until when?

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use sha2::{Digest, Sha256};

use tripoint_api::{ExceptionList, ExceptionRequest, Order};
use tripoint_model::{Exception, Observable};

use crate::access::Caller;
use crate::refuse::{Refused, json, refuse};
use crate::state::{App, now};

/// Every exception that holds or will hold.
pub(crate) async fn list(State(app): State<Arc<App>>) -> Result<Json<ExceptionList>, Refused> {
    Ok(Json(ExceptionList { exceptions: app.store.exceptions(now()).await? }))
}

/// Makes an exception.
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<Exception>, Refused> {
    let request: ExceptionRequest = json(&body)?;
    create(&app, request, &caller).await.map(Json)
}

/// Keeps the exception and tells every agent, the absent ones when they are back.
pub(crate) async fn create(app: &App, request: ExceptionRequest, caller: &Caller) -> Result<Exception, Refused> {
    let incomplete = |why: &str| refuse(StatusCode::UNPROCESSABLE_ENTITY, "incomplete", why);
    if request.target.is_none() && request.application.is_none() {
        return Err(incomplete("an exception needs a target or an application"));
    }
    if request.reason.trim().is_empty() {
        return Err(incomplete("an exception needs a reason"));
    }
    if matches!(request.target, Some(Observable::System(_))) {
        let why = "no connection names an autonomous system: make an exception for networks of it";
        return Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "target", why));
    }
    let span = tripoint_api::span::span_of(request.for_seconds)
        .map_err(|error| refuse(StatusCode::UNPROCESSABLE_ENTITY, "span", error.to_string()))?;
    let created = now();
    let mut exception = Exception {
        id: String::new(),
        target: request.target,
        application: request.application,
        direction: request.direction,
        rule: request.rule,
        reason: request.reason,
        owner: caller.0.clone(),
        created,
        expires: created.plus(span),
    };
    exception.id = id_of(&exception);
    app.store.add_exception(exception.clone()).await?;
    let hosts = all_hosts(app).await?;
    app.give(&hosts, Order::AddException { exception: exception.clone() }).await?;
    Ok(exception)
}

/// Withdraws an exception.
pub(crate) async fn remove(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<StatusCode, Refused> {
    if !app.store.remove_exception(id.clone()).await? {
        return Err(refuse(StatusCode::NOT_FOUND, "not-found", "there is no such exception"));
    }
    let hosts = all_hosts(&app).await?;
    app.give(&hosts, Order::RemoveException { id }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Agents that are connected or have ever reported.
async fn all_hosts(app: &App) -> Result<Vec<String>, Refused> {
    let mut hosts = app.connected_hosts();
    hosts.extend(app.store.agents().await?.into_iter().map(|agent| agent.agent.host));
    hosts.sort();
    hosts.dedup();
    Ok(hosts)
}

/// `x` and 12 hex digits of SHA-256 over all that it says.
fn id_of(exception: &Exception) -> String {
    let text = serde_json::to_vec(exception).unwrap_or_default();
    let digits: String = Sha256::digest(text).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("x{digits}")
}
