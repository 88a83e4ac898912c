//! How is a CSAF document read (2.0 and 2.1; VEX and advisories of Red Hat, SUSE, openEuler and others)?

mod passed;
mod tree;

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::BufRead;

use serde::Deserialize;
use serde_json::value::RawValue;
use tripoint_model::{Ecosystem, FindingState};

pub(crate) use tree::{Meant, ProductTree, Products};

use super::document::{self, has, is_json};
use super::listed::{Items, Members, Room, Text, Unread};
use super::{Advisory, AdvisoryFormat, Affected, Authority, Sink, Statement, streams};
use crate::subject::{NameKind, weight};
use crate::version::{Scheme, VERSION_BYTES_MAX};
use passed::Passed;

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
    pub(crate) vulnerabilities: Items<'a>,
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
    pub(crate) product_status: Members<'a>,
    #[serde(borrow, default)]
    remediations: Items<'a>,
    #[serde(borrow, default)]
    threats: Items<'a>,
    #[serde(borrow, default)]
    pub(crate) flags: Items<'a>,
    #[serde(borrow, default)]
    scores: Items<'a>,
    #[serde(borrow, default)]
    metrics: Items<'a>,
}

#[derive(Deserialize)]
struct Remediation<'a> {
    #[serde(borrow, default)]
    category: Cow<'a, str>,
    #[serde(borrow, default)]
    details: Cow<'a, str>,
    #[serde(borrow, default)]
    product_ids: Items<'a>,
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
    pub(crate) product_ids: Items<'a>,
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
        let products = match Products::of(&csaf.product_tree) {
            Ok(products) => products,
            Err(reason) => return out.refuse(file, 1, format!("{id}: {reason}")),
        };
        let mut count = 0;
        let walked = csaf.vulnerabilities.each(|at, raw: &RawValue| {
            count += 1;
            let read = serde_json::from_str::<Vulnerability<'_>>(raw.get())
                .map_err(|error| error.to_string())
                .and_then(|found| read_vulnerability(&id, &csaf.document, &products, &found, Room::of(bytes.len())));
            match read {
                Ok((advisory, passed)) => {
                    for reason in passed.reasons() {
                        out.refuse_part(file, 1, format!("{id}: vulnerabilities[{at}]: {reason}"));
                    }
                    out.accept(Statement::Advisory(Box::new(advisory)));
                }
                Err(reason) => out.refuse(file, 1, format!("{id}: vulnerabilities[{at}]: {reason}")),
            }
        });
        if let Err(error) = walked {
            out.refuse(file, 1, format!("{id}: vulnerabilities: {error}"));
        } else if count == 0 {
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
    fixes: BTreeSet<String>,
    /// What is said of every version.
    state: Option<FindingState>,
    /// What is said of single versions.
    versions: BTreeMap<FindingState, BTreeSet<String>>,
}

fn read_vulnerability(
    id: &str,
    head: &Head<'_>,
    products: &Products<'_>,
    found: &Vulnerability<'_>,
    room: Room,
) -> Result<(Advisory, Passed), String> {
    let source = head.publisher.as_ref().map_or("csaf".to_owned(), |publisher| slug(&publisher.name));
    let title = found.title.as_deref().unwrap_or(&head.title);
    let mut advisory = document::advisory(id.to_owned(), found.cve.as_deref(), title, Authority::Keeper);
    let mut impact = None;
    let walked = found.threats.each(|_, threat: Note<'_>| {
        if threat.category == "impact" {
            impact.get_or_insert(threat.details);
        }
    });
    walked.map_err(|error| format!("threats: {error}"))?;
    if let Some(impact) = impact.filter(|impact| impact.len() <= 32) {
        document::rate(&mut advisory, &source, &impact);
    }
    let mut unread = Unread::default();
    for (what, list) in [("scores", found.scores), ("metrics", found.metrics)] {
        list.usable(what, &mut unread, |_, score: Score| {
            let score = score.content.map_or(Score { content: None, ..score }, |inner| *inner);
            for (key, vector) in [("cvss_v3", score.cvss_v3), ("cvss_v4", score.cvss_v4)] {
                if let Some(vector) = vector {
                    document::rate(&mut advisory, &format!("{source}_{key}"), &vector.vector);
                }
            }
        });
    }
    let (affected, mut passed) = affected(products, found, room)?;
    if affected.is_empty() {
        return Err(passed.reasons().next().unwrap_or_else(|| "it names no products".to_owned()));
    }
    passed.unread = unread;
    advisory.affected = affected;
    Ok((advisory, passed))
}

