//! Do the scanners name the same packages?

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::rivals::Scanner;
use crate::Figure;

/// Package URLs without qualifiers, by type.
pub type Found = BTreeMap<String, BTreeSet<String>>;

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(default)]
    purl: String,
}

/// The packages of a CycloneDX document.
pub fn read(file: &Path) -> Result<Found> {
    let bytes = std::fs::read(file)?;
    let document: Document = serde_json::from_slice(&bytes).with_context(|| format!("{}", file.display()))?;
    let mut out = Found::new();
    for component in document.components {
        let bare = component.purl.split(['?', '#']).next().unwrap_or_default().replace("%2B", "+").replace("%7E", "~");
        let bare = bare.replace("%3A", ":").replace("%40", "@");
        if let Some(kind) = bare.strip_prefix("pkg:").and_then(|rest| rest.split('/').next()) {
            out.entry(kind.to_owned()).or_default().insert(without_namespace(kind, &bare));
        }
    }
    Ok(out)
}

/// Distributions' packages are one distribution's here: `pkg:deb/debian/a@1` and `pkg:deb/a@1` are the same; epochs
/// stand in the version for some and in a qualifier for others.
fn without_namespace(kind: &str, purl: &str) -> String {
    if kind != "deb" {
        return purl.to_owned();
    }
    let last = purl.rsplit('/').next().unwrap_or(purl);
    match last.split_once('@') {
        Some((name, version)) => format!("{name}@{}", version.split_once(':').map_or(version, |(_, rest)| rest)),
        None => last.to_owned(),
    }
}

/// How many of each kind, and what one names and another does not (the first few are shown).
pub fn figures(root: &str, scanners: &[Scanner], found: &[Found]) -> Vec<Figure> {
    let kinds: BTreeSet<&String> = found.iter().flat_map(BTreeMap::keys).collect();
    let none = BTreeSet::new();
    let mut out = Vec::new();
    for kind in kinds {
        let sets: Vec<&BTreeSet<String>> = found.iter().map(|found| found.get(kind).unwrap_or(&none)).collect();
        for (scanner, set) in scanners.iter().zip(&sets) {
            out.push(Figure::count(format!("{root}: {kind}, found by {}", scanner.name), set.len(), "packages"));
        }
        let Some((ours, theirs)) = sets.split_first() else { continue };
        for (scanner, set) in scanners.iter().skip(1).zip(theirs) {
            say(root, kind, &format!("only {}", scanner.name), set.difference(ours));
            say(root, kind, &format!("not {}", scanner.name), ours.difference(set));
        }
    }
    out
}

fn say<'s>(root: &str, kind: &str, what: &str, names: impl Iterator<Item = &'s String>) {
    let names: Vec<&str> = names.map(String::as_str).collect();
    if !names.is_empty() {
        let few = names.iter().take(SHOWN_MAX).copied().collect::<Vec<_>>().join(" ");
        eprintln!("{root}: {kind}: {what}: {}: {few}", names.len());
    }
}

const SHOWN_MAX: usize = 4;
