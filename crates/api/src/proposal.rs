//! What waits for a second person, and what became of it?

use serde::{Deserialize, Serialize};

use tripoint_model::{PlannedAction, Refusal, Timestamp};

/// Actions that are done only when somebody else than who asked agrees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Proposal {
    /// What approving and rejecting call it; the same on every host that one request asked.
    pub id: String,
    /// How it stands.
    pub state: ProposalState,
    /// When it was proposed.
    pub proposed: Timestamp,
    /// It waits until then, and is not done afterwards.
    pub until: Timestamp,
    /// Who asked: a user's name or `policy`.
    pub requester: String,
    /// Why it waits: `policy`, `caps`, `isolate`, `freeze`, `networks`, `bulk` or `override`.
    pub why: String,
    /// What would be done, by the guard at that moment; it is asked again when somebody agrees.
    pub plan: Vec<PlannedAction>,
    /// What would not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refusal>,
    /// Who agreed or did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When it was decided or ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Timestamp>,
    /// What was said to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How a proposal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ProposalState {
    /// For a second person.
    Waiting,
    /// Somebody agreed, and it was done as far as the guard let it pass then.
    Approved,
    /// Somebody did not.
    Rejected,
    /// Nobody said anything in time: it was not done.
    Expired,
}

/// A proposal on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HostProposal {
    /// Where.
    pub host: String,
    /// What.
    #[serde(flatten)]
    pub proposal: Proposal,
}
