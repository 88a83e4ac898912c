//! How does a program ask the server, over its Unix socket or TCP?

#[cfg(feature = "tls")]
mod tls;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::{TcpStream, UnixStream};

use tripoint_model::Alert;

use crate::agent::ANSWER_MAX;
use crate::path;
use crate::problem::Problem;
#[cfg(feature = "tls")]
pub use tls::Trust;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody is there (exit code 4).
    #[error("the server at {0} is not reachable")]
    Unreachable(String, #[source] io::Error),
    /// The server said no.
    #[error(transparent)]
    Problem(Problem),
    /// The address is not one that can be spoken to.
    #[error("not a server's address: {0:?} (unix:/path, https://host:port, or http://127.0.0.1:port on this host)")]
    Address(String),
    /// It is not sure that this is the server that is meant.
    #[error("{0}")]
    Trust(String),
    /// What came back is no answer.
    #[error("the server's answer is unreadable: {0}")]
    Unreadable(String),
}

impl ClientError {
    /// Whether nobody was there at all.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable(..))
    }
}

#[derive(Clone, Debug)]
enum Place {
    Unix(PathBuf),
    Tcp(SocketAddr, String),
    #[cfg(feature = "tls")]
    Tls(Far, String),
}

/// A server over TLS.
#[cfg(feature = "tls")]
#[derive(Clone, Debug)]
struct Far {
    host: String,
    port: u16,
    trust: Trust,
}

/// Speaks to one server. Cheap to clone; every request has a connection of its own.
#[derive(Clone, Debug)]
pub struct Client {
    place: Place,
    patience: Duration,
}

impl Client {
    /// Over the Unix socket; the server reads who we are from the socket.
    pub fn unix(path: &Path) -> Self {
        Self { place: Place::Unix(path.to_owned()), patience: PATIENCE }
    }

    /// Over TCP with a token.
    pub fn tcp(address: SocketAddr, token: &str) -> Self {
        Self { place: Place::Tcp(address, token.trim().to_owned()), patience: PATIENCE }
    }

    /// Over TLS from `https://HOST:PORT`, with a token. A fingerprint behind `#` (`#sha256=…`) is taken before `trust`.
    #[cfg(feature = "tls")]
    pub fn tls(url: &str, token: &str, trust: Trust) -> Result<Self, ClientError> {
        let bad = || ClientError::Address(url.chars().take(128).collect());
        let rest = url.strip_prefix("https://").ok_or_else(bad)?;
        let (authority, pin) = rest.split_once('#').map_or((rest, None), |(authority, pin)| (authority, Some(pin)));
        let trust = match pin {
            Some(pin) => Trust::pinned(pin)
                .ok_or_else(|| ClientError::Trust("a fingerprint is #sha256= and 64 hex digits".to_owned()))?,
            None => trust,
        };
        let authority: hyper::http::uri::Authority = authority.trim_end_matches('/').parse().map_err(|_| bad())?;
        if authority.as_str().contains('@') {
            return Err(bad());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = match authority.as_str().len() > authority.host().len() {
            true => authority.port_u16().ok_or_else(bad)?,
            false => HTTPS_PORT,
        };
        let far = Far { host, port, trust };
        Ok(Self { place: Place::Tls(far, token.trim().to_owned()), patience: PATIENCE })
    }

    /// From `unix:/path`, or `http://ADDRESS:PORT` with a token, where the address is one of this host alone: a token is
    /// sent nowhere else without encryption. Names other than `localhost` are not resolved.
    pub fn from_url(url: &str, token: &str) -> Result<Self, ClientError> {
        if let Some(path) = url.strip_prefix("unix:") {
            return Ok(Self::unix(Path::new(path)));
        }
        let bad = || ClientError::Address(url.chars().take(128).collect());
        let authority = url.strip_prefix("http://").ok_or_else(bad)?.trim_end_matches('/');
        let address = match authority.strip_prefix("localhost:") {
            Some(port) => SocketAddr::new(IpAddr::from([127, 0, 0, 1]), port.parse().map_err(|_| bad())?),
            None => authority.parse().map_err(|_| bad())?,
        };
        if !address.ip().to_canonical().is_loopback() {
            return Err(bad());
        }
        Ok(Self::tcp(address, token))
    }

    /// How long to wait for a whole answer; 40 seconds when nothing is said.
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Asks for `path` (with its query).
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        read_json(&self.ask(Method::GET, path, Bytes::new()).await?)
    }

