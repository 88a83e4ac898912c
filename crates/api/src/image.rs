//! How does an agent fetch the server's image of indicators, or what changed since the one it holds?

use std::io;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ETAG, HeaderName, IF_NONE_MATCH};
use hyper::{Method, Response, StatusCode};

use crate::client::{Client, ClientError, refusal};
use crate::path;

/// Which image an agent holds, and what it takes.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The agent's host.
    pub host: &'a str,
    /// Identity of the image held, SHA-256 in hex.
    pub held: Option<&'a str>,
    /// Whether a delta against that image is taken.
    pub takes_delta: bool,
    /// How long to wait for another image, in seconds, at most 30.
    pub wait_s: u64,
}

/// What the server has.
#[derive(Debug)]
pub enum Pulled {
    /// The image that is held.
    Same,
    /// What changed since that image; with the new image's identity.
    Delta(String, Body),
    /// A whole image; with its identity.
    Whole(String, Body),
}

impl Client {
    /// Asks for another image than the one held. Headers come within the client's patience; the body has its own.
    pub async fn pull(&self, asked: Asked<'_>) -> Result<Pulled, ClientError> {
        let path = format!("{}?host={}&wait_s={}", path::AGENT_INTEL, path::segment(asked.host), asked.wait_s);
        let mut headers = Vec::new();
        if let Some(held) = asked.held {
            headers.push((IF_NONE_MATCH, format!("\"{held}\"")));
            if asked.takes_delta {
                headers.push((A_IM, path::IMAGE_DELTA.to_owned()));
            }
        }
        let sent = self.send_with(Method::GET, &path, &headers, Bytes::new());
        let late = |_| ClientError::Unreachable(self.name(), io::ErrorKind::TimedOut.into());
        let response = tokio::time::timeout(HEADERS, sent).await.map_err(late)??;
        let status = response.status();
        match status {
            StatusCode::NOT_MODIFIED => Ok(Pulled::Same),
            StatusCode::OK => Ok(Pulled::Whole(identity(&response)?, self.body(response))),
            StatusCode::IM_USED => Ok(Pulled::Delta(identity(&response)?, self.body(response))),
            _ => Err(refusal(response, self.name()).await),
        }
    }

    fn body(&self, response: Response<Incoming>) -> Body {
        let until = tokio::time::Instant::now() + BODY;
        Body { incoming: response.into_body(), name: self.name(), until }
    }
}

/// The identity that an answer states: what follows is hashed and compared with it.
fn identity(response: &Response<Incoming>) -> Result<String, ClientError> {
    let tag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
    let tag = tag
        .map(|tag| tag.trim_matches('"'))
        .filter(|tag| tag.len() == 64 && tag.bytes().all(|b| b.is_ascii_hexdigit()));
    tag.map(str::to_owned).ok_or_else(|| ClientError::Unreadable("an image without its identity".into()))
}

/// Bytes on their way.
#[derive(Debug)]
pub struct Body {
    incoming: Incoming,
    name: String,
    until: tokio::time::Instant,
}

impl Body {
    /// The next bytes; `None` at the end. Whoever reads counts them.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ClientError> {
        let unreachable = |error| ClientError::Unreachable(self.name.clone(), error);
        loop {
            let next = tokio::time::timeout_at(self.until, self.incoming.frame()).await;
            match next.map_err(|_| unreachable(io::ErrorKind::TimedOut.into()))? {
                None => return Ok(None),
                Some(Err(error)) => return Err(unreachable(io::Error::other(error))),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }
}

/// Which encodings of changes are taken (RFC 3229).
pub const A_IM: HeaderName = HeaderName::from_static("a-im");
/// Longer than the longest wait that the server grants, and than it takes to make a delta of a large image.
const HEADERS: Duration = Duration::from_secs(60);
/// For the whole of a large image over a slow way.
const BODY: Duration = Duration::from_secs(600);
