//! What do all publishers of advisories say now, and which of it may take force?

mod bring;
mod descriptor;
mod doubt;
mod host;
mod listing;

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tripoint_model::Rejected;

pub use descriptor::{Catalogue, Descriptor, DescriptorError, Listing, Mirror};
pub use host::{Host, Target};
pub use listing::follow;
pub use tripoint_fetch::{Fetcher, Settings as FetchSettings};

use crate::advisory;
use crate::import::{ImportContext, ImportError, source_name, take};
use crate::status::{self, SourceState, SourceStatus};
use crate::store::Store;
use bring::{Bringing, Brought};
use doubt::{doubt, is_web_page};

/// What became of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SyncState {
    /// A new copy is in force.
    Updated,
    /// The copy in force is still right.
    NotModified,
    /// It is not due yet.
    Fresh,
    /// The new copy is doubtful; the former one stays in force.
    Held,
    /// Nothing usable came.
    Failed,
}

/// One source's outcome. `imported + refused = read`, all of the new copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SyncReport {
    /// The source's name.
    pub source: String,
    /// The URLs.
    pub from: String,
    /// What became of it.
    pub state: SyncState,
    /// Records in force.
    pub records: u64,
    /// Records of the new copy.
    pub read: u64,
    /// Those of them that were understood.
    pub imported: u64,
    /// Those of them that could not be used.
    pub refused: u64,
    /// Bytes that came, with what an earlier attempt had brought.
    pub bytes: u64,
    /// Bytes of them that an earlier, cut attempt had brought.
    pub resumed: u64,
    /// The refusals, at most `model::parsed::REJECTED_MAX`.
    pub refusals: Vec<Rejected>,
    /// Why it was held or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How to go about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SyncOptions<'a> {
    /// Other servers that hold the same files.
    pub mirrors: &'a [Mirror],
    /// Also sources that are not due.
    pub force: bool,
    /// A person looked: let held copies take force, whatever their size and format.
    pub accept: bool,
}

/// How far a source has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Bytes are there, of so many where the server says so.
    Bytes(u64, Option<u64>),
    /// Records were read.
    Records(u64),
}

/// Fetches every target that is due and publishes one new image when anything changed. `progress`
/// is told each source's steps. A source that fails does not hinder the others.
pub fn sync(
    targets: &[Target],
    options: &SyncOptions<'_>,
    fetcher: &Fetcher,
    context: &ImportContext,
    progress: &mut dyn FnMut(&str, Step),
) -> Result<Vec<SyncReport>, ImportError> {
    let mut reports = Vec::new();
    for target in targets {
        reports.push(one(target, options, fetcher, context, &mut |step| progress(&target.source, step))?);
    }
    // Also what a run that was ended put into force: it would not come a second time.
    let store = Store::open(&context.data_dir)?;
    if store.is_unbuilt() {
        store.build(context.now)?;
    }
    Ok(reports)
}

/// A source for a URL that no descriptor names; it is fetched when it is named, never unasked.
pub fn unlisted(url: &str) -> Target {
    let descriptor = Descriptor {
        name: source_name(None, Path::new(&bring::base_name(url))),
        urls: vec![url.to_owned()],
        mirrors: Vec::new(),
        listing: None,
        format: None,
        refresh: std::time::Duration::ZERO,
        publishes: None,
        hosts: Vec::new(),
        enabled: Some(true),
        header: None,
        key_file: None,
        permit_private: false,
        bytes_max: UNLISTED_BYTES_MAX,
        licence: None,
    };
    Target { source: descriptor.name.clone(), descriptor }
}

/// The largest published set of advisories is well under this.
const UNLISTED_BYTES_MAX: u64 = 2 << 30;

/// What is to be believed of what came.
enum Judged {
    /// The copy in force is still right.
    Same,
    /// Files are here and their content is still to be read.
    Came(Brought),
    /// Did not come.
    Failed(String),
}

fn one(
    target: &Target,
    options: &SyncOptions<'_>,
    fetcher: &Fetcher,
    context: &ImportContext,
    progress: &mut dyn FnMut(Step),
) -> Result<SyncReport, ImportError> {
    let (descriptor, data_dir) = (&target.descriptor, context.data_dir.as_path());
    let former = status::one(data_dir, &target.source);
    let from = descriptor.urls.join(" ");
    let mut report = SyncReport {
        source: target.source.clone(),
        from: from.clone(),
        state: SyncState::Fresh,
        records: former.records,
        read: 0,
        imported: 0,
        refused: 0,
        bytes: 0,
        resumed: 0,
        refusals: Vec::new(),
        reason: None,
    };
    let is_due = former.last_attempt.is_none_or(|last| last.plus(descriptor.refresh) <= context.now);
    // What failed is tried again when somebody asks; what is held waits for a person or its turn.
    let failed = former.state == SourceState::Failed;
    if !is_due && !failed && former.from == from && !options.force && !options.accept {
        return Ok(report);
    }
    let folder = data_dir.join("vuln/incoming").join(&target.source);
    // Tags are those of the copy in force; they say nothing when the source changed.
    let known = former.records > 0 && former.from == from && !options.accept;
    let mut bringing = Bringing {
        fetcher,
        mirrors: options.mirrors,
        folder: &folder,
        progress: &mut |have, of| progress(Step::Bytes(have, of)),
    };
    let judged = match bringing.bring(descriptor, &former, known) {
        Ok(None) => Judged::Same,
        Ok(Some(brought)) => Judged::Came(brought),
        Err(reason) => Judged::Failed(reason),
    };
    let refresh = descriptor.refresh.as_secs();
    let next = SourceStatus {
        from,
        last_attempt: Some(context.now),
        licence: descriptor.licence.clone(),
        refresh_seconds: Some(refresh).filter(|refresh| *refresh > 0),
        publishes_seconds: descriptor.publishes.map(|every| every.as_secs()),
        ..former
    };
    // Locked only now: a slow server must not keep others from importing.
    let store = Store::open(data_dir)?;
    record(&store, judged, next, &mut report, (descriptor, options, context), progress)
        .map(|()| sweep(&folder, report.state))
        .map(|()| report)
}

