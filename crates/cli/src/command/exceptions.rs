//! `tripoint exceptions`: what is not to be alerted on or blocked, and what comes of it?

use std::str::FromStr;

use tripoint_api::exceptions::CoveredAlert;
use tripoint_api::people::HostAction;
use tripoint_api::{ExceptionList, ExceptionPreview, ExceptionRequest, KeptException, parse_span, path};
use tripoint_model::observable::ObservableError;
use tripoint_model::{Direction, Exception, Observable};

use crate::arguments::{ExceptionAdd, Exceptions};
use crate::context::Context;
use crate::exit::{Exit, WrongUsage};
use crate::output;

pub fn run(context: &Context, command: Exceptions) -> anyhow::Result<Exit> {
    match command {
        Exceptions::List => list(context),
        Exceptions::Add(add) if add.dry_run => preview(context, &request(*add)?),
        Exceptions::Add(add) => {
            let request = request(*add)?;
            let client = context.client()?;
            let added: Exception = context.ask(async { Ok(client.post(path::EXCEPTIONS, &request).await?) })?;
            if context.json {
                output::json(&added)?;
            } else {
                output::line(&format!("exception {} until {}", added.id, output::time(added.expires)))?;
            }
            Ok(Exit::Fine)
        }
        Exceptions::Remove { id } => {
            let client = context.client()?;
            context.ask(async { Ok(client.delete(&path::exception(&id)).await?) })?;
            if context.json {
                output::json(&serde_json::json!({ "removed": id }))?;
            } else {
                output::line(&format!("exception {id} removed"))?;
            }
            Ok(Exit::Fine)
        }
    }
}

fn list(context: &Context) -> anyhow::Result<Exit> {
    let client = context.client()?;
    let list: ExceptionList = context.ask(async { Ok(client.get(path::EXCEPTIONS).await?) })?;
    if context.json {
        output::json(&list)?;
    } else {
        let rows = list.exceptions.iter().map(row).collect();
        output::table(&["ID", "TARGET", "APPLICATION", "ONLY", "UNTIL", "HITS", "LAST USED", "OWNER", "REASON"], rows)?;
    }
    Ok(Exit::Fine)
}

fn request(add: ExceptionAdd) -> anyhow::Result<ExceptionRequest> {
    let direction = direction(add.direction.as_deref())?;
    let span = add.span.as_deref().map(parse_span).transpose().map_err(|error| WrongUsage(error.to_string()))?;
    Ok(ExceptionRequest {
        target: observable(add.target)?,
        application: add.application,
        hosts: add.host,
        direction,
        rule: add.rule,
        indicator: observable(add.indicator)?,
        cves: add.cve,
        reason: add.reason,
        ticket: add.ticket,
        for_seconds: span.map(|s| s.as_secs()),
    })
}

/// A direction in words, short ones too.
pub(super) fn direction(text: Option<&str>) -> Result<Option<Direction>, WrongUsage> {
    match text {
        None => Ok(None),
        Some("inbound" | "in") => Ok(Some(Direction::Inbound)),
        Some("outbound" | "out") => Ok(Some(Direction::Outbound)),
        Some(other) => Err(WrongUsage(format!("{other:?} is no direction: inbound or outbound"))),
    }
}

fn observable(text: Option<String>) -> Result<Option<Observable>, WrongUsage> {
    let parsed = text.as_deref().map(Observable::from_str).transpose();
    parsed.map_err(|error: ObservableError| WrongUsage(error.to_string()))
}

fn row(kept: &KeptException) -> Vec<String> {
    let exception = &kept.exception;
    let ticket = exception.ticket.as_ref().map(|ticket| format!(" ({ticket})")).unwrap_or_default();
    vec![
        exception.id.clone(),
        exception.target.as_ref().map(ToString::to_string).unwrap_or_default(),
        exception.application.clone().unwrap_or_default(),
        only(exception),
        output::time(exception.expires),
        kept.used.hits.to_string(),
        kept.used.last_used.map(output::time).unwrap_or_default(),
        exception.owner.clone(),
        format!("{}{ticket}", exception.reason),
    ]
}

/// What else must match, in words.
fn only(exception: &Exception) -> String {
    let networks = exception.networks.len();
    let parts = [
        (networks > 0).then(|| output::counted(networks as u64, "network")),
        exception.hosts.as_ref().map(|hosts| format!("hosts {hosts}")),
        exception.direction.map(|direction| direction.as_str().to_owned()),
        exception.rule.as_ref().map(|rule| format!("rule {rule}")),
        exception.indicator.as_ref().map(|indicator| format!("indicator {indicator}")),
        (!exception.cves.is_empty()).then(|| exception.cves.join(" ")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Says what it would cover. What could not be found out makes the answer partial.
fn preview(context: &Context, request: &ExceptionRequest) -> anyhow::Result<Exit> {
    let client = context.client()?;
    let preview: ExceptionPreview = context.ask(async { Ok(client.post(path::EXCEPTIONS_PREVIEW, request).await?) })?;
    let exit = if preview.errors.is_empty() { Exit::Fine } else { Exit::Partial };
    if context.json {
        output::json(&preview)?;
        return Ok(exit);
    }
    let until = output::time(preview.exception.expires);
    output::line(&format!("nothing is kept; as it would stand until {until}:"))?;
    let read = preview.read;
    output::line(&format!("{} of {read} stored would be suppressed", output::counted(preview.alerts_total, "alert")))?;
    covered(&preview.alerts, preview.alerts_total)?;
    if preview.partly_total > 0 {
        let partly = output::counted(preview.partly_total, "alert");
        output::line(&format!("{partly} would stay, because not every connection is covered"))?;
        covered(&preview.partly, preview.partly_total)?;
    }
    if let Some(kept) = &preview.connections {
        let since = kept.since.map(output::time).unwrap_or_default();
        let connections = output::counted(kept.connections, "connection");
        let (peers, whose) =
            (output::counted(kept.peers, "peer"), output::counted(kept.applications_total, "application"));
        output::line(&format!("it speaks of {connections} with {peers} of {whose}, bad or not, seen since {since}"))?;
        for application in kept.applications.iter().take(SHOWN_MAX) {
            output::line(&format!("  {application}"))?;
        }
    }
    output::line(&format!("{} in force would be lifted", output::counted(preview.blocks.len() as u64, "block")))?;
    for HostAction { host, action } in &preview.blocks {
        let (what, until) = (action.target.holding().as_str(), output::time(action.expires));
        let said = format!("{host}: {what} {} until {until} by {}: {}", action.target, action.requester, action.reason);
        output::line(&format!("  {said}"))?;
    }
    for error in &preview.errors {
        eprintln!("{}", tripoint_model::text::visible(error));
    }
    Ok(exit)
}

fn covered(alerts: &[CoveredAlert], total: u64) -> anyhow::Result<()> {
    for alert in alerts.iter().take(SHOWN_MAX) {
        let already = alert.suppressed_by.as_ref().map(|id| format!(", already by {id}")).unwrap_or_default();
        let counts = format!("{} of {} connections{already}", alert.covered, alert.carried);
        output::line(&format!("  {} {} ({counts})", alert.id, alert.title))?;
    }
    let more = total.saturating_sub(alerts.len().min(SHOWN_MAX) as u64);
    if more > 0 {
        output::line(&format!("  and {more} more"))?;
    }
    Ok(())
}

/// Alerts that a terminal shows; `--json` has more.
const SHOWN_MAX: usize = 20;
