//! What does an agent report, and what is it told to do?

use serde::{Deserialize, Serialize};

use tripoint_model::judgement::{OpenAlert, Software};
use tripoint_model::{
    Action, Alert, AlertId, Contact, Exception, Investigation, Outcome, PlannedAction, Refusal, Scope, Target, Terms,
    Timestamp,
};

use crate::proposal::Proposal;

mod health;

pub use health::{AgentHealth, Capability, DataSource, Gap};

/// Most items in one batch; a longer one is refused with 413.
pub const BATCH_ITEMS_MAX: usize = 1000;
/// The longest answer, in bytes: a table full of blocks (120,000), each with what was planned and what became of it.
pub const ANSWER_MAX: usize = 128 << 20;

/// Which agent speaks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgentIdentity {
    /// The host's name, as in alerts.
    pub host: String,
    /// The boot's id (`/proc/sys/kernel/random/boot_id`) with the spool's own id, so that a lost
    /// spool never reuses a sequence number.
    pub boot_id: String,
    /// The agent's version.
    pub version: String,
    /// When this run of the agent began.
    pub started: Timestamp,
}

/// What an agent has to report, in order. Sent again unchanged until acknowledged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Batch {
    /// Who.
    pub agent: AgentIdentity,
    /// Where the spool ends after these items. A batch that does not go beyond the last one of the
    /// same boot id was taken already; only health, which is of the moment and never spooled, counts.
    pub sequence: u64,
    /// What.
    pub items: Vec<Item>,
}

/// The answer to a batch: everything in it is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BatchAnswer {
    /// The highest sequence number that is durable for this boot id.
    pub acknowledged: u64,
}

/// One thing to report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Item {
    /// An alert, new or changed: upserted by its id; `work` is ignored.
    Alert {
        /// The whole alert.
        alert: Box<Alert>,
    },
    /// What the kernel said to an action.
    Outcome {
        /// The alert that caused it, if one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        alert: Option<AlertId>,
        /// What happened.
        outcome: Outcome,
    },
    /// What policy was refused about an alert.
    Refusal {
        /// The alert.
        alert: AlertId,
        /// The guard's word.
        refusal: Refusal,
    },
    /// What the host found out about an alert; the newest replaces the earlier.
    Investigation {
        /// The alert.
        alert: AlertId,
        /// What was found.
        found: Box<Investigation>,
    },
    /// What became of the software of an alert of which the host has nothing else on record.
    Software {
        /// The alert.
        alert: AlertId,
        /// How it is now.
        software: Software,
    },
    /// How the agent is; the newest replaces the earlier.
    Health {
        /// When.
        at: Timestamp,
        /// How.
        health: AgentHealth,
    },
    /// A line of the agent's ledger of actions, for the audit.
    Ledger {
        /// The line.
        entry: LedgerEntry,
    },
    /// Who was in contact with whom since the last report: to be added to what was reported of the same hours.
    Contacts {
        /// At most `CONTACTS_MAX`.
        contacts: Vec<Contact>,
        /// Connections that were seen and not counted in any of them, for want of room.
        #[serde(default)]
        dropped: u64,
    },
}

/// Most contacts in one item.
pub const CONTACTS_MAX: usize = 500;

/// A line of the agent's ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LedgerEntry {
    /// When.
    pub at: Timestamp,
    /// The planned action's id.
    pub id: String,
    /// What the comparison of ledger and kernel did: `restored`, `corrected`, `removed`, `expired`; `repaired` where
    /// somebody had changed what holds the blocks. Of what waits for a second person `proposed`, `approved`,
    /// `rejected`, `expired`; `confirmed`.
    pub state: String,
    /// In words.
    pub detail: String,
}

/// The query of `path::AGENT_ORDERS`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrdersQuery {
    /// The asking agent's host.
    pub host: String,
    /// The last number that the agent has answered; 0 after a start.
    #[serde(default)]
    pub after: u64,
    /// How long to wait for a first order, in seconds, at most 30.
    #[serde(default)]
    pub wait_s: u64,
}

/// The query of `path::AGENT_ALERTS`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OpenAlertsQuery {
    /// The asking agent's host.
    pub host: String,
}

/// Alerts of a host that are not closed and rest on its software, the last seen first; at most `OPEN_ALERTS_MAX`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OpenAlerts {
    /// The alerts.
    pub alerts: Vec<OpenAlert>,
}

