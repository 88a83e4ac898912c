//! Why did a fetch bring nothing?

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

use ureq::http::Uri;

use crate::address::NotPublic;

/// Why a fetch brought nothing. `is_transient` tells which are worth another try.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The URL cannot be used.
    #[error("cannot fetch {url}: {reason}")]
    Url {
        /// The URL.
        url: String,
        /// Why, and what would be right.
        reason: &'static str,
    },
    /// The name leads to an address that is not public.
    #[error("{host} leads to {address}, which is not public; set permit_private = true to allow it")]
    Private {
        /// The host asked for.
        host: String,
        /// Where it leads.
        address: IpAddr,
    },
    /// The kernel lets this process connect to no such port.
    #[error(
        "may not connect to {url}: the configuration names no such port (fetch.ports names more), or the host's own \
         routes forbid it"
    )]
    Forbidden {
        /// The URL.
        url: String,
    },
    /// The server answered with an error.
    #[error("{url} answered with status {status}")]
    Status {
        /// The URL.
        url: String,
        /// HTTP status.
        status: u16,
        /// What the server said of it, where the request named a media type; at most `SAID_MAX` bytes.
        said: Vec<u8>,
        /// After how many seconds the server wants to be asked again.
        retry_after_s: Option<u64>,
    },
    /// The body is larger than allowed.
    #[error("{url} gives more than {bytes_max} bytes")]
    TooBig {
        /// The URL.
        url: String,
        /// The bound.
        bytes_max: u64,
    },
    /// Redirected too often, to nowhere, or from https to http.
    #[error("{url} redirects {reason}")]
    Redirect {
        /// The URL.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// It took too long.
    #[error("{url} took longer than allowed")]
    Timeout {
        /// The URL.
        url: String,
    },
    /// Connecting, TLS or the conversation failed.
    #[error("cannot fetch {url}: {reason}")]
    Transport {
        /// The URL.
        url: String,
        /// What failed, in words.
        reason: String,
    },
    /// A file that the settings name cannot be used.
    #[error("cannot use {path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The proxy setting is no URL.
    #[error("not a proxy URL: {0:?}; use http://host:port")]
    Proxy(String),
}

impl FetchError {
    /// Whether the same request may succeed a moment later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Transport { .. } | Self::Timeout { .. } => true,
            Self::Status { status, .. } => *status >= 500 || *status == 429,
            _ => false,
        }
    }
}

pub(crate) fn explain(at: &Uri, error: ureq::Error) -> FetchError {
    let url = at.to_string();
    match error {
        ureq::Error::Timeout(_) => FetchError::Timeout { url },
        ureq::Error::Io(error) => of_io(url, &error),
        ureq::Error::Other(other) => match other.downcast::<NotPublic>() {
            Ok(refused) => FetchError::Private { host: refused.host, address: refused.address },
            Err(other) => FetchError::Transport { url, reason: other.to_string() },
        },
        other => FetchError::Transport { url, reason: other.to_string() },
    }
}

/// What came of a socket.
pub(crate) fn of_io(url: String, error: &io::Error) -> FetchError {
    match error.kind() {
        io::ErrorKind::TimedOut => FetchError::Timeout { url },
        _ if error.raw_os_error() == Some(EACCES) => FetchError::Forbidden { url },
        _ => FetchError::Transport { url, reason: error.to_string() },
    }
}

/// What landlock answers; a firewall answers otherwise.
const EACCES: i32 = 13;
