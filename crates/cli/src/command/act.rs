//! `tripoint block|unblock|allow|disconnect`: what shall be done, and what did the kernel say?

mod offline;
pub mod overrule;
pub mod told;

use std::io::{IsTerminal, Read};

use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tripoint_api::people::{TARGETS_MAX, TARGETS_UNCONFIRMED};
use tripoint_api::{ActionAnswer, ActionRequest, Client, ProposalState, parse_span, path};
use tripoint_linux::capability;
use tripoint_model::{ActionKind, AlertId, OutcomeState, Scope, Target};

use crate::arguments::Act;
use crate::context::Context;
use crate::exit::{Exit, WrongUsage, of_error};
use crate::output;

pub fn run(context: &Context, kind: ActionKind, act: &Act) -> anyhow::Result<Exit> {
    let span = act.span.as_deref().map(parse_span).transpose().map_err(|error| WrongUsage(error.to_string()))?;
    let targets = targets(act)?;
    let crowd = targets.len() > TARGETS_UNCONFIRMED;
    let preview = crowd && !act.yes && !act.dry_run;
    let request = ActionRequest {
        confirmed: act.yes,
        for_seconds: span.map(|span| span.as_secs()),
        reason: act.reason.clone(),
        dry_run: act.dry_run || preview,
        scope: act.application.clone().map_or(Scope::Host, Scope::Application),
        cause: act.alert.clone().map(AlertId),
        consent: overrule::consent(context, kind, act, &targets)?,
        ..ActionRequest::new(kind, Vec::new())
    };
    let client = context.client()?;
    let loud = !context.quiet && std::io::stderr().is_terminal();
    let answer = context.ask(ask(&client, &request, &targets, loud))?;
    let exit = finish(context, &answer)?;
    if exit == Exit::Fine && !context.quiet {
        overrule::remind(&answer);
    }
    if preview {
        eprintln!("tripoint: nothing was done: this was the preview of {} targets; say --yes to do it", targets.len());
        return Ok(Exit::Failed);
    }
    Ok(exit)
}

/// Everybody named on the command line and in the file.
fn targets(act: &Act) -> anyhow::Result<Vec<Target>> {
    let mut targets: Vec<Target> = act
        .targets
        .iter()
        .map(|text| text.parse())
        .collect::<Result<_, _>>()
        .map_err(|error: tripoint_model::observable::ObservableError| WrongUsage(error.to_string()))?;
    let Some(file) = &act.from else { return Ok(targets) };
    let mut text = String::new();
    let name = file.display();
    match file.as_os_str() == "-" {
        true => std::io::stdin().read_to_string(&mut text).context("read standard input")?,
        false => {
            let mut file = std::fs::File::open(file).with_context(|| format!("open {name}"))?;
            file.read_to_string(&mut text).with_context(|| format!("read {name}"))?
        }
    };
    for (number, line) in text.lines().enumerate() {
        let word = line.split(['#', ';']).next().unwrap_or("").trim();
        if word.is_empty() {
            continue;
        }
        let target = word.parse().map_err(|error| WrongUsage(format!("{name}:{}: {error}", number + 1)))?;
        targets.push(target);
    }
    if targets.is_empty() {
        return Err(WrongUsage(format!("{name} names nobody")).into());
    }
    Ok(targets)
}

/// Asks in portions that one request may hold, the next while the one before is still being answered.
async fn ask(client: &Client, request: &ActionRequest, targets: &[Target], loud: bool) -> anyhow::Result<ActionAnswer> {
    let mut all = ActionAnswer::default();
    let mut done = 0;
    let one = |portion: &[Target]| {
        let request = ActionRequest { targets: portion.to_vec(), ..request.clone() };
        async move { client.post(path::ACTIONS, &request).await.map(|one: ActionAnswer| (request.targets.len(), one)) }
    };
    let mut answers = stream::iter(targets.chunks(TARGETS_MAX).map(one)).buffered(AT_ONCE);
    while let Some((count, one)) = answers.try_next().await? {
        done += count;
        all.plan.extend(one.plan);
        all.refused.extend(one.refused);
        all.outcomes.extend(one.outcomes);
        all.past.extend(one.past);
        all.notes.extend(one.notes);
        all.proposed.extend(one.proposed);
        all.exceptions.extend(one.exceptions);
        all.errors.extend(one.errors);
        all.hosts.extend(one.hosts);
        if loud && targets.len() > TARGETS_MAX {
            eprint!("\r{done} of {} targets", targets.len());
        }
    }
    if loud && targets.len() > TARGETS_MAX {
        eprintln!();
    }
    all.hosts.sort();
    all.hosts.dedup();
    Ok(all)
}

/// Portions on their way at the same time.
const AT_ONCE: usize = 2;

/// Where no server answers on this host, it is done without one.
pub fn release_all(context: &Context) -> anyhow::Result<Exit> {
    let client = context.client()?;
    let asked = context.ask(async { Ok(client.post(path::RELEASE_ALL, &serde_json::json!({})).await?) });
    match asked {
        Ok(answer) => finish(context, &answer),
        Err(error) if of_error(&error) == Exit::Unreachable && context.is_local() && capability::is_root() => {
            offline::release_all(context)
        }
        Err(error) => Err(error),
    }
}

/// Says what became of it; the exit code is part of the contract.
pub fn finish(context: &Context, answer: &ActionAnswer) -> anyhow::Result<Exit> {
    if context.json {
        output::json(answer)?;
    } else {
        told::text(answer)?;
    }
    let failed = answer.outcomes.iter().any(|outcome| outcome.state == OutcomeState::Failed);
    let fine = answer.refused.is_empty() && answer.errors.is_empty() && !failed;
    let waits = answer.proposed.iter().any(|one| one.proposal.state == ProposalState::Waiting);
    Ok(match fine {
        false => Exit::Failed,
        true if waits => Exit::Partial,
        true => Exit::Fine,
    })
}
