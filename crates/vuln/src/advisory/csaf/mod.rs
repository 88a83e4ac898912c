//! How is a CSAF document read (2.0 and 2.1; VEX and advisories of Red Hat, SUSE, openEuler and others)?

mod tree;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::BufRead;

use serde::Deserialize;
use serde_json::value::RawValue;
use tripoint_model::{Ecosystem, FindingState};

pub(crate) use tree::{Meant, ProductTree, Products};

use super::document::{self, has, is_json};
use super::{Advisory, AdvisoryFormat, Affected, Authority, Sink, Statement, streams};
use crate::subject::{NameKind, weight};
use crate::version::{Scheme, VERSION_BYTES_MAX};

/// The Common Security Advisory Framework. A record is a vulnerability of a document.
pub(super) struct Csaf;

/// The parts of a document that are read.
#[derive(Deserialize)]
pub(crate) struct Document<'a> {
    #[serde(borrow)]
    pub(crate) document: Head<'a>,
    #[serde(borrow, default)]
    pub(crate) product_tree: ProductTree<'a>,
    #[serde(borrow, default)]
    pub(crate) vulnerabilities: Vec<&'a RawValue>,
}

/// Who says it, and under which id.
#[derive(Deserialize)]
pub(crate) struct Head<'a> {
    #[serde(borrow)]
    tracking: Tracking<'a>,
    #[serde(borrow, default)]
    publisher: Option<Publisher<'a>>,
    #[serde(borrow, default)]
    title: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Tracking<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    status: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Publisher<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
}

impl Head<'_> {
    /// The document's id and who says it.
    pub(crate) fn names(&self) -> (String, String) {
        let author = self.publisher.as_ref().map_or(String::new(), |publisher| publisher.name.clone().into_owned());
        (self.tracking.id.clone().into_owned(), author)
    }
}

/// One vulnerability and what is said of which products.
#[derive(Deserialize)]
pub(crate) struct Vulnerability<'a> {
    /// Its CVE.
    #[serde(borrow, default)]
    pub(crate) cve: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    title: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(crate) product_status: BTreeMap<Cow<'a, str>, Vec<Cow<'a, str>>>,
    #[serde(borrow, default)]
    remediations: Vec<Remediation<'a>>,
    #[serde(borrow, default)]
    threats: Vec<Note<'a>>,
    #[serde(borrow, default)]
    pub(crate) flags: Vec<Flag<'a>>,
    #[serde(borrow, default)]
    scores: Option<&'a RawValue>,
    #[serde(borrow, default)]
    metrics: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Remediation<'a> {
    #[serde(borrow, default)]
    category: Cow<'a, str>,
    #[serde(borrow, default)]
    details: Cow<'a, str>,
    #[serde(borrow, default)]
    product_ids: Vec<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Note<'a> {
    #[serde(borrow, default)]
    category: Cow<'a, str>,
    #[serde(borrow, default)]
    details: Cow<'a, str>,
}

/// Why products are not affected.
#[derive(Deserialize)]
pub(crate) struct Flag<'a> {
    /// The justification.
    #[serde(borrow, default)]
    pub(crate) label: Cow<'a, str>,
    /// The products.
    #[serde(borrow, default)]
    pub(crate) product_ids: Vec<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Score {
    cvss_v3: Option<Vector>,
    cvss_v4: Option<Vector>,
    content: Option<Box<Score>>,
}

#[derive(Deserialize)]
struct Vector {
    #[serde(rename = "vectorString")]
    vector: String,
}

