//! Which requests are answered, by whom, for whom?

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{delete, get, post};

use tripoint_api::agent::ANSWER_MAX;
use tripoint_api::path;

use crate::auth::gate;
use crate::console;
use crate::packed::packed;
use crate::refuse::{Refused, refuse};
use crate::spans;
use crate::state::App;

mod actions;
mod agent;
mod alerts;
mod alive;
mod audit;
mod bouncers;
mod channels;
mod connections;
mod decide;
mod exceptions;
mod health;
mod intel;
mod lapi;
mod me;
mod oidc;
pub(crate) mod once;
mod queue;
mod reset;
mod routing;
mod series;
mod session;
mod setup;
mod stix;
mod tags;
mod taxii;
mod tokens;
mod users;
mod views;

#[cfg(feature = "openapi")]
pub(crate) use stix::StixBundle;

/// Everything that is served. Nothing is open to strangers.
pub(crate) fn router(app: Arc<App>) -> Router {
    let people = Router::new()
        .route(path::ALERTS, get(alerts::list))
        .route(path::ALERTS_WATCH, get(alerts::watch))
        .route("/v1/alerts/{id}", get(alerts::show))
        .route("/v1/alerts/{id}/resolve", post(alerts::resolve))
        .route("/v1/alerts/{id}/reopen", post(alerts::reopen))
        .route("/v1/alerts/{id}/comment", post(alerts::comment))
        .route("/v1/alerts/{id}/assign", post(alerts::assign))
        .route("/v1/alerts/{id}/work", post(alerts::work))
        .route("/v1/alerts/{id}/investigate", post(alerts::investigate))
        .route("/v1/alerts/{id}/context", get(alerts::context))
        .route("/v1/alerts/{id}/stix", get(stix::bundle))
        .route(path::VIEWS, get(views::list).post(views::put))
        .route("/v1/views/{name}", delete(views::remove))
        .route(path::QUEUE, get(queue::page))
        .route(path::QUEUE_FACETS, get(queue::facets))
        .route(path::QUEUE_WATCH, get(queue::watch))
        .route(path::QUEUE_SERIES, get(series::alerts))
        .route(path::CONNECTIONS_WATCH, get(connections::watch))
        .route(path::CONNECTIONS_SERIES, get(series::connections))
        .route(path::QUEUE_WORK, post(queue::work))
        .route(path::ACTIONS, get(actions::standing).post(actions::act))
        .route("/v1/actions/{id}/approve", post(decide::approve))
        .route("/v1/actions/{id}/confirm", post(decide::confirm))
        .route("/v1/actions/{id}/reject", post(decide::reject))
        .route(path::RELEASE_ALL, post(actions::release_all))
        .route(path::EXCEPTIONS, get(exceptions::list).post(exceptions::add))
        .route(path::EXCEPTIONS_PREVIEW, post(exceptions::preview))
        .route("/v1/exceptions/{id}", delete(exceptions::remove))
        .route(path::BOUNCERS, get(bouncers::list).post(bouncers::add))
        .route("/v1/bouncers/{name}", delete(bouncers::remove))
        .route(path::CONNECTIONS, get(connections::list))
        .route(path::AGENTS, get(health::agents))
        .route(path::FEEDS, get(health::feeds))
        .route(path::HEALTH, get(health::health))
        .route(path::ALIVE, get(alive::alive))
        .route(path::READY, get(alive::ready))
        .route(path::METRICS, get(health::metrics))
        .merge(accounts())
        .merge(told())
        .layer(DefaultBodyLimit::max(gate::BODY_MAX))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&app), once::once))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&app), gate::people));
    let agents = Router::new()
        .route(path::AGENT_BATCH, post(agent::batch))
        .route(path::AGENT_ORDERS, get(agent::orders))
        .route(path::AGENT_ALERTS, get(agent::alerts))
        .route(path::AGENT_INTEL, get(intel::image))
        .layer(DefaultBodyLimit::max(16 << 20))
        .route("/v1/agent/orders/{number}/answer", post(agent::answer).layer(DefaultBodyLimit::max(ANSWER_MAX)))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&app), gate::agents));
    let all = people
        .merge(agents)
        .merge(taxii::router(&app))
        .merge(lapi::router(&app))
        .fallback(console::answer)
        .method_not_allowed_fallback(wrong_method);
    packed(all)
        .layer(middleware::map_response(console::unstored))
        .layer(middleware::from_fn(spans::request))
        .with_state(app)
}

/// Who may ask, and what was done.
fn accounts() -> Router<Arc<App>> {
    Router::new()
        .route(path::SETUP, post(setup::first))
        .route(path::SESSION, get(session::show).post(session::begin).delete(session::end))
        .route(path::RESET, post(reset::redeem))
        .route(path::SESSION_CONFIRM, post(session::confirm))
        .route(path::OIDC, get(oidc::ways))
        .route(path::OIDC_BEGIN, get(oidc::begin))
        .route(path::OIDC_CALLBACK, get(oidc::finish))
        .route(path::SESSIONS, get(session::list).delete(session::end_all))
        .route("/v1/sessions/{id}", delete(session::end_one))
        .route(path::OWN_PASSWORD, post(me::password))
        .route(path::OWN_TOTP, post(me::enrol).delete(me::remove_totp))
        .route(path::OWN_TOTP_CONFIRM, post(me::confirm_totp))
        .route(path::USERS, get(users::list).post(users::add))
        .route("/v1/users/{name}", post(users::change).delete(users::remove))
        .route("/v1/users/{name}/reset", post(reset::make))
        .route(path::GROUPS, get(users::groups).post(users::set_group))
        .route("/v1/groups/{name}", delete(users::remove_group))
        .route(path::TOKENS, get(tokens::list).post(tokens::add))
        .route("/v1/tokens/{id}", delete(tokens::remove))
        .route(path::AUDIT, get(audit::list))
}

/// Over which channels people are told.
fn told() -> Router<Arc<App>> {
    Router::new()
        .route(path::CHANNELS, get(channels::list))
        .route(path::ROUTING, get(routing::show))
        .route("/v1/alerts/{id}/routing", get(routing::of_alert))
        .route("/v1/channels/{name}/test", post(channels::test))
        .route("/v1/channels/{name}/preview", post(channels::preview))
        .route("/v1/channels/{name}/dead", get(channels::dead))
        .route("/v1/channels/{name}/dead/retry", post(channels::retry))
}

async fn wrong_method() -> Refused {
    refuse(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", "this path does not know this method")
}
