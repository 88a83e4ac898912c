//! The packages and findings as a CycloneDX 1.6 bill of materials with its vulnerabilities.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;
use serde_json::{Value, json};
use tripoint_model::{Finding, FindingState, Package, PackageState};

use super::{Document, Each, Format, VERSION, Word, advice, fingerprint, judgment, pretty, state};
use crate::output;

/// `cyclonedx`
pub const FORMAT: Format = Format { name: "cyclonedx", write };

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bom<C, V> {
    bom_format: &'static str,
    spec_version: &'static str,
    version: u32,
    metadata: Value,
    components: C,
    vulnerabilities: V,
}

/// Advisory, state, fix, and whose judgment it is beside the advisory's.
type Saying<'f> = (&'f str, &'f str, Option<&'f str>, Option<String>);

fn write(document: &Document<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut by_advisory: BTreeMap<Saying<'_>, Vec<&Finding>> = BTreeMap::new();
    for finding in document.findings {
        let told = judgment::told(document, finding);
        let key = (finding.id.as_str(), state(finding.state), finding.fixed.as_deref(), told);
        by_advisory.entry(key).or_default().push(finding);
    }
    let system = document.inventory.distro.as_ref().map(|distro| {
        let mut system = json!({"type": "operating-system", "bom-ref": "operating-system", "name": distro.id});
        for (key, value) in [("version", &distro.version), ("description", &distro.name)] {
            if !value.is_empty() {
                system[key] = value.as_str().into();
            }
        }
        system
    });
    let mut metadata = json!({
        "timestamp": output::time(document.time),
        "tools": {"components": [{"type": "application", "name": "tripoint", "version": VERSION}]},
        "properties": [{"name": "tripoint:root", "value": document.inventory.root}],
    });
    if let Some(system) = &system {
        let mut subject = system.clone();
        subject["bom-ref"] = "scanned-system".into();
        metadata["component"] = subject;
    }
    let packages = document.inventory.packages.iter().map(component);
    pretty(
        out,
        &Bom {
            bom_format: "CycloneDX",
            spec_version: "1.6",
            version: 1,
            metadata,
            components: Each(system.iter().cloned().chain(packages)),
            vulnerabilities: Each(
                by_advisory.iter().map(|((.., told), findings)| vulnerability(document, findings, told.as_deref())),
            ),
        },
    )
}

fn component(package: &Package) -> Value {
    let mut properties = Vec::new();
    let mut tell = |name: &str, value: &str| properties.push(json!({"name": name, "value": value}));
    if package.ecosystem.is_distribution() {
        tell("tripoint:source", &package.source);
        tell("tripoint:source-version", &package.source_version);
    }
    match package.state {
        PackageState::Installed => {}
        PackageState::Loaded => tell("tripoint:state", "loaded"),
        PackageState::Stale => tell("tripoint:state", "stale"),
    }
    let places: Vec<Value> = package.paths.iter().map(|path| json!({"location": path})).collect();
    let mut out = json!({
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
    });
    if !properties.is_empty() {
        out["properties"] = properties.into();
    }
    if !places.is_empty() {
        out["evidence"] = json!({"occurrences": places});
    }
    out
}

/// One advisory with the packages of which it, or who judged it, says the same.
fn vulnerability(document: &Document<'_>, findings: &[&Finding], told: Option<&str>) -> Value {
    let Some(first) = findings.first() else { return Value::Null };
    let affects: Vec<Value> = findings.iter().map(|finding| json!({"ref": finding.purl})).collect();
    let references: Vec<Value> = first
        .cves
        .iter()
        .filter(|cve| **cve != first.id)
        .map(|cve| json!({"id": cve, "source": {"name": "CVE"}}))
        .collect();
    let word = document.word(first);
    let mut reference = format!("{}#{}#{}", first.id, state(first.state), first.fixed.as_deref().unwrap_or_default());
    if let Some(told) = told {
        reference = format!("{reference}#{}", fingerprint([told]));
    }
    let mut properties = vec![json!({"name": "tripoint:known-exploited", "value": first.known_exploited.to_string()})];
    properties.extend(word.into_iter().flat_map(origin));
    let mut out = json!({
        "bom-ref": reference,
        "id": first.id,
        "source": {"name": first.source},
        "ratings": ratings(first),
        "recommendation": advice(first),
        "analysis": analysis(first, word, told),
        "affects": affects,
        "properties": properties,
    });
    if !references.is_empty() {
        out["references"] = references.into();
    }
    out
}

fn ratings(finding: &Finding) -> Vec<Value> {
    let mut out: Vec<Value> = finding.severity.iter().map(|(source, value)| rating(source, value)).collect();
    if let Some(tenths) = finding.cvss_tenths {
        out.push(json!({"source": {"name": "tripoint"}, "score": f64::from(tenths) / 10.0, "severity": word(tenths)}));
    }
    out
}

/// A vector, a score or a word, as the source gives it.
fn rating(source: &str, value: &str) -> Value {
    let method = [("CVSS:4", "CVSSv4"), ("CVSS:3.1", "CVSSv31"), ("CVSS:3.0", "CVSSv3"), ("AV:", "CVSSv2")]
        .iter()
        .find(|(begins, _)| value.starts_with(begins))
        .map(|(_, method)| *method);
    if let Some(method) = method {
        return json!({"source": {"name": source}, "method": method, "vector": value});
    }
    if let Some(number) = value.parse::<f64>().ok().filter(|number| number.is_finite()) {
        return json!({"source": {"name": source}, "score": number, "method": "other"});
    }
    let lower = value.to_ascii_lowercase();
    let known = match lower.as_str() {
        "moderate" => "medium",
        "important" => "high",
        "negligible" | "unimportant" => "info",
        "critical" | "high" | "medium" | "low" | "info" | "none" => &lower,
        _ => "unknown",
    };
    json!({"source": {"name": source}, "severity": known, "method": "other"})
}

fn word(tenths: u8) -> &'static str {
    match tenths {
        0 => "none",
        1..40 => "low",
        40..70 => "medium",
        70..90 => "high",
        _ => "critical",
    }
}

/// Whose judgment it is: this format has a place for what was judged, none for who did.
fn origin(word: &Word) -> Vec<Value> {
    [("author", &*word.author), ("document", &*word.document), ("file", &*word.file), ("before", state(word.before))]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| json!({"name": format!("tripoint:vex-{name}"), "value": value}))
        .collect()
}

fn analysis(finding: &Finding, word: Option<&Word>, told: Option<&str>) -> Value {
    let loaded = match finding.presence {
        PackageState::Installed => "installed; no running process was seen to use it",
        PackageState::Loaded => "a running process uses it",
        PackageState::Stale => "a running process still uses the version that was replaced on disk",
    };
    let (state, response) = match finding.state {
        FindingState::Affected if finding.fixed.is_some() => ("exploitable", Some("update")),
        FindingState::WontFix => ("exploitable", Some("will_not_fix")),
        FindingState::Affected | FindingState::NoDsa | FindingState::Postponed => ("exploitable", None),
        FindingState::NotAffected => ("not_affected", None),
        FindingState::Fixed => ("resolved", None),
        FindingState::UnderInvestigation => ("in_triage", None),
    };
    let detail = told.map_or_else(|| loaded.to_owned(), |told| format!("{told} ({loaded})"));
    let mut out = json!({"state": state, "detail": detail});
    if let Some(justification) = word.and_then(judgment::cyclone_dx) {
        out["justification"] = justification.into();
    }
    if let Some(response) = response {
        out["response"] = json!([response]);
    }
    out
}
