//! What do people and their scripts ask of the server, and what are they told?

use serde::{Deserialize, Serialize};

use tripoint_model::{
    ActionKind, Alert, AlertStatus, Outcome, PlannedAction, Refusal, Resolution, Scope, Target, Timestamp,
};

use crate::agent::{AgentHealth, AgentIdentity, StandingAction};
use crate::bouncer::CrowdsecHealth;
use crate::connections::Past;
use crate::exceptions::ExceptionRequest;
use crate::proposal::HostProposal;

/// Most alerts in one answer.
pub const LIMIT_MAX: u32 = 1000;

/// The query of `path::ALERTS`; all set fields must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AlertQuery {
    /// Only alerts that stand so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<AlertStatus>,
    /// Only alerts of this rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Only alerts of this host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Whether alerts under an exception are listed too; default no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<bool>,
    /// Whether only those are listed; default no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed_only: Option<bool>,
    /// Most alerts to answer with; default 100, at most `LIMIT_MAX`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl AlertQuery {
    /// The query string with its question mark; empty when nothing is set.
    pub fn to_query(&self) -> String {
        let status = self.status.map(|status| match status {
            AlertStatus::Open => "open".to_owned(),
            AlertStatus::Investigating => "investigating".to_owned(),
            AlertStatus::Contained => "contained".to_owned(),
            AlertStatus::Resolved => "resolved".to_owned(),
        });
        let parts = [
            ("status", status),
            ("rule", self.rule.clone()),
            ("host", self.host.clone()),
            ("suppressed", self.suppressed.map(|yes| yes.to_string())),
            ("suppressed_only", self.suppressed_only.map(|yes| yes.to_string())),
            ("limit", self.limit.map(|limit| limit.to_string())),
            ("after", self.after.clone()),
        ];
        crate::path::query(&parts)
    }
}

/// A page of alerts: newest `last_seen` first. It may be shorter than asked for; only a missing
/// `next` says that it is the last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AlertList {
    /// The alerts.
    pub alerts: Vec<Alert>,
    /// How to ask for the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Closes an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResolveRequest {
    /// Why.
    pub resolution: Resolution,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// A closed alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Resolved {
    /// As it stands now.
    #[serde(flatten)]
    pub alert: Alert,
    /// What would keep a false one from coming again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<ProposedException>,
}

/// An exception that nobody has made yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProposedException {
    /// What would have to be asked for.
    pub request: ExceptionRequest,
    /// The command that asks for it.
    pub command: String,
}

/// Opens a closed alert again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReopenRequest {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// Says something about an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CommentRequest {
    /// What.
    pub text: String,
}

/// Gives an alert to somebody; an open one becomes *investigating*.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AssignRequest {
    /// To whom; `None` takes it back.
    pub assignee: Option<String>,
}

/// Most targets of one request; more of them are asked in several.
pub const TARGETS_MAX: usize = 5000;
/// Targets that one request may name without `confirmed`.
pub const TARGETS_UNCONFIRMED: usize = 20;

/// Asks for an action on every connected agent (or on `host`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ActionRequest {
    /// What to do.
    pub kind: ActionKind,
    /// To whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// To whom else; all are planned and done together, at most `TARGETS_MAX`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
    /// That a person saw what more than `TARGETS_UNCONFIRMED` targets mean (a dry run) and wants it.
    #[serde(default)]
    pub confirmed: bool,
    /// For how long; default `SPAN_DEFAULT`, at most `SPAN_MAX`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_seconds: Option<u64>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Only say what would happen.
    #[serde(default)]
    pub dry_run: bool,
    /// How far.
    #[serde(default)]
    pub scope: Scope,
    /// Only on this host; default: the only agent there is, else all that are connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The alert that is the reason, by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<tripoint_model::AlertId>,
    /// Root's consent on the agent's host to what sets rules of its guard aside, by its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<String>,
}

/// Confirms what holds for a moment only, or decides about what waits for a second person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ruling {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Root's consent on the agent's host, by its number; confirming needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<String>,
}

/// What is in force, on which hosts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StandingList {
    /// Every block, by host.
    pub actions: Vec<HostAction>,
    /// What waits for a second person, and what became of it lately.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proposed: Vec<HostProposal>,
    /// Hosts that answered, in order.
    pub hosts: Vec<String>,
    /// Failures in words, each with its host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
}

/// A block in force on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HostAction {
    /// Where.
    pub host: String,
    /// What.
    #[serde(flatten)]
    pub action: StandingAction,
}

impl ActionRequest {
    /// The wish to do `kind` to these, with nothing said about the rest.
    pub fn new(kind: ActionKind, targets: Vec<Target>) -> Self {
        Self {
            kind,
            target: None,
            targets,
            confirmed: false,
            for_seconds: None,
            reason: None,
            dry_run: false,
            scope: Scope::Host,
            host: None,
            cause: None,
            consent: None,
        }
    }
}

/// What will happen, what will not, what the kernel said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ActionAnswer {
    /// What was planned.
    pub plan: Vec<PlannedAction>,
    /// What the guard refused.
    pub refused: Vec<Refusal>,
    /// What the kernel said.
    pub outcomes: Vec<Outcome>,
    /// Whom the planned blocks would have cut off in the last hours, by the connections that are kept; only of a dry run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<Past>,
    /// What `past` leaves out, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What waits for a second person now, and is not done before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proposed: Vec<HostProposal>,
    /// Ids of the exceptions that allowing made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<String>,
    /// Hosts that answered, in order.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Failures in words, each with its host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
}

/// An agent as last heard of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgentStatus {
    /// Which.
    pub agent: AgentIdentity,
    /// When it was last heard of.
    pub last_seen: Timestamp,
    /// Whether it was heard of within the last minute.
    pub connected: bool,
    /// How it said it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<AgentHealth>,
}

/// How a feed is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FeedHealth {
    /// Its name.
    pub feed: String,
    /// `ok`, `held` or `failed`.
    pub state: String,
    /// Indicators in force.
    pub count: u64,
    /// When a good copy was last brought or confirmed.
    pub last_success: Option<Timestamp>,
    /// When the copy in force came.
    pub last_change: Option<Timestamp>,
    /// What is wrong with it; nothing while all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// How the server is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServerHealth {
    /// `ok`, or what is wrong.
    pub status: String,
    /// The server's version.
    pub version: String,
    /// Connected agents.
    pub agents: u32,
    /// Alerts that are not resolved.
    pub alerts_open: u64,
    /// How handing our blocks to a CrowdSec goes, where that is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crowdsec: Option<CrowdsecHealth>,
    /// How telling the webhook goes, where one is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<NotifyHealth>,
    /// What of the host the server has given up to touch, where it was asked to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confined: Option<Confinement>,
}

/// How far a program has given up what it does not need.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Confinement {
    /// `whole`, `partly` or `not`.
    pub state: String,
    /// The version of landlock that holds it; 0: none.
    pub abi: u32,
    /// What is not held back; nothing where all is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<String>,
}

/// How telling the webhook goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NotifyHealth {
    /// Messages that wait.
    pub waiting: u64,
    /// Messages that were taken since the store was made.
    pub delivered: u64,
    /// Messages that nobody will be told any more: no room, too old, or refused as such.
    pub undelivered: u64,
    /// Why the last attempt failed; nothing while all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}