/// Puts a judgement into force: the copy first, then the status.
fn record(
    store: &Store,
    judged: Judged,
    mut next: SourceStatus,
    report: &mut SyncReport,
    (descriptor, options, context): (&Descriptor, &SyncOptions<'_>, &ImportContext),
    progress: &mut dyn FnMut(Step),
) -> Result<(), ImportError> {
    match judged {
        // A held copy that the server still serves is not good because it did not change.
        Judged::Same if next.state == SourceState::Held => report.state = SyncState::NotModified,
        Judged::Same => {
            report.state = SyncState::NotModified;
            (next.state, next.alarm, next.last_success) = (SourceState::Ok, None, Some(context.now));
        }
        Judged::Failed(reason) => {
            (next.state, report.state) = (SourceState::Failed, SyncState::Failed);
            report.reason = Some(reason);
        }
        Judged::Came(brought) => {
            (report.bytes, report.resumed) = (brought.parts.iter().map(|part| part.bytes).sum(), brought.resumed);
            report.reason = read(store, &brought, &mut next, report, (descriptor, options, context), progress)?;
            if report.reason.is_some() {
                (next.state, report.state) = if next.records > 0 {
                    (SourceState::Held, SyncState::Held)
                } else {
                    (SourceState::Failed, SyncState::Failed)
                };
            }
        }
    }
    if report.reason.is_some() {
        next.alarm.clone_from(&report.reason);
    }
    store.set_status(&next)
}

/// Reads what came, and puts it into force unless it is doubtful; says why it is.
fn read(
    store: &Store,
    brought: &Brought,
    next: &mut SourceStatus,
    report: &mut SyncReport,
    (descriptor, options, context): (&Descriptor, &SyncOptions<'_>, &ImportContext),
    progress: &mut dyn FnMut(Step),
) -> Result<Option<String>, ImportError> {
    if brought.files.iter().any(|file| is_web_page(file)) {
        return Ok(Some(format!("{} gave a web page, not advisories", brought.from)));
    }
    let forced = descriptor.format.as_deref().and_then(advisory::by_name);
    let mut records = |_: &Path, read: u64| progress(Step::Records(read));
    let mut taken = take(store, &report.source, &brought.files, forced, context.now, &mut records)?;
    (report.read, report.imported, report.refused) = (taken.report.read, taken.report.imported, taken.report.refused);
    report.refusals = std::mem::take(&mut taken.report.refusals);
    for refusal in &mut report.refusals {
        rename(refusal, &brought.files, &brought.parts);
    }
    taken.report.refusals.clone_from(&report.refusals);
    if let Some(reason) = doubt(next, &taken, options.accept) {
        return Ok(Some(reason));
    }
    taken.draft.commit(&taken.info)?;
    (next.state, next.alarm, next.last_success) = (SourceState::Ok, None, Some(context.now));
    (next.records, next.refused) = (report.imported, report.refused);
    next.format.clone_from(&taken.info.format);
    next.published = taken.info.published.filter(|at| *at <= context.now);
    next.parts.clone_from(&brought.parts);
    (report.state, report.records) = (SyncState::Updated, next.records);
    Ok(None)
}

/// A refusal names the publisher's file, not where it lay for a moment.
fn rename(refusal: &mut Rejected, files: &[PathBuf], parts: &[status::Part]) {
    for (file, part) in files.iter().zip(parts) {
        if let Some(rest) = refusal.file.strip_prefix(&*file.to_string_lossy()) {
            refusal.file = format!("{}{rest}", part.url);
            return;
        }
    }
}

/// What was read is not needed any more; the part of a cut download is.
fn sweep(folder: &Path, state: SyncState) {
    let keep = |path: &Path| state == SyncState::Failed && path.extension().is_some_and(|e| e == "part" || e == "note");
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if !keep(&entry.path()) {
            // What stays costs space only, and the next download overwrites it.
            let _ = fs::remove_file(entry.path());
        }
    }
    let _ = fs::remove_dir(folder);
}

#[cfg(test)]
mod tests;
