//! What do all feeds say now, and which of them may take force?

use std::fs;
use std::io::Read as _;

use serde::Serialize;
use tripoint_fetch::{Answer, Fetcher, KeyHeader, Request};
use tripoint_model::Rejected;
use tripoint_unpack::{Limits, Source};

use crate::delta::{Former, doubt};
use crate::descriptor::{Descriptor, Origin};
use crate::feed::{FeedFormat as _, Misp};
use crate::import::Context;
use crate::load::{LoadError, Loaded, load};
use crate::store::{FeedState, FeedStatus, Store, StoreError, events_path, sha256_hex, status};

mod misp_feed;

/// What became of one feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SyncState {
    /// A new copy is in force.
    Updated,
    /// The copy in force is still right.
    NotModified,
    /// It is not due yet.
    Fresh,
    /// It is switched off.
    Disabled,
    /// The new copy is doubtful; the former one stays in force.
    Held,
    /// Nothing usable came.
    Failed,
}

/// One feed's outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SyncReport {
    /// The feed's name.
    pub feed: String,
    /// File or URL.
    pub source: String,
    /// What became of it.
    pub state: SyncState,
    /// Indicators in force.
    pub count: u64,
    /// Entries of the new copy that were refused.
    pub refused: u64,
    /// The refusals, at most `model::parsed::REJECTED_MAX`.
    pub refusals: Vec<Rejected>,
    /// Why it was held or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How to go about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SyncOptions<'a> {
    /// Only these feeds; empty: all.
    pub only: &'a [String],
    /// Also feeds that are not due.
    pub force: bool,
    /// A person looked: let held copies take force, whatever their size and format.
    pub accept: bool,
}

/// Fetches every feed that is due and publishes one new image when anything changed. `progress` is
/// told each feed's name as its turn comes. A feed that fails does not hinder the others.
pub fn sync(
    descriptors: &[Descriptor],
    options: &SyncOptions<'_>,
    fetcher: &Fetcher,
    context: &Context<'_>,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<SyncReport>, StoreError> {
    let wanted = descriptors.iter().filter(|feed| options.only.is_empty() || options.only.contains(&feed.name));
    let mut reports = Vec::new();
    for descriptor in wanted {
        progress(&descriptor.name);
        reports.push(one(descriptor, options, fetcher, context)?);
    }
    if reports.iter().any(|report| report.state == SyncState::Updated) {
        Store::open(context.data_dir)?.rebuild(context.now, context.rules())?;
    }
    Ok(reports)
}

fn one(
    descriptor: &Descriptor,
    options: &SyncOptions<'_>,
    fetcher: &Fetcher,
    context: &Context<'_>,
) -> Result<SyncReport, StoreError> {
    let former = status(context.data_dir, &descriptor.name)?;
    let source = source_of(descriptor);
    let mut report = SyncReport {
        feed: descriptor.name.clone(),
        source: source.clone(),
        state: SyncState::Disabled,
        count: former.count,
        refused: 0,
        refusals: Vec::new(),
        reason: None,
    };
    if !descriptor.enabled {
        return Ok(report);
    }
    let waited = former.last_attempt.is_none_or(|last| last.plus(descriptor.refresh) <= context.now);
    if !waited && former.source == source && !options.force && !options.accept {
        report.state = SyncState::Fresh;
        return Ok(report);
    }
    let judged = match bring(descriptor, &former, options, fetcher, context) {
        Ok(None) => Judged::Same,
        Ok(Some(copy)) => match judge(descriptor, &former, &copy, options, context) {
            Ok(loaded) => Judged::New(Box::new(loaded), copy),
            Err(reason) => Judged::Doubtful(reason),
        },
        Err(reason) => Judged::Failed(reason),
    };
    let next = FeedStatus {
        source,
        last_attempt: Some(context.now),
        licence: descriptor.licence.clone(),
        refresh_seconds: Some(descriptor.refresh.as_secs()),
        ..former
    };
    // Locked only now: a slow server must not keep others from importing.
    let store = Store::open(context.data_dir)?;
    record(&store, judged, next, &mut report, context)?;
    Ok(report)
}

