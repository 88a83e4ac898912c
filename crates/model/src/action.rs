//! What shall be done, to whom, until when, caused by what, and what did the kernel say?

use serde::{Deserialize, Serialize};

use crate::alert::AlertId;
use crate::connection::{ConnectionId, Protocol};
use crate::target::Target;
use crate::terms::Terms;
use crate::time::Timestamp;

/// The closed set of actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ActionKind {
    /// End the target's open connections now.
    Disconnect,
    /// Refuse the target until the action expires.
    Block,
    /// Lift a block.
    Unblock,
    /// Never block the target until the exception expires.
    Allow,
    /// Halt every process of an application until the action expires.
    Freeze,
    /// Let them go on.
    Thaw,
    /// Cut the host off from everybody but those who must reach it, until the action expires.
    Isolate,
    /// End that.
    Rejoin,
}

impl ActionKind {
    /// The text form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disconnect => "disconnect",
            Self::Block => "block",
            Self::Unblock => "unblock",
            Self::Allow => "allow",
            Self::Freeze => "freeze",
            Self::Thaw => "thaw",
            Self::Isolate => "isolate",
            Self::Rejoin => "rejoin",
        }
    }

    /// Whether it puts something in force that ends by its time, or by being lifted.
    pub fn holds(self) -> bool {
        matches!(self, Self::Block | Self::Freeze | Self::Isolate)
    }

    /// What lifts it.
    pub fn lifts(self) -> Option<Self> {
        match self {
            Self::Unblock => Some(Self::Block),
            Self::Thaw => Some(Self::Freeze),
            Self::Rejoin => Some(Self::Isolate),
            _ => None,
        }
    }
}

/// How far an action reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Everything on this host, containers included.
    #[default]
    Host,
    /// One application, by key.
    Application(String),
    /// One connection.
    Connection(ConnectionId),
}

impl Scope {
    /// Whether it is the whole host.
    pub fn is_host(&self) -> bool {
        *self == Self::Host
    }
}

/// What is asked for, by a person or by policy, before the guard has looked at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Action {
    /// What to do.
    pub kind: ActionKind,
    /// To whom.
    pub target: Target,
    /// How far.
    #[serde(default)]
    pub scope: Scope,
    /// Until when; ignored for disconnect and unblock.
    pub expires: Timestamp,
    /// Why, in a person's words or a rule's.
    pub reason: String,
    /// Who asked: a user's name or `policy`.
    pub requester: String,
    /// The alert that caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<AlertId>,
    /// What else is to be said of it.
    #[serde(default, skip_serializing_if = "Terms::is_plain")]
    pub terms: Terms,
}

/// A live connection that an action would end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cut {
    /// Which one.
    pub connection: ConnectionId,
    /// Transport.
    pub protocol: Protocol,
    /// Our end.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::address_port"))]
    pub local: std::net::SocketAddr,
    /// The peer.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::address_port"))]
    pub remote: std::net::SocketAddr,
    /// Inode of the network namespace it lives in.
    #[serde(default)]
    pub netns: u64,
    /// The owner's pid, 0 when unknown.
    #[serde(default)]
    pub pid: u32,
    /// The application's name, empty when unknown.
    #[serde(default)]
    pub application: String,
}

/// One action that the guard let pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlannedAction {
    /// Deterministic: the same decision has the same id.
    pub id: String,
    /// What to do.
    pub action: ActionKind,
    /// To whom.
    pub target: Target,
    /// How far.
    pub scope: Scope,
    /// Until when.
    pub expires: Timestamp,
    /// Why.
    pub reason: String,
    /// Who asked.
    pub requester: String,
    /// The alert that caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<AlertId>,
    /// What else is to be said of it.
    #[serde(default, skip_serializing_if = "Terms::is_plain")]
    pub terms: Terms,
    /// Live connections that would end.
    pub cuts: Vec<Cut>,
}

