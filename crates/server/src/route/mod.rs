//! Which requests are answered, by whom, for whom?

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{delete, get, post};

use tripoint_api::agent::ANSWER_MAX;
use tripoint_api::path;

use crate::access;
use crate::refuse::{Refused, refuse};
use crate::state::App;

mod actions;
mod agent;
mod alerts;
mod bouncers;
mod connections;
mod decide;
mod exceptions;
mod health;
mod intel;
mod lapi;
mod queue;
mod taxii;

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
        .route(path::QUEUE, get(queue::page))
        .route(path::QUEUE_FACETS, get(queue::facets))
        .route(path::QUEUE_WATCH, get(queue::watch))
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
        .route(path::METRICS, get(health::metrics))
        .layer(DefaultBodyLimit::max(1 << 20))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&app), access::people));
    let agents = Router::new()
        .route(path::AGENT_BATCH, post(agent::batch))
        .route(path::AGENT_ORDERS, get(agent::orders))
        .route(path::AGENT_INTEL, get(intel::image))
        .layer(DefaultBodyLimit::max(16 << 20))
        .route("/v1/agent/orders/{number}/answer", post(agent::answer).layer(DefaultBodyLimit::max(ANSWER_MAX)))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&app), access::agents));
    people
        .merge(agents)
        .merge(taxii::router(&app))
        .merge(lapi::router(&app))
        .fallback(nothing)
        .method_not_allowed_fallback(wrong_method)
        .with_state(app)
}

async fn nothing() -> Refused {
    refuse(StatusCode::NOT_FOUND, "not-found", "there is nothing at this path")
}

async fn wrong_method() -> Refused {
    refuse(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", "this path does not know this method")
}
