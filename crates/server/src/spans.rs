//! What is worth being followed through the server?
//!
//! A span of each request, and below it of what it may have waited for. They hold no query, no body and no name.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use tracing::{Instrument as _, Span, debug_span, field, info};

/// What the spans are told apart by from everything that is logged.
pub(crate) const TARGET: &str = "tripoint::trace";

/// A line of the log for each answer.
const REQUEST: &str = "tripoint::request";

/// Follows one request, by the names that OpenTelemetry gave to what is known of it.
pub(crate) async fn request(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let (begun, said) = (Instant::now(), (method.clone(), route.clone()));
    let span = debug_span!(
        target: TARGET,
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = field::Empty,
        http.request.method = method.as_str(),
        http.route = route,
        http.response.status_code = field::Empty,
    );
    #[cfg(feature = "otel")]
    crate::traces::link(&span, request.headers());
    let response = next.run(request).instrument(span.clone()).await;
    span.record("http.response.status_code", response.status().as_u16());
    if response.status().is_server_error() {
        span.record("otel.status_code", "error");
    }
    let status = response.status().as_u16();
    let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    info!(target: REQUEST, method = %said.0, route = said.1, status, ms, "request");
    response
}

/// A change that waits for its turn and until it is on the disk.
pub(crate) fn write() -> Span {
    debug_span!(target: TARGET, "store write", db.system.name = "sqlite")
}

/// A question that somebody made up.
pub(crate) fn search() -> Span {
    debug_span!(target: TARGET, "store search", db.system.name = "sqlite")
}

/// A message on its way to a channel.
pub(crate) fn deliver(channel: &str) -> Span {
    debug_span!(
        target: TARGET,
        "deliver",
        otel.kind = "producer",
        otel.status_code = field::Empty,
        messaging.destination.name = channel,
    )
}
