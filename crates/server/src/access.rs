//! Who asks, and may they?

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::serve::IncomingStream;
use tokio::net::{TcpListener, UnixListener};

use crate::ServerOptions;
use crate::lapi::key::basic_password;
use crate::refuse::refuse;
use crate::state::App;

/// Why it could not be found out who may ask.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The token file.
    #[error("token file {0}")]
    Token(PathBuf, #[source] io::Error),
    /// The token is too short to be one of ours.
    #[error("token file {0} holds no token of 64 hex digits; delete it to get a new one")]
    BadToken(PathBuf),
    /// The group database.
    #[error("read {0}")]
    Group(&'static str, #[source] io::Error),
    /// No such group.
    #[error("there is no group {0:?}")]
    UnknownGroup(String),
}

/// Who is at the other end of a connection, as the kernel says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Through the Unix socket.
    Local { uid: u32, gid: u32 },
    /// Through TCP; proves itself with the token.
    Network,
    /// The kernel did not say.
    Unknown,
}

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        match stream.io().peer_cred() {
            Ok(credentials) => Self::Local { uid: credentials.uid(), gid: credentials.gid() },
            Err(_) => Self::Unknown,
        }
    }
}

impl Connected<IncomingStream<'_, TcpListener>> for Peer {
    fn connect_info(_: IncomingStream<'_, TcpListener>) -> Self {
        Self::Network
    }
}

/// Who asks, by name; goes into history and requester.
#[derive(Clone, Debug)]
pub(crate) struct Caller(pub(crate) String);

/// Who may ask.
#[derive(Debug)]
pub(crate) struct Access {
    admin_uids: Vec<u32>,
    admin_gid: Option<u32>,
    agent_uids: Vec<u32>,
    token: String,
}

impl Access {
    /// Reads users, group and token; makes a token where there is none.
    pub(crate) fn load(options: &ServerOptions) -> Result<Self, AccessError> {
        let mut admin_uids = options.admin_uids.clone();
        let mut admin_gid = None;
        if let Some(group) = &options.admin_group {
            let (gid, members) = group_of(group)?;
            admin_gid = Some(gid);
            admin_uids.extend(members);
        }
        let token = token(&crate::token_path(&options.data_dir))?;
        Ok(Self { admin_uids, admin_gid, agent_uids: options.agent_uids.clone(), token })
    }

    fn may_ask(&self, uid: u32, gid: u32) -> bool {
        uid == 0 || self.admin_uids.contains(&uid) || self.admin_gid == Some(gid)
    }

    /// Who asks, or why it may not.
    fn caller(&self, peer: Peer, token: Option<&str>) -> Result<String, (StatusCode, String)> {
        match peer {
            Peer::Local { uid, gid } if self.may_ask(uid, gid) => Ok(user_name(uid)),
            Peer::Local { uid, .. } => Err((StatusCode::FORBIDDEN, format!("user {uid} may not ask this server"))),
            Peer::Network if token.is_some_and(|token| self.is_token(token)) => Ok("token".to_owned()),
            Peer::Network => Err((StatusCode::UNAUTHORIZED, "a valid token is needed".to_owned())),
            Peer::Unknown => Err((StatusCode::FORBIDDEN, "the peer could not be identified".to_owned())),
        }
    }

    fn may_report(&self, uid: u32) -> bool {
        uid == 0 || self.agent_uids.contains(&uid)
    }

    /// Compares without stopping at the first difference.
    fn is_token(&self, said: &str) -> bool {
        let (own, said) = (self.token.as_bytes(), said.as_bytes());
        let difference = own.iter().zip(said).fold(0, |sum, (a, b)| sum | (a ^ b));
        own.len() == said.len() && std::hint::black_box(difference) == 0
    }
}

/// Lets people and their programs pass.
pub(crate) async fn people(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let bearer = said(&request).and_then(|said| said.strip_prefix("Bearer ")).map(|said| said.trim().to_owned());
    match app.access.caller(peer, bearer.as_deref()) {
        Ok(caller) => {
            request.extensions_mut().insert(Caller(caller));
            next.run(request).await
        }
        Err((status, detail)) => {
            let name = if status == StatusCode::UNAUTHORIZED { "unauthorized" } else { "forbidden" };
            refuse(status, name, detail).into_response()
        }
    }
}

