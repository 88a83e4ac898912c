//! What surrounds an alert: what is like it, what is part of it, what to do next?

use serde::{Deserialize, Serialize};
use tripoint_model::sla::Timer;

use crate::queue::AlertSummary;

/// The answer of `path::alert_context`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AlertContext {
    /// What a person would do next; absent where nothing is left to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<NextStep>,
    /// What people have promised about it, and whether they kept it; nothing where nothing was promised.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timers: Vec<Timer>,
    /// Alerts that have something in common with it, the nearest first; at most `RELATED_MAX`.
    pub related: Vec<Related>,
    /// Alerts that are part of it, at most `PARTS_MAX`.
    pub parts: Vec<AlertSummary>,
}

/// Most related alerts that are told.
pub const RELATED_MAX: usize = 20;
/// Most parts that are told.
pub const PARTS_MAX: usize = 100;

/// The suggested next step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NextStep {
    /// What kind.
    pub step: Step,
    /// Why this one, in a sentence.
    pub why: String,
    /// The command that does it, to copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// Kinds of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Have the host look into it.
    Investigate,
    /// Cut the host off: an attack has likely succeeded.
    Isolate,
    /// Block the peer.
    Block,
    /// Bring the package up to date.
    Patch,
    /// Load what is installed already.
    Restart,
    /// Change what made it connect.
    Change,
    /// Close it.
    Resolve,
}

/// An alert that has something in common with another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Related {
    /// Its line.
    pub alert: AlertSummary,
    /// How much they have in common: the sum of what the reasons weigh.
    pub weight: u32,
    /// What they have in common, in words, the weightiest first.
    pub reasons: Vec<String>,
}
