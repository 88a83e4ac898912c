//! How do data and talk reach a person or a script?

use std::borrow::Cow;
use std::io::{self, Write};

use comfy_table::Table;
use serde::Serialize;
use tripoint_api::filter::Pointed;
use tripoint_model::Rejected;
use tripoint_model::Timestamp;
use tripoint_model::text::visible;

/// An error with its causes, harmless, in one line; a filter that is wrong stands on lines of its own.
pub fn causes(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in reasons(error) {
        let between = match (said.is_empty(), cause.contains('\n')) {
            (true, _) => "",
            (false, true) => ":\n",
            (false, false) => ": ",
        };
        said.push_str(between);
        said.push_str(&cause);
    }
    said
}

/// Its causes, harmless; what one has said the next need not repeat.
fn reasons(error: &anyhow::Error) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = match cause.downcast_ref::<Pointed>() {
            Some(pointed) => pointed.to_string(),
            None => visible(&cause.to_string()).into_owned(),
        };
        if !all.iter().any(|said| said.contains(&text)) {
            all.push(text);
        }
    }
    all
}

/// An error as a script reads it.
#[derive(Serialize)]
struct Failure {
    error: String,
    causes: Vec<String>,
    exit: u8,
}

/// Says on stderr why a command failed: a line, or with `--json` an object.
pub fn failed(error: &anyhow::Error, exit: u8, is_json: bool) {
    if !is_json {
        eprintln!("tripoint: {}", causes(error));
        return;
    }
    let mut causes = reasons(error);
    let first = causes.remove(0);
    eprintln!("{}", serde_json::to_string(&Failure { error: first, causes, exit }).unwrap_or_default());
}

/// Says what is wrong with the command line: whoever reads JSON gets the first line of it, and no help.
pub fn misused(error: &clap::Error) {
    let mut words = std::env::args_os().take_while(|word| word != "--");
    if !words.any(|word| word == "--json") {
        let _ = error.print();
        return;
    }
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    let error = anyhow::Error::msg(first.trim_start_matches("error: ").to_owned());
    failed(&error, crate::exit::Exit::Usage.number(), true);
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
    serde_json::to_writer_pretty(Harmless(&mut out), value)?;
    writeln!(out)?;
    out.flush()?;
    Ok(())
}

/// Prints one JSON line.
pub fn json_line(value: &impl Serialize) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(Harmless(&mut out), value)?;
    writeln!(out)?;
    out.flush()?;
    Ok(())
}

/// JSON on its way to a terminal: signs that JSON lets through but a terminal obeys (C1, bidirectional
/// overrides) are escaped. They stand in texts only, where the escape means the same.
pub(crate) struct Harmless<'a>(pub(crate) &'a mut dyn Write);

impl Write for Harmless<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let steers = |c: char| c > '~' && matches!(visible(c.encode_utf8(&mut [0; 4])), Cow::Owned(_));
        match std::str::from_utf8(bytes) {
            Ok(text) if !text.is_ascii() || text.contains('\u{7f}') => {
                for part in text.split_inclusive(steers) {
                    let kept = part.trim_end_matches(steers);
                    self.0.write_all(kept.as_bytes())?;
                    for c in part.chars().skip(kept.chars().count()) {
                        write!(self.0, "\\u{:04x}", u32::from(c))?;
                    }
                }
            }
            _ => self.0.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_means_the_same_and_steers_no_terminal() {
        let said = "a\u{9b}31m \u{7f}\u{202e}\u{2066} \u{1b}[2J äö 🙂 \u{200b}\u{85}z\n";
        for pretty in [false, true] {
            let mut out = Vec::new();
            let written = match pretty {
                true => serde_json::to_writer_pretty(Harmless(&mut out), &[said]),
                false => serde_json::to_writer(Harmless(&mut out), &[said]),
            };
            written.expect("written");
            let text = String::from_utf8(out).expect("text");
            assert_eq!(serde_json::from_str::<Vec<String>>(&text).expect("JSON"), [said]);
            assert_eq!(visible(&text.replace('\n', "")), text.replace('\n', ""), "{text}");
            assert!(text.contains("äö 🙂"), "{text}");
        }
    }
}