/// Lets people's TAXII clients pass; many of them know Basic only, there the token is the password.
pub(crate) async fn taxii(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let token = said(&request).and_then(|said| match said.split_once(' ')? {
        ("Bearer", token) => Some(token.trim().to_owned()),
        ("Basic", _) => basic_password(said),
        _ => None,
    });
    match app.access.caller(peer, token.as_deref()) {
        Ok(_) => next.run(request).await,
        Err((status, detail)) => {
            let mut response = crate::taxii::refuse(status, detail).into_response();
            if status == StatusCode::UNAUTHORIZED {
                let ways = HeaderValue::from_static("Basic realm=\"tripoint\", Bearer");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, ways);
            }
            response
        }
    }
}

fn said(request: &Request) -> Option<&str> {
    request.headers().get(header::AUTHORIZATION)?.to_str().ok()
}

/// Lets agents pass: through the Unix socket only.
pub(crate) async fn agents(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
    next: Next,
) -> Response {
    match peer {
        Peer::Local { uid, .. } if app.access.may_report(uid) => next.run(request).await,
        _ => refuse(StatusCode::FORBIDDEN, "forbidden", "only the agent, as root through the Unix socket")
            .into_response(),
    }
}

/// Reads the token, or makes one that only this user can read.
fn token(path: &Path) -> Result<String, AccessError> {
    let failed = |error| AccessError::Token(path.to_owned(), error);
    match fs::read_to_string(path) {
        Ok(text) => {
            let text = text.trim();
            let good = text.len() == TOKEN_BYTES * 2 && text.bytes().all(|b| b.is_ascii_hexdigit());
            return if good { Ok(text.to_owned()) } else { Err(AccessError::BadToken(path.to_owned())) };
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let token = random_hex().map_err(failed)?;
    // Written beside and renamed, so that nobody ever reads half a token.
    let new = path.with_extension("new");
    let _ = fs::remove_file(&new);
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&new).map_err(failed)?;
    file.write_all(format!("{token}\n").as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&new, path).map_err(failed)?;
    Ok(token)
}

/// A secret: `TOKEN_BYTES` random bytes as hex.
pub(crate) fn random_hex() -> io::Result<String> {
    let mut random = [0; TOKEN_BYTES];
    File::open("/dev/urandom")?.read_exact(&mut random)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

const TOKEN_BYTES: usize = 32;

/// The group's id and its members' user ids.
fn group_of(name: &str) -> Result<(u32, Vec<u32>), AccessError> {
    let groups = fs::read_to_string(GROUPS).map_err(|error| AccessError::Group(GROUPS, error))?;
    for line in groups.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        if let [found, _, gid, members] = fields[..]
            && found == name
            && let Ok(gid) = gid.parse()
        {
            return Ok((gid, members.split(',').filter_map(user_id).collect()));
        }
    }
    Err(AccessError::UnknownGroup(name.to_owned()))
}

/// The id of the group that owns the socket.
pub fn group_id(name: &str) -> Result<u32, AccessError> {
    group_of(name).map(|(gid, _)| gid)
}

fn user_id(name: &str) -> Option<u32> {
    users().into_iter().find(|(found, _)| found == name).map(|(_, uid)| uid)
}

fn user_name(uid: u32) -> String {
    users().into_iter().find(|(_, found)| *found == uid).map_or_else(|| format!("uid {uid}"), |(name, _)| name)
}

fn users() -> Vec<(String, u32)> {
    let text = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = |line: &str| {
        let mut fields = line.split(':');
        Some((fields.next()?.to_owned(), fields.nth(1)?.parse().ok()?))
    };
    text.lines().filter_map(user).collect()
}

const GROUPS: &str = "/etc/group";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_token_is_made_once_and_is_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let first = token(&path).unwrap();
        assert_eq!(first.len(), 64);
        assert_eq!(token(&path).unwrap(), first);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, "short").unwrap();
        assert!(matches!(token(&path), Err(AccessError::BadToken(_))));
    }

    #[test]
    fn only_the_whole_token_opens() {
        let access = Access { admin_uids: vec![5], admin_gid: Some(9), agent_uids: vec![], token: "abcdef".into() };
        assert!(access.is_token("abcdef"));
        for wrong in ["", "abcde", "abcdeg", "abcdeff"] {
            assert!(!access.is_token(wrong), "{wrong}");
        }
        assert!(access.may_ask(0, 7) && access.may_ask(5, 7) && access.may_ask(6, 9));
        assert!(!access.may_ask(6, 7) && !access.may_ask(1, 7));
        assert!(access.may_report(0) && !access.may_report(1));
    }
}
