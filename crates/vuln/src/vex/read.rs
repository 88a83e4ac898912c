//! How are OpenVEX, CycloneDX and CSAF documents read as statements?

use std::collections::BTreeMap;

use serde::Deserialize;
use tripoint_model::{FindingState, Rejected, Timestamp};

use super::{Vex, VexStatement};
use crate::advisory::csaf;
use crate::advisory::listed::Listed;

/// Which of the formats a document is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    OpenVex,
    CycloneDx,
    Csaf,
}

impl Kind {
    /// By the first bytes.
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        let has = |text: &str| head.windows(text.len()).any(|window| window == text.as_bytes());
        match () {
            () if has("openvex.dev/ns") || (has("text/vex+json") && has("\"statements\"")) => Some(Self::OpenVex),
            () if has("\"CycloneDX\"") => Some(Self::CycloneDx),
            () if has("\"csaf_version\"") => Some(Self::Csaf),
            () => None,
        }
    }
}

pub(super) fn document(file: &str, bytes: &[u8]) -> Vex {
    let mut out = Vex::default();
    let refuse = |reason: String| Rejected { file: file.to_owned(), line: 1, reason };
    if bytes.len() > DOCUMENT_BYTES_MAX {
        out.rejected.push(refuse("a document of more than 256 MiB".to_owned()));
        return out;
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let read = match Kind::of(bytes) {
        Some(Kind::OpenVex) => open_vex(bytes, &mut out),
        Some(Kind::CycloneDx) => cyclone_dx(bytes, &mut out),
        Some(Kind::Csaf) => csaf_vex(bytes, &mut out),
        None if bytes.is_empty() => Err("it is empty".to_owned()),
        None => Err("neither OpenVEX, CycloneDX nor CSAF".to_owned()),
    };
    if let Err(reason) = read {
        out.rejected.push(refuse(reason));
    }
    for rejected in &mut out.rejected {
        file.clone_into(&mut rejected.file);
    }
    out
}

/// The first thousand with their reason; a last one says that there are more.
fn reject(out: &mut Vex, at: usize, reason: String) {
    let reason = match out.rejected.len() {
        0..REJECTED_MAX => reason,
        REJECTED_MAX => "this and what comes after it is refused without a reason each".to_owned(),
        _ => return,
    };
    out.rejected.push(Rejected { file: String::new(), line: at as u64 + 1, reason });
}

fn reject_empty(out: &mut Vex, what: &str, empty: usize) {
    if empty > 0 {
        reject(out, 0, format!("{empty} {what} say nothing"));
    }
}

#[derive(Deserialize)]
struct OpenVex<'d> {
    #[serde(default, rename = "@id")]
    id: String,
    #[serde(default)]
    author: String,
    #[serde(default)]
    timestamp: String,
    #[serde(borrow)]
    statements: Listed<'d>,
}

