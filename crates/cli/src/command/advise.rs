//! `tripoint alerts advise`: what can be done beside blocking, as commands to copy?

use std::fmt::Write as _;

use serde::Serialize;
use tripoint_api::path;
use tripoint_correlator::advice::{Advice, Around, KINDS, Kind};
use tripoint_linux::capability;
use tripoint_model::Alert;

use super::scan::Usage;
use crate::context::Context;
use crate::exit::{Exit, WrongUsage};
use crate::output;

/// The whole answer.
#[derive(Serialize)]
struct Advised {
    schema: u32,
    alert: String,
    advice: Vec<Advice>,
    /// Kinds that have nothing to say, and why.
    none: Vec<None>,
}

#[derive(Serialize)]
struct None {
    kind: &'static str,
    why: String,
}

pub fn run(context: &Context, id: &str, kind: Option<&str>) -> anyhow::Result<Exit> {
    let kinds: Vec<&dyn Kind> =
        KINDS.iter().copied().filter(|own| kind.is_none_or(|wanted| own.name() == wanted)).collect();
    if kinds.is_empty() {
        let all: Vec<&str> = KINDS.iter().map(|kind| kind.name()).collect();
        return Err(
            WrongUsage(format!("{:?} is no kind of advice: {}", kind.unwrap_or_default(), all.join(", "))).into()
        );
    }
    let client = context.client()?;
    let alert: Alert = context.ask(async { Ok(client.get(&path::alert(id)).await?) })?;
    let around = if kinds.iter().any(|kind| kind.name() == "package") { around(&alert) } else { Around::default() };
    let mut advised = Advised { schema: 1, alert: alert.id.to_string(), advice: Vec::new(), none: Vec::new() };
    for kind in kinds {
        match kind.advise(&alert, &around) {
            Ok(advice) => advised.advice.push(advice),
            Err(why) => advised.none.push(None { kind: kind.name(), why }),
        }
    }
    if context.json {
        output::json(&advised)?;
    } else {
        output::line(&text(&alert, &advised))?;
    }
    Ok(Exit::Fine)
}

/// Who else runs the packages: only the alert's own host can tell.
fn around(alert: &Alert) -> Around {
    let runs = if alert.host == capability::host_name() {
        Usage::of_host().map(Usage::into_restarts).map_err(|error| format!("{error:#}"))
    } else {
        Err(format!("ask on {} itself", alert.host))
    };
    Around { runs: Some(runs) }
}

fn text(alert: &Alert, advised: &Advised) -> String {
    let mut out = format!("{}\n", alert.title);
    for advice in &advised.advice {
        let _ = writeln!(out, "\n{}: {}", advice.kind.to_uppercase(), advice.what);
        let undo = advice.undo.iter().map(|command| ("undo: ", command));
        let notes = advice.notes.iter().map(|note| ("note: ", note));
        for (mark, line) in advice.commands.iter().map(|command| ("", command)).chain(undo).chain(notes) {
            let _ = writeln!(out, "  {mark}{line}");
        }
    }
    for none in &advised.none {
        let _ = writeln!(out, "\n{}: nothing, {}", none.kind.to_uppercase(), none.why);
    }
    out.truncate(out.trim_end().len());
    out
}

/// The same in a line each, for the whole alert.
pub fn shortly(alert: &Alert) -> Vec<String> {
    let around = Around::default();
    let given = KINDS.iter().filter_map(|kind| kind.advise(alert, &around).ok());
    let mut lines: Vec<String> = given.map(|advice| format!("{}: {}", advice.kind, advice.what)).collect();
    if !lines.is_empty() {
        lines.push(format!("the commands: tripoint alerts advise {}", alert.id));
    }
    lines
}
