//! Who is at the other end of a connection, as the kernel says, and who of this host may ask?

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use axum::extract::connect_info::Connected;
use axum::http::StatusCode;
use axum::serve::IncomingStream;
use tokio::net::UnixListener;

use crate::ServerOptions;
use crate::auth::caller::{By, Caller};
use crate::auth::seal::write_private;
use crate::auth::secret;
use crate::refuse::{Refused, refuse};

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
    /// Through TCP; proves itself by what it sends.
    Network(SocketAddr),
    /// The same, by a program of this host that says that it asks for somebody else, and whose word is not taken for whom.
    Relayed(SocketAddr),
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

impl Peer {
    /// From where, in words.
    pub(crate) fn from(self) -> String {
        match self {
            Self::Local { uid, .. } => format!("socket, {}", user_name(uid)),
            Self::Network(address) | Self::Relayed(address) => address.ip().to_canonical().to_string(),
            Self::Unknown => "unknown".to_owned(),
        }
    }

    /// Where somebody sits who did not come through the Unix socket.
    pub(crate) fn far(self) -> Option<IpAddr> {
        match self {
            Self::Network(address) | Self::Relayed(address) => Some(address.ip()),
            Self::Local { .. } | Self::Unknown => None,
        }
    }

    /// The address that tries are counted by; all of the Unix socket have one.
    pub(crate) fn source(self) -> IpAddr {
        match self {
            Self::Network(address) | Self::Relayed(address) => address.ip(),
            _ => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        }
    }
}

/// Who may ask.
#[derive(Debug)]
pub(crate) struct Access {
    admin_uids: Vec<u32>,
    admin_group: Option<String>,
    agent_uids: Vec<u32>,
    token: String,
}

impl Access {
    /// Reads users, group and token; makes a token where there is none.
    pub(crate) fn load(options: &ServerOptions) -> Result<Self, AccessError> {
        if let Some(group) = &options.admin_group {
            group_of(group)?;
        }
        let token = token(&crate::token_path(&options.data_dir))?;
        let (admin_uids, admin_group) = (options.admin_uids.clone(), options.admin_group.clone());
        Ok(Self { admin_uids, admin_group, agent_uids: options.agent_uids.clone(), token })
    }

    /// Whoever leaves the group may no more.
    fn may_ask(&self, uid: u32, gid: u32) -> bool {
        let is_member =
            |name: &String| group_of(name).is_ok_and(|(group, members)| group == gid || members.contains(&uid));
        uid == 0 || self.admin_uids.contains(&uid) || self.admin_group.as_ref().is_some_and(is_member)
    }

    /// Whether a user of this host, by the name that callers of the socket have, still may ask. The machine's token has
    /// a name of its own, and always may.
    pub(crate) fn still_may(&self, name: &str) -> bool {
        let by_number = || name.strip_prefix("uid ").and_then(|uid| uid.parse().ok()).map(|uid| (uid, uid));
        let user = users().into_iter().find(|user| user.name == name).map(|user| (user.uid, user.gid));
        name == MACHINE || user.or_else(by_number).is_some_and(|(uid, gid)| self.may_ask(uid, gid))
    }

    /// Who asks through the Unix socket, or why it may not; `None` = through another way.
    pub(crate) fn local(&self, peer: Peer) -> Result<Option<Caller>, Refused> {
        let refused = |why: String| Err(refuse(StatusCode::FORBIDDEN, "forbidden", why));
        match peer {
            Peer::Local { uid, gid } if self.may_ask(uid, gid) => {
                Ok(Some(Caller::of_host(user_name(uid), By::Socket { uid })))
            }
            Peer::Local { uid, .. } => refused(format!("user {uid} may not ask this server")),
            Peer::Network(_) | Peer::Relayed(_) => Ok(None),
            Peer::Unknown => refused("the peer could not be identified".to_owned()),
        }
    }

    /// Whether it may speak as an agent.
    pub(crate) fn may_report(&self, peer: Peer) -> bool {
        matches!(peer, Peer::Local { uid, .. } if uid == 0 || self.agent_uids.contains(&uid))
    }

    /// Compares without stopping at the first difference.
    pub(crate) fn is_token(&self, said: &str) -> bool {
        let (own, said) = (self.token.as_bytes(), said.as_bytes());
        let difference = own.iter().zip(said).fold(0, |sum, (a, b)| sum | (a ^ b));
        own.len() == said.len() && std::hint::black_box(difference) == 0
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
    let token = secret::long().map_err(|error| failed(io::Error::other(error)))?;
    write_private(path, format!("{token}\n").as_bytes()).map_err(failed)?;
    Ok(token)
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
    users().into_iter().find(|user| user.name == name).map(|user| user.uid)
}

fn user_name(uid: u32) -> String {
    users().into_iter().find(|user| user.uid == uid).map_or_else(|| format!("uid {uid}"), |user| user.name)
}

/// Whoever runs this process.
pub(crate) fn own_user() -> std::io::Result<String> {
    use std::os::unix::fs::MetadataExt as _;
    Ok(user_name(std::fs::metadata("/proc/self")?.uid()))
}

/// Whether a user of this host is called so.
pub(crate) fn is_user_of_host(name: &str) -> bool {
    users().iter().any(|user| user.name == name)
}

/// A user of this host.
struct User {
    name: String,
    uid: u32,
    gid: u32,
}

fn users() -> Vec<User> {
    let text = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        Some(User { name, uid: fields.nth(1)?.parse().ok()?, gid: fields.next()?.parse().ok()? })
    };
    text.lines().filter_map(user).collect()
}

/// How whoever shows the machine's token is called.
pub(crate) const MACHINE: &str = "token";
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
        // Group 0 is `root` wherever there is a group database.
        let access = Access {
            admin_uids: vec![5],
            admin_group: Some("root".into()),
            agent_uids: vec![],
            token: "abcdef".into(),
        };
        assert!(access.is_token("abcdef"));
        for wrong in ["", "abcde", "abcdeg", "abcdeff"] {
            assert!(!access.is_token(wrong), "{wrong}");
        }
        assert!(access.may_ask(0, 7) && access.may_ask(5, 7) && access.may_ask(6, 0));
        assert!(!access.may_ask(6, 7) && !access.may_ask(1, 7));
        for (name, may) in
            [("root", true), ("uid 5", true), ("uid 6", false), ("nobody-of-this-host", false), ("token", true)]
        {
            assert_eq!(access.still_may(name), may, "{name}");
        }
        let local = |uid| Peer::Local { uid, gid: 7 };
        assert!(access.may_report(local(0)) && !access.may_report(local(1)));
        assert!(access.local(local(5)).unwrap().is_some() && access.local(local(1)).is_err());
        let network = Peer::Network("127.0.0.1:1".parse().unwrap());
        assert!(access.local(network).unwrap().is_none() && !access.may_report(network));
    }
}
