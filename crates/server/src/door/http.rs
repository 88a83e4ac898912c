//! How is one connection spoken on, and what may it cost?

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::connect_info::ConnectInfo;
use axum::http::{HeaderMap, HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::behind::Proxies;
use super::crowd::Place;
use super::plain::to_https;
use super::timely::{Answered, Timely};
use crate::access::Peer;

/// What is answered on a connection.
#[derive(Clone)]
pub(super) enum Answers {
    /// Everything; what browsers are told of how to come again, and which proxies are believed.
    All(Router, Option<HeaderValue>, Proxies),
    /// That it has to come by https.
    ToHttps,
}

/// How a connection came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Plain,
    Http1,
    Http2,
}

/// Speaks until the other side, the crowd or the server ends it.
pub(super) async fn speak<S>(
    stream: S,
    (peer, way, place): (Peer, Way, Place),
    answers: Answers,
    stopped: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let place = Arc::new(place);
    let here = Arc::clone(&place);
    let answers = match answers {
        Answers::All(router, strict, proxies) => Some((TowerToHyperService::new(router), strict, proxies)),
        Answers::ToHttps => None,
    };
    let service = service_fn(move |mut request: Request<Incoming>| {
        let (answers, asked) = (answers.clone(), here.asked());
        async move {
            let Some((router, strict, proxies)) = answers else { return Ok::<_, Infallible>(to_https(&request)) };
            let asker = behind(peer, &proxies, request.headers());
            request.extensions_mut().insert(ConnectInfo(asker));
            request.extensions_mut().insert(Arc::clone(&asked));
            let strict = strict.filter(|_| !is_this_host_alone(&request));
            let Ok(mut response) =
                router.call(request.map(|body| Body::new(Timely::new(body, Arc::clone(&asked))))).await;
            asked.whole();
            if let Some(strict) = strict {
                response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, strict);
            }
            Ok(response.map(|body| Body::new(Answered { body, _asked: asked })))
        }
    });
    let builder = builder(way);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let stop = crate::listen::until(stopped);
    tokio::pin!(connection, stop);
    let mut stopping = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(error = %error, ?peer, "connection ended");
                }
                return;
            }
            () = place.leave() => return,
            () = stop.as_mut(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Who asks, where that is somebody behind a proxy.
fn behind(peer: Peer, proxies: &Proxies, headers: &HeaderMap) -> Peer {
    match peer {
        Peer::Network(address) => proxies.peer(address, headers),
        other => other,
    }
}

fn builder(way: Way) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEAD_BYTES_MAX as u32)
        .max_pending_accept_reset_streams(STREAMS_MAX as usize)
        .max_local_error_reset_streams(STREAMS_MAX as usize)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(ASKED_AFTER)
        .keep_alive_timeout(HEAD_WITHIN);
    // Which of the two is known by now: nothing is guessed from the first words.
    match way {
        Way::Http2 => builder.http2_only(),
        Way::Plain | Way::Http1 => builder.http1_only(),
    }
}

/// What browsers are told: for a year by https alone; names below ours too, unless others answer there.
pub(crate) fn strict(apart_below: bool) -> HeaderValue {
    HeaderValue::from_static(if apart_below { "max-age=31536000" } else { "max-age=31536000; includeSubDomains" })
}

/// A browser that was told would refuse other programs of its own host too, so it is not told there.
fn is_this_host_alone<B>(request: &Request<B>) -> bool {
    let said = || request.headers().get(header::HOST)?.to_str().ok();
    // HTTP/2 has it in the address.
    let host = request.uri().host().or_else(said).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name.eq_ignore_ascii_case("localhost")
}

/// An answer of text alone.
pub(super) fn text(status: u16, kind: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = axum::http::StatusCode::from_u16(status).unwrap_or_default();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// For the head of a request; also how long a connection stays open between two.
const HEAD_WITHIN: Duration = Duration::from_secs(15);
const HEADERS_MAX: usize = 64;
/// A cookie, a token and a long filter have some kilobytes.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// Browsers ask for a dozen things at once.
const STREAMS_MAX: u32 = 64;
const STREAM_WINDOW: u32 = 64 << 10;
/// A body of a megabyte, the most that is taken, in one go.
const CONNECTION_WINDOW: u32 = 1 << 20;
const SEND_BUFFER: usize = 256 << 10;
/// Whoever says nothing for so long is asked whether it is there.
const ASKED_AFTER: Duration = Duration::from_secs(20);
