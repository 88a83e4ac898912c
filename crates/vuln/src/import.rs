//! How do files of advisories become part of the database?

mod input;

use std::io::{BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tripoint_model::parsed::REJECTED_MAX;
use tripoint_model::{Rejected, Timestamp};
use tripoint_unpack::{Kind, Limits, Source, UnpackError, entries};

use self::input::{Headed, Noting};
use crate::advisory::{self, AdvisoryFormat, FORMATS, Sink, Statement};
use crate::image::SourceInfo;
use crate::image::write::TooLarge;
use crate::status::{self, SourceStatus};
use crate::store::{Draft, Store};

/// Why an import failed as a whole.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// `--format` names no format.
    #[error("unknown advisory format {0:?}; known: {known}", known = format_names())]
    UnknownFormat(String),
    /// The data folder cannot be written.
    #[error("cannot write {path}: {source}")]
    Store {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Too much for one image.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

fn format_names() -> String {
    FORMATS.iter().map(|format| format.name()).collect::<Vec<_>>().join(" ")
}

/// What the caller asks for.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// Force this format instead of detecting it.
    pub format: Option<String>,
    /// The source's name; each file's own when `None`.
    pub source: Option<String>,
}

/// Where and when.
#[derive(Clone, Debug)]
pub struct ImportContext {
    /// The data folder.
    pub data_dir: PathBuf,
    /// Now.
    pub now: Timestamp,
}

/// What came of it; the document of `vulns import --json`. `imported + refused = read`; a part of
/// a record that could not be used stands among the refusals without counting as refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// The sources' names.
    pub source: String,
    /// The formats found.
    pub format: String,
    /// Records read.
    pub read: u64,
    /// Records that are in the database now.
    pub imported: u64,
    /// Records that could not be used.
    pub refused: u64,
    /// The first thousand refusals.
    pub refusals: Vec<Rejected>,
}

/// Reads the files, replaces each source's last good copy where anything was understood (of an archive that
/// breaks off: where it holds no less than that copy), and builds a new image. `progress` is told the file and how many records were read of it.
pub fn import(
    files: &[PathBuf],
    options: &ImportOptions,
    context: &ImportContext,
    progress: &mut dyn FnMut(&Path, u64),
) -> Result<ImportReport, ImportError> {
    let forced = match &options.format {
        Some(name) => Some(advisory::by_name(name).ok_or_else(|| ImportError::UnknownFormat(name.clone()))?),
        None => None,
    };
    let store = Store::open(&context.data_dir)?;
    let mut report = ImportReport::default();
    let mut changed = false;
    let mut names: Vec<String> = Vec::new();
    for file in files {
        let name = source_name(options.source.as_deref(), file);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut formats: Vec<String> = Vec::new();
    for name in &names {
        let own: Vec<PathBuf> = files
            .iter()
            .filter(|file| source_name(options.source.as_deref(), file) == *name)
            .map(Clone::clone)
            .collect();
        let mut taken = take(&store, name, &own, forced, context.now, progress)?;
        taken.yield_to(&status::one(&context.data_dir, name));
        formats.extend(taken.report.format.split(',').filter(|format| !format.is_empty()).map(str::to_owned));
        if taken.report.imported > 0 {
            let status = SourceStatus {
                from: own.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", "),
                refused: taken.report.refused,
                last_attempt: Some(context.now),
                ..SourceStatus::of_image(&taken.info)
            };
            taken.draft.commit(&taken.info)?;
            store.set_status(&status)?;
            changed = true;
        }
        report.add(taken.report);
    }
    formats.sort_unstable();
    formats.dedup();
    report.source = names.join(",");
    report.format = formats.join(",");
    if changed || store.is_unbuilt() {
        store.build(context.now)?;
    }
    Ok(report)
}

/// Takes a source out of force and builds a new image; false when there is none of that name.
pub fn forget(source: &str, context: &ImportContext) -> Result<bool, ImportError> {
    let store = Store::open(&context.data_dir)?;
    let found = store.remove(source)?;
    if found || store.is_unbuilt() {
        store.build(context.now)?;
    }
    Ok(found)
}

impl ImportReport {
    fn add(&mut self, other: Self) {
        self.read += other.read;
        self.imported += other.imported;
        self.refused += other.refused;
        let room = REJECTED_MAX.saturating_sub(self.refusals.len());
        self.refusals.extend(other.refusals.into_iter().take(room));
    }
}

