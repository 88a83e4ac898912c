//! How are findings said to others: OpenVEX, CycloneDX VEX and CSAF VEX?

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tripoint_model::{Finding, FindingState, PackageState, Timestamp};

/// Who says it, when, and under which id (an IRI or a URL).
#[derive(Clone, Debug)]
pub struct Issuer {
    /// The document's id.
    pub id: String,
    /// Who says it.
    pub author: String,
    /// Where the author is found: a URL.
    pub namespace: String,
    /// Now.
    pub now: Timestamp,
}

/// The findings as an OpenVEX 0.2.0 document.
pub fn open_vex(findings: &[Finding], issuer: &Issuer) -> Value {
    let statements: Vec<Value> = each(findings)
        .map(|(finding, id, aliases)| {
            let mut out = json!({
                "vulnerability": { "name": id },
                "products": [{ "@id": finding.purl }],
                "status": match finding.state {
                    FindingState::NotAffected => "not_affected",
                    FindingState::Fixed => "fixed",
                    FindingState::UnderInvestigation => "under_investigation",
                    _ => "affected",
                },
            });
            if !aliases.is_empty() {
                out["vulnerability"]["aliases"] = json!(aliases);
            }
            match finding.state {
                FindingState::NotAffected => {
                    out["impact_statement"] = json!("Its keeper says that it is not affected.")
                }
                state if state.is_vulnerable() => out["action_statement"] = json!(action(finding)),
                _ => {}
            }
            out
        })
        .collect();
    json!({
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": issuer.id,
        "author": issuer.author,
        "timestamp": issuer.now.to_string(),
        "version": 1,
        "statements": statements,
    })
}

/// The findings as a CycloneDX 1.6 document of vulnerabilities.
pub fn cyclone_dx(findings: &[Finding], issuer: &Issuer) -> Value {
    let mut components: BTreeMap<&str, Value> = BTreeMap::new();
    let mut vulnerabilities = Vec::new();
    for (finding, id, aliases) in each(findings) {
        components.entry(&finding.purl).or_insert_with(|| {
            json!({
                "type": "library",
                "bom-ref": finding.purl,
                "name": finding.name,
                "version": finding.version,
                "purl": finding.purl,
            })
        });
        let mut analysis = json!({
            "state": match finding.state {
                FindingState::NotAffected => "not_affected",
                FindingState::Fixed => "resolved",
                FindingState::UnderInvestigation => "in_triage",
                _ => "exploitable",
            },
        });
        if finding.state.is_vulnerable() {
            analysis["response"] = json!([if finding.fixed.is_some() { "update" } else { "can_not_fix" }]);
            analysis["detail"] = json!(action(finding));
        }
        let references: Vec<Value> =
            aliases.iter().map(|alias| json!({ "id": alias, "source": { "name": finding.source } })).collect();
        let mut out = json!({
            "id": id,
            "source": { "name": finding.source },
            "analysis": analysis,
            "affects": [{ "ref": finding.purl }],
        });
        if !references.is_empty() {
            out["references"] = json!(references);
        }
        if let Some(tenths) = finding.cvss_tenths {
            out["ratings"] = json!([{ "score": f64::from(tenths) / 10.0 }]);
        }
        vulnerabilities.push(out);
    }
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "timestamp": issuer.now.to_string(), "authors": [{ "name": issuer.author }] },
        "components": components.into_values().collect::<Vec<_>>(),
        "vulnerabilities": vulnerabilities,
    })
}

