//! What does somebody say of the findings on a product (VEX)?
//!
//! `Vex::read` takes OpenVEX, CycloneDX and CSAF documents in, `Vex::apply` changes findings by
//! them.

mod components;
mod csaf;
mod cyclone_dx;
mod kept;
mod open_vex;
mod read;

use std::sync::Arc;

use tripoint_model::{Ecosystem, Finding, FindingState, Rejected, Timestamp};

pub(crate) use read::Kind;

/// The statements of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vex {
    /// The document's id.
    pub id: String,
    /// Who says it.
    pub author: String,
    /// What was understood.
    pub statements: Vec<VexStatement>,
    /// What was not.
    pub rejected: Vec<Rejected>,
}

/// What is said of one vulnerability in some products.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VexStatement {
    /// The vulnerability's id.
    pub id: String,
    /// Its other ids.
    pub aliases: Vec<String>,
    /// Package URLs; of parts where a part of a product is meant. Empty speaks of no package.
    pub products: Vec<Arc<str>>,
    /// For each of them the product that it is meant as a part of; empty where it stands alone.
    pub within: Vec<Arc<str>>,
    /// When it was said; of contrary words the last counts.
    pub at: Option<Timestamp>,
    /// What is said.
    pub status: FindingState,
    /// Why it is not affected, by the format's own word.
    pub justification: String,
    /// The same for people.
    pub note: String,
}

/// A finding that a statement changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The finding's place in the list.
    pub finding: usize,
    /// The statement's place in the document.
    pub statement: usize,
    /// What it was before.
    pub before: FindingState,
}

impl Vex {
    /// Reads a document of any of the formats; nothing of it is fatal.
    pub fn read(file: &str, bytes: &[u8]) -> Self {
        read::document(file, bytes)
    }

    /// Changes the state of each finding that a statement speaks of; the last one counts. A
    /// finding of several CVEs is only not affected when that is said of each. What is said of a
    /// part of a product counts where `is_here` knows the product.
    pub fn apply(&self, findings: &mut [Finding], is_here: &dyn Fn(&str) -> bool) -> Vec<Applied> {
        let mut out = Vec::new();
        for (at, finding) in findings.iter_mut().enumerate() {
            let ids: Vec<String> = match finding.cves.is_empty() {
                true => vec![finding.id.clone()],
                false => finding.cves.clone(),
            };
            let mut spoken: Vec<(usize, &VexStatement)> =
                self.statements.iter().enumerate().filter(|(_, one)| one.is_of(finding, is_here)).collect();
            spoken.sort_by_key(|(at, one)| (one.at, *at));
            let word = |id: &String| spoken.iter().rev().find(|(_, one)| one.names(id) || one.names(&finding.id));
            let words: Vec<_> = ids.iter().map(word).collect();
            // Silence about one CVE leaves it as it was: then only what makes it worse counts.
            let all_spoken = words.iter().all(Option::is_some);
            let worst = words.into_iter().flatten().rev().max_by_key(|(_, one)| rank(one.status));
            let Some((statement, said)) = worst.filter(|(_, one)| all_spoken || one.status.is_vulnerable()) else {
                continue;
            };
            if said.status != finding.state {
                out.push(Applied { finding: at, statement: *statement, before: finding.state });
                finding.state = said.status;
            }
        }
        out
    }
}

impl VexStatement {
    fn names(&self, id: &str) -> bool {
        self.id.eq_ignore_ascii_case(id) || self.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(id))
    }

    fn is_of(&self, finding: &Finding, is_here: &dyn Fn(&str) -> bool) -> bool {
        let within = self.within.iter().map(AsRef::as_ref).chain(std::iter::repeat(""));
        (self.names(&finding.id) || finding.cves.iter().any(|cve| self.names(cve)))
            && self
                .products
                .iter()
                .zip(within)
                .any(|(product, within)| means(product, &finding.purl) && (within.is_empty() || is_here(within)))
    }
}

/// Which word is worse where several CVEs of a finding are spoken of.
fn rank(state: FindingState) -> u8 {
    crate::subject::weight(state)
}

/// Whether a purl of a document means a package: type, namespace and name are the same, and so
/// are version and qualifiers where the document gives them. A source package (`arch=source`)
/// means every package built from it.
pub fn means(said: &str, own: &str) -> bool {
    let (said, own) = (parts(said), parts(own));
    let (Some(mut said), Some(mut own)) = (said, own) else { return false };
    let is_source = |(key, value): &(String, String)| key == "arch" && matches!(value.as_str(), "source" | "src");
    if said.qualifiers.iter().any(is_source) {
        said.qualifiers.retain(|one| !is_source(one));
        own = own.source();
    }
    said.path.eq_ignore_ascii_case(&own.path)
        && (said.version.is_empty() || said.version == own.version)
        && said.qualifiers.iter().all(|(key, value)| {
            own.qualifiers.iter().find(|(known, _)| known == key).is_none_or(|(_, known)| known == value)
        })
}

struct Parts {
    path: String,
    version: String,
    qualifiers: Vec<(String, String)>,
}

impl Parts {
    /// The source package that the qualifier `upstream` (`name` or `name@version`) names.
    fn source(mut self) -> Self {
        let upstream = self.qualifiers.iter().find(|(key, _)| key == "upstream").map(|(_, value)| value.clone());
        if let Some(upstream) = upstream {
            let (name, version) = upstream.split_once('@').unwrap_or((&upstream, &self.version));
            let (folder, _) = self.path.rsplit_once('/').unwrap_or_default();
            (self.path, self.version) = (format!("{folder}/{name}"), version.to_owned());
        }
        self
    }
}

fn parts(purl: &str) -> Option<Parts> {
    let rest = purl.trim().strip_prefix("pkg:")?.trim_start_matches('/');
    let rest = rest.split('#').next().unwrap_or(rest);
    let (rest, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
    let (path, version) = match rest.rsplit_once('@') {
        Some((path, version)) if !path.is_empty() && !path.ends_with('/') => (path, version),
        _ => (rest, ""),
    };
    let pairs = qualifiers.split('&').filter_map(|pair| pair.split_once('='));
    let path = crate::naming::decode(path);
    let path = match path.strip_prefix("pypi/") {
        Some(name) => format!("pypi/{}", crate::naming::package(Ecosystem::PyPI, name)),
        None => path,
    };
    Some(Parts {
        path,
        version: crate::naming::decode(version),
        qualifiers: pairs.map(|(key, value)| (key.to_owned(), crate::naming::decode(value))).collect(),
    })
}

#[cfg(test)]
mod tests;
