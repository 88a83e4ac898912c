//! What do people ask about where what happens is told?

use serde::{Deserialize, Serialize};

use tripoint_model::{Level, Timestamp};

/// What goes where, as the configuration says it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Routing {
    /// Which moment the answer is of.
    pub at: Timestamp,
    /// The routes, in their order; each that takes a message counts. Without any, nobody is told.
    pub routes: Vec<RouteStatus>,
    /// What is not told for a while: what holds now, then what begins next; what is over comes last.
    pub maintenance: Vec<MaintenanceStatus>,
    /// What is promised about alerts, the worst level first; levels about which nothing is promised are left out.
    pub promises: Vec<LevelPromise>,
    /// Whether filters are left out, as they may name hosts that the caller does not see.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub filters_hidden: bool,
}

/// One route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RouteStatus {
    /// What the configuration calls it; `route N` where it says nothing.
    pub name: String,
    /// Which alerts; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Of hosts of which groups; none: of all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Of what it tells: `alerts`, `work`, `overdue`, `actions`, `feeds`, `audit`.
    pub kinds: Vec<String>,
    /// To which channels.
    pub channels: Vec<String>,
    /// Its quiet hours, as they are written: `22:00-07:00`, `sat-sun 00:00-24:00`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quiet: Vec<String>,
    /// The distance of these hours to UTC: `+01:00`; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// When the quiet ends that holds at `at`; absent while it is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_until: Option<Timestamp>,
    /// For how long messages are gathered, seconds; absent: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest_s: Option<u64>,
    /// Who else is told when nobody does anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalate: Vec<EscalationStep>,
}

/// One step of an escalation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EscalationStep {
    /// How long after the step before, seconds.
    pub after_s: u64,
    /// `open`: nobody has looked; `unassigned`: nobody works on it.
    #[serde(rename = "if")]
    pub when: String,
    /// To which channels.
    pub to: Vec<String>,
}

/// A window in which something is not told, but summed up at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MaintenanceStatus {
    /// What is worked on.
    pub name: String,
    /// Which alerts; absent: everything, or not shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// From when on; absent: since ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Until when.
    pub until: Timestamp,
    /// How that lies to `at`.
    pub state: WindowState,
}

/// Whether a window is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum WindowState {
    /// It holds back now.
    #[default]
    Active,
    /// It has yet to begin.
    Planned,
    /// It has ended.
    Over,
}

/// What is promised about alerts of a level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LevelPromise {
    /// The level.
    pub level: Level,
    /// How soon somebody takes it up, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub respond_s: Option<u64>,
    /// How soon it is closed, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolve_s: Option<u64>,
}

/// Where an alert would be told if it were new now. Nothing is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AlertRouting {
    /// Which moment the answer is of.
    pub at: Timestamp,
    /// Why it would not be told at all, whatever the routes say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untold: Option<String>,
    /// Each channel that would be told, by name.
    pub channels: Vec<RoutedTo>,
    /// What each route makes of it, in their order.
    pub routes: Vec<RouteVerdict>,
}

/// A channel that would be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RoutedTo {
    /// Its name.
    pub channel: String,
    /// What would hold it back; absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_for: Option<String>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What a route makes of an alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RouteVerdict {
    /// The route.
    pub route: String,
    /// Whether it tells of it.
    pub takes: bool,
    /// Why, or why not, in words.
    pub why: String,
}