    /// Asks for `path` as text.
    pub async fn get_text(&self, path: &str) -> Result<String, ClientError> {
        let bytes = self.ask(Method::GET, path, Bytes::new()).await?;
        String::from_utf8(bytes.into()).map_err(|error| ClientError::Unreadable(error.to_string()))
    }

    /// Sends `body` as JSON. `()` reads an empty answer.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| ClientError::Unreadable(error.to_string()))?;
        read_json(&self.ask(Method::POST, path, body.into()).await?)
    }

    /// Deletes `path`.
    pub async fn delete(&self, path: &str) -> Result<(), ClientError> {
        self.ask(Method::DELETE, path, Bytes::new()).await.map(drop)
    }

    /// Alerts as they are raised and changed, from now on.
    pub async fn watch(&self) -> Result<Watch, ClientError> {
        let response = self.send(Method::GET, path::ALERTS_WATCH, Bytes::new()).await?;
        if response.status() != StatusCode::OK {
            return Err(refusal(response, self.name()).await);
        }
        Ok(Watch { body: response.into_body(), name: self.name(), buffer: Vec::new(), searched: 0, missed: 0 })
    }

    pub(crate) fn name(&self) -> String {
        match &self.place {
            Place::Unix(path) => path.display().to_string(),
            Place::Tcp(address, _) => address.to_string(),
            #[cfg(feature = "tls")]
            Place::Tls(far, _) => format!("https://{}:{}", far.host, far.port),
        }
    }

    /// What is said in `Host`: over TLS a proxy may have to know.
    fn host(&self) -> String {
        match &self.place {
            #[cfg(feature = "tls")]
            Place::Tls(far, _) if far.host.contains(':') => format!("[{}]:{}", far.host, far.port),
            #[cfg(feature = "tls")]
            Place::Tls(far, _) => format!("{}:{}", far.host, far.port),
            _ => "tripoint".to_owned(),
        }
    }

    fn token(&self) -> Option<&str> {
        match &self.place {
            Place::Unix(_) => None,
            Place::Tcp(_, token) => Some(token),
            #[cfg(feature = "tls")]
            Place::Tls(_, token) => Some(token),
        }
    }

    async fn ask(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes, ClientError> {
        let whole = async {
            let response = self.send(method, path, body).await?;
            if response.status().is_success() {
                return collect(response.into_body(), &self.name()).await;
            }
            Err(refusal(response, self.name()).await)
        };
        tokio::time::timeout(self.patience, whole)
            .await
            .unwrap_or_else(|_| Err(ClientError::Unreachable(self.name(), io::ErrorKind::TimedOut.into())))
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>, ClientError> {
        self.send_with(method, path, &[], body).await
    }

    /// With further headers.
    pub(crate) async fn send_with(
        &self,
        method: Method,
        path: &str,
        headers: &[(HeaderName, String)],
        body: Bytes,
    ) -> Result<Response<Incoming>, ClientError> {
        let unreachable = |error| ClientError::Unreachable(self.name(), error);
        let mut request = Request::builder().method(method).uri(path).header(HOST, self.host()).header(ACCEPT, "*/*");
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(token) = self.token() {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Full::new(body)).map_err(|error| ClientError::Unreadable(error.to_string()))?;
        match &self.place {
            Place::Unix(path) => exchange(UnixStream::connect(path).await.map_err(unreachable)?, request).await,
            Place::Tcp(address, _) => exchange(TcpStream::connect(address).await.map_err(unreachable)?, request).await,
            #[cfg(feature = "tls")]
            Place::Tls(far, _) => {
                let stream = TcpStream::connect((far.host.as_str(), far.port)).await.map_err(unreachable)?;
                exchange(tls::handshake(stream, &far.host, &far.trust).await?, request).await
            }
        }
        .map_err(|error| unreachable(io::Error::other(error)))
    }
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, hyper::Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends by itself when the answer has been read or dropped; its errors reach the reader of the body.
    tokio::spawn(connection);
    sender.send_request(request).await
}

pub(crate) async fn refusal(response: Response<Incoming>, name: String) -> ClientError {
    let status = response.status();
    let bytes = match collect(response.into_body(), &name).await {
        Ok(bytes) => bytes,
        Err(error) => return error,
    };
    ClientError::Problem(serde_json::from_slice(&bytes).unwrap_or_else(|_| {
        let title = status.canonical_reason().unwrap_or("refused");
        Problem::new(status.as_u16(), "http", title, String::from_utf8_lossy(&bytes[..bytes.len().min(512)]))
    }))
}

async fn collect(body: Incoming, name: &str) -> Result<Bytes, ClientError> {
    match http_body_util::Limited::new(body, ANSWER_MAX).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(ClientError::Unreadable(format!("longer than {ANSWER_MAX} bytes")))
        }
        Err(error) => Err(ClientError::Unreachable(name.to_owned(), io::Error::other(error))),
    }
}

fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ClientError> {
    let bytes = if bytes.is_empty() { b"null" } else { bytes };
    serde_json::from_slice(bytes).map_err(|error| ClientError::Unreadable(error.to_string()))
}

/// A stream of alerts.
#[derive(Debug)]
pub struct Watch {
    body: Incoming,
    name: String,
    buffer: Vec<u8>,
    /// How much of the buffer holds no end of an event.
    searched: usize,
    missed: u64,
}

impl Watch {
    /// How many alerts at most were left out because they came faster than they were read.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// The next alert; `None` when the server has ended the stream.
    pub async fn next(&mut self) -> Result<Option<Alert>, ClientError> {
        loop {
            while let Some(end) = self.event_end() {
                let event: Vec<u8> = self.buffer.drain(..end).collect();
                self.searched = 0;
                match (name_of(&event), data_of(&event)) {
                    (b"alert", Some(data)) => return read_json(&data).map(Some),
                    (b"missed", Some(data)) => self.missed += read_json::<u64>(&data)?,
                    _ => {}
                }
            }
            if self.buffer.len() > EVENT_MAX {
                return Err(ClientError::Unreadable(format!("an event longer than {EVENT_MAX} bytes")));
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => self.buffer.extend(frame.into_data().unwrap_or_default()),
                Some(Err(error)) => return Err(ClientError::Unreachable(self.name.clone(), io::Error::other(error))),
            }
        }
    }

    /// Where the first event in the buffer ends: after an empty line.
    fn event_end(&mut self) -> Option<usize> {
        let from = self.searched.saturating_sub(1);
        let found = self.buffer[from..].windows(2).position(|pair| pair == b"\n\n").map(|at| from + at + 2);
        self.searched = self.buffer.len();
        found
    }
}

/// What kind of server-sent event it is; empty for comments.
fn name_of(event: &[u8]) -> &[u8] {
    event.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"event:")).unwrap_or_default().trim_ascii()
}

/// The data lines of a server-sent event; `None` for comments.
fn data_of(event: &[u8]) -> Option<Vec<u8>> {
    let mut data: Option<Vec<u8>> = None;
    for line in event.split(|byte| *byte == b'\n') {
        if let Some(rest) = line.strip_prefix(b"data:") {
            let rest = rest.strip_prefix(b" ").unwrap_or(rest);
            match &mut data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(rest);
                }
                None => data = Some(rest.to_vec()),
            }
        }
    }
    data
}

#[cfg(feature = "tls")]
const HTTPS_PORT: u16 = 443;
/// Longest event of a stream.
const EVENT_MAX: usize = 16 << 20;
/// Longer than the longest wait that the server grants (`agent::OrdersQuery::wait_s`).
const PATIENCE: Duration = Duration::from_secs(40);

#[cfg(test)]
mod tests;
