//! What do people ask about the channels over which they are told?

use serde::{Deserialize, Serialize};

use tripoint_model::{AlertId, Timestamp};

/// Every channel, as the configuration names them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChannelList {
    /// The channels.
    pub channels: Vec<ChannelStatus>,
}

/// How a channel is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChannelStatus {
    /// What the configuration calls it.
    pub name: String,
    /// Which kind of receiver it is.
    pub kind: String,
    /// Messages whose turn will come.
    pub waiting: u64,
    /// Messages that wait to be told as one: digests, quiet hours, maintenance.
    pub held: u64,
    /// Why those wait: `maintenance NAME`, `quiet hours of ROUTE`, `digest of ROUTE`, `more than N in a minute`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_for: Vec<String>,
    /// Messages that were taken.
    pub delivered: u64,
    /// Messages that were given up and are kept for a person.
    pub dead: u64,
    /// Messages that found no room.
    pub lost: u64,
    /// `closed`: all is well; `open`: it failed so often that it is left alone for a while; `half-open`: one message
    /// tries whether it is well again.
    pub breaker: String,
    /// Attempts in a row that failed.
    pub failures: u32,
    /// Why the last attempt failed; nothing while all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// When a message was last taken, since the server started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_delivered: Option<Timestamp>,
    /// When it is tried again, after an attempt that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt: Option<Timestamp>,
}

/// What became of a test.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChannelTest {
    /// Whether the receiver took it.
    pub delivered: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// How long it took, milliseconds.
    pub took_ms: u64,
}

/// Asks what would be sent; nothing is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PreviewRequest {
    /// Of which alert.
    pub alert: AlertId,
}

/// What would be sent, without secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChannelPreview {
    /// What the channel's template makes of it; empty where it has none.
    pub text: String,
    /// The requests, in their order.
    pub requests: Vec<PreviewedRequest>,
}

/// One request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PreviewedRequest {
    /// How and where to.
    pub what: String,
    /// What it says.
    pub body: String,
}

/// The query of dead letters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeadQuery {
    /// Most letters to answer with; default 50, at most 500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

/// Messages that were given up, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeadLetters {
    /// The letters.
    pub letters: Vec<DeadLetter>,
    /// How to ask for the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// A message that was given up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeadLetter {
    /// Its number.
    pub number: u64,
    /// When it was to be told first.
    pub queued: Timestamp,
    /// How often it was tried.
    pub tries: u64,
    /// Why it was given up.
    pub error: String,
    /// Its one line.
    pub headline: String,
}

/// Tries dead letters again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RetryRequest {
    /// Which; all, where nothing is said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<u64>,
}

/// How many are tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Retried {
    /// So many.
    pub retried: u64,
}
