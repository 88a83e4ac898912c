//! What does a person have to know: a rule's judgement and the facts it rests on?

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::action::{Outcome, Refusal};
use crate::application::Application;
use crate::call_back::CallBack;
use crate::connection::{Connection, Direction};
use crate::finding::Finding;
use crate::indicator::{Claim, GuardHit};
use crate::investigation::Investigation;
use crate::judgement::Judgement;
use crate::observable::Observable;
use crate::process::Process;
use crate::severity::{Factor, Level, Severity};
use crate::sla::Clock;
use crate::time::Timestamp;

/// How `missing` calls what an application's logs say.
pub const LOG_EVIDENCE: &str = "log evidence";

/// How `missing` calls why the application was connected at all.
pub const CAUSE: &str = "cause";

/// The layout of an alert in JSON; a breaking change adds one.
pub const SCHEMA: u32 = 1;

/// Deterministic: host, application, indicator, direction. Redelivery is harmless.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct AlertId(pub String);

impl AlertId {
    /// The id of the alert for this application, indicator and direction on this host:
    /// 16 hex digits of SHA-256 over the four, NUL between them.
    pub fn of(host: &str, application: &str, indicator: &Observable, direction: Direction) -> Self {
        let mut hash = Sha256::new();
        for part in [host, application, &indicator.to_string(), direction.as_str()] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        Self(hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }
}

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where an alert stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum AlertStatus {
    /// Nobody has looked.
    #[default]
    Open,
    /// Somebody works on it.
    Investigating,
    /// The peer is cut off.
    Contained,
    /// Closed, with a resolution; can always be reopened.
    Resolved,
}

/// Why an alert was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Resolution {
    /// It was real and has been dealt with.
    TruePositiveRemediated,
    /// The claim was wrong.
    FalsePositive,
    /// It is meant to be so.
    Expected,
    /// A test.
    Testing,
    /// It cannot be decided.
    NotEnoughInformation,
    /// None of these.
    Other,
}

/// Something that is not known, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Missing {
    /// Which part of the alert.
    pub what: String,
    /// Why it is not known.
    pub why: String,
}

/// A rule's judgement and the facts it rests on. `work` is filled by the server only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Alert {
    /// `SCHEMA`.
    pub schema: u32,
    /// Deterministic id.
    pub id: AlertId,
    /// The rule, snake_case.
    pub rule: String,
    /// Who talked to which bad address, in plain words.
    pub title: String,
    /// The host's name.
    pub host: String,
    /// The application.
    pub application: Application,
    /// The indicator that was met: the most specific observable among the claims.
    pub indicator: Observable,
    /// Which way.
    pub direction: Direction,
    /// How bad, with its arithmetic.
    pub severity: Severity,
    /// Confidence that the judgement is right, 0 to 100.
    pub confidence: u8,
    /// Its arithmetic: the points add up to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confidence_why: Vec<Factor>,
    /// First connection.
    pub first_seen: Timestamp,
    /// Last connection or change of one.
    pub last_seen: Timestamp,
    /// How many connections.
    pub count: u64,
    /// Payload bytes received on all of them.
    pub bytes_in: u64,
    /// Payload bytes sent on all of them.
    pub bytes_out: u64,
    /// Whether one of them is open.
    pub still_open: bool,
    /// How regular the connections are, 0 (no pattern) to 100 (a clock); absent under 4 connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beacon_score: Option<u8>,
    /// The process of the newest connection.
    #[serde(default)]
    pub process: Option<Arc<Process>>,
    /// The newest connections, newest first, at most `CONNECTIONS_MAX`.
    pub connections: Vec<Arc<Connection>>,
    /// Every source's claim.
    pub claims: Vec<Claim>,
    /// Guard lists that hold the peer.
    #[serde(default)]
    pub guard: Vec<GuardHit>,
    /// What the application is vulnerable to, worst first.
    pub findings: Vec<Finding>,
    /// ATT&CK technique ids.
    #[serde(default)]
    pub techniques: Vec<String>,
    /// Actions taken on its account, newest state of each.
    #[serde(default)]
    pub outcomes: Vec<Outcome>,
    /// Actions that the guard refused.
    #[serde(default)]
    pub refusals: Vec<Refusal>,
    /// What the host found out by itself: the application's logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub investigation: Option<Box<Investigation>>,
    /// The attack that the newest of its connections followed, if it followed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_back: Option<Box<CallBack>>,
    /// Suggested actions, as commands a person can run.
    #[serde(default)]
    pub suggested: Vec<String>,
    /// The exception that suppresses it, if one does. The fact stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed_by: Option<String>,
    /// What is not known, and why.
    #[serde(default)]
    pub missing: Vec<Missing>,
    /// Milliseconds from the connection to this alert, as measured by the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// With what it was judged, and what has changed since it was raised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<Box<Judgement>>,
    /// People's work on it, kept by the server.
    #[serde(default)]
    pub work: Work,
}

