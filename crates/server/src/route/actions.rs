//! How does a person's wish reach the agents, and their answer the person?

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use tokio::sync::broadcast;

use tripoint_api::path::ACTION_WAIT_S;
use tripoint_api::people::{HostAction, StandingList, TARGETS_MAX, TARGETS_UNCONFIRMED};
use tripoint_api::{ActionAnswer, ActionRequest, Answer, Area, ExceptionRequest, HostProposal, Order, Scope};
use tripoint_model::{Action, ActionKind, Target, Terms};

use super::{decide, exceptions};
use crate::auth::caller::Caller;
use crate::past;
use crate::refuse::{Refused, json, refuse};
use crate::state::{App, now};
use crate::store::OrderState;

/// Asks the agents to act and waits for what they say.
pub(crate) async fn act(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<ActionAnswer>, Refused> {
    let mut request: ActionRequest = json(&body)?;
    if request.consent.is_some() {
        decide::only_root(&caller)?;
    }
    if !request.dry_run {
        caller.confirmed(now())?;
        // It makes an exception.
        if request.kind == ActionKind::Allow {
            caller.has(Scope { area: Area::Exceptions, write: true })?;
        }
    }
    let alone = is_seen(&app, &caller, &request).await?;
    let targets = targets(&mut request)?;
    let span = tripoint_api::span::span_of(request.for_seconds)
        .map_err(|error| refuse(StatusCode::UNPROCESSABLE_ENTITY, "span", error.to_string()))?;
    let hosts = hosts(&app, &caller, request.host.as_deref())?;
    let reason = request.reason.filter(|reason| !reason.is_empty()).unwrap_or_else(|| format!("by {}", caller.name));
    let mut exceptions = Vec::new();
    if request.kind == ActionKind::Allow && !request.dry_run {
        for target in &targets {
            let exception = ExceptionRequest {
                target: target.peer().cloned(),
                reason: reason.clone(),
                for_seconds: Some(span.as_secs()),
                hosts: alone.clone(),
                ..ExceptionRequest::default()
            };
            exceptions.push(exceptions::create(&app, exception, &caller).await?.id);
        }
    }
    let now = now();
    let id = format!("{}-{}-{}", request.kind.as_str(), targets[0], now.0);
    let one = |target: Target| Action {
        kind: request.kind,
        target,
        scope: request.scope.clone(),
        expires: now.plus(span),
        reason: reason.clone(),
        requester: caller.name.clone(),
        cause: request.cause.clone(),
        terms: Terms::default(),
    };
    let actions = targets.into_iter().map(one).collect();
    let order = Order::Act { id, actions, dry_run: request.dry_run, consent: request.consent };
    match ask(&app, hosts, order).await {
        Ok(Json(answer)) => Ok(Json(ActionAnswer { exceptions, ..answer })),
        // What was made stands and is told, also where no host has answered yet.
        Err(Refused(problem, _)) if !exceptions.is_empty() => {
            Ok(Json(ActionAnswer { exceptions, errors: vec![problem.detail], ..ActionAnswer::default() }))
        }
        Err(refused) => Err(refused),
    }
}

/// Whether what the request names is seen by the caller. The one host that an exception would be for, where the caller
/// does not see all.
async fn is_seen(app: &App, caller: &Caller, request: &ActionRequest) -> Result<Option<String>, Refused> {
    if caller.sees.all() {
        return Ok(None);
    }
    if let Some(cause) = &request.cause {
        let alert = app.store.alert(cause.0.clone()).await?.filter(|alert| caller.sees.host(&alert.host));
        alert.ok_or_else(|| refuse(StatusCode::NOT_FOUND, "not-found", "there is no such alert"))?;
    }
    if request.kind == ActionKind::Allow && request.host.is_none() {
        let why = "not all hosts are yours: name one with `host`";
        return Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "host-needed", why));
    }
    Ok(request.host.clone())
}

/// Everybody who is meant: at least one, not too many, and many only when somebody has seen what that means.
fn targets(request: &mut ActionRequest) -> Result<Vec<Target>, Refused> {
    let mut all: Vec<Target> = request.target.take().into_iter().collect();
    all.append(&mut request.targets);
    let unprocessable = |kind: &str, detail: String| Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, kind, detail));
    match all.len() {
        0 => unprocessable("no-target", "neither `target` nor `targets` names anybody".into()),
        many if many > TARGETS_MAX => {
            unprocessable("too-many-targets", format!("{many} targets; one request takes {TARGETS_MAX}"))
        }
        many if many > TARGETS_UNCONFIRMED && !request.confirmed && !request.dry_run => unprocessable(
            "unconfirmed",
            format!("{many} targets; look at what it means with `dry_run`, then ask again with `confirmed`"),
        ),
        _ => Ok(all),
    }
}

