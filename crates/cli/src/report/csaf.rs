//! The findings as a CSAF 2.0 document of the profile VEX: each vulnerability, and which product it is in.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use serde_json::{Value, json};
use tripoint_model::{Finding, FindingState};

use super::{Document, Format, VERSION, advice, identity, judgment, pretty};
use crate::output;

/// `csaf`
pub const FORMAT: Format = Format { name: "csaf", write };

fn write(document: &Document<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut products: BTreeMap<&str, Value> = BTreeMap::new();
    let mut vulnerabilities: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    // What has no package URL is no product that somebody else could recognise.
    for finding in document.findings.iter().filter(|finding| finding.purl.starts_with("pkg:")) {
        products.entry(&finding.purl).or_insert_with(|| {
            json!({
                "name": format!("{} {}", finding.name, finding.version),
                "product_id": finding.purl,
                "product_identification_helper": {"purl": finding.purl},
            })
        });
        for id in named(finding) {
            vulnerabilities.entry(id).or_default().push(finding);
        }
    }
    let now = output::time(document.time);
    let mut csaf = json!({
        "document": {
            "category": "csaf_vex",
            "csaf_version": "2.0",
            "title": "Vulnerabilities of the software on one system",
            "publisher": {"category": "user", "name": "Tripoint", "namespace": "urn:tripoint"},
            "tracking": {
                "id": format!("tripoint-{}", identity(document)),
                "status": "final",
                "version": "1",
                "initial_release_date": now,
                "current_release_date": now,
                "revision_history": [{"date": now, "number": "1", "summary": "First issue"}],
                "generator": {"engine": {"name": "tripoint", "version": VERSION}},
            },
        },
    });
    if !products.is_empty() {
        csaf["product_tree"] = json!({"full_product_names": products.into_values().collect::<Vec<_>>()});
        csaf["vulnerabilities"] =
            vulnerabilities.iter().map(|(id, findings)| vulnerability(document, id, findings)).collect();
    }
    pretty(out, &csaf)
}

/// Its CVEs; the advisory where there are none.
fn named(finding: &Finding) -> BTreeSet<&str> {
    if finding.cves.is_empty() {
        return BTreeSet::from([finding.id.as_str()]);
    }
    finding.cves.iter().map(String::as_str).collect()
}

fn vulnerability(document: &Document<'_>, id: &str, findings: &[&Finding]) -> Value {
    let mut status: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut remediations = Vec::new();
    let mut threats = Vec::new();
    let mut flags: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut judgments: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut said = BTreeSet::new();
    for finding in findings {
        // A product stands in one list only: the first advisory's word.
        if !said.insert(finding.purl.as_str()) {
            continue;
        }
        status.entry(list(finding.state)).or_default().insert(&finding.purl);
        if finding.state.is_vulnerable() {
            let details = advice(finding);
            remediations.push(json!({"category": remedy(finding), "details": details, "product_ids": [finding.purl]}));
        } else if finding.state == FindingState::NotAffected {
            let details = judgment::harmless(document, finding);
            if let Some(flag) = document.word(finding).and_then(judgment::flag) {
                flags.entry(flag).or_default().insert(&finding.purl);
            }
            threats.push(json!({"category": "impact", "details": details, "product_ids": [finding.purl]}));
        }
        if let Some(told) = judgment::told(document, finding) {
            judgments.entry(told).or_default().insert(&finding.purl);
        }
    }
    let described = format!("{id}, as the packages' advisories describe it.");
    let mut notes = vec![json!({"category": "description", "text": described})];
    // A threat is of what is not affected only; a note can tell of every judgment whose it is.
    notes.extend(judgments.into_iter().map(|(told, products)| {
        let products: Vec<&str> = products.into_iter().collect();
        json!({"category": "other", "title": "VEX", "text": format!("{told} ({})", products.join(", "))})
    }));
    let mut out = json!({"notes": notes, "product_status": status});
    if is_cve(id) {
        out["cve"] = id.into();
    } else {
        out["ids"] = json!([{"system_name": "advisory", "text": id}]);
    }
    let flags = flags.into_iter().map(|(label, products)| json!({"label": label, "product_ids": products})).collect();
    for (key, list) in [("flags", flags), ("remediations", remediations), ("threats", threats)] {
        if !list.is_empty() {
            out[key] = list.into();
        }
    }
    out
}

fn list(state: FindingState) -> &'static str {
    match state {
        FindingState::NotAffected => "known_not_affected",
        FindingState::Fixed => "fixed",
        FindingState::UnderInvestigation => "under_investigation",
        FindingState::Affected | FindingState::WontFix | FindingState::NoDsa | FindingState::Postponed => {
            "known_affected"
        }
    }
}

fn remedy(finding: &Finding) -> &'static str {
    match finding.state {
        FindingState::WontFix => "no_fix_planned",
        _ if finding.fixed.is_some() => "vendor_fix",
        _ => "none_available",
    }
}

/// As the schema demands: `CVE-`, a year, four to nineteen digits.
fn is_cve(id: &str) -> bool {
    let digits =
        |text: &str, least: usize| (least..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    id.strip_prefix("CVE-")
        .and_then(|rest| rest.split_once('-'))
        .is_some_and(|(year, number)| year.len() == 4 && digits(year, 4) && digits(number, 4))
}