fn affected(
    products: &Products<'_>,
    found: &Vulnerability<'_>,
    mut room: Room,
) -> Result<(Vec<Affected>, Passed), String> {
    let intents = intents(products, found)?;
    let mut said: BTreeMap<Key, Said> = BTreeMap::new();
    let (mut passed, mut inner) = (Passed::default(), Ok(()));
    let walked = found.product_status.each(|status, ids: Items<'_>| {
        let mut seen = HashSet::new();
        let listed = ids.each(|_, Text(id)| {
            if seen.contains(&id) {
                return;
            }
            passed.named += 1;
            if let Err(why) = collect(products, &intents, &status, &id, &mut said, &mut room) {
                passed.over(products.shown(&id), why);
            }
            if products.has(&id) {
                seen.insert(id);
            }
        });
        if let Err(error) = listed {
            inner = Err(error);
        }
    });
    walked.and(inner).map_err(|error| format!("product_status: {error}"))?;
    Ok((said.into_iter().flat_map(|(key, said)| entries(key, said)).collect(), passed))
}

/// Notes what a status says of a product; or why nothing can be.
fn collect(
    products: &Products<'_>,
    intents: &HashMap<Cow<'_, str>, FindingState>,
    status: &str,
    id: &str,
    said: &mut BTreeMap<Key, Said>,
    room: &mut Room,
) -> Result<(), &'static str> {
    let Meant { ecosystem, release, name, version, kind, module, .. } = products.meant(id).ok_or("is no package")?;
    if version.len() > VERSION_BYTES_MAX || name.len().max(module.len()) > document::NAME_BYTES_MAX {
        return Err("has too long a name or version");
    }
    let cost = 2 * size_of::<Affected>() + name.len() + module.len();
    let entry = match said.entry((ecosystem, release, name, kind, module)) {
        Entry::Occupied(entry) => entry.into_mut(),
        Entry::Vacant(entry) => room.take(cost).map(|()| entry.insert(Said::default())).map_err(|_| TOO_MANY)?,
    };
    room.take(version.len() + 2 * size_of::<String>()).map_err(|_| TOO_MANY)?;
    match status {
        // SUSE recommends the versions that carry the fix.
        "fixed" | "first_fixed" | "recommended" if version.is_empty() => return Err("is fixed in no version"),
        "fixed" | "first_fixed" | "recommended" => drop(entry.fixes.insert(version)),
        "known_affected" | "first_affected" | "last_affected" => {
            entry.say(intents.get(id).copied().unwrap_or(FindingState::Affected), version);
        }
        "known_not_affected" => entry.say(FindingState::NotAffected, version),
        "under_investigation" => entry.say(FindingState::UnderInvestigation, version),
        _ => return Err("has a status that CSAF does not know"),
    }
    Ok(())
}

impl Said {
    /// Where a document says two things of every version, the heavier one counts.
    fn say(&mut self, state: FindingState, version: String) {
        if !version.is_empty() {
            self.versions.entry(state).or_default().insert(version);
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
        out.ranges = vec![streams::below(Scheme::of(ecosystem), said.fixes.into_iter().collect())];
        return vec![out];
    }
    let single = said.versions.into_iter().map(|(state, versions)| {
        let versions = versions.into_iter().collect();
        Affected { state, versions, ..out.clone() }
    });
    let every = said.state.map(|state| out.clone().always(state));
    every.into_iter().chain(single).collect()
}

/// What the keeper means to do about affected products, where it is more than to mend them; of several words the last.
fn intents<'a>(
    products: &Products<'_>,
    found: &Vulnerability<'a>,
) -> Result<HashMap<Cow<'a, str>, FindingState>, String> {
    let mut out = HashMap::new();
    let mut inner = Ok(());
    let walked = found.remediations.each(|_, remediation: Remediation<'a>| {
        let words = remediation.details.to_ascii_lowercase();
        let meant = match remediation.category.as_ref() {
            "no_fix_planned" => FindingState::WontFix,
            "none_available" if words.contains("will not fix") || words.contains("out of support") => {
                FindingState::WontFix
            }
            "none_available" if words.contains("defer") => FindingState::Postponed,
            _ => return,
        };
        let listed = remediation.product_ids.each(|_, Text(id)| {
            if products.has(&id) {
                out.insert(id, meant);
            }
        });
        if let Err(error) = listed {
            inner = Err(error);
        }
    });
    walked.and(inner).map_err(|error| format!("remediations: {error}"))?;
    Ok(out)
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
const TOO_MANY: &str = "stands among too many for the length of the document";

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
