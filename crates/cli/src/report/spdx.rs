//! The packages as an SPDX 2.3 document, with the advisories that concern them as references.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;
use serde_json::{Value, json};
use tripoint_model::{Finding, Package};

use super::{Document, Each, Format, VERSION, fingerprint, identity, pretty};
use crate::output;

/// `spdx`
pub const FORMAT: Format = Format { name: "spdx", write };

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spdx<P, R> {
    spdx_version: &'static str,
    data_license: &'static str,
    #[serde(rename = "SPDXID")]
    id: &'static str,
    name: String,
    document_namespace: String,
    creation_info: Value,
    packages: P,
    relationships: R,
}

fn write(document: &Document<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
    let inventory = document.inventory;
    let mut advisories: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in document.findings.iter().filter(|finding| finding.state.is_vulnerable()) {
        advisories.entry(&finding.purl).or_default().push(finding);
    }
    let packages = inventory
        .packages
        .iter()
        .map(|package| describe(package, advisories.get(package.purl.as_str()).map_or(&[][..], Vec::as_slice)));
    let contains = inventory.packages.iter().map(|package| relation(SYSTEM, "CONTAINS", &id(package)));
    pretty(
        out,
        &Spdx {
            spdx_version: "SPDX-2.3",
            data_license: "CC0-1.0",
            id: "SPDXRef-DOCUMENT",
            name: inventory.root.clone(),
            document_namespace: format!("https://tripoint.invalid/spdx/{}", identity(document)),
            creation_info: json!({
                "created": output::time(document.time),
                "creators": [format!("Tool: tripoint-{VERSION}")],
            }),
            packages: Each(std::iter::once(system(document)).chain(packages)),
            relationships: Each(std::iter::once(relation("SPDXRef-DOCUMENT", "DESCRIBES", SYSTEM)).chain(contains)),
        },
    )
}

fn system(document: &Document<'_>) -> Value {
    let (name, version) = match &document.inventory.distro {
        Some(distro) => (distro.id.as_str(), distro.version.as_str()),
        None => ("unknown", ""),
    };
    let mut out = bare(SYSTEM, if name.is_empty() { "unknown" } else { name }, version);
    out["primaryPackagePurpose"] = "OPERATING_SYSTEM".into();
    out
}

fn describe(package: &Package, findings: &[&Finding]) -> Value {
    let mut references = vec![json!({
        "referenceCategory": "PACKAGE-MANAGER",
        "referenceType": "purl",
        "referenceLocator": package.purl,
    })];
    for finding in findings {
        references.push(json!({
            "referenceCategory": "SECURITY",
            "referenceType": "advisory",
            "referenceLocator": format!("urn:advisory:{}", super::sarif::relative(&finding.id)),
            "comment": super::advice(finding),
        }));
    }
    let mut out = bare(&id(package), &package.name, &package.version);
    out["primaryPackagePurpose"] = "LIBRARY".into();
    out["externalRefs"] = references.into();
    if package.ecosystem.is_distribution() {
        out["sourceInfo"] = format!("built from source package {} {}", package.source, package.source_version).into();
    }
    out
}

fn bare(id: &str, name: &str, version: &str) -> Value {
    let mut out = json!({
        "SPDXID": id,
        "name": name,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
    });
    if !version.is_empty() {
        out["versionInfo"] = version.into();
    }
    out
}

fn relation(from: &str, kind: &str, to: &str) -> Value {
    json!({"spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to})
}

/// SPDX allows few signs in an id: a hash has no others.
fn id(package: &Package) -> String {
    format!("SPDXRef-Package-{}", fingerprint([package.purl.as_str()]))
}

const SYSTEM: &str = "SPDXRef-OperatingSystem";
