//! What do people ask about the connections of the last hours, and what are they told?

use serde::{Deserialize, Serialize};

use tripoint_model::address::canonical_net;
use tripoint_model::{Contact, Direction, Observable, Scope, Target, Timestamp};

/// Most contacts in one answer.
pub const CONNECTIONS_MAX: u32 = 5_000;

/// The query of `path::CONNECTIONS`; all set fields must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConnectionQuery {
    /// Only of this application: its key, or the name people know it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// Only with this peer: address, network, address:port or the name that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Observable>,
    /// Only in this direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Only of this host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Only what was seen at or after this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Only what was seen before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Most contacts to answer with; default 100, at most `CONNECTIONS_MAX`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl ConnectionQuery {
    /// The query string with its question mark; empty when nothing is set.
    pub fn to_query(&self) -> String {
        let parts = [
            ("application", self.application.clone()),
            ("peer", self.peer.as_ref().map(ToString::to_string)),
            ("direction", self.direction.map(|direction| direction.as_str().to_owned())),
            ("host", self.host.clone()),
            ("since", self.since.map(|at| at.to_string())),
            ("until", self.until.map(|at| at.to_string())),
            ("limit", self.limit.map(|limit| limit.to_string())),
            ("after", self.after.clone()),
        ];
        crate::path::query(&parts)
    }

    /// Whether this is one of those asked for, whatever page it stands on.
    pub fn takes(&self, HostContact { host, contact }: &HostContact) -> bool {
        let own = contact.application.as_ref();
        let is_application = |wanted: &String| own.is_some_and(|own| own.name == *wanted || own.key() == *wanted);
        self.host.as_ref().is_none_or(|wanted| wanted == host)
            && self.application.as_ref().is_none_or(is_application)
            && self.direction.is_none_or(|wanted| wanted == contact.direction)
            && self.since.is_none_or(|since| contact.last_seen >= since)
            && self.until.is_none_or(|until| contact.first_seen < until)
            && self.peer.as_ref().is_none_or(|peer| is_peer(peer, contact))
    }
}

/// By address and, of outbound connections, port; or by the name that was asked for.
fn is_peer(peer: &Observable, contact: &Contact) -> bool {
    match peer {
        Observable::Domain(name) => contact.name.as_ref() == Some(name),
        _ => {
            let is_port = |port| contact.direction == Direction::Outbound && contact.port == port;
            let net = peer.net().map(canonical_net);
            net.is_some_and(|net| net.contains(&contact.peer.to_canonical())) && peer.port().is_none_or(is_port)
        }
    }
}

/// A page of contacts, the newest report first: what a host reports late stands before what others told earlier. It
/// may be shorter than asked for; only a missing `next` says that it is the last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConnectionList {
    /// The contacts.
    pub connections: Vec<HostContact>,
    /// How to ask for the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// What is kept in all.
    pub kept: Kept,
}

/// A contact on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HostContact {
    /// Where.
    pub host: String,
    /// Who with whom.
    #[serde(flatten)]
    pub contact: Contact,
}

/// How much is kept, and what is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Kept {
    /// Contacts that are kept.
    pub rows: u64,
    /// How long they are kept, in seconds.
    pub kept_for_s: u64,
    /// Connections that found no room since the store was made, on the agents or here: what is kept is not all.
    pub dropped: u64,
}

/// Whom a planned action would have cut off, had it been in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Past {
    /// Where.
    pub host: String,
    /// The planned action's id.
    pub id: String,
    /// The planned action's target.
    pub target: Target,
    /// How far it reaches.
    pub scope: Scope,
    /// From when on was looked.
    pub since: Timestamp,
    /// Connections that would have been cut.
    pub connections: u64,
    /// Whose, the most first; at most `APPLICATIONS_MAX` are named.
    pub applications: Vec<PastApplication>,
    /// How many applications those are.
    pub applications_total: u64,
}

/// An application that would have been cut off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PastApplication {
    /// Its key; empty where the owner is not known.
    pub application: String,
    /// What people call it.
    pub name: String,
    /// Its connections.
    pub connections: u64,
    /// When the last of them was seen.
    pub last_seen: Timestamp,
}

/// Most applications that are named of one action.
pub const APPLICATIONS_MAX: usize = 20;
