//! Which Sigma rules did somebody write down in files, what do they mean here, and what is wrong with them?
//!
//! A file is YAML with one document or several: rules, correlations, filters, collections. Every document ends in one
//! of three ways: it is loaded, it is passed over because nothing here could ever match it, or it is refused; the last
//! two with file, line and reason.

mod about;
mod correlation;
mod detection;
mod document;
mod filter;
mod item;
mod logsource;
mod simplify;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use rsigma_parser::{CorrelationRule, FilterRule, SigmaDocument, Status};
use serde::Serialize;

use super::bounds::Totals;
use super::engine::{Room, Sigma, SigmaError};
use super::event::Event;
use super::rule::{About, Correlation, SigmaRule};
use crate::pack::example;
use crate::pack::folder::Fault;
use crate::pack::written::{self, Written};

/// What was read.
#[derive(Debug, Default)]
pub struct Read {
    /// Rules that can be used, and those that only correlations ask for.
    pub rules: Vec<SigmaRule>,
    /// Correlations that can be used.
    pub correlations: Vec<Correlation>,
    /// Every rule and correlation that is no fault, with what became of it.
    pub listed: Vec<Listed>,
    /// What cannot be used.
    pub faults: Vec<Fault>,
    /// Files that were read.
    pub files: usize,
}

/// A rule or a correlation, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Who it is.
    #[serde(flatten)]
    pub about: About,
    /// The file.
    pub file: String,
    /// The line at which its document begins.
    pub line: usize,
    /// Whether it is asked.
    pub state: State,
    /// Why it is passed over; of a rule that is asked what is left out of it, if anything.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Lines that it must find, from its key `attacks`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attacks: Vec<String>,
    /// Lines that it must not find, from its key `innocents`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub innocents: Vec<String>,
}

/// What became of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is asked.
    Loaded,
    /// It is not: nothing that is read here could match it.
    Skipped,
}

/// Where a document stands.
#[derive(Clone, Debug)]
struct At {
    file: String,
    line: usize,
    text: String,
}

impl At {
    /// The line on which a word of the document stands, else where it begins.
    fn line_of(&self, word: &str) -> usize {
        let found = self.text.lines().position(|line| !word.is_empty() && line.contains(word));
        self.line + found.unwrap_or(0)
    }
}

/// Why a document is not used.
#[derive(Debug)]
enum Unused {
    /// Nothing here could match it.
    Skip(String),
    /// It is wrong; and a word of it that stands where.
    Wrong(String, String),
}

impl Unused {
    fn wrong(reason: impl Into<String>) -> Self {
        Self::Wrong(reason.into(), String::new())
    }
}

/// Rules, correlations and filters, as far as they were read.
#[derive(Default)]
struct Collected {
    rules: Vec<(At, Box<rsigma_parser::SigmaRule>)>,
    correlations: Vec<(At, CorrelationRule)>,
    filters: Vec<(At, FilterRule)>,
}

/// Files of a folder and those beneath it.
const FILES_MAX: usize = 20_000;
const FOLDERS_DEEP_MAX: usize = 16;

/// Reads a file, or all files of a folder and of those beneath it that end in `.yml` or `.yaml`, in the order of their
/// names. `taken` are the names that other rules have.
pub fn read(path: &Path, taken: &mut BTreeSet<String>) -> std::io::Result<Read> {
    Ok(read_written(written(path)?, taken))
}

/// What stands in that file, or in those files.
pub fn written(path: &Path) -> std::io::Result<Vec<Written>> {
    let mut files = Vec::new();
    gather(path, 0, &mut files)?;
    Ok(written::read(files))
}

/// Which rules stand there.
pub fn read_written(files: Vec<Written>, taken: &mut BTreeSet<String>) -> Read {
    let mut all = Read::default();
    let mut collected = Collected::default();
    for Written { file, text } in files {
        match text {
            Ok(text) => {
                all.files += 1;
                collected.take(&file, &text, &mut all.faults);
            }
            Err(reason) => all.faults.push(Fault { file, line: 1, reason }),
        }
    }
    compile(collected, &mut all, taken);
    all
}