/// A source that was read and is not in force yet.
pub(crate) struct Taken {
    /// What was understood, written down.
    pub(crate) draft: Draft,
    /// What the image will say of it.
    pub(crate) info: SourceInfo,
    /// What came of reading.
    pub(crate) report: ImportReport,
    /// Why a file was not read to its end.
    pub(crate) broken: Option<String>,
}

impl Taken {
    /// Takes nothing where an archive breaks off and the former copy has more: a download that was cut must not
    /// replace a good one.
    fn yield_to(&mut self, former: &SourceStatus) {
        let Some(reason) = self.broken.as_ref().filter(|_| former.records > self.report.imported) else { return };
        let reason = format!("{reason}; the copy in force has {} records and stays", former.records);
        let stands = Rejected { file: self.report.source.clone(), line: 1, reason };
        self.report.refusals.insert(0, stands);
        self.report.refused = self.report.read;
        self.report.imported = 0;
    }
}

/// Reads the files of one source.
pub(crate) fn take(
    store: &Store,
    name: &str,
    files: &[PathBuf],
    forced: Option<&'static dyn AdvisoryFormat>,
    now: Timestamp,
    progress: &mut dyn FnMut(&Path, u64),
) -> Result<Taken, ImportError> {
    let mut reading = Reading {
        draft: store.draft(name)?,
        report: ImportReport { source: name.to_owned(), ..ImportReport::default() },
        formats: Vec::new(),
        published: None,
        broken: None,
    };
    for file in files {
        reading.file(file, forced, progress);
    }
    let Reading { draft, mut report, mut formats, published, broken } = reading;
    formats.sort_unstable();
    report.format = formats.join(",");
    let info = SourceInfo {
        name: name.to_owned(),
        format: report.format.clone(),
        // To the second: the same files then make an image of the same size at any moment.
        imported: Timestamp::from_seconds(now.0.div_euclid(1_000_000)),
        records: report.imported,
        published,
    };
    Ok(Taken { draft, info, report, broken })
}

/// The name given, or the file's without its endings, in letters that any file system takes.
pub(crate) fn source_name(given: Option<&str>, file: &Path) -> String {
    let own = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut name = own.as_str();
    while let Some(stem) = ENDINGS.iter().find_map(|end| name.strip_suffix(end)) {
        name = stem;
    }
    // OSV calls each ecosystem's archive `all.zip`: only its folder tells them apart.
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let folder = absolute.parent().and_then(Path::file_name).map(|folder| folder.to_string_lossy().into_owned());
    let own = match folder {
        Some(folder) if name == "all" => format!("{folder}-all"),
        _ => name.to_owned(),
    };
    let name = given.unwrap_or(&own);
    let clean = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c.to_ascii_lowercase() } else { '-' }
    };
    let name: String = name.trim_start_matches(['.', '-']).chars().take(64).map(clean).collect();
    if name.is_empty() { "source".to_owned() } else { name }
}

struct Reading {
    draft: Draft,
    report: ImportReport,
    formats: Vec<&'static str>,
    published: Option<Timestamp>,
    broken: Option<String>,
}

impl Reading {
    fn file(&mut self, file: &Path, forced: Option<&'static dyn AdvisoryFormat>, progress: &mut dyn FnMut(&Path, u64)) {
        let shown = file.to_string_lossy().into_owned();
        let before = self.report.read;
        let alone = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let outcome = entries(Source::Path(file), &shown, &LIMITS, &mut |name, content| {
            // An archive's member is named after the archive; a lone file only by itself.
            let member = name == shown || name == alone || tripoint_unpack::inner_name(&shown) == name;
            let place = if member { shown.clone() } else { format!("{shown}!/{name}") };
            self.entry(&place, content, forced, false);
            progress(file, self.report.read);
            ControlFlow::Continue(())
        });
        match outcome {
            Ok(()) => {}
            Err(UnpackError::Io { source, .. }) => self.refuse(&shown, 1, format!("cannot be read: {source}")),
            Err(error) => {
                self.broken = self.broken.take().or_else(|| Some(error.to_string()));
                self.refuse(&shown, 1, format!("reading stopped: {error}"));
            }
        }
        if self.report.read == before {
            self.refuse(&shown, 1, "no record is in it".to_owned());
        }
        progress(file, self.report.read);
    }