/// Asks the agents what is in force.
pub(crate) async fn standing(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<StandingList>, Refused> {
    let hosts = hosts(&app, &caller, None)?;
    let said = answers(&app, hosts, Order::Standing).await?;
    Ok(Json(listed(said)))
}

/// Every block that the agents named, by host.
pub(super) fn listed(said: Said) -> StandingList {
    let mut list = StandingList { errors: said.errors, ..StandingList::default() };
    for (host, answer) in said.answers {
        list.errors.extend(answer.error.map(|error| format!("{host}: {error}")));
        let of_host = |action| HostAction { host: host.clone(), action };
        list.actions.extend(answer.standing.into_iter().map(of_host));
        list.proposed.extend(answer.proposed.into_iter().map(|proposal| HostProposal { host: host.clone(), proposal }));
        list.hosts.push(host);
    }
    list
}

/// Asks the agents to lift everything.
pub(crate) async fn release_all(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<ActionAnswer>, Refused> {
    let hosts = hosts(&app, &caller, None)?;
    ask(&app, hosts, Order::ReleaseAll).await
}

/// Connected hosts that the caller sees, or the one among them; it is an error when there is none.
pub(super) fn hosts(app: &App, caller: &Caller, only: Option<&str>) -> Result<Vec<String>, Refused> {
    let mut hosts = app.connected_to(caller);
    hosts.retain(|host| only.is_none_or(|only| only == host));
    if hosts.is_empty() {
        let which = only.map_or_else(|| "no agent is".to_owned(), |host| format!("the agent of {host} is not"));
        return Err(refuse(StatusCode::CONFLICT, "no-agent", format!("{which} connected")));
    }
    Ok(hosts)
}

pub(super) async fn ask(app: &App, hosts: Vec<String>, order: Order) -> Result<Json<ActionAnswer>, Refused> {
    let dry_run = matches!(order, Order::Act { dry_run: true, .. });
    let said = answers(app, hosts, order).await?;
    let mut answer = ActionAnswer { errors: said.errors, ..ActionAnswer::default() };
    for (host, said) in said.answers {
        if dry_run {
            let (past, left_out) = past::cut(&*app.store, &host, &said.plan, now()).await?;
            answer.past.extend(past);
            answer.notes.extend(left_out);
        }
        answer.plan.extend(said.plan);
        answer.refused.extend(said.refused);
        answer.outcomes.extend(said.outcomes);
        let proposed = said.proposed.into_iter();
        answer.proposed.extend(proposed.map(|proposal| HostProposal { host: host.clone(), proposal }));
        answer.errors.extend(said.error.map(|error| format!("{host}: {error}")));
        answer.hosts.push(host);
    }
    Ok(Json(answer))
}

/// What the agents said, and who said nothing.
#[derive(Default)]
pub(super) struct Said {
    pub(super) answers: Vec<(String, Answer)>,
    pub(super) errors: Vec<String>,
}

/// Gives the order and waits for every agent's answer, but not for ever.
pub(super) async fn answers(app: &App, hosts: Vec<String>, order: Order) -> Result<Said, Refused> {
    let mut answered = app.answers.subscribe();
    let numbers = app.give(&hosts, order).await?;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(ACTION_WAIT_S);
    let mut open: BTreeMap<u64, String> = numbers.into_iter().zip(hosts).collect();
    let mut said = Said::default();
    // Some may have been answered already.
    let mut asked: Vec<u64> = open.keys().copied().collect();
    loop {
        for number in asked {
            if let Some(OrderState::Answered(answer)) = app.store.order(number).await?
                && let Some(host) = open.remove(&number)
            {
                said.answers.push((host, answer));
            }
        }
        if open.is_empty() {
            break;
        }
        let Ok(heard) = tokio::time::timeout_at(deadline, next_of(&mut answered, &open)).await else { break };
        asked = heard;
    }
    for (number, host) in open {
        match app.store.withdraw(number).await? {
            Some(OrderState::Answered(answer)) => said.answers.push((host, answer)),
            Some(OrderState::Handed) => {
                said.errors.push(format!("{host}: has the order but did not answer; it may still act"))
            }
            _ => said.errors.push(format!("{host}: did not fetch the order; it was withdrawn")),
        }
    }
    if said.answers.is_empty() {
        return Err(refuse(StatusCode::GATEWAY_TIMEOUT, "no-answer", said.errors.join("; ")));
    }
    Ok(said)
}

/// The next of these orders that was answered; all of them where some answers were told too fast.
async fn next_of(answered: &mut broadcast::Receiver<u64>, open: &BTreeMap<u64, String>) -> Vec<u64> {
    loop {
        match answered.recv().await {
            Ok(number) if open.contains_key(&number) => return vec![number],
            Ok(_) => {}
            Err(broadcast::error::RecvError::Lagged(_)) => return open.keys().copied().collect(),
            // The server ends.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}
