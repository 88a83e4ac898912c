//! What do lists, advisories and software say otherwise than before, in words?

use std::collections::{BTreeMap, BTreeSet};

use super::{Raised, RaisedClaim, RaisedFinding, is_judged};
use crate::observable::Observable;
use crate::package::PackageState;

/// What changed, by whose word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// What lists say.
    pub lists: Vec<String>,
    /// What advisories say.
    pub advisories: Vec<String>,
    /// What is installed and runs.
    pub software: Vec<String>,
}

impl Differences {
    /// Whether nothing changed that has words.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty() && self.advisories.is_empty() && self.software.is_empty()
    }

    /// All of them.
    pub fn words(self) -> Vec<String> {
        let mut all = [self.software, self.lists, self.advisories].concat();
        all.truncate(WORDS_MAX);
        all
    }
}

/// What is said otherwise `now` than `before`, about an alert on `indicator`. The same in the same words, whichever
/// order the alert has it in.
pub fn differences(before: &Raised, now: &Raised, indicator: &Observable) -> Differences {
    Differences {
        lists: shortened(lists(before, now, indicator)),
        advisories: shortened(advisories(before, now)),
        software: shortened(software(before, now)),
    }
}

fn lists(before: &Raised, now: &Raised, indicator: &Observable) -> Vec<String> {
    if now.claims.is_empty() && !before.claims.is_empty() {
        let feeds: BTreeSet<&str> = before.claims.iter().map(|claim| claim.feed.as_str()).collect();
        let feeds = feeds.into_iter().take(NAMED_MAX).collect::<Vec<_>>().join(", ");
        return vec![format!("no list names {indicator} any more ({feeds} did)")];
    }
    let (old, new) = (by_list(&before.claims), by_list(&now.claims));
    let mut out = Vec::new();
    for ((feed, matched), claim) in &new {
        match old.get(&(*feed, *matched)) {
            None if before.claims.len() < KEPT_MAX => {
                out.push(format!("{feed} names {matched} as {}", claim.category.as_str()));
            }
            Some(known) if known.category != claim.category => {
                let (is, was) = (claim.category.as_str(), known.category.as_str());
                out.push(format!("{feed} calls {matched} {is}, before {was}"));
            }
            Some(known) if known.confidence.abs_diff(claim.confidence) >= CONFIDENCE_STEP => {
                out.push(format!("{feed} is sure of {matched} to {}, before {}", claim.confidence, known.confidence));
            }
            _ => {}
        }
    }
    let gone = old.keys().filter(|key| !new.contains_key(*key) && now.claims.len() < KEPT_MAX);
    out.extend(gone.map(|(feed, matched)| format!("{feed} names {matched} no longer")));
    out
}

/// The surest claim of each list on each thing.
fn by_list(claims: &[RaisedClaim]) -> BTreeMap<(&str, &Observable), &RaisedClaim> {
    let mut out: BTreeMap<(&str, &Observable), &RaisedClaim> = BTreeMap::new();
    for claim in claims {
        let slot = out.entry((claim.feed.as_str(), &claim.matched)).or_insert(claim);
        if (claim.confidence, claim.category) > (slot.confidence, slot.category) {
            *slot = claim;
        }
    }
    out
}

fn advisories(before: &Raised, now: &Raised) -> Vec<String> {
    let (old, new) = (by_package(&before.findings), by_package(&now.findings));
    let known: BTreeSet<&str> = before.findings.iter().map(|finding| finding.purl.as_str()).collect();
    let mut out = Vec::new();
    for ((purl, label), finding) in &new {
        let wild = if finding.known_exploited { ", exploited in the wild" } else { "" };
        match old.get(&(*purl, *label)) {
            // Of a package that was not there before the software has changed, not the advisories.
            None if (known.contains(purl) || known.is_empty()) && before.findings.len() < KEPT_MAX => {
                out.push(format!("{label} is known of {} now{wild}", package(finding)));
            }
            Some(was) if finding.known_exploited && !was.known_exploited => {
                out.push(format!("{label} is exploited in the wild now"));
            }
            Some(was) if !finding.known_exploited && was.known_exploited => {
                out.push(format!("{label} is listed as exploited no longer"));
            }
            Some(was) if finding.cvss_tenths != was.cvss_tenths => {
                out.push(format!("{label} is rated {}, before {}", rated(finding), rated(was)));
            }
            _ => {}
        }
    }
    let gone = old.iter().filter(|(key, _)| !new.contains_key(*key) && now.findings.len() < KEPT_MAX);
    out.extend(gone.map(|((_, label), finding)| format!("{label} is said of {} no longer", package(finding))));
    out
}