impl AdvisoryFormat for Csaf {
    fn name(&self) -> &'static str {
        "csaf"
    }

    fn recognises(&self, _file: &str, head: &[u8]) -> bool {
        is_json(head) && has(head, "\"document\"") && (has(head, "csaf_version") || has(head, "\"tracking\""))
    }

    fn read(&self, file: &str, input: &mut dyn BufRead, out: &mut dyn Sink) {
        let Some(bytes) = document::whole(file, input, FILE_BYTES_MAX, out) else { return };
        let Some(csaf) = document::parse::<Document<'_>>(file, &bytes, "a CSAF document", out) else { return };
        let id = match document::id(&csaf.document.tracking.id) {
            Ok(id) if csaf.document.tracking.status != "draft" => id,
            Ok(_) => return out.refuse(file, 1, "a draft".to_owned()),
            Err(reason) => return out.refuse(file, 1, reason.to_owned()),
        };
        let products = Products::of(&csaf.product_tree);
        for (at, raw) in csaf.vulnerabilities.iter().enumerate() {
            let read = serde_json::from_str::<Vulnerability<'_>>(raw.get())
                .map_err(|error| error.to_string())
                .and_then(|found| read_vulnerability(&id, &csaf.document, &products, &found));
            match read {
                Ok((advisory, passed)) => {
                    if let Some(reason) = passed.reason() {
                        out.refuse_part(file, 1, format!("{id}: vulnerabilities[{at}]: {reason}"));
                    }
                    out.accept(Statement::Advisory(Box::new(advisory)));
                }
                Err(reason) => out.refuse(file, 1, format!("{id}: vulnerabilities[{at}]: {reason}")),
            }
        }
        if csaf.vulnerabilities.is_empty() {
            // Red Hat withdraws a CVE by a document that says nothing any more.
            let withdrawn = document::advisory(id, [], &csaf.document.title, Authority::Keeper);
            out.accept(Statement::Advisory(Box::new(withdrawn)));
        }
    }
}

/// Under which a fix, a state or both are collected.
type Key = (Ecosystem, String, String, NameKind, String);

#[derive(Default)]
struct Said {
    fixes: Vec<String>,
    /// What is said of every version.
    state: Option<FindingState>,
    /// What is said of single versions.
    versions: BTreeMap<FindingState, Vec<String>>,
}

fn read_vulnerability(
    id: &str,
    head: &Head<'_>,
    products: &Products<'_>,
    found: &Vulnerability<'_>,
) -> Result<(Advisory, Passed), String> {
    let source = head.publisher.as_ref().map_or("csaf".to_owned(), |publisher| slug(&publisher.name));
    let title = found.title.as_deref().unwrap_or(&head.title);
    let mut advisory = document::advisory(id.to_owned(), found.cve.as_deref(), title, Authority::Keeper);
    for threat in found.threats.iter().filter(|threat| threat.category == "impact").take(1) {
        if threat.details.len() <= 32 {
            document::rate(&mut advisory, &source, &threat.details);
        }
    }
    for score in document::lenient::<Vec<Score>>(found.scores.or(found.metrics)) {
        let score = score.content.map_or(Score { content: None, ..score }, |inner| *inner);
        for (key, vector) in [("cvss_v3", score.cvss_v3), ("cvss_v4", score.cvss_v4)] {
            if let Some(vector) = vector {
                document::rate(&mut advisory, &format!("{source}_{key}"), &vector.vector);
            }
        }
    }
    let (affected, passed) = affected(products, found);
    if affected.is_empty() {
        return Err(passed.reason().unwrap_or_else(|| "it names no products".to_owned()));
    }
    advisory.affected = affected;
    Ok((advisory, passed))
}

/// Of the products that a vulnerability names, those of which nothing is kept.
#[derive(Default)]
struct Passed {
    named: usize,
    count: usize,
    /// The first of them, and why.
    first: Option<(String, &'static str)>,
}

impl Passed {
    fn over(&mut self, product: String, why: &'static str) {
        self.count += 1;
        self.first.get_or_insert((product, why));
    }