/// What the guard did not let pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Refusal {
    /// What was asked.
    pub action: ActionKind,
    /// To whom.
    pub target: Target,
    /// The guard's rule, kebab-case.
    pub rule: String,
    /// The rule applied to this case, in words.
    pub reason: String,
}

/// The printable list of what will happen, before anything happens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Plan {
    /// What will be done, in this order.
    pub plan: Vec<PlannedAction>,
    /// What will not, and why.
    pub refused: Vec<Refusal>,
}

/// How an action stands in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum OutcomeState {
    /// In force.
    Applied,
    /// No longer in force because it was lifted.
    Lifted,
    /// No longer in force because its time was up.
    Expired,
    /// There was nothing to act on.
    Nothing,
    /// Only said what would happen.
    DryRun,
    /// Waits for a second person.
    Proposed,
    /// The kernel refused.
    Failed,
}

/// What the kernel said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Outcome {
    /// The planned action's id.
    pub id: String,
    /// What was done.
    pub action: ActionKind,
    /// To whom.
    pub target: Target,
    /// How far.
    #[serde(default, skip_serializing_if = "Scope::is_host")]
    pub scope: Scope,
    /// By which means (`bpf`, `sock-destroy`, `dry-run`).
    pub mechanism: String,
    /// How it stands.
    pub state: OutcomeState,
    /// Whether `state` was read back from the kernel.
    pub verified: bool,
    /// Numbers and errors in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// When it was read.
    pub at: Timestamp,
    /// Until when it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

/// Verified actions of this kind that hold at `now`, by the newest word about each target. What ends one may have
/// another id: what lifts it, or a later one of the same target that took its place.
pub fn in_force(outcomes: &[Outcome], kind: ActionKind, now: Timestamp) -> impl Iterator<Item = &Outcome> {
    use OutcomeState::{Applied, Expired, Lifted, Nothing};
    let ends = move |other: &Outcome| match other.action.lifts() {
        Some(lifted) => lifted == kind && matches!(other.state, Applied | Lifted | Nothing),
        None => other.action == kind && matches!(other.state, Lifted | Expired),
    };
    outcomes.iter().filter(move |one| {
        one.action == kind
            && one.verified
            && one.state == Applied
            && one.expires.is_none_or(|expires| expires > now)
            && !outcomes.iter().any(|other| other.target == one.target && other.at >= one.at && ends(other))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::outcome;

    #[test]
    fn what_holds_is_what_nothing_has_ended() {
        use ActionKind::{Block, Isolate, Rejoin, Unblock};
        use OutcomeState::{Applied, Expired, Failed, Lifted, Nothing};
        let block = outcome("b", Block, Applied, 5);
        let holds = |kind, all: &[Outcome]| in_force(all, kind, Timestamp(10)).count() == 1;
        assert!(holds(Block, std::slice::from_ref(&block)) && !holds(Isolate, std::slice::from_ref(&block)));
        for (other, held) in [
            (outcome("u", Unblock, Lifted, 6), false),
            (outcome("u", Unblock, Applied, 6), false),
            (outcome("u", Unblock, Nothing, 6), false),
            (outcome("u", Unblock, Failed, 6), true),
            (outcome("u", Unblock, Lifted, 4), true),
            (outcome("later", Block, Expired, 7), false),
            (outcome("r", Rejoin, Applied, 6), true),
            (Outcome { target: "203.0.113.67".parse().unwrap(), ..outcome("u", Unblock, Lifted, 6) }, true),
        ] {
            assert_eq!(holds(Block, &[block.clone(), other.clone()]), held, "{other:?}");
        }
        let isolated = [outcome("i", Isolate, Applied, 5), outcome("r", Rejoin, Applied, 6)];
        assert!(holds(Isolate, &isolated[..1]) && !holds(Isolate, &isolated));
        for (expires, held) in [(10, false), (11, true)] {
            let until = Outcome { expires: Some(Timestamp(expires)), ..block.clone() };
            assert_eq!(holds(Block, &[until]), held);
        }
        assert!(!holds(Block, &[Outcome { verified: false, ..block }]));
    }
}
