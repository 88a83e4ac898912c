//! `tripoint intel networks`: the tables that tell whose network an address is in.

use std::path::PathBuf;

use tripoint_intel::networks::{self, TableStatus};

use crate::arguments::Networks;
use crate::context::{Context, now, own_addresses};
use crate::exit::Exit;
use crate::output;

/// What every surface says when there is no table.
pub const NO_TABLE: &str = "no network table: tripoint intel networks import FILE";

pub(super) fn run(context: &Context, command: Networks) -> anyhow::Result<Exit> {
    match command {
        Networks::Import { files } => import(context, &files),
        Networks::List => list(context),
    }
}

fn import(context: &Context, files: &[PathBuf]) -> anyhow::Result<Exit> {
    let report = networks::import(files, &context.data_dir, now())?;
    if report.imported > 0 {
        find_systems(context)?;
    }
    if context.json {
        output::json(&report)?;
    } else {
        output::line(&format!("{} of {} entries in force", report.imported, report.read))?;
        output::refusals(&report.refusals, report.refused);
        show(&report.tables)?;
    }
    Ok(if report.imported > 0 { Exit::Fine } else { Exit::Failed })
}

/// Feeds that name autonomous systems mean what the new tables give to them.
fn find_systems(context: &Context) -> anyhow::Result<()> {
    let config = context.config()?.config;
    let inner = tripoint_intel::Context {
        data_dir: &context.data_dir,
        permit_ranges: &config.intel.permit_ranges,
        own: &own_addresses(),
        now: now(),
    };
    tripoint_intel::systems::find_again(&inner)?;
    Ok(())
}

fn list(context: &Context) -> anyhow::Result<Exit> {
    let tables = networks::tables(&context.data_dir);
    if context.json {
        output::json(&tables)?;
    } else if tables.is_empty() {
        eprintln!("{NO_TABLE}");
    } else {
        show(&tables)?;
    }
    Ok(Exit::Fine)
}

fn show(tables: &[TableStatus]) -> anyhow::Result<()> {
    let rows = tables.iter().map(|table| {
        let imported = table.imported.map_or_else(String::new, output::time);
        let what = format!("{} IPv{}", output::word(&table.kind), table.family);
        let source = table.alarm.clone().unwrap_or_else(|| table.source.clone());
        vec![what, table.ranges.to_string(), imported, source]
    });
    output::table(&["TABLE", "RANGES", "IMPORTED", "FROM"], rows.collect())
}
