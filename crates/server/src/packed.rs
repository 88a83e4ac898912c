//! When does an answer go packed over the wire?
//!
//! What is read, where the caller takes gzip: a page of the queue is fifteen times smaller. Never what is changed — a
//! token is told in such an answer, and packing it beside a stranger's words would tell its letters by the length — nor
//! what has an ETag, which names the bytes as they stand, nor streams.

use axum::Router;
use axum::extract::Request;
use axum::http::{Extensions, HeaderMap, Method, StatusCode, Version, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate as _, SizeAbove};

/// What fits into a packet costs more packed.
const LEAST: u64 = 1 << 10;

/// Packs what the routes so far answer.
pub(crate) fn packed<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    let untagged = |_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions| !headers.contains_key(header::ETAG);
    let when = SizeAbove::new(LEAST).and(NotForContentType::SSE).and(untagged);
    let layer = CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(when);
    router.layer(layer).layer(middleware::from_fn(reads_only))
}

async fn reads_only(mut request: Request, next: Next) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        request.headers_mut().remove(header::ACCEPT_ENCODING);
    }
    next.run(request).await
}