/// The worst finding of each vulnerability in each package.
fn by_package(findings: &[RaisedFinding]) -> BTreeMap<(&str, &str), &RaisedFinding> {
    let mut out: BTreeMap<(&str, &str), &RaisedFinding> = BTreeMap::new();
    for finding in findings {
        let slot = out.entry((finding.purl.as_str(), finding.label.as_str())).or_insert(finding);
        if (finding.known_exploited, finding.cvss_tenths) > (slot.known_exploited, slot.cvss_tenths) {
            *slot = finding;
        }
    }
    out
}

/// What became of each package that has not changed its name: replaced, unloaded, gone.
fn software(before: &Raised, now: &Raised) -> Vec<String> {
    let old: BTreeMap<&str, &RaisedFinding> = before.findings.iter().map(|one| (one.purl.as_str(), one)).collect();
    let new: BTreeMap<&str, &RaisedFinding> = now.findings.iter().map(|one| (one.purl.as_str(), one)).collect();
    if now.is_mended() && !before.is_mended() {
        if let Some(ended) = ended(&old, &new) {
            return ended;
        }
        let names: BTreeSet<String> = now.findings.iter().map(package).collect();
        let names = names.into_iter().take(NAMED_MAX).collect::<Vec<_>>().join(", ");
        return vec![format!("{names} runs no longer: the application was begun anew without it")];
    }
    let mut out = Vec::new();
    if before.is_mended() && !now.is_mended() && !now.findings.is_empty() {
        out.push("vulnerable code runs again".to_owned());
    }
    for (purl, finding) in new {
        let Some(was) = old.get(purl) else { continue };
        if (was.presence, &was.on_disk) == (finding.presence, &finding.on_disk) {
            continue;
        }
        let (name, version) = (&finding.name, &finding.version);
        match (finding.presence, &finding.on_disk) {
            (PackageState::Stale, Some(other)) => {
                out.push(format!("{name} was upgraded {version} -> {other}, the process still runs the old file"));
            }
            (PackageState::Stale, None) => {
                out.push(format!("{name} {version} was removed or replaced, the process still runs the old file"));
            }
            (PackageState::Installed, _) if was.presence != PackageState::Installed => {
                out.push(format!("{name} {version} is installed, but no process runs it any more"));
            }
            (PackageState::Loaded, _) if was.presence != PackageState::Loaded => {
                out.push(format!("a process runs {name} {version} now"));
            }
            _ => {}
        }
    }
    out
}

/// What is said where nothing of the application lives any more, and its vulnerable code could not be begun again.
fn ended(old: &BTreeMap<&str, &RaisedFinding>, new: &BTreeMap<&str, &RaisedFinding>) -> Option<Vec<String>> {
    let one = |(purl, finding): (&&str, &&RaisedFinding)| {
        let was_running = old.get(purl).is_some_and(|was| was.presence != PackageState::Installed);
        let is_ended = finding.presence == PackageState::Installed && (was_running || finding.on_disk.is_some());
        let what = package(finding);
        is_ended.then(|| match &finding.on_disk {
            Some(other) => format!("{what} runs no longer: its application has ended, and {other} is installed"),
            None => format!("{what} runs no longer: its application has ended, and it is installed no more"),
        })
    };
    new.iter().map(one).collect()
}

/// What the sum has to say where nothing else does: the factors that came and went.
pub fn factors(before: &Raised, now: &Raised) -> Vec<String> {
    let of = |raised: &Raised| -> BTreeMap<String, (i16, String)> {
        let judged = raised.severity.factors.iter().filter(|factor| is_judged(&factor.name));
        judged.map(|factor| (factor.name.clone(), (factor.points, factor.reason.clone()))).collect()
    };
    let (old, new) = (of(before), of(now));
    let mut out: Vec<String> = Vec::new();
    for (name, (points, reason)) in &new {
        if old.get(name).map(|(points, _)| points) != Some(points) {
            out.push(format!("{name} {points:+}: {reason}"));
        }
    }
    out.extend(old.keys().filter(|name| !new.contains_key(*name)).map(|name| format!("{name} no longer")));
    shortened(out)
}

fn package(finding: &RaisedFinding) -> String {
    if finding.name.is_empty() { finding.purl.clone() } else { format!("{} {}", finding.name, finding.version) }
}

fn rated(finding: &RaisedFinding) -> String {
    finding.cvss_tenths.map_or_else(|| "by nobody".to_owned(), |tenths| format!("{}.{}", tenths / 10, tenths % 10))
}

fn shortened(mut words: Vec<String>) -> Vec<String> {
    let more = words.len().saturating_sub(EACH_MAX);
    if more > 0 {
        words.truncate(EACH_MAX);
        words.push(format!("and {more} more"));
    }
    words
}

/// Feeds of one day differ by less without meaning anything.
const CONFIDENCE_STEP: u8 = 5;
/// Claims and findings that an alert carries: of more nobody knows which are new.
const KEPT_MAX: usize = 200;
/// Names in one sentence.
const NAMED_MAX: usize = 5;
/// Sentences of one kind.
const EACH_MAX: usize = 8;
/// Sentences in all.
const WORDS_MAX: usize = 20;
