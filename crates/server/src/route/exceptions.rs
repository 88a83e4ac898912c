//! What is not to be alerted on or blocked, by whose word, until when?

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use sha2::{Digest, Sha256};

use ipnet::IpNet;
use tripoint_api::exceptions::{CVES_MAX, TEXT_MAX};
use tripoint_api::{ExceptionList, ExceptionPreview, ExceptionRequest, KeptException, Order};
use tripoint_model::exception::NETWORKS_MAX;
use tripoint_model::{Exception, Observable};

use super::actions;
use crate::auth::caller::Caller;
use crate::refuse::{Refused, json, refuse};
use crate::state::{App, now};
use crate::{past, preview};

/// Every exception that holds or will hold for hosts that the caller sees.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<ExceptionList>, Refused> {
    let mut exceptions = app.store.exceptions(now()).await?;
    if let Some(hosts) = app.seen_by(&caller).await? {
        exceptions.retain(|kept| hosts.iter().any(|host| kept.exception.is_for_host(host)));
    }
    Ok(Json(ExceptionList { exceptions }))
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

/// Says what the exception would cover, and keeps nothing.
pub(crate) async fn preview(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<ExceptionPreview>, Refused> {
    let exception = draft(&app, json(&body)?, &caller).await?;
    let mut hosts = app.connected_to(&caller);
    let mut preview = preview::over(&*app.store, exception.clone(), &hosts).await?;
    let (connections, partial) = past::covered(&*app.store, &exception, now()).await?;
    preview.connections = connections;
    preview.errors.extend(partial);
    hosts.retain(|host| exception.is_for_host(host));
    if hosts.is_empty() {
        preview.errors.push("blocks in force: no agent that it concerns is connected".into());
        return Ok(Json(preview));
    }
    // What the alerts say stands without the agents.
    match actions::answers(&app, hosts, Order::WouldLift { exception }).await {
        Ok(said) => {
            let list = actions::listed(said);
            (preview.blocks, preview.hosts) = (list.actions, list.hosts);
            preview.errors.extend(list.errors);
        }
        Err(_) => preview.errors.push("blocks in force: no agent answered".into()),
    }
    Ok(Json(preview))
}

/// Keeps the exception and tells every agent, the absent ones when they are back.
pub(crate) async fn create(app: &App, request: ExceptionRequest, caller: &Caller) -> Result<Exception, Refused> {
    let exception = draft(app, request, caller).await?;
    let hosts = all_hosts(app).await?;
    app.store.add_exception(exception.clone(), hosts, now()).await?;
    app.wake_agents();
    Ok(exception)
}

/// The exception as it would be kept, made by this caller now.
async fn draft(app: &App, request: ExceptionRequest, caller: &Caller) -> Result<Exception, Refused> {
    checked(&request)?;
    if !caller.sees.holds(request.hosts.as_deref()) {
        let why = "not all hosts are yours: name one in `hosts`, or a pattern of a group of yours";
        return Err(refuse(StatusCode::FORBIDDEN, "other-hosts", why));
    }
    let span = tripoint_api::span::span_of(request.for_seconds)
        .map_err(|error| refuse(StatusCode::UNPROCESSABLE_ENTITY, "span", error.to_string()))?;
    let networks = match request.target {
        Some(Observable::System(number)) => networks_of(app, number).await?,
        _ => Vec::new(),
    };
    let created = now();
    let mut exception = Exception {
        id: String::new(),
        target: request.target,
        networks,
        application: request.application,
        hosts: request.hosts,
        direction: request.direction,
        rule: request.rule,
        indicator: request.indicator,
        cves: request.cves,
        reason: request.reason,
        ticket: request.ticket,
        owner: caller.name.clone(),
        created,
        expires: created.plus(span),
    };
    exception.id = id_of(&exception);
    Ok(exception)
}

/// The widest networks that are somebody's: 10.0.0.0/8 and fc00::/7. An exception for more would silence everything.
const WIDEST_V4: u8 = 8;
const WIDEST_V6: u8 = 7;

fn checked(request: &ExceptionRequest) -> Result<(), Refused> {
    let wrong = |kind, why: String| Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, kind, why));
    if request.target.is_none() && request.application.is_none() && request.indicator.is_none() {
        return wrong("incomplete", "an exception needs a target, an application or an indicator".into());
    }
    if request.reason.trim().is_empty() {
        return wrong("incomplete", "an exception needs a reason".into());
    }
    if let Some(Observable::Network(net)) = &request.target {
        let widest = if net.addr().is_ipv4() { WIDEST_V4 } else { WIDEST_V6 };
        if net.prefix_len() < widest {
            return wrong(
                "too-wide",
                format!("{net} is too much of the internet: a network has at least {widest} bits"),
            );
        }
    }
    if request.cves.len() > CVES_MAX {
        return wrong("too-many", format!("an exception accepts at most {CVES_MAX} vulnerabilities"));
    }
    let texts = [&request.application, &request.hosts, &request.rule, &request.ticket];
    let texts = texts.into_iter().flatten().chain([&request.reason]).chain(&request.cves);
    for text in texts {
        // A pattern or an id of nothing would fit nobody, or everybody, by mistake.
        if text.trim().is_empty() || text.len() > TEXT_MAX {
            return wrong("text", format!("a text has 1 to {TEXT_MAX} bytes"));
        }
    }
    Ok(())
}

/// What an autonomous system means now. The table is read from the disk.
async fn networks_of(app: &App, number: u32) -> Result<Vec<IpNet>, Refused> {
    let no_system = |why: String| refuse(StatusCode::UNPROCESSABLE_ENTITY, "target", format!("AS{number}: {why}"));
    let Some(find) = app.systems.clone() else {
        return Err(no_system("this server knows no networks of systems: make an exception for networks of it".into()));
    };
    let found = tokio::task::spawn_blocking(move || find(number)).await;
    let networks = found.unwrap_or_else(|error| Err(error.to_string())).map_err(no_system)?;
    match networks.len() {
        0 => Err(no_system("the owners' table gives it no network".into())),
        many if many > NETWORKS_MAX => {
            Err(no_system(format!("it has {many} networks, an exception takes {NETWORKS_MAX}")))
        }
        _ => Ok(networks),
    }
}

/// Withdraws an exception.
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refused> {
    let is_theirs =
        |kept: &KeptException| kept.exception.id == id && caller.sees.holds(kept.exception.hosts.as_deref());
    let may = caller.sees.all() || app.store.exceptions(now()).await?.iter().any(is_theirs);
    let hosts = all_hosts(&app).await?;
    if !may || !app.store.remove_exception(id, hosts, now()).await? {
        return Err(refuse(StatusCode::NOT_FOUND, "not-found", "there is no such exception"));
    }
    app.wake_agents();
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
