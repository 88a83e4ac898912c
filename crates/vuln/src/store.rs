//! Where does each source's last good copy lie, and how does a new image appear whole or not at all?

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crc32fast::Hasher;
use serde::{Deserialize, Serialize};
use tripoint_model::Timestamp;

use crate::advisory::Statement;
use crate::image::write::Builder;
use crate::image::{SourceInfo, image_files};
use crate::import::ImportError;
use crate::status::{self, SourceState, SourceStatus};

/// The folder of the sources, locked: two imports at once would build from half a set.
pub(crate) struct Store {
    data_dir: PathBuf,
    _lock: File,
}

impl Store {
    /// Opens (and makes) the folders, waiting for another import to end.
    pub(crate) fn open(data_dir: &Path) -> Result<Self, ImportError> {
        for folder in [data_dir.join("vuln"), data_dir.join("images")] {
            fs::create_dir_all(&folder).map_err(|source| ImportError::Store { path: folder.clone(), source })?;
        }
        let path = data_dir.join("vuln/.lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let lock = lock.and_then(|lock| lock.lock().map(|()| lock));
        let lock = lock.map_err(|source| ImportError::Store { path, source })?;
        sweep(&data_dir.join("vuln"));
        Ok(Self { data_dir: data_dir.to_owned(), _lock: lock })
    }

    /// A file that becomes the source's copy when `commit`ted.
    pub(crate) fn draft(&self, source: &str) -> Result<Draft, ImportError> {
        let path = self.data_dir.join("vuln").join(format!("{source}.jsonl"));
        let temporary = self.data_dir.join("vuln").join(format!("{source}{DRAFT_END}"));
        let file = File::create(&temporary).map_err(|source| ImportError::Store { path: temporary.clone(), source })?;
        Ok(Draft { path, temporary, out: BufWriter::new(file), sum: Hasher::new(), failed: None })
    }

    /// Removes a source's copy and status; false when there is neither.
    pub(crate) fn remove(&self, source: &str) -> Result<bool, ImportError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if source.is_empty() || !source.bytes().all(plain) {
            return Ok(false);
        }
        let folder = self.data_dir.join("vuln");
        let (copy, status) = (folder.join(format!("{source}.jsonl")), status::path(&self.data_dir, source));
        if !copy.exists() && !status.exists() {
            return Ok(false);
        }
        note_unbuilt(&folder).map_err(|source| ImportError::Store { path: folder, source })?;
        remove(&copy)?;
        remove(&status)?;
        Ok(true)
    }

    /// Records how a source is doing.
    pub(crate) fn set_status(&self, status: &SourceStatus) -> Result<(), ImportError> {
        let path = status::path(&self.data_dir, &status.source);
        let fail = |source| ImportError::Store { path: path.clone(), source };
        fs::create_dir_all(status::folder(&self.data_dir)).map_err(fail)?;
        let text = serde_json::to_vec_pretty(status).map_err(|error| fail(error.into()))?;
        write_whole(&path, &text).map_err(fail)
    }

    /// Builds a new image from every source and drops all but the newest three.
    pub(crate) fn build(&self, now: Timestamp) -> Result<u64, ImportError> {
        self.publish(&self.image(&[], now)?)
    }

    /// Whether a copy changed since the newest image was built: the program ended in between.
    pub(crate) fn is_unbuilt(&self) -> bool {
        unbuilt(&self.data_dir.join("vuln")).exists()
    }

    /// The copy in force of every source, by name.
    pub(crate) fn copies(&self) -> Result<Vec<(String, PathBuf)>, ImportError> {
        let folder = self.data_dir.join("vuln");
        let entries = fs::read_dir(&folder).map_err(|source| ImportError::Store { path: folder.clone(), source })?;
        // A source that could not be listed must not silently be missing from the next image.
        let paths: std::io::Result<Vec<PathBuf>> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
        let mut copies: Vec<(String, PathBuf)> = paths
            .map_err(|source| ImportError::Store { path: folder.clone(), source })?
            .into_iter()
            .filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
            .filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path)))
            .collect();
        copies.sort();
        Ok(copies)
    }

    /// The image of every source, those of `instead` (name and copy) in place of what they were.
    pub(crate) fn image(&self, instead: &[(String, PathBuf)], now: Timestamp) -> Result<Vec<u8>, ImportError> {
        let mut sources = self.copies()?;
        sources.retain(|(name, _)| instead.iter().all(|(other, _)| other != name));
        sources.extend_from_slice(instead);
        sources.sort();
        let mut builder = Builder::default();
        let mut failure = None;
        for (name, path) in sources {
            if let Err(source) = read_source(&name, &path, &mut builder) {
                if instead.iter().all(|(other, _)| *other != name) {
                    self.mistrust(&name, &source)?;
                }
                failure = failure.or(Some(ImportError::Store { path, source }));
            }
        }
        failure.map_or(Ok(()), Err)?;
        Ok(builder.finish(now)?)
    }

    /// Has a source whose copy cannot be read fetched whole the next time, whatever its publisher says of changes.
    fn mistrust(&self, source: &str, why: &std::io::Error) -> Result<(), ImportError> {
        let known = status::one(&self.data_dir, source);
        let alarm = Some(format!("the stored copy cannot be used: {why}"));
        self.set_status(&SourceStatus { state: SourceState::Failed, alarm, parts: Vec::new(), ..known })
    }

    /// Makes the bytes the next generation and drops all but the newest three.
    pub(crate) fn publish(&self, image: &[u8]) -> Result<u64, ImportError> {
        let generation = image_files(&self.data_dir).first().map_or(1, |(newest, _)| newest + 1);
        let path = self.data_dir.join("images").join(format!("vuln.{generation}"));
        write_whole(&path, image).map_err(|source| ImportError::Store { path, source })?;
        remove(&unbuilt(&self.data_dir.join("vuln")))?;
        for (_, old) in image_files(&self.data_dir).into_iter().skip(GENERATIONS_KEPT) {
            // An old image that stays costs space only.
            let _ = fs::remove_file(old);
        }
        Ok(generation)
    }

    /// What the seal of a copy says of its source: its last line.
    pub(crate) fn seal(path: &Path) -> Option<SourceInfo> {
        let mut file = File::open(path).ok()?;
        let length = file.metadata().ok()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(SEAL_BYTES_MAX))).ok()?;
        let mut end = Vec::new();
        file.take(SEAL_BYTES_MAX).read_to_end(&mut end).ok()?;
        let last = end.trim_ascii_end().rsplit(|byte| *byte == b'\n').next()?;
        serde_json::from_slice(last).ok().map(|seal: Seal| seal.info)
    }

    /// Moves a finished copy into the place of a source's.
    pub(crate) fn adopt(&self, source: &str, copy: &Path) -> Result<(), ImportError> {
        let folder = self.data_dir.join("vuln");
        let path = folder.join(format!("{source}.jsonl"));
        let moved = note_unbuilt(&folder).and_then(|()| fs::rename(copy, &path));
        moved.map_err(|source| ImportError::Store { path, source })
    }
}

