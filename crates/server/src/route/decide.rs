//! How does a person's word about what waits reach the agents where it waits?

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};

use tripoint_api::people::Ruling;
use tripoint_api::{ActionAnswer, Answer, Order, ProposalState};

use super::actions::{answers, ask, hosts};
use crate::auth::caller::Caller;
use crate::refuse::{Refused, json, refuse};
use crate::state::App;

/// Confirms a block that holds for a moment only.
pub(crate) async fn confirm(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<ActionAnswer>, Refused> {
    only_root(&caller)?;
    let decision: Ruling = json(&body)?;
    let consent = decision.consent.ok_or_else(|| {
        refuse(StatusCode::UNPROCESSABLE_ENTITY, "incomplete", "root's consent on the agent's host is needed")
    })?;
    let waits = |answer: &Answer| answer.standing.iter().any(|one| one.id == id && one.terms.confirmed_until.is_some());
    let hosts = where_it_waits(&app, &caller, waits).await?;
    ask(&app, hosts, Order::Confirm { id, by: caller.name, consent }).await
}

/// Agrees to what waits for a second person.
pub(crate) async fn approve(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<ActionAnswer>, Refused> {
    let hosts = where_it_waits(&app, &caller, proposed(id.clone())).await?;
    ask(&app, hosts, Order::Approve { id, by: caller.name }).await
}

/// Does not.
pub(crate) async fn reject(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<ActionAnswer>, Refused> {
    let ruling: Ruling = json(&body)?;
    let hosts = where_it_waits(&app, &caller, proposed(id.clone())).await?;
    ask(&app, hosts, Order::Reject { id, by: caller.name, reason: ruling.reason }).await
}

fn proposed(id: String) -> impl Fn(&Answer) -> bool + Send {
    move |answer| answer.proposed.iter().any(|one| one.id == id && one.state == ProposalState::Waiting)
}

/// The hosts whose agents name it.
async fn where_it_waits(
    app: &App,
    caller: &Caller,
    waits: impl Fn(&Answer) -> bool + Send,
) -> Result<Vec<String>, Refused> {
    let said = answers(app, hosts(app, caller, None)?, Order::Standing).await?;
    let hosts: Vec<String> =
        said.answers.into_iter().filter(|(_, answer)| waits(answer)).map(|(host, _)| host).collect();
    if hosts.is_empty() {
        let silent = if said.errors.is_empty() { String::new() } else { format!(" ({})", said.errors.join("; ")) };
        let detail = format!("nothing of this id waits on any host; it may have ended{silent}");
        return Err(refuse(StatusCode::NOT_FOUND, "not-found", detail));
    }
    Ok(hosts)
}

/// What sets the guard aside is asked for by root on the server's host; the agent wants root's consent on its own.
pub(super) fn only_root(caller: &Caller) -> Result<(), Refused> {
    if caller.is_root() {
        return Ok(());
    }
    Err(refuse(StatusCode::FORBIDDEN, "forbidden", "only root, through the Unix socket, sets the guard aside"))
}