#[derive(Deserialize)]
struct Statement {
    vulnerability: TextOr<Named>,
    #[serde(default)]
    products: Vec<TextOr<Product>>,
    /// Of version 0.0.1.
    #[serde(default)]
    subcomponents: Vec<TextOr<Product>>,
    status: String,
    #[serde(default)]
    justification: String,
    #[serde(default)]
    impact_statement: String,
    #[serde(default)]
    action_statement: String,
    #[serde(default)]
    timestamp: String,
    #[serde(default)]
    last_updated: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TextOr<T> {
    Text(String),
    Object(T),
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
    #[serde(default, rename = "@id")]
    id: String,
    #[serde(default)]
    aliases: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Product {
    #[serde(rename = "@id")]
    id: String,
    identifiers: BTreeMap<String, String>,
    subcomponents: Vec<TextOr<Product>>,
}

impl TextOr<Product> {
    fn name(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Object(product) => product.identifiers.get("purl").unwrap_or(&product.id),
        }
    }

    /// Its purl, or those of its parts where parts are named, each with the product it is part of.
    fn purls(self, within: &str, depth: usize, out: &mut Vec<(String, String)>) {
        let name = self.name().to_owned();
        match self {
            Self::Object(product) if !product.subcomponents.is_empty() && depth <= 8 => {
                let within = if within.is_empty() { name.as_str() } else { within };
                product.subcomponents.into_iter().for_each(|part| part.purls(within, depth + 1, out));
            }
            _ => out.push((name, within.to_owned())),
        }
    }
}

fn open_vex(bytes: &[u8], out: &mut Vex) -> Result<(), String> {
    let document: OpenVex<'_> =
        serde_json::from_slice(bytes).map_err(|error| format!("not an OpenVEX document: {error}"))?;
    (out.id, out.author) = (document.id, document.author);
    let said = document.timestamp.parse().ok();
    reject_empty(out, "statements", document.statements.empty);
    for (at, raw) in document.statements.items {
        let read = serde_json::from_str::<Statement>(raw.get()).map_err(|error| error.to_string());
        match read.and_then(|raw| statement(raw, said)) {
            Ok(statement) => out.statements.push(statement),
            Err(reason) => reject(out, at, format!("statements[{at}]: {reason}")),
        }
    }
    Ok(())
}

fn statement(raw: Statement, document: Option<Timestamp>) -> Result<VexStatement, String> {
    let status = match raw.status.as_str() {
        "not_affected" => FindingState::NotAffected,
        "affected" => FindingState::Affected,
        "fixed" => FindingState::Fixed,
        "under_investigation" => FindingState::UnderInvestigation,
        other => return Err(format!("unknown status {other:.32}")),
    };
    let (id, aliases) = match raw.vulnerability {
        TextOr::Text(id) => (id, Vec::new()),
        TextOr::Object(named) if named.name.is_empty() => (named.id, named.aliases),
        TextOr::Object(named) => (named.name, named.aliases),
    };
    let mut named = Vec::new();
    if raw.subcomponents.is_empty() {
        raw.products.into_iter().for_each(|product| product.purls("", 0, &mut named));
    } else {
        // Version 0.0.1 names the parts once for all products.
        for product in raw.products.iter().take(PRODUCTS_MAX) {
            let parts = raw.subcomponents.iter().take(PRODUCTS_MAX);
            named.extend(parts.map(|part| (part.name().to_owned(), product.name().to_owned())));
        }
    }
    let (products, within) = named.into_iter().filter(|(product, _)| product.starts_with("pkg:")).unzip();
    let at = [&raw.last_updated, &raw.timestamp].iter().find_map(|text| text.parse().ok()).or(document);
    if id.trim().is_empty() || id.len() > 200 {
        return Err("it names no vulnerability".to_owned());
    }
    let note = if raw.impact_statement.is_empty() { raw.action_statement } else { raw.impact_statement };
    Ok(VexStatement { id, aliases, products, within, at, status, justification: raw.justification, note })
}

#[derive(Deserialize)]
struct Bom<'d> {
    #[serde(default, rename = "serialNumber")]
    serial: String,
    #[serde(default)]
    components: Vec<Component>,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default, borrow)]
    vulnerabilities: Listed<'d>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    component: Option<Component>,
    supplier: Option<Party>,
    manufacturer: Option<Party>,
    /// As versions before 1.6 spell it.
    manufacture: Option<Party>,
    authors: Vec<Party>,
}

