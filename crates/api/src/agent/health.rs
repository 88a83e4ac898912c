//! How is an agent, by its own word?

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use tripoint_model::Timestamp;

/// How an agent is: what its kernel lets it do, what it lost, how old its data is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgentHealth {
    /// Kernel release.
    #[serde(default)]
    pub kernel: String,
    /// Which sensor runs: `bpf`, `sock_diag`, `replay`, `none`.
    pub sensor: String,
    /// Which mechanism blocks: `bpf`, `none`.
    #[serde(default)]
    pub firewall: String,
    /// `advise` or `enforce`.
    #[serde(default)]
    pub mode: String,
    /// What works and what is lost where it does not.
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// How fresh the data is.
    #[serde(default)]
    pub data: Vec<DataSource>,
    /// Events lost, by the counter's name. All zero = nothing was lost.
    #[serde(default)]
    pub losses: BTreeMap<String, u64>,
    /// Other counters and gauges, by name (`connections_seen_total`, `spool_bytes`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counters: BTreeMap<String, u64>,
    /// Stretches of time in which something was lost, newest last; the last hundred.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
}

/// A stretch of time in which something was lost: the sensor was blind for so many records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Gap {
    /// Nothing was lost before this moment.
    pub from: Timestamp,
    /// When the loss was noticed.
    pub to: Timestamp,
    /// How many records.
    pub count: u64,
    /// The loss counter that grew.
    pub why: String,
}

/// One thing that the kernel may or may not offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Capability {
    /// Its name.
    pub name: String,
    /// `ok`, `degraded`, `missing`.
    pub status: String,
    /// What is lost without it; empty when `ok`.
    #[serde(default)]
    pub lost: String,
}

/// One source of data and its age.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DataSource {
    /// Its name.
    pub source: String,
    /// Age in seconds; `None` when there is none yet.
    pub age: Option<u64>,
    /// `fresh`, `stale`, `missing`.
    pub status: String,
}
