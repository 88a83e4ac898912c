//! The findings as a spreadsheet reads them (RFC 4180), with nothing in it that a spreadsheet runs.

use std::io::Write;

use tripoint_model::PackageState;
use tripoint_model::text::visible;

use super::{Document, Format, score, state};

/// `csv`
pub const FORMAT: Format = Format { name: "csv", write };

const HEAD: &str = "purl,name,version,presence,id,cves,state,cvss,known_exploited,epss,fixed,fix_command,source,paths";

fn write(document: &Document<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
    write!(out, "{HEAD}\r\n")?;
    for finding in document.findings {
        let presence = match finding.presence {
            PackageState::Installed => "installed",
            PackageState::Loaded => "loaded",
            PackageState::Stale => "stale",
        };
        let epss = finding.epss_bp.map(|bp| format!("0.{bp:04}")).unwrap_or_default();
        let fields = [
            finding.purl.as_str(),
            &finding.name,
            &finding.version,
            presence,
            &finding.id,
            &finding.cves.join(" "),
            state(finding.state),
            &finding.cvss_tenths.map(score).unwrap_or_default(),
            if finding.known_exploited { "yes" } else { "no" },
            &epss.replace("0.10000", "1.0000"),
            finding.fixed.as_deref().unwrap_or_default(),
            finding.fix_command.as_deref().unwrap_or_default(),
            &finding.source,
            &finding.paths.join(" "),
        ];
        let row: Vec<String> = fields.into_iter().map(|text| cell(&visible(text))).collect();
        write!(out, "{}\r\n", row.join(","))?;
    }
    Ok(())
}

/// A cell that begins like a formula gets an apostrophe, which spreadsheets take for "this is text".
pub(super) fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if guard.is_empty() && !text.contains([',', '"', '\r', '\n']) {
        return text.to_owned();
    }
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}
