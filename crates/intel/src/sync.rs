//! What do all feeds say now, and which of them may take force?

use std::fs;
use std::io::Read as _;
use std::path::Path;

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
use crate::{systems, taxii};

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
        match Store::open(context.data_dir)?.rebuild(context.now, context.rules()) {
            Ok(_) => {}
            // The new copies are kept, and take force with the next image.
            Err(StoreError::Guard(reason)) => {
                for report in reports.iter_mut().filter(|report| report.state == SyncState::Updated) {
                    (report.state, report.reason) = (SyncState::Held, Some(reason.clone()));
                }
            }
            Err(error) => return Err(error),
        }
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
    let source = descriptor.origin.to_string();
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
        Ok(Brought::Same(kept)) => Judged::Same(kept),
        Ok(Brought::New(copy)) => match judge(descriptor, &former, &copy, options, context) {
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
        reliability: descriptor.reliability,
        origins: descriptor.origins.clone(),
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
    let mut bundle = None;
    match judged {
        // It was asked about the copy in force, whatever came and was held in between.
        Judged::Same(kept) => {
            report.state = SyncState::NotModified;
            (next.state, next.alarm, next.last_success) = (FeedState::Ok, None, Some(context.now));
            bundle = kept;
        }
        Judged::New(loaded, copy) => {
            let remembered = store.save(&report.feed, &loaded.parsed.accepted, context.now)?;
            (next.change, next.history_lost) = (remembered.change, remembered.lost);
            next.last_change = Some(context.now);
            (next.state, next.alarm, next.last_success) = (FeedState::Ok, None, Some(context.now));
            loaded.format.clone_into(&mut next.format);
            next.count = loaded.parsed.accepted.len() as u64;
            next.refused = loaded.parsed.refused;
            (next.sha256, next.etag, next.last_modified) = (copy.sha256, copy.etag, copy.last_modified);
            if let Content::Bundle(kept) = copy.content {
                bundle = Some(kept);
            }
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
    store.set_status(&next)?;
    // Last: after a crash before it the same pages are pulled and merged once more.
    match bundle {
        Some(kept) => store.keep_bundle(&report.feed, kept),
        None => Ok(()),
    }
}

enum Judged {
    /// The copy in force is still right; what a TAXII server gave of it anew.
    Same(Option<taxii::Kept>),
    /// Believable.
    New(Box<Loaded>, Copy),
    /// Came, and a person has to look first.
    Doubtful(String),
    /// Did not come.
    Failed(String),
}

/// What came.
enum Brought {
    Same(Option<taxii::Kept>),
    New(Copy),
}

enum Content {
    /// As they came.
    Bytes(Vec<u8>),
    /// On disk, of many answers.
    Bundle(taxii::Kept),
}

/// A copy that is to be judged.
struct Copy {
    content: Content,
    sha256: String,
    etag: Option<String>,
    last_modified: Option<String>,
    /// What of the feed is not among them, and why.
    left_out: Vec<String>,
}

impl Copy {
    /// Whole, and without tags of a server.
    fn of(sha256: String, content: Content) -> Self {
        Self { content, sha256, etag: None, last_modified: None, left_out: Vec::new() }
    }
}

/// The new copy, unless it is the one in force.
fn bring(
    descriptor: &Descriptor,
    former: &FeedStatus,
    options: &SyncOptions<'_>,
    fetcher: &Fetcher,
    context: &Context<'_>,
) -> Result<Brought, String> {
    // Tags are those of the copy in force; they say nothing when the source changed.
    let known = former.count > 0 && former.source == descriptor.origin.to_string() && !options.accept;
    let copy = match &descriptor.origin {
        Origin::Url(url) => fetched(descriptor, url, Some(former).filter(|_| known), fetcher, context)?,
        Origin::File(path) => Some(read(path, descriptor.bytes_max)?),
        Origin::Taxii { url, collection } => {
            let folder = crate::store::feed_folder(context.data_dir, &descriptor.name);
            let known = Some(former.sha256.as_str()).filter(|_| known);
            let from = taxii::From { folder: &folder, known, now: context.now };
            match taxii::pull(descriptor, (url, collection), fetcher, from)? {
                taxii::Pulled::Nothing => None,
                taxii::Pulled::Bundle(kept) => Some(Copy::of(kept.sha256.clone(), Content::Bundle(kept))),
            }
        }
    };
    let Some(copy) = copy else { return Ok(Brought::Same(None)) };
    // Some servers ignore conditions. A held copy counts as new, so that its reason stays fresh.
    let same = known && copy.sha256 == former.sha256;
    Ok(match copy.content {
        Content::Bundle(kept) if same => Brought::Same(Some(kept)),
        Content::Bytes(_) if same => Brought::Same(None),
        _ => Brought::New(copy),
    })
}

/// What a URL has; `None` when it is what is `known`.
fn fetched(
    descriptor: &Descriptor,
    url: &str,
    known: Option<&FeedStatus>,
    fetcher: &Fetcher,
    context: &Context<'_>,
) -> Result<Option<Copy>, String> {
    let key = descriptor.header.as_deref().zip(descriptor.key_file.as_deref());
    let request = Request {
        url,
        etag: known.and_then(|known| known.etag.as_deref()),
        last_modified: known.and_then(|known| known.last_modified.as_deref()),
        key: key.map(|(name, file)| KeyHeader { name, file }),
        permit_private: descriptor.permit_private,
        bytes_max: descriptor.bytes_max,
        ..Request::new(url)
    };
    let body = match fetcher.get(&request).map_err(|error| error.to_string())? {
        Answer::NotModified => return Ok(None),
        Answer::Body(body) => body,
    };
    if descriptor.is_misp_feed() {
        let events = events_path(context.data_dir, &descriptor.name);
        return misp_feed::gather(&request, &body, &events, fetcher).map(Some);
    }
    let (etag, last_modified) = (body.etag, body.last_modified);
    Ok(Some(Copy { etag, last_modified, ..Copy::of(sha256_hex(&body.bytes), Content::Bytes(body.bytes)) }))
}

fn read(path: &Path, bytes_max: u64) -> Result<Copy, String> {
    let unreadable = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let file = fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > bytes_max {
        return Err(format!("{} is larger than {bytes_max} bytes", path.display()));
    }
    Ok(Copy::of(sha256_hex(&bytes), Content::Bytes(bytes)))
}

fn judge(
    descriptor: &Descriptor,
    former: &FeedStatus,
    copy: &Copy,
    options: &SyncOptions<'_>,
    context: &Context<'_>,
) -> Result<Loaded, String> {
    let source = descriptor.origin.to_string();
    let content = match &copy.content {
        Content::Bytes(bytes) => Source::Bytes(bytes),
        Content::Bundle(kept) => Source::Path(kept.path()),
    };
    let format = if descriptor.is_misp_feed() { Some(Misp.name()) } else { descriptor.format.as_deref() };
    let mut loaded =
        load(content, &source, format, &descriptor.defaults, context.rules(), &Limits::default(), context.now)
            .map_err(|error: LoadError| error.to_string())?;
    for reason in &copy.left_out {
        loaded.parsed.refuse(&source, 0, reason.clone());
    }
    systems::judge(&mut loaded, context.data_dir, context.rules());
    let before =
        (former.count > 0 && !options.accept).then_some(Former { count: former.count, format: &former.format });
    match doubt(before, &loaded) {
        Some(reason) => Err(reason),
        None => Ok(loaded),
    }
}

#[cfg(test)]
mod tests;
