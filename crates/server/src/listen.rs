//! Where can the server be asked?

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{oneshot, watch};

use crate::access::{self, AccessError, Peer};
use crate::auth::origin::is_this_host;

/// Where a running server can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The Unix socket.
    pub socket: PathBuf,
    /// The TCP address.
    pub address: Option<SocketAddr>,
    /// How a browser asks there.
    pub url: Option<String>,
    /// By which fingerprint the server is known over TLS: SHA-256 in hex of its authority's certificate, or of the
    /// certificate that an administrator put there.
    pub fingerprint: Option<String>,
}

/// Why the server cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another server runs on this data folder.
    #[error("another server listens on {0}")]
    InUse(PathBuf),
    /// The socket's group.
    #[error("group of the socket")]
    Group(#[from] AccessError),
    /// The operating system refused.
    #[error("{0}")]
    Io(String, #[source] io::Error),
}

/// How long connections may go on after the server was told to stop.
pub(crate) const FAREWELL: Duration = Duration::from_secs(3);

/// The longest path a Unix socket can have, bytes (`sun_path` without its final NUL).
const SOCKET_PATH_MAX: usize = 107;

pub(crate) fn create_folder(path: &Path) -> Result<(), ListenError> {
    fs::create_dir_all(path).map_err(|error| ListenError::Io(format!("create {}", path.display()), error))
}

/// Binds the socket. One that nobody listens on any more is replaced.
pub(crate) fn unix(path: &Path, group: Option<&str>) -> Result<UnixListener, ListenError> {
    let failed = |error| ListenError::Io(format!("socket {}", path.display()), error);
    if path.as_os_str().len() > SOCKET_PATH_MAX {
        let reason = format!("the path is longer than {SOCKET_PATH_MAX} bytes; take a data folder with a shorter path");
        return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, reason)));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => return Err(ListenError::InUse(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(_) => fs::remove_file(path).map_err(failed)?,
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    if let Some(group) = group {
        std::os::unix::fs::chown(path, None, Some(access::group_id(group)?)).map_err(failed)?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o660)).map_err(failed)?;
    Ok(listener)
}

/// Binds an address.
pub(crate) async fn tcp(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|error| ListenError::Io(format!("listen on {address}"), error))
}

pub(crate) async fn run_unix(listener: UnixListener, router: Router, stopped: watch::Receiver<bool>) {
    let service = router.into_make_service_with_connect_info::<Peer>();
    if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(until(stopped)).await {
        tracing::error!(error = %error, "unix socket failed");
    }
}

/// How a browser asks a server that listens there: plain on this host, else by https and the host's name where it
/// listens on every address.
pub(crate) fn url_of(address: SocketAddr, public: Option<&str>) -> String {
    if let Some(url) = public {
        return url.to_owned();
    }
    if is_this_host(address) {
        return format!("http://{address}");
    }
    if address.ip().is_unspecified() {
        let host = rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase();
        return format!("https://{host}:{}", address.port());
    }
    format!("https://{address}")
}

/// Completes when the server was told to stop.
pub(crate) async fn until(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Says that the server can be asked.
pub(crate) fn announce(
    ready: Ready,
    tell: Option<oneshot::Sender<Ready>>,
    file: Option<&Path>,
) -> Result<(), ListenError> {
    if let Some(file) = file {
        let mut text = format!("socket {}\n", ready.socket.display());
        if let Some(address) = ready.address {
            let scheme = if is_this_host(address) { "http" } else { "https" };
            text.push_str(&format!("address {scheme}://{address}\n"));
        }
        let new = file.with_extension("new");
        fs::write(&new, text)
            .and_then(|()| fs::rename(&new, file))
            .map_err(|error| ListenError::Io(format!("write {}", file.display()), error))?;
    }
    tracing::info!(socket = %ready.socket.display(), address = ?ready.address, "server is ready");
    if let Some(tell) = tell {
        let _ = tell.send(ready);
    }
    Ok(())
}