/// The findings as a CSAF 2.0 document of the profile VEX.
pub fn csaf(findings: &[Finding], issuer: &Issuer) -> Value {
    let mut products: BTreeMap<&str, Value> = BTreeMap::new();
    let mut by_id: BTreeMap<String, Vec<&Finding>> = BTreeMap::new();
    for (finding, id, _) in each(findings) {
        products.entry(&finding.purl).or_insert_with(|| {
            json!({
                "name": format!("{} {}", finding.name, finding.version),
                "product_id": finding.purl,
                "product_identification_helper": { "purl": finding.purl },
            })
        });
        by_id.entry(id).or_default().push(finding);
    }
    let now = issuer.now.to_string();
    let mut out = json!({
        "document": {
            "category": "csaf_vex",
            "csaf_version": "2.0",
            "title": "Vulnerabilities of a host's packages",
            "publisher": { "category": "user", "name": issuer.author, "namespace": issuer.namespace },
            "tracking": {
                "id": issuer.id,
                "status": "final",
                "version": "1",
                "initial_release_date": now,
                "current_release_date": now,
                "revision_history": [{ "date": now, "number": "1", "summary": "First issue" }],
            },
        },
    });
    if !products.is_empty() {
        out["product_tree"] = json!({ "full_product_names": products.into_values().collect::<Vec<_>>() });
        out["vulnerabilities"] = by_id.iter().map(|(id, findings)| vulnerability(id, findings)).collect();
    }
    out
}

fn vulnerability(id: &str, findings: &[&Finding]) -> Value {
    let mut status: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut remediations = Vec::new();
    let mut threats = Vec::new();
    for finding in findings {
        let key = match finding.state {
            FindingState::NotAffected => "known_not_affected",
            FindingState::Fixed => "fixed",
            FindingState::UnderInvestigation => "under_investigation",
            _ => "known_affected",
        };
        let ids = status.entry(key).or_default();
        if ids.contains(&finding.purl.as_str()) {
            continue;
        }
        ids.push(&finding.purl);
        if finding.state.is_vulnerable() {
            let category = match finding.state {
                FindingState::WontFix => "no_fix_planned",
                _ if finding.fixed.is_some() => "vendor_fix",
                _ => "none_available",
            };
            remediations
                .push(json!({ "category": category, "details": action(finding), "product_ids": [finding.purl] }));
        } else if finding.state == FindingState::NotAffected {
            let details = "Its keeper says that it is not affected.";
            threats.push(json!({ "category": "impact", "details": details, "product_ids": [finding.purl] }));
        }
    }
    let mut out = json!({
        "notes": [{ "category": "description", "text": format!("{id}, as the packages' keepers describe it.") }],
        "product_status": status,
    });
    if crate::advisory::is_cve(id) && id.len() < 30 {
        out["cve"] = json!(id);
    } else {
        out["ids"] = json!([{ "system_name": "advisory", "text": id }]);
    }
    for (key, list) in [("remediations", remediations), ("threats", threats)] {
        if !list.is_empty() {
            out[key] = json!(list);
        }
    }
    out
}

/// Each finding once for each of its CVEs, with the advisory's id as another name.
fn each(findings: &[Finding]) -> impl Iterator<Item = (&Finding, String, Vec<String>)> {
    findings.iter().filter(|finding| finding.purl.starts_with("pkg:")).flat_map(|finding| {
        let own = finding.id.clone();
        let ids = if finding.cves.is_empty() { vec![own.clone()] } else { finding.cves.clone() };
        ids.into_iter().map(move |id| {
            let aliases = if id == own { Vec::new() } else { vec![own.clone()] };
            (finding, id, aliases)
        })
    })
}

fn action(finding: &Finding) -> String {
    let presence = match finding.presence {
        PackageState::Loaded => "a process runs it",
        PackageState::Stale => "a process still runs the replaced code",
        PackageState::Installed => "no process runs it",
    };
    let what = match (&finding.fix_command, &finding.fixed, finding.state) {
        (Some(command), _, _) => format!("Run: {command}"),
        (None, Some(fixed), _) => format!("Update to {fixed} or later"),
        (None, None, FindingState::WontFix) => "Its keeper will not fix it".to_owned(),
        (None, None, FindingState::NoDsa) => "Its keeper plans no advisory for it".to_owned(),
        (None, None, FindingState::Postponed) => "Its keeper fixes it in a later update".to_owned(),
        (None, None, _) => "No fix is known".to_owned(),
    };
    format!("{what} ({presence}).")
}