/// The same of a text that `file` holds.
pub fn read_text(file: &str, text: &str, taken: &mut BTreeSet<String>) -> Read {
    let mut all = Read { files: 1, ..Read::default() };
    let mut collected = Collected::default();
    collected.take(file, text, &mut all.faults);
    compile(collected, &mut all, taken);
    all
}

/// Whether a file is one of Sigma rules, by its name.
pub fn is_named_so(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml")
}

fn gather(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !std::fs::metadata(path)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    if depth > FOLDERS_DEEP_MAX {
        return Err(std::io::Error::other(format!("{}: folders stand too deep in each other", path.display())));
    }
    let mut entries = std::fs::read_dir(path)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        // What begins with a dot is not meant to be seen, and a link to a folder may lead in a circle.
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if entry.file_type()?.is_dir() && !is_hidden {
            gather(&entry.path(), depth + 1, files)?;
        } else if is_named_so(&entry.path()) && !entry.path().is_dir() && !is_hidden {
            files.push(entry.path());
        }
        if files.len() > FILES_MAX {
            return Err(std::io::Error::other(format!("there are more than {FILES_MAX} files of Sigma rules")));
        }
    }
    Ok(())
}

impl Collected {
    fn take(&mut self, file: &str, text: &str, faults: &mut Vec<Fault>) {
        for (line, text, parsed) in document::read(text) {
            let at = At { file: file.to_owned(), line, text };
            match parsed {
                Ok(SigmaDocument::Rule(rule)) => self.rules.push((at, rule)),
                Ok(SigmaDocument::Correlation(rule)) => self.correlations.push((at, rule)),
                Ok(SigmaDocument::Filter(filter)) => self.filters.push((at, filter)),
                Err((line, reason)) => faults.push(Fault { file: file.to_owned(), line, reason }),
            }
        }
    }
}

/// What a name means to correlations and filters: a rule's number, or why there is none.
type Names = HashMap<String, Result<u32, String>>;

fn compile(collected: Collected, all: &mut Read, taken: &mut BTreeSet<String>) {
    let Collected { rules, correlations, filters } = collected;
    let (mut names, mut totals) = (Names::new(), Totals::default());
    for (at, rule) in rules {
        let [attacks, innocents] = ["attacks", "innocents"].map(|key| about::texts(rule.custom_attributes.get(key)));
        let made = about::of_rule(&rule, &at).and_then(|about| {
            taken_once(&about, taken)?;
            Ok(about)
        });
        let about = match made {
            Ok(about) => about,
            Err(unused) => {
                fault(all, &at, unused);
                continue;
            }
        };
        let mut listed = Listed {
            about: about.clone(),
            file: at.file.clone(),
            line: at.line,
            state: State::Loaded,
            reason: String::new(),
            attacks,
            innocents,
        };
        let mut known = |number: Result<u32, String>| {
            for name in [Some(&about.id), rule.name.as_ref()].into_iter().flatten() {
                names.insert(name.clone(), number.clone());
            }
        };
        let made = detection::rule(&rule, about.clone(), &filters);
        match made.and_then(|made| totals.take_rule(&made.0).map(|()| made).map_err(Unused::wrong)) {
            Ok((made, left_out)) => {
                known(Ok(all.rules.len() as u32));
                all.rules.push(made);
                listed.reason = left_out;
                all.listed.push(listed);
            }
            Err(Unused::Skip(reason)) => {
                known(Err(reason.clone()));
                (listed.state, listed.reason) = (State::Skipped, reason);
                all.listed.push(listed);
            }
            Err(unused) => {
                known(Err("it cannot be used".into()));
                fault(all, &at, unused);
            }
        }
    }
    for (at, filter) in &filters {
        if let Err(reason) = filter::check(filter, &names) {
            fault(all, at, Unused::wrong(reason));
        }
    }
    for (at, rule) in correlations {
        correlate(&at, &rule, &names, &mut totals, all, taken);
    }
}

