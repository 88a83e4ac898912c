//! How do data and talk reach a person or a script?

use std::io::{self, Write};

use comfy_table::Table;
use serde::Serialize;
use tripoint_model::Rejected;
use tripoint_model::Timestamp;
use tripoint_model::text::visible;

/// An error with its causes in one harmless line; what one cause has said the next need not repeat.
pub fn causes(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !said.contains(&cause) {
            let colon = if said.is_empty() { "" } else { ": " };
            said.push_str(colon);
            said.push_str(&cause);
        }
    }
    visible(&said).into_owned()
}

/// `1 record`, `2 records`.
pub fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// A state as JSON spells it: `not-modified`.
pub fn word(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default().trim_matches('"').to_owned()
}

/// A time for people: whole seconds.
pub fn time(at: Timestamp) -> String {
    Timestamp::from_seconds(at.0.div_euclid(1_000_000)).to_string()
}

/// Prints one JSON document.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    // The standard output alone would write each line by itself, and a document may have millions.
    let mut out = io::BufWriter::new(io::stdout().lock());
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)?;
    out.flush()?;
    Ok(())
}

/// Prints one JSON line.
pub fn json_line(value: &impl Serialize) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    writeln!(out)?;
    out.flush()?;
    Ok(())
}

/// Prints a line of text; what strangers wrote in it cannot steer the terminal.
pub fn line(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    for part in text.split('\n') {
        writeln!(out, "{}", visible(part))?;
    }
    Ok(())
}

/// Prints a table without frames.
pub fn table(head: &[&str], rows: Vec<Vec<String>>) -> anyhow::Result<()> {
    self::rows(head, rows).iter().try_for_each(|row| line(row))
}

/// The lines of a table without frames, harmless to a terminal.
pub fn rows(head: &[&str], rows: Vec<Vec<String>>) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(head.iter().copied());
    for row in rows {
        table.add_row(row.iter().map(|cell| visible(cell).into_owned()));
    }
    table.to_string().lines().map(|row| visible(row.trim_end()).into_owned()).collect()
}

/// How many refusals are shown to a person; `--json` has them all.
const REFUSALS_SHOWN: usize = 20;

/// Says what was refused and why. The file may be an entry of a stranger's archive: its name is as foreign as the rest.
pub fn refusals(refusals: &[Rejected], refused: u64) {
    for refusal in refusals.iter().take(REFUSALS_SHOWN) {
        eprintln!("  {}:{}: {}", visible(&refusal.file), refusal.line, visible(&refusal.reason));
    }
    if refused > REFUSALS_SHOWN as u64 {
        eprintln!("  and {} more refused", refused - REFUSALS_SHOWN as u64);
    }
}
