//! Who enforces our blocks elsewhere, and with which key?

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};

use tripoint_api::bouncer::NAME_MAX;
use tripoint_api::{BouncerKey, BouncerList, BouncerStatus, NewBouncer};

use crate::auth::caller::Caller;
use crate::lapi::key;
use crate::lapi::way::{Way, name, version};
use crate::refuse::{Refused, json, refuse};
use crate::state::{App, now};
use crate::store::{Bouncer, Decision, Which};

/// Every bouncer, and what of our blocks it cannot enforce.
pub(crate) async fn list(State(app): State<Arc<App>>) -> Result<Json<BouncerList>, Refused> {
    let decisions = app.store.decisions(Which::InForce, super::lapi::ROWS_MAX, now()).await?;
    let bouncers = app.store.bouncers().await?;
    let bouncers = bouncers.into_iter().map(|bouncer| status(bouncer, &decisions, app.expand_prefix)).collect();
    Ok(Json(BouncerList { bouncers, decisions: decisions.len() as u64 }))
}

fn status(bouncer: Bouncer, decisions: &[Decision], expand_prefix: u8) -> BouncerStatus {
    let way = Way::of(&bouncer.user_agent, expand_prefix);
    let not: Vec<&Decision> = decisions.iter().filter(|decision| !way.enforces(decision.net)).collect();
    BouncerStatus {
        kind: name(&bouncer.user_agent).to_owned(),
        version: version(&bouncer.user_agent).to_owned(),
        created: bouncer.created,
        last_pull: bouncer.last_pull,
        sent: bouncer.sent.new,
        deleted: bouncer.sent.deleted,
        dropped_packets: bouncer.metered.dropped_packets,
        dropped_bytes: bouncer.metered.dropped_bytes,
        processed: bouncer.metered.processed,
        last_metrics: bouncer.last_metrics,
        not_enforceable: not.iter().take(SHOWN).map(|decision| decision.net.to_string()).collect(),
        not_enforceable_count: not.len() as u64,
        name: bouncer.name,
    }
}

/// Makes a key; this answer is the only place where it stands.
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<BouncerKey>, Refused> {
    let NewBouncer { name } = json(&body)?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(is_plain) {
        let rule = format!("a name has 1 to {NAME_MAX} letters, digits, dots, dashes and underscores");
        return Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "name", rule));
    }
    let key = key::make().map_err(|error| {
        tracing::error!(%error, "no random bytes");
        refuse(StatusCode::SERVICE_UNAVAILABLE, "random", "the system gives no random bytes")
    })?;
    if !app.store.add_bouncer(name.clone(), key::hash(&key), now()).await? {
        let why = "there is a bouncer of that name, or there are a thousand already; remove one first";
        return Err(refuse(StatusCode::CONFLICT, "name-taken", why));
    }
    tracing::info!(bouncer = name, by = caller.name, "bouncer added");
    Ok(Json(BouncerKey { name, key }))
}

/// Drops a bouncer; its key opens nothing any more.
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<StatusCode, Refused> {
    if !app.store.remove_bouncer(name.clone()).await? {
        return Err(refuse(StatusCode::NOT_FOUND, "not-found", "there is no such bouncer"));
    }
    tracing::info!(bouncer = name, by = caller.name, "bouncer removed");
    Ok(StatusCode::NO_CONTENT)
}

/// Networks shown of those that a bouncer cannot enforce.
const SHOWN: usize = 20;