fn correlate(
    at: &At,
    rule: &CorrelationRule,
    names: &Names,
    totals: &mut Totals,
    all: &mut Read,
    taken: &mut BTreeSet<String>,
) {
    let about = about::of_correlation(rule, at).and_then(|about| {
        taken_once(&about, taken)?;
        Ok(about)
    });
    let about = match about {
        Ok(about) => about,
        Err(unused) => return fault(all, at, unused),
    };
    let (file, line) = (at.file.clone(), at.line);
    let (attacks, innocents) = (Vec::new(), Vec::new());
    let mut listed =
        Listed { about: about.clone(), file, line, state: State::Loaded, reason: String::new(), attacks, innocents };
    let made = correlation::compile(rule, about, names);
    match made.and_then(|made| totals.take_correlation(&made).map(|()| made).map_err(Unused::wrong)) {
        Ok(made) => {
            // What is only counted is not told by itself, unless the correlation says so.
            for member in made.of.iter().filter(|_| !rule.generate) {
                all.rules[member.rule as usize].told = false;
            }
            all.correlations.push(made);
            all.listed.push(listed);
        }
        Err(Unused::Skip(reason)) => {
            (listed.state, listed.reason) = (State::Skipped, reason);
            all.listed.push(listed);
        }
        Err(unused) => fault(all, at, unused),
    }
}

fn taken_once(about: &About, taken: &mut BTreeSet<String>) -> Result<(), Unused> {
    if !taken.insert(about.id.clone()) {
        return Err(Unused::Wrong(format!("rule {} is there twice", about.id), "id:".into()));
    }
    Ok(())
}

fn fault(all: &mut Read, at: &At, unused: Unused) {
    let (reason, word) = match unused {
        Unused::Wrong(reason, word) => (reason, word),
        Unused::Skip(reason) => (reason, String::new()),
    };
    all.faults.push(Fault { file: at.file.clone(), line: at.line_of(&word), reason });
}

/// Whether rules of this status are used.
fn in_use(status: Option<Status>) -> Result<(), Unused> {
    match status {
        Some(Status::Deprecated) => Err(Unused::Skip("its status is deprecated".into())),
        Some(Status::Unsupported) => Err(Unused::Skip("its status is unsupported".into())),
        _ => Ok(()),
    }
}

/// The examples of rules that are judged wrongly: the rule, whether it is an attack that it does not find, the text.
pub fn misjudged(read: &Read) -> Result<Vec<(String, bool, String)>, SigmaError> {
    let sigma = read.sigma()?;
    let mut room = Room::default();
    let mut wrong = Vec::new();
    let loaded = read.listed.iter().filter(|rule| rule.state == State::Loaded);
    for rule in loaded {
        let mut finds = |text: &str| {
            let (format, entry) = example::read(text);
            let found = sigma.matching(&Event::new(&entry, format, text), &mut room);
            found.iter().any(|number| sigma.rules()[*number as usize].about.id == rule.about.id)
        };
        let attacks: Vec<&String> = rule.attacks.iter().filter(|text| !finds(text)).collect();
        let innocents: Vec<&String> = rule.innocents.iter().filter(|text| finds(text)).collect();
        wrong.extend(attacks.into_iter().map(|text| (rule.about.id.clone(), true, text.clone())));
        wrong.extend(innocents.into_iter().map(|text| (rule.about.id.clone(), false, text.clone())));
    }
    Ok(wrong)
}

impl Read {
    /// The rules that can be used, ready to be asked.
    pub fn sigma(&self) -> Result<Sigma, SigmaError> {
        Sigma::new(self.rules.clone(), self.correlations.clone())
    }
}

#[cfg(test)]
mod tests;
