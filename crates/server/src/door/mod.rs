//! How does whoever comes over TCP get in, and how much may it cost?
//!
//! # Start here
//! `run` accepts; `crowd` says who may be there at once; the first byte tells TLS from plain HTTP; `http` speaks on each
//! connection, `behind` says who asks through a proxy, `frames` counts what HTTP/2 is kept busy with, `plain` answers whoever should have come by https.

pub(crate) mod behind;
pub(crate) mod crowd;
mod frames;
pub(crate) mod http;
mod plain;
pub(crate) mod timely;
pub(crate) mod told;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::HeaderValue;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use behind::Proxies;
use crowd::{Crowd, Place};
use frames::Counted;
use http::{Answers, Way, speak};

use crate::access::Peer;

/// What stands at the door.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) router: Router,
    pub(crate) tls: Arc<ServerConfig>,
    /// Whether plain HTTP is answered: to this host alone.
    pub(crate) plain: bool,
    /// What browsers are told over TLS of how to come again.
    pub(crate) strict: HeaderValue,
    /// Whose word is taken for who asks through them.
    pub(crate) proxies: Proxies,
    pub(crate) crowd: Arc<Crowd>,
    pub(crate) seen: Arc<Seen>,
}

/// What has been seen at the door since the start.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) accepted: AtomicU64,
    pub(crate) handshakes_failed: AtomicU64,
    pub(crate) without_tls: AtomicU64,
}

/// Lets in until the server stops, then waits for those who are inside.
pub(crate) async fn run(listener: TcpListener, door: Door, stopped: watch::Receiver<bool>) {
    let stop = crate::listen::until(stopped.clone());
    tokio::pin!(stop);
    let mut inside = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
            Some(_) = inside.join_next() => continue,
        };
        match accepted {
            Ok((stream, address)) => {
                door.seen.accepted.fetch_add(1, Ordering::Relaxed);
                if let Some(place) = door.crowd.admit(address.ip()) {
                    inside.spawn(welcome(stream, address, place, door.clone(), stopped.clone()));
                }
            }
            // Too many open files, mostly: those who are inside leave again.
            Err(error) => {
                tracing::warn!(error = %error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    while inside.join_next().await.is_some() {}
}

async fn welcome(stream: TcpStream, address: SocketAddr, place: Place, door: Door, stopped: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    // Also for a reader that takes nothing of what it asked for.
    let _ = rustix::net::sockopt::set_tcp_user_timeout(&stream, UNREAD_FOR_MS);
    let peer = Peer::Network(address);
    let greeted = tokio::select! {
        greeted = tokio::time::timeout(GREETED_WITHIN, greet(stream, &door)) => greeted,
        () = place.leave() => return,
    };
    match greeted {
        Ok(Some(Greeted::Plain(stream))) => {
            let answers = if door.plain { Answers::All(door.router, None, door.proxies) } else { Answers::ToHttps };
            speak(stream, (peer, Way::Plain, place), answers, stopped).await;
        }
        Ok(Some(Greeted::Tls(stream))) => {
            let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            let answers = Answers::All(door.router, Some(door.strict), door.proxies);
            if is_http2 {
                speak(Counted::new(stream), (peer, Way::Http2, place), answers, stopped).await;
            } else {
                speak(stream, (peer, Way::Http1, place), answers, stopped).await;
            }
        }
        Ok(None) => {}
        Err(_) => {
            door.seen.handshakes_failed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

enum Greeted {
    Plain(TcpStream),
    Tls(Box<tokio_rustls::server::TlsStream<TcpStream>>),
}

/// Tells the two apart by the first byte, which stays where it is, and shakes hands.
async fn greet(stream: TcpStream, door: &Door) -> Option<Greeted> {
    let mut first = [0];
    if stream.peek(&mut first).await.ok()? == 0 {
        return None;
    }
    if first[0] != HANDSHAKE {
        door.seen.without_tls.fetch_add(1, Ordering::Relaxed);
        return Some(Greeted::Plain(stream));
    }
    match TlsAcceptor::from(Arc::clone(&door.tls)).accept(stream).await {
        Ok(stream) => Some(Greeted::Tls(Box::new(stream))),
        Err(error) => {
            door.seen.handshakes_failed.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(error = %error, "handshake failed");
            None
        }
    }
}

/// As many files as the system permits: connections are files.
pub(crate) fn permit_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!(error = %error, "the limit of open files stays");
    }
}

/// The first byte of a TLS record that shakes hands (RFC 8446 section 5.1); no method of HTTP begins with it.
const HANDSHAKE: u8 = 0x16;
/// For the first byte and the handshake.
const GREETED_WITHIN: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);
const UNREAD_FOR_MS: u32 = 60_000;
