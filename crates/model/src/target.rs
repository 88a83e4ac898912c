//! On whom does an action act: a peer, an application of ours, or the host itself?

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::action::ActionKind;
use crate::observable::{Observable, ObservableError};

/// What an action acts on. As text: the peer (`203.0.113.7`, `203.0.113.0/24`, `203.0.113.7:443`, a name), the
/// application's key (`unit:nginx.service`, `container:<id>`, `exe:/usr/sbin/nginx`), or `host`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// Somebody outside: what is blocked, disconnected, allowed.
    Peer(Observable),
    /// An application by its key: what is frozen.
    Application(String),
    /// This host: what is isolated.
    Host,
}

/// What an application's key begins with.
const KINDS: [&str; 3] = ["unit:", "container:", "exe:"];
const HOST: &str = "host";
const KEY_MAX: usize = 4096;

impl Target {
    /// The kind of action that puts something in force on it.
    pub fn holding(&self) -> ActionKind {
        match self {
            Self::Peer(_) => ActionKind::Block,
            Self::Application(_) => ActionKind::Freeze,
            Self::Host => ActionKind::Isolate,
        }
    }

    /// The kind of action that lifts that again.
    pub fn lifting(&self) -> ActionKind {
        match self {
            Self::Peer(_) => ActionKind::Unblock,
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
            Self::Application(_) | Self::Host => None,
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
        text.parse().map(Self::Peer)
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
        ] {
            assert_eq!(text.parse::<Target>().unwrap(), target);
            assert_eq!(target.to_string(), text);
        }
        for text in ["", "unit:", "pid:4", "hosts"] {
            assert!(text.parse::<Target>().is_err(), "{text:?}");
        }
        assert_eq!(Target::Host.net(), None);
        assert!(!Target::Host.matches([203, 0, 113, 7].into(), 0));
    }
}