/// Puts a judgement into force: the copy first, then the status.
fn record(
    store: &Store,
    judged: Judged,
    mut next: FeedStatus,
    report: &mut SyncReport,
    context: &Context<'_>,
) -> Result<(), StoreError> {
    match judged {
        // A held copy that the server still serves is not good because it did not change.
        Judged::Same if next.state == FeedState::Held => report.state = SyncState::NotModified,
        Judged::Same => {
            report.state = SyncState::NotModified;
            (next.state, next.alarm, next.last_success) = (FeedState::Ok, None, Some(context.now));
        }
        Judged::New(loaded, copy) => {
            next.change = store.save(&report.feed, &loaded.parsed.accepted, context.now)?;
            (next.state, next.alarm, next.last_success) = (FeedState::Ok, None, Some(context.now));
            loaded.format.clone_into(&mut next.format);
            next.count = loaded.parsed.accepted.len() as u64;
            next.refused = loaded.parsed.refused;
            (next.sha256, next.etag, next.last_modified) = (copy.sha256, copy.etag, copy.last_modified);
            report.state = SyncState::Updated;
            report.count = next.count;
            report.refused = next.refused;
            report.refusals = loaded.parsed.rejected;
        }
        Judged::Doubtful(reason) => {
            (next.state, report.state) = if next.count > 0 {
                (FeedState::Held, SyncState::Held)
            } else {
                (FeedState::Failed, SyncState::Failed)
            };
            report.reason = Some(reason);
        }
        Judged::Failed(reason) => {
            (next.state, report.state) = (FeedState::Failed, SyncState::Failed);
            report.reason = Some(reason);
        }
    }
    if report.reason.is_some() {
        next.alarm.clone_from(&report.reason);
    }
    store.set_status(&next)
}

enum Judged {
    /// The copy in force is still right.
    Same,
    /// Believable.
    New(Box<Loaded>, Copy),
    /// Came, and a person has to look first.
    Doubtful(String),
    /// Did not come.
    Failed(String),
}

/// Bytes as they came.
struct Copy {
    bytes: Vec<u8>,
    sha256: String,
    etag: Option<String>,
    last_modified: Option<String>,
    /// What of the feed is not among them, and why.
    left_out: Vec<String>,
}

/// The new bytes; `None` when they are those in force.
fn bring(
    descriptor: &Descriptor,
    former: &FeedStatus,
    options: &SyncOptions<'_>,
    fetcher: &Fetcher,
    context: &Context<'_>,
) -> Result<Option<Copy>, String> {
    // Tags are those of the copy in force; they say nothing when the source changed.
    let known = former.count > 0 && former.source == source_of(descriptor) && !options.accept;
    let copy = match &descriptor.origin {
        Origin::Url(url) => {
            let key = descriptor.header.as_deref().zip(descriptor.key_file.as_deref());
            let request = Request {
                url,
                etag: former.etag.as_deref().filter(|_| known),
                last_modified: former.last_modified.as_deref().filter(|_| known),
                key: key.map(|(name, file)| KeyHeader { name, file }),
                permit_private: descriptor.permit_private,
                bytes_max: descriptor.bytes_max,
            };
            match fetcher.get(&request).map_err(|error| error.to_string())? {
                Answer::NotModified => return Ok(None),
                Answer::Body(body) if descriptor.is_misp_feed() => {
                    misp_feed::gather(&request, &body, &events_path(context.data_dir, &descriptor.name), fetcher)?
                }
                Answer::Body(body) => Copy {
                    sha256: sha256_hex(&body.bytes),
                    bytes: body.bytes,
                    etag: body.etag,
                    last_modified: body.last_modified,
                    left_out: Vec::new(),
                },
            }
        }
        Origin::File(path) => {
            let file = fs::File::open(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            let mut bytes = Vec::new();
            file.take(descriptor.bytes_max + 1)
                .read_to_end(&mut bytes)
                .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            if bytes.len() as u64 > descriptor.bytes_max {
                return Err(format!("{} is larger than {} bytes", path.display(), descriptor.bytes_max));
            }
            Copy { sha256: sha256_hex(&bytes), bytes, etag: None, last_modified: None, left_out: Vec::new() }
        }
    };
    // Some servers ignore conditions. A held copy counts as new, so that its reason stays fresh.
    let same = known && copy.sha256 == former.sha256;
    Ok((!same).then_some(copy))
}

fn judge(
    descriptor: &Descriptor,
    former: &FeedStatus,
    copy: &Copy,
    options: &SyncOptions<'_>,
    context: &Context<'_>,
) -> Result<Loaded, String> {
    let source = source_of(descriptor);
    let format = if descriptor.is_misp_feed() { Some(Misp.name()) } else { descriptor.format.as_deref() };
    let mut loaded = load(
        Source::Bytes(&copy.bytes),
        &source,
        format,
        &descriptor.defaults,
        context.rules(),
        &Limits::default(),
        context.now,
    )
    .map_err(|error: LoadError| error.to_string())?;
    for reason in &copy.left_out {
        loaded.parsed.refuse(&source, 0, reason.clone());
    }
    let before =
        (former.count > 0 && !options.accept).then_some(Former { count: former.count, format: &former.format });
    match doubt(before, &loaded) {
        Some(reason) => Err(reason),
        None => Ok(loaded),
    }
}

fn source_of(descriptor: &Descriptor) -> String {
    match &descriptor.origin {
        Origin::Url(url) => url.clone(),
        Origin::File(path) => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests;
