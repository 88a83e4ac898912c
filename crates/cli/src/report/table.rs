//! The findings as a table for people; what strangers wrote cannot steer the terminal.

use std::io::Write;

use tripoint_model::text::visible;
use tripoint_model::{Finding, PackageState};

use super::{Document, Format, score};
use crate::output;

/// `table`
pub const FORMAT: Format = Format { name: "table", write };

fn write(document: &Document<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
    let inventory = document.inventory;
    let distro = inventory.distro.as_ref().map_or("unknown system", |distro| distro.name.as_str());
    let head = format!("{}: {distro}, {} packages", inventory.root, inventory.packages.len());
    writeln!(out, "{}", visible(&head))?;
    let affected = document.findings.iter().filter(|finding| finding.state.is_vulnerable());
    let rows: Vec<Vec<String>> = affected.map(row).collect();
    if inventory.packages.is_empty() {
        writeln!(out, "nothing to match")?;
    } else if document.database.is_none() {
        writeln!(out, "not matched: no advisories loaded")?;
    } else if rows.is_empty() {
        writeln!(out, "nothing known to be vulnerable")?;
    } else {
        for line in output::rows(&["PACKAGE", "STATE", "CVE", "CVSS", "EXPLOITED", "FIXED IN", "FIX"], rows) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
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
        finding.cvss_tenths.map(score).unwrap_or_default(),
        if finding.known_exploited { "yes" } else { "" }.into(),
        finding.fixed.clone().unwrap_or_default(),
        finding.fix_command.clone().unwrap_or_default(),
    ]
}