impl Metadata {
    /// The organisation that speaks, else the people.
    fn author(&self) -> String {
        let whole = self.supplier.iter().chain(&self.manufacturer).chain(&self.manufacture).map(|one| one.name.clone());
        let people: Vec<&str> =
            self.authors.iter().map(|one| one.name.as_str()).filter(|name| !name.is_empty()).collect();
        whole.chain([people.join(", ")]).find(|name| !name.is_empty()).unwrap_or_default()
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Party {
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Component {
    #[serde(rename = "bom-ref")]
    reference: String,
    purl: String,
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct BomVulnerability {
    id: String,
    #[serde(default)]
    references: Vec<Reference>,
    #[serde(default)]
    analysis: Option<Analysis>,
    #[serde(default)]
    affects: Vec<Affects>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default)]
    id: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Analysis {
    state: String,
    justification: String,
    detail: String,
}

#[derive(Deserialize)]
struct Affects {
    #[serde(rename = "ref")]
    reference: String,
}

fn cyclone_dx(bytes: &[u8], out: &mut Vex) -> Result<(), String> {
    let bom: Bom<'_> = serde_json::from_slice(bytes).map_err(|error| format!("not a CycloneDX document: {error}"))?;
    out.id = bom.serial;
    out.author = bom.metadata.author();
    let mut purls = BTreeMap::new();
    let mut open: Vec<Component> = bom.components;
    open.extend(bom.metadata.component);
    while let Some(component) = open.pop() {
        purls.insert(component.reference, component.purl);
        open.extend(component.components);
    }
    reject_empty(out, "vulnerabilities", bom.vulnerabilities.empty);
    for (at, raw) in bom.vulnerabilities.items {
        let read = serde_json::from_str::<BomVulnerability>(raw.get()).map_err(|error| error.to_string());
        match read.and_then(|raw| analysed(raw, &purls)) {
            Ok(statement) => out.statements.push(statement),
            Err(reason) => reject(out, at, format!("vulnerabilities[{at}]: {reason}")),
        }
    }
    Ok(())
}

fn analysed(raw: BomVulnerability, purls: &BTreeMap<String, String>) -> Result<VexStatement, String> {
    let analysis = raw.analysis.ok_or_else(|| format!("{:.64}: no analysis", raw.id))?;
    let status = match analysis.state.as_str() {
        "not_affected" | "false_positive" => FindingState::NotAffected,
        "resolved" | "resolved_with_pedigree" => FindingState::Fixed,
        "exploitable" => FindingState::Affected,
        "in_triage" => FindingState::UnderInvestigation,
        other => return Err(format!("{:.64}: unknown state {other:.32}", raw.id)),
    };
    let purl = |affects: Affects| {
        let own = affects.reference;
        // `urn:cdx:serial/version#ref` names a component of another document.
        let inner = own.rsplit_once('#').map_or(own.as_str(), |(_, inner)| inner);
        let known = purls.get(&own).or_else(|| purls.get(inner)).filter(|purl| !purl.is_empty());
        known.cloned().unwrap_or_else(|| crate::naming::decode(inner))
    };
    let mut products: Vec<String> = raw.affects.into_iter().map(purl).collect();
    products.retain(|product| product.starts_with("pkg:"));
    let aliases = raw.references.into_iter().map(|reference| reference.id).filter(|id| !id.is_empty()).collect();
    let (justification, note) = (analysis.justification, analysis.detail);
    let within = Vec::new();
    Ok(VexStatement { id: raw.id, aliases, products, within, at: None, status, justification, note })
}

fn csaf_vex(bytes: &[u8], out: &mut Vex) -> Result<(), String> {
    let document: csaf::Document<'_> =
        serde_json::from_slice(bytes).map_err(|error| format!("not a CSAF document: {error}"))?;
    (out.id, out.author) = document.document.names();
    let products = csaf::Products::of(&document.product_tree);
    for (at, raw) in document.vulnerabilities.iter().enumerate() {
        let found: csaf::Vulnerability<'_> = match serde_json::from_str(raw.get()) {
            Ok(found) => found,
            Err(error) => {
                reject(out, at, format!("vulnerabilities[{at}]: {error}"));
                continue;
            }
        };
        let Some(id) = found.cve.as_deref() else {
            reject(out, at, format!("vulnerabilities[{at}]: no CVE"));
            continue;
        };
        for (status, ids) in &found.product_status {
            let status = match status.as_ref() {
                "known_affected" | "first_affected" | "last_affected" => FindingState::Affected,
                "known_not_affected" => FindingState::NotAffected,
                "fixed" | "first_fixed" | "recommended" => FindingState::Fixed,
                "under_investigation" => FindingState::UnderInvestigation,
                _ => continue,
            };
            let flag = found.flags.iter().find(|flag| flag.product_ids.iter().any(|id| ids.contains(id)));
            out.statements.push(VexStatement {
                id: id.to_owned(),
                aliases: Vec::new(),
                products: ids
                    .iter()
                    .filter_map(|id| products.meant(id))
                    .map(|meant| meant.purl)
                    .filter(|purl| !purl.is_empty())
                    .collect(),
                within: Vec::new(),
                at: None,
                status,
                justification: flag.map_or(String::new(), |flag| flag.label.clone().into_owned()),
                note: String::new(),
            });
        }
    }
    Ok(())
}

/// Of one statement whose parts are named apart from its products.
const PRODUCTS_MAX: usize = 1000;
const REJECTED_MAX: usize = 1000;
const DOCUMENT_BYTES_MAX: usize = 256 << 20;
