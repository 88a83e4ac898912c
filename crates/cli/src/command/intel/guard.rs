//! `tripoint intel guard`: which shared infrastructure is never blocked automatically?

use std::path::PathBuf;

use serde::Serialize;
use tripoint_intel::guardlist::Purpose;
use tripoint_intel::guardlist::import::{self, GuardOptions};
use tripoint_intel::guardlist::store;
use tripoint_intel::store::StoreError;

use super::known;
use crate::arguments::Guard;
use crate::context::{Context, now, own_addresses};
use crate::exit::{Exit, WrongUsage};
use crate::output;

/// The answer to `forget`.
#[derive(Serialize)]
struct Forgotten<'n> {
    list: &'n str,
    forgotten: bool,
}

pub(super) fn run(context: &Context, command: Guard) -> anyhow::Result<Exit> {
    match command {
        Guard::Import { files, name, purpose } => {
            let names = Purpose::ALL.iter().map(|(_, name)| *name);
            let named = |text: &str| known(text, Purpose::parse(text), "purpose", names);
            let purpose = purpose.as_deref().map(named).transpose()?;
            load(context, &files, &GuardOptions { name, purpose })
        }
        Guard::List => list(context),
        Guard::Forget { name } => forget(context, &name),
    }
}

/// Calls `act` with what every change of the store needs.
fn within<T>(
    context: &Context,
    act: impl FnOnce(&tripoint_intel::Context<'_>) -> Result<T, StoreError>,
) -> anyhow::Result<T> {
    let config = context.config()?.config;
    let inner = tripoint_intel::Context {
        data_dir: &context.data_dir,
        permit_ranges: &config.intel.permit_ranges,
        own: &own_addresses(),
        now: now(),
    };
    act(&inner).map_err(|error| match error {
        StoreError::Name(_) | StoreError::Reserved => WrongUsage(error.to_string()).into(),
        error => error.into(),
    })
}

fn load(context: &Context, files: &[PathBuf], options: &GuardOptions) -> anyhow::Result<Exit> {
    let reports = within(context, |inner| import::import(files, options, inner))?;
    if context.json {
        output::json(&reports)?;
    } else {
        for report in &reports {
            let purpose = report.purpose.map_or("no list", Purpose::as_str);
            let what = format!("{} of {} entries in force", report.imported, report.read);
            let name = if report.list.is_empty() { &report.source } else { &report.list };
            output::line(&format!("{name}: {what} ({purpose})"))?;
            output::refusals(&report.refusals, report.refused);
        }
    }
    let empty = reports.iter().filter(|report| report.imported == 0).count();
    Ok(match empty {
        0 if !reports.is_empty() => Exit::Fine,
        empty if empty == reports.len() => Exit::Failed,
        _ => Exit::Partial,
    })
}

fn list(context: &Context) -> anyhow::Result<Exit> {
    let lists = store::list_checked(&context.data_dir);
    if context.json {
        output::json(&lists)?;
        return Ok(Exit::Fine);
    }
    let rows = lists.iter().map(|list| {
        let state = list.alarm.clone().unwrap_or_else(|| list.loaded.map_or_else(|| "built-in".into(), output::time));
        let purpose = list.purpose.as_str().to_owned();
        vec![list.list.clone(), purpose, output::word(&list.kind), list.count.to_string(), state]
    });
    output::table(&["LIST", "PURPOSE", "TYPE", "ENTRIES", "LOADED"], rows.collect())?;
    Ok(Exit::Fine)
}

fn forget(context: &Context, name: &str) -> anyhow::Result<Exit> {
    if tripoint_intel::guardlist::BUILT_IN.iter().any(|(built_in, ..)| *built_in == name) {
        return Err(WrongUsage(format!("{name} is built in and cannot be taken out")).into());
    }
    let forgotten = within(context, |inner| import::forget(name, inner))?;
    if context.json {
        output::json(&Forgotten { list: name, forgotten })?;
    } else if forgotten {
        output::line(&format!("{name} guards no longer"))?;
    }
    if !forgotten {
        eprintln!("there is no guard list {name}");
    }
    Ok(if forgotten { Exit::Fine } else { Exit::Failed })
}
