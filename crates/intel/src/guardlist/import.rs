//! What happens when a person brings guard lists, one a file or many in an archive?

use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tripoint_model::{Rejected, Timestamp};
use tripoint_unpack::{Limits, Source};

use super::store::{ENTRIES_MAX, GuardStatus, LISTS_MAX, list, remove, save};
use super::{BUILT_IN, GuardList, Kind, Purpose, purpose, read};
use crate::import::Context;
use crate::store::{Store, StoreError, check_name};

/// What the person said about the files.
#[derive(Clone, Debug, Default)]
pub struct GuardOptions {
    /// The list's name; for one list only. `None`: found by file and folder.
    pub name: Option<String>,
    /// What being on it means; `None`: found by name and title.
    pub purpose: Option<Purpose>,
}

/// What became of one list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GuardReport {
    /// The file, and the entry of an archive.
    pub source: String,
    /// Its name here.
    pub list: String,
    /// Its own title.
    pub title: String,
    /// How its entries are compared; nothing where it is no list.
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    /// What being on it means.
    pub purpose: Option<Purpose>,
    /// Entries read.
    pub read: u64,
    /// Entries in force now.
    pub imported: u64,
    /// Entries refused.
    pub refused: u64,
    /// The refusals, at most `model::parsed::REJECTED_MAX`.
    pub refusals: Vec<Rejected>,
}

/// Reads every list in the files, keeps each in place of the one of its name and publishes a new image. A list of
/// which nothing can be used changes nothing.
pub fn import(
    files: &[PathBuf],
    options: &GuardOptions,
    context: &Context<'_>,
) -> Result<Vec<GuardReport>, StoreError> {
    if let Some(name) = &options.name {
        check_name(name)?;
    }
    let store = Store::open(context.data_dir)?;
    let mut reports: Vec<GuardReport> = Vec::new();
    let mut failed = None;
    for file in files {
        let shown = file.display().to_string();
        let inner = tripoint_unpack::inner_name(&shown).to_owned();
        let end = tripoint_unpack::entries(Source::Path(file), &shown, &Limits::default(), &mut |entry, input| {
            let alone = entry == shown || entry == inner;
            if !alone && !is_list(entry) {
                return ControlFlow::Continue(());
            }
            let source = if alone { shown.clone() } else { format!("{shown}!/{entry}") };
            match one(&store, &source, if alone { &inner } else { entry }, input, options, &reports, context.now) {
                Ok(report) => reports.push(report),
                Err(error) => {
                    failed = Some(error);
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        });
        if let Err(error) = end {
            reports.push(nothing(shown, error.to_string()));
        }
        if let Some(error) = failed {
            return Err(error);
        }
    }
    if reports.iter().any(|report| report.imported > 0) {
        store.publish_again(context)?;
    }
    Ok(reports)
}

/// Takes a list out and publishes an image without it; says whether there was one.
pub fn forget(name: &str, context: &Context<'_>) -> Result<bool, StoreError> {
    check_name(name)?;
    let store = Store::open(context.data_dir)?;
    let was = remove(&store, name)?;
    if was {
        store.publish_again(context)?;
    }
    Ok(was)
}

/// Whether an entry of an archive may be a list: programs and readmes lie beside them.
fn is_list(entry: &str) -> bool {
    let file = entry.rsplit('/').next().unwrap_or(entry);
    !file.starts_with('.') && [".json", ".txt", ".list", ".netset", ".ipset"].iter().any(|end| file.ends_with(end))
}

fn one(
    store: &Store,
    source: &str,
    path: &str,
    input: &mut dyn Read,
    options: &GuardOptions,
    reports: &[GuardReport],
    now: Timestamp,
) -> Result<GuardReport, StoreError> {
    let found = match read(input, source) {
        Ok(found) => found,
        Err(reason) => return Ok(nothing(source.to_owned(), reason)),
    };
    let list = options.name.clone().or_else(|| named(path, &found.title)).unwrap_or_else(|| "list".into());
    let purpose =
        options.purpose.unwrap_or_else(|| purpose::purpose(&list, &found.title, &found.category, &found.matching));
    let mut report = GuardReport {
        source: source.to_owned(),
        title: found.title.clone(),
        kind: Some(found.kind),
        purpose: Some(purpose),
        read: found.parsed.read,
        imported: found.parsed.read - found.parsed.refused,
        refused: found.parsed.refused,
        refusals: Vec::new(),
        list,
    };
    if let Some(reason) = hindrance(store, &report, &found, reports) {
        report.imported = 0;
        report.read += 1;
        report.refused = report.read;
        report.refusals = vec![Rejected { file: source.to_owned(), line: 1, reason }];
        return Ok(report);
    }
    if !found.parsed.accepted.is_empty() {
        let status = GuardStatus {
            list: report.list.clone(),
            title: found.title.clone(),
            version: found.version.clone(),
            kind: found.kind,
            purpose,
            count: found.parsed.accepted.len() as u64,
            refused: found.parsed.refused,
            source: source.to_owned(),
            loaded: Some(now),
            alarm: None,
        };
        save(store, &status, &found)?;
    }
    report.refusals = found.parsed.rejected;
    Ok(report)
}

/// Why a list that can be read is not taken.
fn hindrance(store: &Store, report: &GuardReport, found: &GuardList, reports: &[GuardReport]) -> Option<String> {
    if found.parsed.read == 0 {
        return Some("no entry is in it".into());
    }
    if BUILT_IN.iter().any(|(name, ..)| *name == report.list) {
        return Some(format!("{} is a built-in list; choose another --name", report.list));
    }
    if reports.iter().any(|other| other.list == report.list && other.imported > 0) {
        return Some(format!("another list of this import is called {}", report.list));
    }
    let kept = list(&store.data_dir);
    let others = || kept.iter().filter(|other| other.list != report.list);
    if others().count() >= LISTS_MAX {
        return Some(format!("there may be at most {LISTS_MAX} guard lists"));
    }
    let entries = others().map(|other| other.count).fold(found.parsed.accepted.len() as u64, u64::saturating_add);
    (entries > ENTRIES_MAX).then(|| format!("guard lists may hold at most {ENTRIES_MAX} entries together"))
}

/// A file that holds no list is one refusal.
fn nothing(source: String, reason: String) -> GuardReport {
    GuardReport {
        refusals: vec![Rejected { file: source.clone(), line: 1, reason }],
        source,
        list: String::new(),
        title: String::new(),
        kind: None,
        purpose: None,
        read: 1,
        imported: 0,
        refused: 1,
    }
}

/// A name for a list: MISP's files are all called `list.json`, and their folders tell them apart.
fn named(path: &str, title: &str) -> Option<String> {
    let path = Path::new(path);
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
    let candidates = if stem == "list" { [folder, title] } else { [stem, title] };
    candidates.iter().map(|text| slug(text)).find(|name| check_name(name).is_ok())
}

fn slug(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(64) {
        match c {
            'a'..='z' | '0'..='9' | '.' | '_' => out.push(c),
            'A'..='Z' => out.push(c.to_ascii_lowercase()),
            _ if out.ends_with('-') => {}
            _ => out.push('-'),
        }
    }
    out.trim_matches(['-', '.']).to_owned()
}

#[cfg(test)]
#[path = "import_tests.rs"]
mod tests;
