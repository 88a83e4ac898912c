//! The findings as a table for people; what strangers wrote cannot steer the terminal.

use std::io::Write;

use tripoint_model::text::visible;
use tripoint_model::{Finding, PackageState};

use super::{Document, Format, score, state};
use crate::output;

/// `table`
pub const FORMAT: Format = Format { name: "table", write };

fn write(document: &Document<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
    let inventory = document.inventory;
    let count = output::counted(inventory.packages.len() as u64, "package");
    let head = format!("{}: {}, {count}", inventory.root, system(document));
    writeln!(out, "{}", visible(&head))?;
    let affected: Vec<&Finding> = document.findings.iter().filter(|finding| finding.state.is_vulnerable()).collect();
    if inventory.packages.is_empty() {
        writeln!(out, "nothing to match")?;
    } else if document.database.is_none() {
        writeln!(out, "not matched: no advisories loaded")?;
    } else if affected.is_empty() {
        writeln!(out, "nothing known to be vulnerable")?;
    } else {
        let heads = ["PACKAGE", "STATE", "CVE", "SAID", "CVSS", "SEVERITY", "EXPLOITED", "FIXED IN", "FIX"];
        let rows = affected.into_iter().map(row).collect();
        for line in output::rows(&heads, rows) {
            writeln!(out, "{line}")?;
        }
    }
    others(document, out)
}

/// Small images often leave out the name for people.
fn system(document: &Document<'_>) -> String {
    match &document.inventory.distro {
        None => "unknown system".to_owned(),
        Some(distro) if distro.name.is_empty() => format!("{} {}", distro.id, distro.version).trim().to_owned(),
        Some(distro) => distro.name.clone(),
    }
}

fn row(finding: &Finding) -> Vec<String> {
    let presence = match finding.presence {
        PackageState::Installed => "installed",
        PackageState::Loaded => "loaded",
        PackageState::Stale => "stale",
    };
    vec![
        format!("{} {}", finding.name, finding.version),
        presence.into(),
        finding.cves.first().unwrap_or(&finding.id).clone(),
        state(finding.state).into(),
        finding.cvss_tenths.map(score).unwrap_or_default(),
        severities(finding),
        if finding.known_exploited { "yes" } else { "" }.into(),
        finding.fixed.clone().unwrap_or_default(),
        finding.fix_command.clone().unwrap_or_default(),
    ]
}

/// Each source's own word, the distribution's beside NVD's: `debian low, nvd 9.8`.
fn severities(finding: &Finding) -> String {
    let said = |(source, value): (&String, &String)| match tripoint_vuln::base_tenths(value) {
        Some(tenths) => format!("{source} {}", score(tenths)),
        None => format!("{source} {value}"),
    };
    finding.severity.iter().map(said).collect::<Vec<_>>().join(", ")
}

/// What is not vulnerable, or not known to be: apart, and never left out.
fn others(document: &Document<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
    let apart: Vec<&Finding> = document.findings.iter().filter(|finding| !finding.state.is_vulnerable()).collect();
    if !apart.is_empty() {
        writeln!(out)?;
        let line = |finding: &&Finding| {
            let (who, why) = document.word(finding).map_or((finding.source.as_str(), ""), |word| {
                let who = if word.author.is_empty() { word.file.as_str() } else { word.author.as_str() };
                (who, if word.note.is_empty() { word.justification.as_str() } else { word.note.as_str() })
            });
            vec![
                format!("{} {}", finding.name, finding.version),
                finding.cves.first().unwrap_or(&finding.id).clone(),
                state(finding.state).into(),
                who.to_owned(),
                why.to_owned(),
            ]
        };
        for line in output::rows(&["PACKAGE", "CVE", "SAID", "BY", "WHY"], apart.iter().map(line).collect()) {
            writeln!(out, "{line}")?;
        }
    }
    let count = document.not_affected.len() as u64;
    if count > 0 {
        let more = if document.not_affected.len() >= super::NOT_AFFECTED_MAX { "at least " } else { "" };
        let what = output::counted(count, "statement");
        writeln!(out, "{more}{what} that a version is not affected: `--format json` lists them")?;
    }
    Ok(())
}
