//! How are the judgements of a CycloneDX document read?

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use tripoint_model::FindingState;

use super::components::Components;
use super::kept::{Purls, Texts, pay};
use super::read::{reject, reject_empty};
use super::{Vex, VexStatement};
use crate::advisory::listed::{Few, Items, record};

#[derive(Deserialize)]
struct Bom<'d> {
    #[serde(default, rename = "serialNumber")]
    serial: String,
    #[serde(borrow, default)]
    components: Components<'d>,
    #[serde(borrow, default)]
    metadata: Metadata<'d>,
    #[serde(default, borrow)]
    vulnerabilities: Items<'d>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata<'d> {
    #[serde(borrow)]
    component: Components<'d>,
    supplier: Option<Party>,
    manufacturer: Option<Party>,
    /// As versions before 1.6 spell it.
    manufacture: Option<Party>,
    authors: Few<Party, 1000>,
}

impl Metadata<'_> {
    /// The organisation that speaks, else the people.
    fn author(&self) -> String {
        let whole = self.supplier.iter().chain(&self.manufacturer).chain(&self.manufacture).map(|one| one.name.clone());
        let people: Vec<&str> =
            self.authors.0.iter().map(|one| one.name.as_str()).filter(|name| !name.is_empty()).collect();
        whole.chain([people.join(", ")]).find(|name| !name.is_empty()).unwrap_or_default()
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Party {
    name: String,
}

#[derive(Deserialize)]
struct BomVulnerability<'d> {
    id: String,
    #[serde(default)]
    references: Few<Reference, 1000>,
    #[serde(default)]
    analysis: Option<Analysis>,
    #[serde(borrow, default)]
    affects: Items<'d>,
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

pub(super) fn cyclone_dx(bytes: &[u8], out: &mut Vex) -> Result<(), String> {
    let bom: Bom<'_> = record(bytes).map_err(|error| format!("not a CycloneDX document: {error}"))?;
    out.id = bom.serial;
    out.author = bom.metadata.author();
    let mut purls = bom.components.0;
    purls.extend(bom.metadata.component.0);
    let mut texts = Texts::of_document(bytes);
    let walked = bom.vulnerabilities.statements(|at, raw| {
        let read = record::<BomVulnerability<'_>>(raw.get().as_bytes()).map_err(|error| error.to_string());
        match read.and_then(|raw| analysed(raw, &purls, &mut texts)) {
            Ok(statement) => out.statements.push(statement),
            Err(reason) => reject(out, at, format!("vulnerabilities[{at}]: {reason}")),
        }
    });
    reject_empty(out, "vulnerabilities", walked.map_err(|error| format!("vulnerabilities: {error}"))?);
    Ok(())
}

fn analysed(
    raw: BomVulnerability<'_>,
    purls: &BTreeMap<Cow<'_, str>, Cow<'_, str>>,
    texts: &mut Texts,
) -> Result<VexStatement, String> {
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
        let known = purls.get(own.as_str()).or_else(|| purls.get(inner));
        known.map_or_else(|| crate::naming::decode(inner), |purl| purl.clone().into_owned())
    };
    let mut named = Purls { of: Vec::new(), texts };
    let mut done = Ok(());
    let walked = raw.affects.each(|_, affects| {
        if done.is_ok() {
            done = named.push(&purl(affects), "");
        }
    });
    walked.map_err(|error| format!("{:.64}: affects: {error}", raw.id))?;
    done.map_err(|reason| format!("{:.64}: affects: {reason}", raw.id))?;
    let products = named.of.into_iter().map(|(purl, _)| purl).collect();
    let aliases = raw.references.0.into_iter().map(|reference| reference.id).filter(|id| !id.is_empty()).collect();
    let (justification, note) = (analysis.justification, analysis.detail);
    let within = Vec::new();
    pay(VexStatement { id: raw.id, aliases, products, within, at: None, status, justification, note }, &mut texts.room)
}
