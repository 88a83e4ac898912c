//! What do people ask about the programs that enforce our blocks elsewhere?

use serde::{Deserialize, Serialize};

use tripoint_model::Timestamp;

/// Longest name of a bouncer, bytes.
pub const NAME_MAX: usize = 64;

/// Makes a key for a bouncer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NewBouncer {
    /// What to call it: letters, digits, `.`, `_` and `-`.
    pub name: String,
}

/// The key of a bouncer. It is told once and kept nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BouncerKey {
    /// Whose.
    pub name: String,
    /// 64 hex digits, for the header `X-Api-Key`.
    pub key: String,
}

/// A program that enforces our blocks elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BouncerStatus {
    /// What people call it.
    pub name: String,
    /// When its key was made.
    pub created: Timestamp,
    /// What it is, in its own words; empty while it has not asked.
    pub kind: String,
    /// Its version, in its own words.
    pub version: String,
    /// When it last asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_pull: Option<Timestamp>,
    /// Decisions that it was handed.
    pub sent: u64,
    /// Decisions that it was told to drop.
    pub deleted: u64,
    /// Packets that it says it dropped.
    pub dropped_packets: u64,
    /// Bytes that it says it dropped.
    pub dropped_bytes: u64,
    /// Packets or requests that it says it looked at.
    pub processed: u64,
    /// When it last said what it did; older versions never do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_metrics: Option<Timestamp>,
    /// Networks in force that it cannot enforce; the first few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_enforceable: Vec<String>,
    /// How many there are.
    #[serde(default)]
    pub not_enforceable_count: u64,
}

/// Every bouncer, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BouncerList {
    /// The bouncers.
    pub bouncers: Vec<BouncerStatus>,
    /// Addresses and networks that are published to them now.
    pub decisions: u64,
}

/// How handing our blocks to a CrowdSec goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CrowdsecHealth {
    /// Its Local API.
    pub url: String,
    /// `starting`, `ok` or `failing`.
    pub state: String,
    /// Decisions handed over since the server started.
    pub pushed: u64,
    /// Decisions released there since the server started.
    pub released: u64,
    /// When all that there was had been handed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<Timestamp>,
    /// What is wrong; nothing while all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}