    fn entry(
        &mut self,
        place: &str,
        content: &mut dyn Read,
        forced: Option<&'static dyn AdvisoryFormat>,
        is_inner: bool,
    ) {
        let mut head = Vec::new();
        if let Err(error) = content.take(HEAD_BYTES).read_to_end(&mut head) {
            return self.refuse(place, 1, format!("cannot be read: {error}"));
        }
        if head.is_empty() {
            return self.refuse(place, 1, "it is empty".to_owned());
        }
        let kind = tripoint_unpack::kind(Source::Bytes(&head)).unwrap_or(Kind::Plain);
        if kind != Kind::Plain && !is_inner {
            return self.archive(place, head, content, forced);
        }
        let Some(format) = forced.or_else(|| advisory::detect(place, &head)) else {
            let known: Vec<_> = FORMATS.iter().map(|format| format.name()).collect();
            return self.refuse(place, 1, format!("no known advisory format ({})", known.join(", ")));
        };
        if !self.formats.contains(&format.name()) {
            self.formats.push(format.name());
        }
        let before = self.report.read;
        let mut failed = None;
        let rest = Noting { content, failed: &mut failed };
        let mut input = Headed { head: &head, at: 0, rest: BufReader::with_capacity(HEAD_BYTES as usize, rest) };
        format.read(place, &mut input, self);
        if let Some(reason) = failed {
            // A format may take what cannot be read on for the end.
            self.refuse(place, 1, format!("reading stopped: {reason}"));
            self.broken = self.broken.take().or(Some(reason));
        }
        if is_inner && self.report.read == before {
            self.refuse(place, 1, "no record is in it".to_owned());
        }
    }

    /// A packed file within an archive, as mirrors of repositories hold them; once, and in memory.
    fn archive(
        &mut self,
        place: &str,
        mut bytes: Vec<u8>,
        content: &mut dyn Read,
        forced: Option<&'static dyn AdvisoryFormat>,
    ) {
        if let Err(error) = content.take(INNER_BYTES_MAX).read_to_end(&mut bytes) {
            return self.refuse(place, 1, format!("cannot be read: {error}"));
        }
        let outcome = entries(Source::Bytes(&bytes), place, &LIMITS, &mut |name, content| {
            let inner = if name.len() <= place.len() { place.to_owned() } else { format!("{place}!/{name}") };
            self.entry(&inner, content, forced, true);
            ControlFlow::Continue(())
        });
        if let Err(error) = outcome {
            self.refuse(place, 1, format!("reading stopped: {error}"));
        }
    }
}

impl Sink for Reading {
    fn accept(&mut self, statement: Statement) {
        self.report.read += 1;
        self.report.imported += 1;
        self.draft.put(&statement);
    }

    fn add(&mut self, statement: Statement) {
        self.draft.put(&statement);
    }

    fn refuse(&mut self, file: &str, line: u64, reason: String) {
        self.report.read += 1;
        self.report.refused += 1;
        self.refuse_part(file, line, reason);
    }

    fn refuse_part(&mut self, file: &str, line: u64, reason: String) {
        if self.report.refusals.len() < REJECTED_MAX {
            self.report.refusals.push(Rejected { file: file.to_owned(), line, reason });
        }
    }

    fn published(&mut self, time: &str) {
        self.published = self.published.max(time.parse().ok());
    }
}

const ENDINGS: &[&str] =
    &[".gz", ".bz2", ".xz", ".zst", ".tar", ".tgz", ".zip", ".json", ".jsonl", ".ndjson", ".csv", ".xml", ".yaml"];
const HEAD_BYTES: u64 = 64 << 10;
/// A packed file within an archive.
const INNER_BYTES_MAX: u64 = 128 << 20;
/// OSV's archive of everything has some 700,000 records and 3 GiB; JSON shrinks well.
const LIMITS: Limits =
    Limits { out_bytes_max: 8 << 30, ratio_max: 400, entries_max: 2_000_000, entry_bytes_max: 4 << 30, nesting: 1 };

#[cfg(test)]
mod public_tests;
#[cfg(test)]
mod tests;