/// A title with the state of the connections as another has it: `… (still open); vulnerable to …`.
pub fn restated(title: &str, newer: &str) -> String {
    match (state_in(title), state_in(newer)) {
        (Some(old), Some(new)) => format!("{}{}{}", &title[..old.start], &newer[new], &title[old.end..]),
        _ => title.to_owned(),
    }
}

/// Where a title tells the state of the connections: the last bracket that does; names in brackets stand before.
pub fn state_in(title: &str) -> Option<std::ops::Range<usize>> {
    title.rmatch_indices(" (").find_map(|(at, open)| {
        let start = at + open.len();
        let end = start + title[start..].find(')')?;
        let said = &title[start..end];
        (said.ends_with("ended") || said.ends_with("still open")).then_some(start..end)
    })
}

/// How many connections an alert carries in full.
pub const CONNECTIONS_MAX: usize = 20;

/// People's work on an alert.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "WorkDone"))]
pub struct Work {
    /// Where it stands.
    pub status: AlertStatus,
    /// Why it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
    /// Who works on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// What was said about it.
    #[serde(default)]
    pub comments: Vec<Comment>,
    /// Each change: when, who, what.
    #[serde(default)]
    pub history: Vec<Change>,
    /// How many changes between the first and the others are left out.
    #[serde(default, skip_serializing_if = "none_left_out")]
    pub history_left_out: u64,
    /// Free labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// How bad a person thinks it is; outranks the sum in queues and for notifications, and never changes the sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<SeverityOverride>,
    /// The alert that it is part of; whoever works on that one works on this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<AlertId>,
    /// What belongs to it and lies elsewhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// The worst it was since it was closed or became part of another: what it has to outdo to be looked at again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Settled>,
    /// How long it has waited for people; absent where it waits for nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Clock>,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn none_left_out(count: &u64) -> bool {
    *count == 0
}

impl Work {
    /// Leaves out what lies between the first change and the newest ones, where there are too many.
    pub fn bound_history(&mut self) {
        let more = self.history.len().saturating_sub(HISTORY_MAX);
        if more > 0 {
            self.history.drain(1..=more);
            self.history_left_out += more as u64;
        }
    }
}

/// Most changes that an alert tells: an agent that loses its server again and again adds some by itself.
pub const HISTORY_MAX: usize = 1000;

/// How bad an alert was that nobody has to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Settled {
    /// How bad.
    pub level: Level,
    /// By which rule.
    pub rule: String,
    /// Which of its vulnerabilities were known to be exploited; nothing where nobody wrote it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exploited: Option<BTreeSet<String>>,
    /// Whether its logs said that an attack likely succeeded; nothing where nobody wrote it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succeeded: Option<bool>,
}

/// What somebody said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Comment {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub author: String,
    /// What.
    pub text: String,
}

/// What somebody changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub author: String,
    /// What, in words.
    pub what: String,
}

/// A person's own judgement of how bad it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SeverityOverride {
    /// How bad.
    pub level: Level,
    /// Who says so.
    pub author: String,
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// A reference to something that lies elsewhere: a ticket, a capture, a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Attachment {
    /// What it is.
    pub name: String,
    /// Where it lies; `http` or `https`.
    pub url: String,
    /// SHA-256 of what lay there, hex, where somebody said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Who added it.
    pub author: String,
    /// When.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_stable_and_tells_directions_apart() {
        let indicator: Observable = "203.0.113.66".parse().unwrap();
        let out = AlertId::of("web1", "unit:app.service", &indicator, Direction::Outbound);
        let inn = AlertId::of("web1", "unit:app.service", &indicator, Direction::Inbound);
        assert_eq!(out.0.len(), 16);
        assert_ne!(out, inn);
        assert_eq!(out, AlertId::of("web1", "unit:app.service", &indicator, Direction::Outbound));
    }
}
