//! In which forms is what a scan found told? One file a form.

mod csaf;
mod csv;
mod cyclonedx;
mod json;
mod judgment;
mod ndjson;
mod openvex;
mod sarif;
mod spdx;
mod table;

use std::io::Write;

use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use tripoint_inventory::Inventory;
use tripoint_model::{Finding, FindingState, Timestamp};
use tripoint_vuln::SourceInfo;

use crate::output::Harmless;

/// What a scan found: every form tells the same.
#[derive(Serialize)]
pub struct Document<'a> {
    /// Version of the JSON shape.
    pub schema: u32,
    /// What is installed.
    #[serde(flatten)]
    pub inventory: &'a Inventory,
    /// What is known about it.
    pub findings: &'a [Finding],
    /// What others say of the findings, where it changed them; who said it stands with it.
    #[serde(skip_serializing_if = "<[Word]>::is_empty")]
    pub vex: &'a [Word],
    /// What advisories know of the packages and say is not there; the first `NOT_AFFECTED_MAX`.
    #[serde(skip_serializing_if = "<[Finding]>::is_empty")]
    pub not_affected: &'a [Finding],
    /// Against what it was matched; nothing when no advisories are loaded.
    pub database: Option<DatabaseInfo>,
    /// The moment that the document carries.
    #[serde(skip)]
    pub time: Timestamp,
}

/// What somebody said of a finding, which changed its state.
#[derive(Clone, Serialize)]
pub struct Word {
    /// The package.
    pub purl: String,
    /// The finding.
    pub id: String,
    /// What the advisory says.
    pub before: FindingState,
    /// What is said now.
    pub state: FindingState,
    /// Who says it.
    pub author: String,
    /// In which document.
    pub document: String,
    /// The file it was read from.
    pub file: String,
    /// Why, by the format's own word.
    pub justification: String,
    /// The same for people.
    pub note: String,
}

/// Not-affected statements that one report carries.
pub const NOT_AFFECTED_MAX: usize = 10_000;

/// The advisories that a scan was matched against.
#[derive(Serialize)]
pub struct DatabaseInfo {
    /// When it was built.
    pub built: Timestamp,
    /// From what.
    pub sources: Vec<SourceInfo>,
}

/// A form: its name on the command line, and who writes it.
pub struct Format {
    /// As `--format` takes it.
    pub name: &'static str,
    /// Writes the whole document.
    pub write: fn(&Document<'_>, &mut dyn Write) -> anyhow::Result<()>,
}

/// Every form; adding one is a file and a line here.
pub const FORMATS: &[Format] = &[
    table::FORMAT,
    json::FORMAT,
    ndjson::FORMAT,
    csv::FORMAT,
    sarif::FORMAT,
    cyclonedx::FORMAT,
    spdx::FORMAT,
    openvex::FORMAT,
    csaf::FORMAT,
];

/// The names, for the command line.
pub fn names() -> Vec<&'static str> {
    FORMATS.iter().map(|format| format.name).collect()
}

/// A list that is written item by item, so that a large report is never in memory twice.
struct Each<I>(I);

impl<I: Iterator<Item: Serialize> + Clone> Serialize for Each<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.clone())
    }
}

/// Writes one JSON document.
fn pretty(out: &mut dyn Write, value: &impl Serialize) -> anyhow::Result<()> {
    serde_json::to_writer_pretty(Harmless(&mut *out), value)?;
    writeln!(out)?;
    Ok(())
}

/// The same texts give the same 32 signs, on every run and every host.
fn fingerprint<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// What names this document among others: what it says and when.
fn identity(document: &Document<'_>) -> String {
    let time = document.time.to_string();
    let inventory = &document.inventory;
    let packages = inventory.packages.iter().map(|package| package.purl.as_str());
    let findings = document.findings.iter().flat_map(|finding| [finding.purl.as_str(), finding.id.as_str()]);
    fingerprint([time.as_str(), inventory.root.as_str()].into_iter().chain(packages).chain(findings))
}

/// `9.8`, of tenths.
fn score(tenths: u8) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// A state as JSON spells it.
fn state(state: FindingState) -> &'static str {
    match state {
        FindingState::Affected => "affected",
        FindingState::NotAffected => "not-affected",
        FindingState::Fixed => "fixed",
        FindingState::WontFix => "wont-fix",
        FindingState::NoDsa => "no-dsa",
        FindingState::Postponed => "postponed",
        FindingState::UnderInvestigation => "under-investigation",
    }
}

impl Document<'_> {
    /// What was said of a finding beside its advisory.
    fn word(&self, finding: &Finding) -> Option<&Word> {
        self.vex.iter().rev().find(|word| word.purl == finding.purl && word.id == finding.id)
    }
}

/// What a person can do about a finding.
fn advice(finding: &Finding) -> String {
    match (&finding.fix_command, &finding.fixed, finding.state) {
        (Some(command), _, _) => command.clone(),
        (None, Some(fixed), _) => format!("Update {} to {fixed} or later.", finding.name),
        (None, None, FindingState::WontFix) => "The distribution will not fix it: replace or confine it.".to_owned(),
        (None, None, _) => "No fixed version is known yet.".to_owned(),
    }
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[cfg(test)]
mod tests;
