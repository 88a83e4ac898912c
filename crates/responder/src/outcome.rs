//! How is what the kernel showed put into an outcome?

use std::error::Error;
use std::time::Duration;

use tripoint_model::{Action, ActionKind, Outcome, OutcomeState, Plan, PlannedAction, Target, Timestamp};

use crate::ledger::Entry;

/// What a plan would do: every outcome `dry-run`, nothing touched.
pub fn dry_run(plan: &Plan, now: Timestamp) -> Vec<Outcome> {
    let one = |planned: &PlannedAction| {
        let detail = format!("would end {} connections", planned.cuts.len());
        Outcome { detail, ..outcome(planned, "dry-run", OutcomeState::DryRun, false, now) }
    };
    plan.plan.iter().map(one).collect()
}

/// The wish that a block came from, for the guard to look at again.
pub(crate) fn action_of(entry: &Entry) -> Action {
    Action {
        kind: entry.target.holding(),
        target: entry.target.clone(),
        scope: entry.scope.clone(),
        expires: entry.expires,
        reason: entry.reason.clone(),
        requester: entry.requester.clone(),
        cause: entry.cause.clone(),
        terms: entry.terms.clone(),
    }
}

/// Whether every peer of `inner` is one of `outer`.
pub(crate) fn covers(outer: &Target, inner: &Target) -> bool {
    let ports = outer.port().is_none() || outer.port() == inner.port();
    ports && matches!((outer.net(), inner.net()), (Some(outer), Some(inner)) if outer.contains(&inner))
}

/// The kernel counts from boot, in its own unit; two seconds cover the conversion.
pub(crate) fn is_near(a: Timestamp, b: Timestamp) -> bool {
    a.since(b).max(b.since(a)) <= Duration::from_secs(2)
}

/// An outcome of a planned action, still without detail.
pub(crate) fn outcome(
    planned: &PlannedAction,
    mechanism: &str,
    state: OutcomeState,
    verified: bool,
    now: Timestamp,
) -> Outcome {
    let holds = planned.action.holds() || planned.action == ActionKind::Allow;
    Outcome {
        id: planned.id.clone(),
        action: planned.action,
        target: planned.target.clone(),
        scope: planned.scope.clone(),
        mechanism: mechanism.to_owned(),
        state,
        verified,
        detail: String::new(),
        at: now,
        expires: holds.then_some(planned.expires),
    }
}

/// An error with all its causes.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// What is in force when a hold failed: nothing, or what stood before with its own end.
pub(crate) fn not_held(why: &str, other_end: Option<Timestamp>) -> String {
    let what = match other_end {
        Some(end) => format!("the one before holds until {end}; the new end is tried again"),
        None => "not in force".to_owned(),
    };
    if why.is_empty() { what } else { format!("{why}; {what}") }
}
