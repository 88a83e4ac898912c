//! What does somebody say of the findings on a product (VEX)?
//!
//! `Vex::read` takes OpenVEX, CycloneDX and CSAF documents in, `Vex::apply` changes findings by
//! them.

mod read;

use tripoint_model::{Finding, FindingState, Rejected};

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
    pub products: Vec<String>,
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
    /// finding of several CVEs is only not affected when that is said of each.
    pub fn apply(&self, findings: &mut [Finding]) -> Vec<Applied> {
        let mut out = Vec::new();
        for (at, finding) in findings.iter_mut().enumerate() {
            let ids: Vec<String> = match finding.cves.is_empty() {
                true => vec![finding.id.clone()],
                false => finding.cves.clone(),
            };
            let spoken: Vec<(usize, &VexStatement)> =
                self.statements.iter().enumerate().filter(|(_, one)| one.is_of(finding)).collect();
            let mut new: Option<(usize, FindingState)> = None;
            for id in &ids {
                let last = spoken.iter().rev().find(|(_, one)| one.names(id) || one.names(&finding.id));
                let Some((statement, said)) = last else {
                    new = new.filter(|(_, state)| state.is_vulnerable());
                    // Silence about one CVE leaves it as it was.
                    if new.is_none() {
                        break;
                    }
                    continue;
                };
                if new.is_none_or(|(_, state)| rank(said.status) > rank(state)) {
                    new = Some((*statement, said.status));
                }
            }
            let all_spoken = ids.iter().all(|id| spoken.iter().any(|(_, one)| one.names(id) || one.names(&finding.id)));
            if let Some((statement, state)) =
                new.filter(|(_, state)| *state != finding.state && (all_spoken || state.is_vulnerable()))
            {
                out.push(Applied { finding: at, statement, before: finding.state });
                finding.state = state;
            }
        }
        out
    }
}

impl VexStatement {
    fn names(&self, id: &str) -> bool {
        self.id.eq_ignore_ascii_case(id) || self.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(id))
    }

    fn is_of(&self, finding: &Finding) -> bool {
        (self.names(&finding.id) || finding.cves.iter().any(|cve| self.names(cve)))
            && self.products.iter().any(|product| means(product, &finding.purl))
    }
}

/// Which word is worse where several CVEs of a finding are spoken of.
fn rank(state: FindingState) -> u8 {
    crate::subject::weight(state)
}

/// Whether a purl of a document means a package: type, namespace and name are the same, and so
/// are version and qualifiers where the document gives them.
pub(crate) fn means(said: &str, own: &str) -> bool {
    let (said, own) = (parts(said), parts(own));
    let (Some(said), Some(own)) = (said, own) else { return false };
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

fn parts(purl: &str) -> Option<Parts> {
    let rest = purl.trim().strip_prefix("pkg:")?.trim_start_matches('/');
    let rest = rest.split('#').next().unwrap_or(rest);
    let (rest, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
    let (path, version) = match rest.rsplit_once('@') {
        Some((path, version)) if !path.is_empty() && !path.ends_with('/') => (path, version),
        _ => (rest, ""),
    };
    let pairs = qualifiers.split('&').filter_map(|pair| pair.split_once('='));
    Some(Parts {
        path: crate::naming::decode(path),
        version: crate::naming::decode(version),
        qualifiers: pairs.map(|(key, value)| (key.to_owned(), crate::naming::decode(value))).collect(),
    })
}

#[cfg(test)]
mod tests;
