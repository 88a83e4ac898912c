//! `tripoint block|unblock|allow|disconnect`: what shall be done, and what did the kernel say?

use tripoint_api::{ActionAnswer, ActionRequest, parse_span, path};
use tripoint_model::{ActionKind, AlertId, Observable, OutcomeState, Scope};

use crate::arguments::Act;
use crate::context::Context;
use crate::exit::{Exit, WrongUsage};
use crate::output;

pub fn run(context: &Context, kind: ActionKind, act: &Act) -> anyhow::Result<Exit> {
    let span = act.span.as_deref().map(parse_span).transpose().map_err(|error| WrongUsage(error.to_string()))?;
    let targets: Vec<Observable> = act
        .targets
        .iter()
        .map(|text| text.parse())
        .collect::<Result<_, _>>()
        .map_err(|error: tripoint_model::observable::ObservableError| WrongUsage(error.to_string()))?;
    let client = context.client()?;
    let answer = context.ask(async {
        let mut all = ActionAnswer::default();
        for target in targets {
            let request = ActionRequest {
                kind,
                target,
                for_seconds: span.map(|span| span.as_secs()),
                reason: act.reason.clone(),
                dry_run: act.dry_run,
                scope: Scope::Host,
                host: None,
                cause: act.alert.clone().map(AlertId),
            };
            let one: ActionAnswer = client.post(path::ACTIONS, &request).await?;
            all.plan.extend(one.plan);
            all.refused.extend(one.refused);
            all.outcomes.extend(one.outcomes);
            all.hosts.extend(one.hosts);
            all.errors.extend(one.errors);
        }
        Ok(all)
    })?;
    finish(context, &answer)
}

pub fn release_all(context: &Context) -> anyhow::Result<Exit> {
    let client = context.client()?;
    let answer: ActionAnswer =
        context.ask(async { Ok(client.post(path::RELEASE_ALL, &serde_json::json!({})).await?) })?;
    finish(context, &answer)
}

fn finish(context: &Context, answer: &ActionAnswer) -> anyhow::Result<Exit> {
    if context.json {
        output::json(answer)?;
    } else {
        text(answer)?;
    }
    let failed = answer.outcomes.iter().any(|outcome| outcome.state == OutcomeState::Failed);
    let fine = answer.refused.is_empty() && answer.errors.is_empty() && !failed;
    Ok(if fine { Exit::Fine } else { Exit::Failed })
}

fn text(answer: &ActionAnswer) -> anyhow::Result<()> {
    for planned in &answer.plan {
        let until = if planned.action == ActionKind::Block {
            format!(" until {}", output::time(planned.expires))
        } else {
            String::new()
        };
        output::line(&format!("{} {}{until}", planned.action.as_str(), planned.target))?;
        for cut in &planned.cuts {
            let who = if cut.application.is_empty() {
                "unknown process".into()
            } else {
                format!("{} ({})", cut.application, cut.pid)
            };
            output::line(&format!("  ends {} → {} of {who}", cut.local, cut.remote))?;
        }
    }
    for refusal in &answer.refused {
        output::line(&format!(
            "refused: {} {} by rule {}: {}",
            refusal.action.as_str(),
            refusal.target,
            refusal.rule,
            refusal.reason
        ))?;
    }
    for outcome in &answer.outcomes {
        if outcome.state == OutcomeState::DryRun {
            output::line(&format!("{} {}: dry run, nothing was done", outcome.action.as_str(), outcome.target))?;
            continue;
        }
        let state = serde_json::to_value(outcome.state)?;
        let verified = if outcome.verified { ", read back from the kernel" } else { "" };
        let detail = if outcome.detail.is_empty() { String::new() } else { format!(" ({})", outcome.detail) };
        output::line(&format!(
            "{} {}: {}{verified}, by {}{detail}",
            outcome.action.as_str(),
            outcome.target,
            state.as_str().unwrap_or(""),
            outcome.mechanism
        ))?;
    }
    for error in &answer.errors {
        output::line(&format!("failed: {error}"))?;
    }
    Ok(())
}
