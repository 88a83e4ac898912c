//! What happens when a person brings a feed as a file?

use std::fs;
use std::io::Read as _;
use std::net::IpAddr;
use std::path::Path;

use ipnet::IpNet;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tripoint_model::parsed::REJECTED_LISTED_MAX;
use tripoint_model::{AppliesTo, Category, Rejected, Timestamp};
use tripoint_unpack::{Limits, Source};

use crate::descriptor;
use crate::feed::{Columns, Defaults, Reading};
use crate::guardlist;
use crate::guardlist::import::GuardOptions;
use crate::load::{LoadError, load_into};
use crate::rules::Rules;
use crate::store::{FeedState, FeedStatus, Store, StoreError, hex};
use crate::systems;

/// Where feeds live and what may not enter: the same for every feed of an installation.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The data folder.
    pub data_dir: &'a Path,
    /// `intel.permit_ranges`.
    pub permit_ranges: &'a [IpNet],
    /// This host's own addresses, canonical.
    pub own: &'a [IpAddr],
    /// The moment.
    pub now: Timestamp,
}

impl Context<'_> {
    pub(crate) fn rules(&self) -> Rules<'_> {
        Rules { permit_ranges: self.permit_ranges, own: self.own }
    }
}

/// What the person said about the file.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// The feed's name.
    pub name: String,
    /// A format by name; `None`: found by the content.
    pub format: Option<String>,
    /// Category of entries that state none.
    pub category: Option<Category>,
    /// Direction of entries that state none.
    pub direction: Option<AppliesTo>,
    /// Confidence of entries that state none, 0 to 100.
    pub confidence: Option<u8>,
    /// Columns of a table.
    pub columns: Columns,
    /// Any refusal leaves the former copy in force.
    pub strict: bool,
}

impl ImportOptions {
    fn defaults(&self) -> Defaults {
        let base = Defaults::default();
        Defaults {
            category: self.category.unwrap_or(base.category),
            direction: self.direction.unwrap_or(base.direction),
            confidence: self.confidence.unwrap_or(base.confidence).min(100),
            columns: self.columns.clone(),
        }
    }
}

/// What became of it (the `intel import` row of the command contracts).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// The file.
    pub source: String,
    /// The format it was read as.
    pub format: String,
    /// The feed's name.
    pub feed: String,
    /// Entries read.
    pub read: u64,
    /// Entries in force now.
    pub imported: u64,
    /// Entries refused.
    pub refused: u64,
    /// The refusals, at most `model::parsed::REJECTED_LISTED_MAX`.
    pub refusals: Vec<Rejected>,
}

impl ImportReport {
    /// Whether the command succeeded: something was loaded and, when strict, nothing refused.
    pub fn is_success(&self) -> bool {
        self.imported > 0
    }
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// There is no such format.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The data folder cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads a file, makes it the feed's copy in force and publishes a new image. Nothing changes when
/// no entry is good, or when `strict` and any is refused; then `imported` is 0.
pub fn import(path: &Path, options: &ImportOptions, context: &Context<'_>) -> Result<ImportReport, ImportError> {
    crate::store::check_name(&options.name)?;
    let name = path.display().to_string();
    let defaults = options.defaults();
    let mut reading = Reading::new(&name, &defaults, context.rules(), context.now);
    reading.parsed.list_refusals();
    let read = load_into(reading, Source::Path(path), options.format.as_deref(), &Limits::default());
    let mut loaded = match read {
        Ok(loaded) => loaded,
        Err(error @ LoadError::NoSuchFormat(_)) => return Err(error.into()),
        Err(error) => return Ok(nothing(name, options, &error)),
    };
    if loaded.guard_lists > 0 && loaded.parsed.accepted.is_empty() && !options.strict {
        // An archive's lists have names of their own.
        let list = Some(options.name.clone()).filter(|_| loaded.guard_lists == 1);
        return Ok(guard_lists(path, list, options, context)?);
    }
    systems::judge(&mut loaded, context.data_dir, context.rules());
    let mut parsed = loaded.parsed;
    if parsed.read == 0 {
        let passed = match loaded.passed_over {
            0 => String::new(),
            count => format!("; {count} elements claim nothing"),
        };
        parsed.refuse(&name, 1, format!("no entry of a {} feed is in it{passed}", loaded.format));
    }
    let usable = !parsed.accepted.is_empty() && (!options.strict || parsed.refused == 0);
    if usable {
        let store = Store::open(context.data_dir)?;
        let (reliability, origins) = descriptor::known_source(&options.name).unwrap_or_default();
        let remembered = store.save(&options.name, &parsed.accepted, context.now)?;
        store.set_status(&FeedStatus {
            feed: options.name.clone(),
            format: loaded.format.to_owned(),
            source: name.clone(),
            state: FeedState::Ok,
            alarm: loaded.broken.map(|reason| format!("not read to its end: {reason}")),
            count: parsed.accepted.len() as u64,
            refused: parsed.refused,
            change: remembered.change,
            history_lost: remembered.lost,
            sha256: file_sha256(path).unwrap_or_default(),
            last_success: Some(context.now),
            last_change: Some(context.now),
            last_attempt: Some(context.now),
            reliability,
            origins,
            ..FeedStatus::default()
        })?;
        store.rebuild(context.now, context.rules())?;
    }
    Ok(ImportReport {
        source: name,
        format: loaded.format.to_owned(),
        feed: options.name.clone(),
        read: parsed.read,
        imported: if usable { parsed.read - parsed.refused } else { 0 },
        refused: parsed.refused,
        refusals: parsed.rejected,
    })
}

/// What guards is brought in as a feed is, by a person and never by a feed; its report is that of all lists together.
fn guard_lists(
    path: &Path,
    name: Option<String>,
    options: &ImportOptions,
    context: &Context<'_>,
) -> Result<ImportReport, StoreError> {
    let reports = guardlist::import::import(&[path.to_owned()], &GuardOptions { name, purpose: None }, context)?;
    let mut whole = ImportReport {
        source: path.display().to_string(),
        format: GUARD_LIST.to_owned(),
        feed: options.name.clone(),
        read: 0,
        imported: 0,
        refused: 0,
        refusals: Vec::new(),
    };
    for report in reports {
        whole.read += report.read;
        whole.imported += report.imported;
        whole.refused += report.refused;
        let room = REJECTED_LISTED_MAX.saturating_sub(whole.refusals.len());
        whole.refusals.extend(report.refusals.into_iter().take(room));
    }
    Ok(whole)
}

/// The format of guard lists in reports; feeds are never of it.
pub const GUARD_LIST: &str = "misp-warninglist";

/// A file that says nothing is one refusal, so that every file gets the same kind of answer.
fn nothing(file: String, options: &ImportOptions, error: &LoadError) -> ImportReport {
    ImportReport {
        source: file.clone(),
        format: options.format.clone().unwrap_or_default(),
        feed: options.name.clone(),
        read: 1,
        imported: 0,
        refused: 1,
        refusals: vec![Rejected { file, line: 1, reason: error.to_string() }],
    }
}

fn file_sha256(path: &Path) -> std::io::Result<String> {
    let mut file = fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            count => hash.update(&buffer[..count]),
        }
    }
}

#[cfg(test)]
mod tests;
