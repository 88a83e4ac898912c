//! `--override` and `tripoint actions confirm`: what does root on this host want in spite of the guard?

use tripoint_agent::consent::{self, Wanted};
use tripoint_api::people::Ruling;
use tripoint_api::{ActionAnswer, SPAN_DEFAULT, parse_span, path};
use tripoint_linux::capability;
use tripoint_model::{ActionKind, OutcomeState, Target};

use super::finish;
use crate::arguments::Act;
use crate::context::{Context, now};
use crate::exit::{Exit, NeedsRoot, WrongUsage};
use crate::output;

/// Written down for the agent, where rules are to be set aside; its number.
pub fn consent(context: &Context, kind: ActionKind, act: &Act, targets: &[Target]) -> anyhow::Result<Option<String>> {
    let (false, Some(within)) = (act.overrides.is_empty(), &act.confirm_within) else { return Ok(None) };
    let within = parse_span(within).map_err(|error| WrongUsage(error.to_string()))?;
    let hold = act.span.as_deref().map(parse_span).transpose().map_err(|error| WrongUsage(error.to_string()))?;
    let hold = hold.unwrap_or(SPAN_DEFAULT);
    if kind != ActionKind::Block {
        return Err(WrongUsage(format!("--override is for block, not for {}", kind.as_str())).into());
    }
    if targets.len() > tripoint_api::people::TARGETS_UNCONFIRMED {
        return Err(WrongUsage("--override is for few targets, not for a crowd".into()).into());
    }
    let wanted = Wanted::Override {
        targets: targets.to_vec(),
        rules: act.overrides.clone(),
        confirm_within_s: within.as_secs(),
        hold_s: hold.as_secs(),
    };
    give(context, wanted).map(Some)
}

/// Lets a block that holds for a moment only hold until its time.
pub fn confirm(context: &Context, id: &str) -> anyhow::Result<Exit> {
    let decision = Ruling { consent: Some(give(context, Wanted::Confirm { id: id.to_owned() })?), reason: None };
    let client = context.client()?;
    let answer = context.ask(async { Ok(client.post(&path::action(id, "confirm"), &decision).await?) })?;
    finish(context, &answer)
}

fn give(context: &Context, wanted: Wanted) -> anyhow::Result<String> {
    if !capability::is_root() {
        return Err(NeedsRoot("setting rules of the guard aside").into());
    }
    if !context.is_local() {
        return Err(WrongUsage("rules are set aside on the agent's own host, not with --server".into()).into());
    }
    Ok(consent::give(&context.data_dir, wanted, now())?)
}

/// How what holds for a moment only is kept.
pub fn remind(answer: &ActionAnswer) {
    let applied = |id: &str| answer.outcomes.iter().any(|one| one.id == id && one.state == OutcomeState::Applied);
    // The end first: a plan may have a hundred thousand actions, and hardly one waits.
    for planned in &answer.plan {
        if let Some(until) = planned.terms.confirmed_until.filter(|_| applied(&planned.id)) {
            let (id, end, until) = (&planned.id, output::time(planned.expires), output::time(until));
            eprintln!("tripoint: it ends at {end}; `tripoint actions confirm {id}` lets it hold until {until}");
        }
    }
}
