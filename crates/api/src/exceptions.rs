//! What do people ask for and hear about what they do not want to be alerted on?

use serde::{Deserialize, Serialize};

use tripoint_model::{AlertId, AlertStatus, Direction, Exception, Observable, Timestamp};

use crate::people::HostAction;

/// Asks for an exception. At least one of target, application and indicator is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExceptionRequest {
    /// The peer it speaks of. An autonomous system means the networks that the server's table gives it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Observable>,
    /// The application it speaks of, by key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// The hosts it speaks of: a pattern of their names, `*` and `?`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosts: Option<String>,
    /// The direction it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// The rule it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The indicator it speaks of, as the alert names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indicator: Option<Observable>,
    /// Vulnerabilities that are accepted, by id; at most `CVES_MAX`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cves: Vec<String>,
    /// Why. Required.
    #[serde(default)]
    pub reason: String,
    /// Where that is written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// For how long; default `SPAN_DEFAULT`, at most `SPAN_MAX`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_seconds: Option<u64>,
}

/// Most vulnerabilities that one exception accepts.
pub const CVES_MAX: usize = 64;
/// Longest text of one field, in bytes.
pub const TEXT_MAX: usize = 1024;
/// Most alerts that a preview names, of each kind.
pub const COVERED_MAX: usize = 200;

/// The exceptions that have not expired.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExceptionList {
    /// Soonest end first.
    pub exceptions: Vec<KeptException>,
}

/// An exception and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeptException {
    /// What it says.
    #[serde(flatten)]
    pub exception: Exception,
    /// What agents reported of it.
    #[serde(default)]
    pub used: Used,
}

/// How often an exception has kept something quiet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Used {
    /// Connections that it covered.
    pub hits: u64,
    /// Alerts that it began to suppress; one that came back and went again counts anew.
    pub alerts: u64,
    /// When an agent last reported one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
}

/// What an exception would cover, had somebody made it now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExceptionPreview {
    /// As it would be kept.
    pub exception: Exception,
    /// Stored alerts that it would suppress, newest first; at most `COVERED_MAX` are named.
    pub alerts: Vec<CoveredAlert>,
    /// How many those are.
    pub alerts_total: u64,
    /// Stored alerts of which it would cover some connections: those stay loud. At most `COVERED_MAX` are named.
    pub partly: Vec<CoveredAlert>,
    /// How many those are.
    pub partly_total: u64,
    /// Stored alerts that were looked at.
    pub read: u64,
    /// Kept connections that it speaks of; absent where it speaks of certain alerts only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<CoveredConnections>,
    /// Blocks in force that it would lift, by what the agents say.
    pub blocks: Vec<HostAction>,
    /// Agents that were asked and answered.
    pub hosts: Vec<String>,
    /// What could not be found out, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
}

/// How wide an exception is, by the connections that are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CoveredConnections {
    /// Connections that it speaks of, bad or not.
    pub connections: u64,
    /// Peers that they were with.
    pub peers: u64,
    /// Keys of their applications, sorted; at most `COVERED_MAX` are named.
    pub applications: Vec<String>,
    /// How many those are.
    pub applications_total: u64,
    /// From when on was looked.
    pub since: Option<Timestamp>,
}

/// An alert that an exception would cover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CoveredAlert {
    /// Which.
    pub id: AlertId,
    /// On which host.
    pub host: String,
    /// Who talked to whom.
    pub title: String,
    /// Where it stands.
    pub status: AlertStatus,
    /// Its last connection.
    pub last_seen: Timestamp,
    /// Connections that are covered, of those that the alert carries.
    pub covered: u64,
    /// Connections that the alert carries; older ones are not kept one by one.
    pub carried: u64,
    /// Connections in all.
    pub count: u64,
    /// The exception that suppresses it already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed_by: Option<String>,
}
