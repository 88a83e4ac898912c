//! On whom does an action act: a peer, an application of ours, or the host itself?

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::action::ActionKind;
use crate::exception::is_under;
use crate::observable::{Observable, ObservableError};

/// What an action acts on. As text: the peer (`203.0.113.7`, `203.0.113.0/24`, `203.0.113.7:443`, a name), the
/// application's key (`unit:nginx.service`, `container:<id>`, `exe:/usr/sbin/nginx`), a name with everything beneath it
/// (`*.bad.example`), or `host`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// Somebody outside: what is blocked, disconnected, allowed.
    Peer(Observable),
    /// An application by its key: what is frozen.
    Application(String),
    /// A name (lower case, without the final dot) and every name beneath it: what is blocked by the answers seen.
    Beneath(String),
    /// This host: what is isolated.
    Host,
}

/// What an application's key begins with.
const KINDS: [&str; 3] = ["unit:", "container:", "exe:"];
const HOST: &str = "host";
const BENEATH: &str = "*.";
const KEY_MAX: usize = 4096;

impl Target {
    /// The kind of action that puts something in force on it.
    pub fn holding(&self) -> ActionKind {
        match self {
            Self::Peer(_) | Self::Beneath(_) => ActionKind::Block,
            Self::Application(_) => ActionKind::Freeze,
            Self::Host => ActionKind::Isolate,
        }
    }

    /// The kind of action that lifts that again.
    pub fn lifting(&self) -> ActionKind {
        match self {
            Self::Peer(_) | Self::Beneath(_) => ActionKind::Unblock,
            Self::Application(_) => ActionKind::Thaw,
            Self::Host => ActionKind::Rejoin,
        }
    }

    /// Whether this kind of action is done to such a target at all.
    pub fn suits(&self, kind: ActionKind) -> bool {
        match kind {
            ActionKind::Disconnect | ActionKind::Allow => matches!(self, Self::Peer(_)),
            other => other.lifts().unwrap_or(other) == self.holding(),
        }
    }

    /// The peer, where it is one.
    pub fn peer(&self) -> Option<&Observable> {
        match self {
            Self::Peer(peer) => Some(peer),
            Self::Application(_) | Self::Beneath(_) | Self::Host => None,
        }
    }

    /// The name that is meant, where it is one, with or without what lies beneath it.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Peer(Observable::Domain(name)) | Self::Beneath(name) => Some(name),
            _ => None,
        }
    }

    /// Whether this name (lower case, without the final dot) is meant.
    pub fn names(&self, name: &str) -> bool {
        match self {
            Self::Peer(Observable::Domain(own)) => own == name,
            Self::Beneath(parent) => is_under(name, parent),
            _ => false,
        }
    }

    /// The network that is meant; `None` for a name and for what is no peer.
    pub fn net(&self) -> Option<IpNet> {
        self.peer()?.net()
    }

    /// The port, where a peer with one is meant.
    pub fn port(&self) -> Option<u16> {
        self.peer()?.port()
    }

    /// Whether a peer at `address`:`port` is meant.
    pub fn matches(&self, address: IpAddr, port: u16) -> bool {
        self.peer().is_some_and(|peer| peer.matches(address, port))
    }
}

impl From<Observable> for Target {
    fn from(peer: Observable) -> Self {
        Self::Peer(peer)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(peer) => write!(f, "{peer}"),
            Self::Application(key) => f.write_str(key),
            Self::Beneath(name) => write!(f, "{BENEATH}{name}"),
            Self::Host => f.write_str(HOST),
        }
    }
}

impl FromStr for Target {
    type Err = ObservableError;

    fn from_str(text: &str) -> Result<Self, ObservableError> {
        let text = text.trim();
        if text == HOST {
            return Ok(Self::Host);
        }
        let is_key = |kind: &str| text.strip_prefix(kind).is_some_and(|id| !id.is_empty());
        if text.len() <= KEY_MAX && KINDS.into_iter().any(is_key) {
            return Ok(Self::Application(text.to_owned()));
        }
        match text.strip_prefix(BENEATH).map(Observable::from_str) {
            Some(Ok(Observable::Domain(name))) => Ok(Self::Beneath(name)),
            Some(_) => Err(ObservableError(text.chars().take(64).collect())),
            None => text.parse().map(Self::Peer),
        }
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_back_and_none_is_taken_for_another() {
        let peer = |text: &str| Target::Peer(text.parse().unwrap());
        for (text, target) in [
            ("host", Target::Host),
            ("unit:a.service", Target::Application("unit:a.service".into())),
            ("exe:/usr/bin/a b", Target::Application("exe:/usr/bin/a b".into())),
            ("203.0.113.7:443", peer("203.0.113.7:443")),
            ("2001:db8::/32", peer("2001:db8::/32")),
            ("host.example", peer("host.example")),
            ("*.bad.example", Target::Beneath("bad.example".into())),
        ] {
            assert_eq!(text.parse::<Target>().unwrap(), target);
            assert_eq!(target.to_string(), text);
        }
        for text in ["", "unit:", "pid:4", "hosts", "*.example", "*.203.0.113.7", "*.", "a.*.example"] {
            assert!(text.parse::<Target>().is_err(), "{text:?}");
        }
        assert_eq!(Target::Host.net(), None);
        let (one, all) = (peer("bad.example"), Target::Beneath("bad.example".into()));
        assert!(one.names("bad.example") && !one.names("a.bad.example") && !one.names("worsebad.example"));
        assert!(all.names("bad.example") && all.names("a.b.bad.example") && !all.names("worsebad.example"));
        assert!(!Target::Host.matches([203, 0, 113, 7].into(), 0));
    }
}
