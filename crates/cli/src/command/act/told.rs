//! How is a plan and what became of it told to a person?

use std::collections::BTreeMap;

use tripoint_api::{ActionAnswer, Proposal, ProposalState};
use tripoint_model::{ActionKind, Outcome, OutcomeState, PlannedAction, Refusal};

use crate::output;

/// More lines than these nobody reads: they are counted.
const LINES_MAX: usize = 50;

pub fn text(answer: &ActionAnswer) -> anyhow::Result<()> {
    if answer.plan.len() > LINES_MAX {
        crowd(answer)?;
    } else {
        answer.plan.iter().try_for_each(planned)?;
    }
    answer.refused.iter().take(LINES_MAX).try_for_each(refused)?;
    if let Some(more) = answer.refused.len().checked_sub(LINES_MAX).filter(|more| *more > 0) {
        output::line(&format!("refused: {more} more; --json has them all"))?;
    }
    for waiting in &answer.proposed {
        output::line(&format!("{}: {}", waiting.host, waits(&waiting.proposal)))?;
    }
    if answer.plan.len() <= LINES_MAX && answer.proposed.is_empty() {
        answer.outcomes.iter().try_for_each(outcome)?;
    }
    past(answer)?;
    answer.errors.iter().try_for_each(|error| output::line(&format!("failed: {error}")))
}

/// Whom it would have cut off lately, where that was looked for.
fn past(answer: &ActionAnswer) -> anyhow::Result<()> {
    for past in answer.past.iter().take(LINES_MAX) {
        let (cut, whose) =
            (output::counted(past.connections, "connection"), output::counted(past.applications_total, "application"));
        let (target, since) = (&past.target, output::time(past.since));
        output::line(&format!("since {since} {target} would have been cut from {cut} of {whose} on {}:", past.host))?;
        for application in &past.applications {
            let name = if application.name.is_empty() { "unknown process" } else { &application.name };
            let (cut, last) =
                (output::counted(application.connections, "connection"), output::time(application.last_seen));
            output::line(&format!("  {name} {}: {cut}, the last seen {last}", application.application))?;
        }
    }
    if let Some(more) = answer.past.len().checked_sub(LINES_MAX).filter(|more| *more > 0) {
        output::line(&format!("and {more} more targets; --json has them all"))?;
    }
    answer.notes.iter().try_for_each(|note| output::line(note))
}

/// How many of what, and everything that did not go well.
fn crowd(answer: &ActionAnswer) -> anyhow::Result<()> {
    let cuts: usize = answer.plan.iter().map(|planned| planned.cuts.len()).sum();
    let cut = output::counted(cuts as u64, "open connection");
    output::line(&format!("{} planned, ending {cut}", output::counted(answer.plan.len() as u64, "action")))?;
    let mut counts: BTreeMap<(ActionKind, OutcomeState, bool, &str), usize> = BTreeMap::new();
    for said in &answer.outcomes {
        *counts.entry((said.action, said.state, said.verified, &said.mechanism)).or_default() += 1;
    }
    for ((action, state, verified, mechanism), count) in counts {
        let state =
            if state == OutcomeState::DryRun { "dry run, nothing was done".into() } else { output::word(&state) };
        let verified = if verified { ", read back from the kernel" } else { "" };
        output::line(&format!("{} of {count}: {state}{verified}, by {mechanism}", action.as_str()))?;
    }
    let failed = answer.outcomes.iter().filter(|said| said.state == OutcomeState::Failed);
    failed.take(LINES_MAX).try_for_each(outcome)
}

/// How a proposal stands, in a line.
pub fn waits(proposal: &Proposal) -> String {
    let Proposal { id, requester, why, .. } = proposal;
    let by = proposal.by.as_deref().unwrap_or("nobody");
    let reason = proposal.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let state = match proposal.state {
        ProposalState::Waiting => {
            format!("waits until {} for somebody else to approve it", output::time(proposal.until))
        }
        ProposalState::Approved => format!("approved by {by}"),
        ProposalState::Rejected => format!("rejected by {by}{reason}"),
        ProposalState::Expired => "not done: nobody agreed in time".to_owned(),
    };
    format!("proposal {id} of {requester} ({why}) {state}")
}

/// What a plan holds, in lines; a long one is cut.
pub fn plan(plan: &[PlannedAction], refusals: &[Refusal]) -> anyhow::Result<()> {
    plan.iter().take(LINES_MAX).try_for_each(planned)?;
    if let Some(more) = plan.len().checked_sub(LINES_MAX).filter(|more| *more > 0) {
        output::line(&format!("{more} more; --json has them all"))?;
    }
    refusals.iter().take(LINES_MAX).try_for_each(refused)
}

fn planned(planned: &PlannedAction) -> anyhow::Result<()> {
    let until = match planned.action {
        kind if kind.holds() => format!(" until {}", output::time(planned.expires)),
        _ => String::new(),
    };
    let via = planned.terms.via.as_ref().map(|via| format!(" via {}", via.name)).unwrap_or_default();
    output::line(&format!("{} {}{via}{until}", planned.action.as_str(), planned.target))?;
    for cut in &planned.cuts {
        let who = match cut.application.as_str() {
            "" => "unknown process".into(),
            name => format!("{name} ({})", cut.pid),
        };
        output::line(&format!("  ends {} → {} of {who}", cut.local, cut.remote))?;
    }
    Ok(())
}

fn refused(refusal: &Refusal) -> anyhow::Result<()> {
    let (action, target) = (refusal.action.as_str(), &refusal.target);
    output::line(&format!("refused: {action} {target} by rule {}: {}", refusal.rule, refusal.reason))
}

fn outcome(said: &Outcome) -> anyhow::Result<()> {
    let (action, target) = (said.action.as_str(), &said.target);
    if said.state == OutcomeState::DryRun {
        return output::line(&format!("{action} {target}: dry run, nothing was done"));
    }
    let verified = if said.verified { ", read back from the kernel" } else { "" };
    let detail = if said.detail.is_empty() { String::new() } else { format!(" ({})", said.detail) };
    let state = output::word(&said.state);
    output::line(&format!("{action} {target}: {state}{verified}, by {}{detail}", said.mechanism))
}
