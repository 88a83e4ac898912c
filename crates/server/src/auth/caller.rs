//! Who asks, and which hosts does it see?

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;

use tripoint_api::accounts::Me;
use tripoint_api::{Role, Scope};
use tripoint_model::{Timestamp, glob};

use super::factor::Demand;
use crate::access::Peer;
use crate::refuse::{Refused, refuse};
use crate::store::sessions::{LONGEST, SessionRow};
use crate::store::users::Account;

/// Who asks. Its name goes into history and requester.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) name: String,
    pub(crate) by: By,
    /// Whether it is one of our users; else a user of the host, or whoever has the machine's token.
    pub(crate) is_user: bool,
    pub(crate) role: Role,
    pub(crate) sees: Sees,
    /// Of a user: its groups of hosts.
    pub(crate) groups: Vec<String>,
    pub(crate) has_totp: bool,
    /// Of a user: whether a password opens it; else a provider does.
    pub(crate) has_password: bool,
    /// Of a session: whether an authenticator is demanded and not there.
    pub(crate) needs_totp: bool,
}

/// How it proved who it is.
#[derive(Clone, Debug)]
pub(crate) enum By {
    /// The kernel says it.
    Socket { uid: u32 },
    /// With the token that lies in this server's own folder.
    Machine,
    /// With a token that somebody made.
    Token { id: String, scopes: Vec<Scope> },
    /// By having signed in.
    Session(Box<SessionRow>),
}

impl Caller {
    /// A user of the host, or whoever can read the machine's token: may everything.
    pub(crate) fn of_host(name: String, by: By) -> Self {
        let (has_totp, has_password, needs_totp) = (false, false, false);
        let (role, sees, groups) = (Role::Admin, Sees(None), Vec::new());
        Self { name, by, is_user: false, role, sees, groups, has_totp, has_password, needs_totp }
    }

    /// A user who proved it this way and sees these hosts.
    pub(crate) fn of_user(user: Account, by: By, sees: Sees) -> Self {
        let (has_totp, has_password) = (user.totp.is_some(), !user.password.is_empty());
        let (role, groups, needs_totp) = (user.role, user.groups, false);
        Self { name: user.name, by, is_user: true, role, sees, groups, has_totp, has_password, needs_totp }
    }

    /// The same, asking from there: a session by a password alone may be asked for more.
    pub(crate) fn from(self, peer: Peer, demand: Demand) -> Self {
        let alone = self.session().is_some() && self.has_password && !self.has_totp;
        Self { needs_totp: alone && demand.is(peer), ..self }
    }

    /// By what its own things are kept: no user has a name with a space.
    pub(crate) fn owner(&self) -> String {
        if self.is_user { self.name.clone() } else { format!("host {}", self.name) }
    }

    /// Whether a person is there, and not a program that anybody may have started.
    pub(crate) fn is_person(&self) -> bool {
        matches!(self.by, By::Socket { .. } | By::Session(_))
    }

    /// Whether it is root of the server's host.
    pub(crate) fn is_root(&self) -> bool {
        matches!(self.by, By::Socket { uid: 0 })
    }

    pub(crate) fn session(&self) -> Option<&SessionRow> {
        match &self.by {
            By::Session(session) => Some(session),
            _ => None,
        }
    }

    /// Whether it may by the scopes of its token, where it is one that has some.
    pub(crate) fn has(&self, scope: Scope) -> Result<(), Refused> {
        match &self.by {
            By::Token { scopes, .. } if !scopes.is_empty() && !scopes.contains(&scope) => {
                Err(refuse(StatusCode::FORBIDDEN, "forbidden", format!("this token is not for {scope}")))
            }
            _ => Ok(()),
        }
    }

    /// Who signed in has to have proven lately that it is still there; whoever else asks proves it each time.
    pub(crate) fn confirmed(&self, now: Timestamp) -> Result<(), Refused> {
        match self.session() {
            Some(session) if now.since(session.confirmed) > CONFIRMED_FOR => Err(refuse(
                StatusCode::FORBIDDEN,
                "confirm-needed",
                "prove that it is still you: POST /v1/session/confirm, then ask again",
            )),
            _ => Ok(()),
        }
    }

    /// How it proved who it is, in words.
    pub(crate) fn proof(&self) -> String {
        match &self.by {
            By::Socket { .. } => "socket".to_owned(),
            By::Machine => "machine".to_owned(),
            By::Token { id, .. } => format!("token {id}"),
            By::Session(session) => format!("session {}", public_id(&session.hash)),
        }
    }

    /// What it is told of itself.
    pub(crate) fn me(&self) -> Me {
        let session = self.session();
        let scopes = match &self.by {
            By::Token { scopes, .. } => scopes.clone(),
            _ => Vec::new(),
        };
        Me {
            name: self.name.clone(),
            role: self.role,
            by: self.proof().split(' ').next().unwrap_or_default().to_owned(),
            groups: self.groups.clone(),
            scopes,
            has_totp: self.has_totp,
            has_password: self.has_password,
            needs_totp: self.needs_totp,
            confirmed_until: session.map(|session| session.confirmed.plus(CONFIRMED_FOR)),
            ends: session.map(|session| session.created.plus(LONGEST)),
        }
    }
}

/// Names a session to its owner: the beginning of a hash, which opens nothing.
pub(crate) fn public_id(hash: &str) -> String {
    hash.chars().take(16).collect()
}

/// Which hosts somebody sees: every one, or those whose names fit a pattern.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sees(Option<Arc<[String]>>);

impl Sees {
    /// Those of these patterns only; none at all where there are none.
    pub(crate) fn only(patterns: Vec<String>) -> Self {
        Self(Some(patterns.into()))
    }

    /// Whether it is every host.
    pub(crate) fn all(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn host(&self, host: &str) -> bool {
        self.0.as_ref().is_none_or(|own| own.iter().any(|pattern| glob::fits(pattern, host)))
    }

    /// Whether a pattern of host names means hosts of these only: one of the own patterns, or a name among them.
    pub(crate) fn holds(&self, pattern: Option<&str>) -> bool {
        let Some(own) = &self.0 else { return true };
        let Some(pattern) = pattern else { return false };
        own.iter().any(|one| one == pattern) || (!pattern.contains(['*', '?']) && self.host(pattern))
    }

    /// Of these hosts those that are seen; `None` = no need to look.
    pub(crate) fn among(&self, hosts: Vec<String>) -> Option<Vec<String>> {
        self.0.as_ref().map(|_| hosts.into_iter().filter(|host| self.host(host)).collect())
    }
}

/// For so long a person who proved to be there is believed to be (promise S3).
const CONFIRMED_FOR: Duration = Duration::from_secs(5 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_held_when_it_means_no_other_host() {
        let own = Sees::only(vec!["web-*".into(), "db1".into()]);
        assert!(own.host("web-1") && own.host("db1") && !own.host("db2") && !own.host("a-web-1"));
        for (pattern, held) in [
            ("web-*", true),
            ("web-7", true),
            ("db1", true),
            ("web-?", false),
            ("*", false),
            ("db*", false),
            ("x", false),
        ] {
            assert_eq!(own.holds(Some(pattern)), held, "{pattern}");
        }
        assert!(!own.holds(None) && Sees::default().holds(None));
        assert_eq!(own.among(vec!["web-1".into(), "x".into()]), Some(vec!["web-1".into()]));
        assert!(!Sees::only(vec![]).host("web-1"), "no pattern, no host");
    }
}
