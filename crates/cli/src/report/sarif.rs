//! The findings as SARIF 2.1.0: a rule for each advisory, a result for each vulnerable package.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;
use serde_json::{Value, json};
use tripoint_inventory::CoverageStatus;
use tripoint_model::{Finding, FindingState};

use super::{Document, Each, Format, VERSION, advice, fingerprint, pretty, score, state};

/// `sarif`
pub const FORMAT: Format = Format { name: "sarif", write };

#[derive(Serialize)]
struct Log<T> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [T; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<R> {
    tool: Value,
    invocations: [Value; 1],
    column_kind: &'static str,
    results: R,
}

fn write(document: &Document<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
    let told = || document.findings.iter().filter(|finding| level(finding).is_some());
    let mut rules: BTreeMap<&str, &Finding> = BTreeMap::new();
    for finding in told() {
        let worst = rules.entry(&finding.id).or_insert(finding);
        if finding.cvss_tenths > worst.cvss_tenths {
            *worst = finding;
        }
    }
    let places: BTreeMap<&str, usize> = rules.keys().enumerate().map(|(at, id)| (*id, at)).collect();
    let described: Vec<Value> = rules.values().map(|finding| rule(finding)).collect();
    let skipped = document.inventory.coverage.iter().filter(|line| line.status == CoverageStatus::Partial);
    let mut notes: Vec<Value> = skipped.map(|line| note(&format!("{}: {}", line.cataloger, line.reason))).collect();
    if document.database.is_none() {
        notes.push(note("not matched: no advisories loaded"));
    }
    let run = Run {
        tool: json!({"driver": {"name": "Tripoint", "version": VERSION, "rules": described}}),
        invocations: [json!({
            "executionSuccessful": true,
            "endTimeUtc": document.time.to_string(),
            "toolExecutionNotifications": notes,
        })],
        column_kind: "utf16CodeUnits",
        results: Each(told().map(|finding| result(finding, places.get(finding.id.as_str()).copied()))),
    };
    pretty(out, &Log { schema: SCHEMA, version: "2.1.0", runs: [run] })
}

/// What was not looked at, so that silence is not taken for safety.
fn note(text: &str) -> Value {
    json!({"level": "warning", "message": {"text": text}})
}

fn rule(finding: &Finding) -> Value {
    let mut properties = json!({"tags": ["security", "vulnerability"], "cves": finding.cves});
    if let Some(tenths) = finding.cvss_tenths {
        properties["security-severity"] = score(tenths).into();
    }
    let about = if finding.cves.is_empty() { finding.id.clone() } else { finding.cves.join(", ") };
    json!({
        "id": finding.id,
        "shortDescription": {"text": format!("{about} in {}", finding.name)},
        "defaultConfiguration": {"level": level(finding).unwrap_or("warning")},
        "properties": properties,
    })
}

fn result(finding: &Finding, rule: Option<usize>) -> Value {
    let level = level(finding).unwrap_or("warning");
    let review = finding.state == FindingState::UnderInvestigation;
    json!({
        "ruleId": finding.id,
        "ruleIndex": rule,
        "kind": if review { "review" } else { "fail" },
        "level": level,
        "message": {"text": format!(
            "{} {} is {}: {}. {}",
            finding.name, finding.version, state(finding.state).replace('-', " "), finding.id, advice(finding)
        )},
        "locations": locations(finding),
        "partialFingerprints": {"advisoryAndPackage/v1": fingerprint([finding.id.as_str(), &finding.purl])},
        "properties": {
            "purl": finding.purl,
            "fixedIn": finding.fixed,
            "knownExploited": finding.known_exploited,
            "source": finding.source,
        },
    })
}

/// Where the package lies; a package without a place is named by its purl alone.
fn locations(finding: &Finding) -> Vec<Value> {
    let named = json!([{"fullyQualifiedName": finding.purl, "kind": "package"}]);
    if finding.paths.is_empty() {
        return vec![json!({"logicalLocations": named})];
    }
    let place = |path: &String| {
        // A jar within a jar is no file: the outermost is.
        let file = path.split("!/").next().unwrap_or(path);
        json!({"physicalLocation": {"artifactLocation": {"uri": relative(file)}}, "logicalLocations": named.clone()})
    };
    finding.paths.iter().take(PLACES_MAX).map(place).collect()
}

/// A path within the root as a relative reference (RFC 3986).
pub(super) fn relative(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.trim_start_matches('/').bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// How loud; nothing for what is not vulnerable.
fn level(finding: &Finding) -> Option<&'static str> {
    if finding.state == FindingState::UnderInvestigation {
        return Some("none");
    }
    if !finding.state.is_vulnerable() {
        return None;
    }
    Some(match finding.cvss_tenths {
        _ if finding.known_exploited => "error",
        Some(70..) => "error",
        Some(..40) => "note",
        _ => "warning",
    })
}

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// More places of one package say nothing more.
const PLACES_MAX: usize = 20;
