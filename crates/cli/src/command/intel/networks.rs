//! `tripoint intel networks`: the tables that tell whose network an address is in.

use std::path::PathBuf;

use tripoint_intel::networks::{self, TableStatus};

use crate::arguments::Networks;
use crate::context::{Context, now};
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
    if context.json {
        output::json(&report)?;
    } else {
        output::line(&format!("{} of {} entries in force", report.imported, report.read))?;
        output::refusals(&report.refusals, report.refused);
        show(&report.tables)?;
    }
    Ok(if report.imported > 0 { Exit::Fine } else { Exit::Failed })
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