/// Most alerts in one answer of `path::AGENT_ALERTS`.
pub const OPEN_ALERTS_MAX: usize = 1000;

/// The query of `path::AGENT_INTEL`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ImageQuery {
    /// The asking agent's host.
    pub host: String,
    /// How long to wait for another image than the one held, in seconds, at most 30.
    #[serde(default)]
    pub wait_s: u64,
}

/// Orders that the agent has not answered yet, oldest first; empty when the wait ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Orders {
    /// The orders.
    pub orders: Vec<NumberedOrder>,
}

/// An order with its number, which grows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NumberedOrder {
    /// Its number.
    pub number: u64,
    /// When it was given.
    pub issued: Timestamp,
    /// What to do.
    pub order: Order,
}

/// What the server asks of an agent. The agent's own guard still decides.
/// After a start, and whenever the server was away, the agent reads `path::EXCEPTIONS`; orders carry only changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Order {
    /// Plan these actions and, unless `dry_run`, execute the plan.
    Act {
        /// The request's id.
        id: String,
        /// What is asked for.
        actions: Vec<Action>,
        /// Only say what would happen.
        dry_run: bool,
        /// Root's consent on the agent's host to what sets rules of the guard aside, by its number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        consent: Option<String>,
    },
    /// Do what waits for a second person, if this is one.
    Approve {
        /// The proposal's id.
        id: String,
        /// Who agrees.
        by: String,
    },
    /// Do it not.
    Reject {
        /// The proposal's id.
        id: String,
        /// Who says so.
        by: String,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Let a block that holds for a moment only hold until its time.
    Confirm {
        /// The block's id.
        id: String,
        /// Who confirms it.
        by: String,
        /// Root's consent to that, by its number.
        consent: String,
    },
    /// A new or changed exception.
    AddException {
        /// The exception.
        exception: Exception,
    },
    /// An exception was withdrawn.
    RemoveException {
        /// Its id.
        id: String,
    },
    /// Lift every block now.
    ReleaseAll,
    /// Say what is in force, as ledger and kernel have it.
    Standing,
    /// Say what of that would not stay beside this exception, which nobody has made.
    WouldLift {
        /// The exception.
        exception: Exception,
    },
    /// Look into this alert now: what the application's own logs say of its peers.
    Investigate {
        /// The alert.
        alert: Box<Alert>,
    },
    /// The images under the data folder changed: look again.
    ContentChanged,
}

impl Order {
    /// Whether it only asks: nothing is done anywhere.
    pub fn asks_only(&self) -> bool {
        matches!(self, Self::Act { dry_run: true, .. } | Self::Standing | Self::WouldLift { .. })
    }
}

/// A block in force: the ledger's word beside the kernel's, both of one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StandingAction {
    /// The planned action's id; empty for what the ledger does not know.
    pub id: String,
    /// Who is refused, halted or isolated.
    pub target: Target,
    /// How far.
    pub scope: Scope,
    /// Since when; `None` for what the ledger does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Until when, by the ledger where it knows.
    pub expires: Timestamp,
    /// Who asked.
    pub requester: String,
    /// Why.
    pub reason: String,
    /// The alert that caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<AlertId>,
    /// What else is to be said of it.
    #[serde(default, skip_serializing_if = "Terms::is_plain")]
    pub terms: Terms,
    /// By which means.
    pub mechanism: String,
    /// How the kernel stands to it.
    pub kernel: KernelWord,
}

/// How the kernel stands to a block of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum KernelWord {
    /// It holds it until the same moment.
    Held,
    /// It does not hold it.
    Missing,
    /// It holds it until another moment.
    OtherExpiry,
    /// It holds it and the ledger does not know it.
    Stray,
    /// It could not be asked.
    Unread,
}

/// The agent's answer to an order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Answer {
    /// What was planned.
    #[serde(default)]
    pub plan: Vec<PlannedAction>,
    /// What the guard refused.
    #[serde(default)]
    pub refused: Vec<Refusal>,
    /// What the kernel said.
    #[serde(default)]
    pub outcomes: Vec<Outcome>,
    /// What waits for a second person by this order, or all of it where what is in force was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proposed: Vec<Proposal>,
    /// What is in force; only where that was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub standing: Vec<StandingAction>,
    /// What was found out about an alert; only where that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub investigation: Option<Box<Investigation>>,
    /// Why the order could not be carried out at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
