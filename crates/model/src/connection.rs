//! Who talks to whom: both directions of one conversation, its owner, state and bytes.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::process::Process;
use crate::time::Timestamp;

/// Who started the conversation, seen from this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// The peer connected to us.
    Inbound,
    /// We connected to the peer.
    Outbound,
}

impl Direction {
    /// The text form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

/// The transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP, connected or not.
    Udp,
}

/// How far the conversation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ConnectionState {
    /// Asked for, not answered yet.
    Opening,
    /// Both sides talk (for UDP: at least one datagram passed).
    Established,
    /// Refused by us in the kernel before the first packet.
    Refused,
    /// Ended without ever being established.
    Failed,
    /// Ended.
    Closed,
}

impl ConnectionState {
    /// Whether data can still flow.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Opening | Self::Established)
    }
}

/// A conversation for ever on this host and boot: the kernel's socket cookie, and for a UDP
/// socket that talks to many peers a number that tells the peers apart (0 otherwise).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConnectionId {
    /// Socket cookie.
    pub cookie: u64,
    /// Which peer of an unconnected socket.
    #[serde(default)]
    pub peer: u64,
}

/// The tuple after network address translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Translated {
    /// Our end as the network sees it.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::address_port"))]
    pub local: SocketAddr,
    /// The peer that really answers.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::address_port"))]
    pub remote: SocketAddr,
}

/// In which words a client names its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum NamedBy {
    /// Server name of a TLS ClientHello.
    Sni,
    /// Host of an HTTP request.
    HttpHost,
}

impl NamedBy {
    /// Where the name stands, after a name.
    pub fn as_words(self) -> &'static str {
        match self {
            Self::Sni => "named in the TLS handshake",
            Self::HttpHost => "named in the HTTP request",
        }
    }
}

/// The name that the application itself gave its peer in its first words. Anybody may say any name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Named {
    /// Lower case, without the final dot.
    pub name: String,
    /// In which words.
    pub by: NamedBy,
    /// The true name is encrypted (ECH), or pretends to be; this is the one shown outside.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub outer: bool,
}

/// Both directions of one conversation. Addresses are canonical.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Connection {
    /// Which one.
    pub id: ConnectionId,
    /// Transport.
    pub protocol: Protocol,
    /// Who started it.
    pub direction: Direction,
    /// Our end. Port 0 until the kernel has chosen one.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::address_port"))]
    pub local: SocketAddr,
    /// The peer.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::address_port"))]
    pub remote: SocketAddr,
    /// After translation, where it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub translated: Option<Translated>,
    /// How far it has come.
    pub state: ConnectionState,
    /// When it was asked for; for one older than the sensor, when it was found.
    pub opened: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Timestamp>,
    /// Payload bytes received so far.
    pub bytes_in: u64,
    /// Payload bytes sent so far.
    pub bytes_out: u64,
    /// Inode of the network namespace.
    #[serde(default)]
    pub netns: u64,
    /// Whether it was already open when the sensor started.
    #[serde(default)]
    pub predates_sensor: bool,
    /// The name that was asked for to get the remote address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_name: Option<String>,
    /// The name that was given to the peer, where its first words were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named: Option<Named>,
    /// Its owner; `None` is said, never guessed.
    pub process: Option<Arc<Process>>,
}

impl Connection {
    /// The names after the address and how the given one was learnt: ` (a.example)`, ` (a.example; b.example,
    /// named in the TLS handshake)`; nothing when there is none.
    pub fn names_in_words(&self) -> String {
        let asked = self.remote_name.clone().unwrap_or_default();
        let Some(named) = &self.named else {
            return if asked.is_empty() { asked } else { format!(" ({asked})") };
        };
        let between = if asked.is_empty() || asked == named.name { String::new() } else { format!("{asked}; ") };
        let outer = if named.outer { ", another may be encrypted" } else { "" };
        format!(" ({between}{}, {}{outer})", named.name, named.by.as_words())
    }

    /// Every name of the peer that is known, each once: the one asked for, the one given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let asked = self.remote_name.as_deref();
        let given = self.named.as_ref().map(|named| named.name.as_str()).filter(|given| Some(*given) != asked);
        asked.into_iter().chain(given)
    }
}