    fn reason(&self) -> Option<String> {
        let (product, why) = self.first.as_ref()?;
        let Self { count, named, .. } = self;
        Some(format!("{count} of {named} products passed over; the first {why}: {product:.100}"))
    }
}

fn affected(products: &Products<'_>, found: &Vulnerability<'_>) -> (Vec<Affected>, Passed) {
    let mut said: BTreeMap<Key, Said> = BTreeMap::new();
    let mut passed = Passed::default();
    for (status, ids) in &found.product_status {
        for id in ids {
            passed.named += 1;
            let mut over = |why| passed.over(products.shown(id), why);
            let Some(meant) = products.meant(id) else {
                over("is no package");
                continue;
            };
            if meant.version.len() > VERSION_BYTES_MAX || meant.name.len() > document::NAME_BYTES_MAX {
                over("has too long a name or version");
                continue;
            }
            let Meant { ecosystem, release, name, version, kind, module, .. } = meant;
            let entry = said.entry((ecosystem, release, name, kind, module)).or_default();
            match status.as_ref() {
                // SUSE recommends the versions that carry the fix.
                "fixed" | "first_fixed" | "recommended" if version.is_empty() => over("is fixed in no version"),
                "fixed" | "first_fixed" | "recommended" => entry.fixes.push(version),
                "known_affected" | "first_affected" | "last_affected" => entry.say(intent(found, id), version),
                "known_not_affected" => entry.say(FindingState::NotAffected, version),
                "under_investigation" => entry.say(FindingState::UnderInvestigation, version),
                _ => over("has a status that CSAF does not know"),
            }
        }
    }
    (said.into_iter().flat_map(|(key, said)| entries(key, said)).collect(), passed)
}

impl Said {
    /// Where a document says two things of every version, the heavier one counts.
    fn say(&mut self, state: FindingState, version: String) {
        if !version.is_empty() {
            self.versions.entry(state).or_default().push(version);
        } else if self.state.is_none_or(|said| weight(state) > weight(said)) {
            self.state = Some(state);
        }
    }
}

fn entries((ecosystem, release, name, kind, module): Key, said: Said) -> Vec<Affected> {
    let mut out = Affected::new(ecosystem, &release, &name).named(kind);
    // The release is in the image's spelling already.
    (out.release, out.module) = (release, module);
    if !said.fixes.is_empty() {
        out.ranges = vec![streams::below(Scheme::of(ecosystem), said.fixes)];
        return vec![out];
    }
    let single = said.versions.into_iter().map(|(state, mut versions)| {
        versions.sort();
        versions.dedup();
        Affected { state, versions, ..out.clone() }
    });
    let every = said.state.map(|state| out.clone().always(state));
    every.into_iter().chain(single).collect()
}

/// What the keeper means to do about an affected product.
fn intent(found: &Vulnerability<'_>, product: &str) -> FindingState {
    let mut state = FindingState::Affected;
    for remediation in &found.remediations {
        let words = remediation.details.to_ascii_lowercase();
        let meant = match remediation.category.as_ref() {
            "no_fix_planned" => FindingState::WontFix,
            "none_available" if words.contains("will not fix") || words.contains("out of support") => {
                FindingState::WontFix
            }
            "none_available" if words.contains("defer") => FindingState::Postponed,
            _ => continue,
        };
        if remediation.product_ids.iter().any(|id| id == product) {
            state = meant;
        }
    }
    state
}

/// `Red Hat Product Security` publishes as `redhat`.
fn slug(publisher: &str) -> String {
    let lower = publisher.to_ascii_lowercase();
    for (words, slug) in [("red hat", "redhat"), ("suse", "suse"), ("openeuler", "openeuler"), ("cisa", "cisa")] {
        if lower.contains(words) {
            return slug.to_owned();
        }
    }
    let word = lower.split_whitespace().next().unwrap_or("csaf");
    let word: String = word.chars().filter(char::is_ascii_alphanumeric).take(24).collect();
    if word.is_empty() { "csaf".to_owned() } else { word }
}

/// Red Hat's documents on the kernel have 50 MB.
const FILE_BYTES_MAX: u64 = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_version_is_said_of_that_version_alone() {
        use FindingState as S;
        let key = || (Ecosystem::Suse, "15.5".to_owned(), "demo".to_owned(), NameKind::Any, String::new());
        let told = |all: &[(FindingState, &str)]| {
            let mut said = Said::default();
            all.iter().for_each(|(state, version)| said.say(*state, (*version).to_owned()));
            let told = entries(key(), said);
            told.into_iter().map(|entry| (entry.state, entry.ranges.len(), entry.versions)).collect::<Vec<_>>()
        };
        assert_eq!(told(&[(S::NotAffected, "1-1")]), [(S::NotAffected, 0, vec!["1-1".to_owned()])]);
        assert_eq!(told(&[(S::WontFix, "1-1")]), [(S::WontFix, 0, vec!["1-1".to_owned()])]);
        let both = told(&[(S::Affected, ""), (S::NotAffected, "2-1"), (S::NotAffected, "")]);
        assert_eq!(both, [(S::Affected, 1, vec![]), (S::NotAffected, 0, vec!["2-1".to_owned()])]);
    }
}
