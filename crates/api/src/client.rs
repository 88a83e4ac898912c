//! How does a program ask the server, over its Unix socket or TCP?

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
    #[error("not a server's address: {0:?} (unix:/path or http://127.0.0.1:port)")]
    Address(String),
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

    /// From `unix:/path`, or `http://ADDRESS:PORT` with a token. Names other than `localhost` are
    /// not resolved: without encryption the server is reachable on this host only.
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
        let mut request = Request::builder().method(method).uri(path).header(HOST, "tripoint").header(ACCEPT, "*/*");
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Place::Tcp(_, token) = &self.place {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Full::new(body)).map_err(|error| ClientError::Unreadable(error.to_string()))?;
        match &self.place {
            Place::Unix(path) => exchange(UnixStream::connect(path).await.map_err(unreachable)?, request).await,
            Place::Tcp(address, _) => exchange(TcpStream::connect(address).await.map_err(unreachable)?, request).await,
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

/// Longest event of a stream.
const EVENT_MAX: usize = 16 << 20;
/// Longer than the longest wait that the server grants (`agent::OrdersQuery::wait_s`).
const PATIENCE: Duration = Duration::from_secs(40);

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;

    use super::*;

    /// A server that answers every connection with the same bytes.
    async fn answering(bytes: Vec<u8>) -> (tempfile::TempDir, Client) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.sock");
        let listener = UnixListener::bind(&path).unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(&bytes).await;
            }
        });
        (folder, Client::unix(&path))
    }

    #[tokio::test]
    async fn nobody_there_is_its_own_kind_of_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = Client::unix(&folder.path().join("none")).get::<()>("/v1/health").await.unwrap_err();
        assert!(error.is_unreachable());
    }

    #[tokio::test]
    async fn refusals_are_read_also_when_they_are_no_problem_document() {
        let (_folder, client) = answering(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 4\r\n\r\nnope".to_vec()).await;
        match client.get::<()>("/v1/health").await.unwrap_err() {
            ClientError::Problem(problem) => assert_eq!((problem.status, problem.detail.as_str()), (403, "nope")),
            other => panic!("{other}"),
        }
    }

    #[tokio::test]
    async fn an_endless_answer_is_cut_off() {
        let mut answer = b"HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n".to_vec();
        answer.resize(ANSWER_MAX + 1000, b'x');
        let (_folder, client) = answering(answer).await;
        assert!(matches!(client.get::<()>("/").await, Err(ClientError::Unreadable(_))));
    }

    #[test]
    fn only_addresses_of_this_kind_are_spoken_to() {
        assert!(Client::from_url("http://127.0.0.1:8470", "t").is_ok());
        assert!(Client::from_url("http://localhost:8470/", "t").is_ok());
        assert!(Client::from_url("unix:/run/x.sock", "").is_ok());
        for url in ["https://127.0.0.1:1", "http://example.org:1", "127.0.0.1:1", ""] {
            assert!(matches!(Client::from_url(url, "t"), Err(ClientError::Address(_))), "{url}");
        }
    }

    #[test]
    fn data_lines_are_joined_and_comments_dropped() {
        assert_eq!(data_of(b"event: alert\ndata: {\"a\":\ndata: 1}\n\n").unwrap(), b"{\"a\":\n1}");
        assert_eq!((name_of(b"event: missed\ndata: 7\n\n"), name_of(b": event\n\n")), (&b"missed"[..], &b""[..]));
        assert_eq!(data_of(b": keep-alive\n\n"), None);
    }
}
