//! The findings as OpenVEX 0.2.0 statements: which vulnerability, which product, which status.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;
use serde_json::{Value, json};
use tripoint_model::{Finding, FindingState};

use super::{Document, Each, Format, VERSION, advice, identity, judgment, pretty, state};
use crate::output;

/// `openvex`
pub const FORMAT: Format = Format { name: "openvex", write };

#[derive(Serialize)]
struct Vex<S> {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@id")]
    id: String,
    author: &'static str,
    timestamp: String,
    version: u32,
    tooling: String,
    statements: S,
}

fn write(document: &Document<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
    // One statement for all packages of which an advisory says the same.
    let mut statements: BTreeMap<(&str, &str, String, Option<String>), Vec<&Finding>> = BTreeMap::new();
    for finding in document.findings {
        let said = judgment::told(document, finding);
        statements.entry((&finding.id, state(finding.state), advice(finding), said)).or_default().push(finding);
    }
    pretty(
        out,
        &Vex {
            context: "https://openvex.dev/ns/v0.2.0",
            id: format!("urn:tripoint:vex:{}", identity(document)),
            author: "Tripoint",
            timestamp: output::time(document.time),
            version: 1,
            tooling: format!("tripoint/{VERSION}"),
            statements: Each(
                statements.iter().map(|((.., told), findings)| statement(document, findings, told.as_deref())),
            ),
        },
    )
}

fn statement(document: &Document<'_>, findings: &[&Finding], told: Option<&str>) -> Value {
    let Some(first) = findings.first() else { return Value::Null };
    let products: Vec<Value> =
        findings.iter().map(|finding| json!({"@id": finding.purl, "identifiers": {"purl": finding.purl}})).collect();
    let aliases: Vec<&String> = first.cves.iter().filter(|cve| **cve != first.id).collect();
    let mut vulnerability = json!({"name": first.id});
    if !aliases.is_empty() {
        vulnerability["aliases"] = json!(aliases);
    }
    let mut out = json!({"vulnerability": vulnerability, "products": products});
    match first.state {
        FindingState::Affected | FindingState::WontFix | FindingState::NoDsa | FindingState::Postponed => {
            out["status"] = "affected".into();
            out["action_statement"] = advice(first).into();
        }
        FindingState::NotAffected => {
            out["status"] = "not_affected".into();
            out["impact_statement"] = judgment::harmless(document, first).into();
            if let Some(flag) = document.word(first).and_then(judgment::flag) {
                out["justification"] = flag.into();
            }
        }
        FindingState::Fixed => out["status"] = "fixed".into(),
        FindingState::UnderInvestigation => out["status"] = "under_investigation".into(),
    }
    if let Some(told) = told.filter(|_| first.state != FindingState::NotAffected) {
        out["status_notes"] = told.into();
    }
    out
}