/// There while the copies are newer than the image.
fn unbuilt(folder: &Path) -> PathBuf {
    folder.join(".unbuilt")
}

fn note_unbuilt(folder: &Path) -> std::io::Result<()> {
    File::create(unbuilt(folder))?.sync_all()?;
    File::open(folder)?.sync_all()
}

/// Removes a file that may not be there.
fn remove(path: &Path) -> Result<(), ImportError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(ImportError::Store { path: path.to_owned(), source }),
    }
}

/// Writes a file so that after a crash either the old or the new one is there, whole.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let temporary = folder.join(format!(".new-{}", path.file_name().unwrap_or_default().display()));
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    File::open(folder)?.sync_all()
}

/// Removes what imports left behind that were stopped in their middle; under the lock none is at work.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().ends_with(DRAFT_END) {
            // What cannot be removed is only in the way of nothing.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The last line of a copy.
#[derive(Serialize, Deserialize)]
struct Seal {
    #[serde(flatten)]
    info: SourceInfo,
    /// CRC-32 of every line before, and of `info` as JSON: a bit that turns must not free a package of a vulnerability.
    crc32: u32,
}

impl Seal {
    fn new(info: &SourceInfo, mut lines: Hasher) -> std::io::Result<Self> {
        lines.update(&serde_json::to_vec(info)?);
        Ok(Self { info: info.clone(), crc32: lines.finalize() })
    }
}

/// The copy of a source being written.
pub(crate) struct Draft {
    path: PathBuf,
    temporary: PathBuf,
    out: BufWriter<File>,
    sum: Hasher,
    failed: Option<std::io::Error>,
}

impl Draft {
    /// Writes one statement; a failure is kept for `commit`.
    pub(crate) fn put(&mut self, statement: &Statement) {
        if self.failed.is_some() {
            return;
        }
        let written = serde_json::to_vec(statement).map_err(std::io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            self.sum.update(&line);
            self.out.write_all(&line)
        });
        self.failed = written.err();
    }

    /// Makes it the source's copy.
    pub(crate) fn commit(mut self, info: &SourceInfo) -> Result<(), ImportError> {
        let written = match self.failed.take() {
            Some(error) => Err(error),
            None => self.finish(info),
        };
        written.map_err(|source| ImportError::Store { path: self.path.clone(), source })
    }

    fn finish(&mut self, info: &SourceInfo) -> std::io::Result<()> {
        serde_json::to_writer(&mut self.out, &Seal::new(info, std::mem::take(&mut self.sum))?)?;
        self.out.write_all(b"\n")?;
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        note_unbuilt(folder)?;
        fs::rename(&self.temporary, &self.path)?;
        File::open(folder)?.sync_all()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Gone already when committed.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Reads a copy: statements, then the line that says where they came from.
fn read_source(name: &str, path: &Path, builder: &mut Builder) -> std::io::Result<()> {
    let mut reader = BufReader::new(File::open(path)?);
    let mut line = String::new();
    let mut sum = Hasher::new();
    let mut is_whole = false;
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return if is_whole { Ok(()) } else { Err(std::io::Error::other("the copy is cut")) };
        }
        if line.starts_with("{\"name\"") {
            let seal: Seal = serde_json::from_str(&line).map_err(|_| damaged())?;
            if is_whole || Seal::new(&seal.info, sum.clone())?.crc32 != seal.crc32 || !line.ends_with('\n') {
                return Err(damaged());
            }
            is_whole = seal.info.name == name;
            builder.source(seal.info);
            continue;
        }
        if is_whole {
            return Err(damaged());
        }
        sum.update(line.as_bytes());
        let statement: Statement = serde_json::from_str(&line).map_err(|_| damaged())?;
        builder.add(name, &statement).map_err(std::io::Error::other)?;
    }
}

fn damaged() -> std::io::Error {
    std::io::Error::other("the copy is damaged: it is not what was written; import or fetch the source again")
}

/// Names and formats are short.
const SEAL_BYTES_MAX: u64 = 64 << 10;
/// Enough to step back from a bad import, and for readers still on the one before.
const GENERATIONS_KEPT: usize = 3;

const DRAFT_END: &str = ".jsonl.new";

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
