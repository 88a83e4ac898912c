//! How is a record appended, made durable, read again and let go?

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::kept;
use crate::record::{Piece, RECORD_HEADER, SEGMENT_HEADER, Scan, encode, segment_header};
use crate::recover::{self, OpenError, Recovery};

/// The bounds of a journal, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// A new segment is begun when the newest is at least this long.
    pub segment_bytes: u64,
    /// Sum of all segments that `append` never exceeds.
    pub max_bytes: u64,
    /// The longest record.
    pub record_max: u32,
}

impl Default for Options {
    /// 8 MiB a segment, 256 MiB in all, records of up to 2 MiB.
    fn default() -> Self {
        Self { segment_bytes: 8 << 20, max_bytes: 256 << 20, record_max: 2 << 20 }
    }
}

/// Why a record was not appended. The journal stays as it was before.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The size limit is reached; the caller decides what to drop.
    #[error("journal is full: {used} of {max} bytes used, {needed} more needed")]
    Full {
        /// Bytes used now.
        used: u64,
        /// Bytes this record needs.
        needed: u64,
        /// The limit.
        max: u64,
    },
    /// Longer than `Options::record_max`.
    #[error("record of {0} bytes is too long")]
    TooLong(usize),
    /// An earlier write or sync failed in a way after which nothing can be promised.
    #[error("journal is poisoned by an earlier failure; open it anew")]
    Poisoned,
    /// The operating system refused (a full disk, say); can be tried again.
    #[error("append to the journal")]
    Io(#[source] io::Error),
}

/// Why nothing can be promised any more.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// An earlier failure.
    #[error("journal is poisoned by an earlier failure; open it anew")]
    Poisoned,
    /// The operating system refused; the journal is poisoned from now on.
    #[error("make the journal durable")]
    Io(#[source] io::Error),
}

/// Why records could not be read.
#[derive(Debug, thiserror::Error)]
#[error("read journal segment {path}")]
pub struct ReadError {
    /// Which file.
    pub path: PathBuf,
    /// What the operating system said.
    #[source]
    pub source: io::Error,
}

/// Why segments could not be let go.
#[derive(Debug, thiserror::Error)]
#[error("prune journal in {path}")]
pub struct AcknowledgeError {
    /// Which file or folder.
    pub path: PathBuf,
    /// What the operating system said.
    #[source]
    pub source: io::Error,
}

/// A record as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it begins.
    pub offset: u64,
    /// Where the next one begins; acknowledging it lets this record go.
    pub next: u64,
    /// What was appended.
    pub bytes: Vec<u8>,
    /// Damaged bytes between the record before, or where reading began, and this one: what they were is lost.
    pub damaged_before: u64,
}

/// A file of consecutive records. Its name is the offset of its first byte.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) base: u64,
    pub(crate) path: PathBuf,
    pub(crate) length: u64,
    /// The first offset that no byte of this segment ever had, cut ones included.
    pub(crate) skipped_to: u64,
}

impl Segment {
    pub(crate) fn end(&self) -> u64 {
        self.base + self.length
    }
}

/// An append log in one folder, opened by one process at a time.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    options: Options,
    segments: Vec<Segment>,
    /// The newest segment; `None` until something is appended after opening.
    file: Option<File>,
    acknowledged: u64,
    poisoned: bool,
    #[cfg(test)]
    sync_fails: bool,
    _lock: File,
}

impl Journal {
    /// Opens or creates the journal in `folder` and says what was found there.
    pub fn open(folder: &Path, options: Options) -> Result<(Self, Recovery), OpenError> {
        let failed = |source| OpenError::Io { path: folder.to_owned(), action: "create", source };
        fs::create_dir_all(folder).map_err(failed)?;
        let lock = recover::lock(folder)?;
        let (segments, mut recovery) = recover::recover(folder, &options)?;
        let start = segments.first().map_or(0, |segment| segment.base);
        let said = recover::position(&folder.join(ACKNOWLEDGED))?;
        recovery.position_lost = said == Err(recover::Lost);
        let end = segments.last().map_or(0, |segment| segment.skipped_to);
        // Some records once more rather than one never.
        let acknowledged = said.ok().flatten().unwrap_or(start);
        // With every segment gone, the position is all that keeps offsets from being used twice.
        let acknowledged = if segments.is_empty() { acknowledged } else { acknowledged.clamp(start, end) };
        let journal = Self {
            folder: folder.to_owned(),
            options,
            segments,
            file: None,
            acknowledged,
            poisoned: false,
            #[cfg(test)]
            sync_fails: false,
            _lock: lock,
        };
        Ok((journal, recovery))
    }

    /// The offset after the newest record.
    pub fn end(&self) -> u64 {
        self.segments.last().map_or(self.acknowledged, |segment| segment.skipped_to)
    }

    /// The offset up to which records have been let go; where a reader starts after opening.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.length).sum()
    }

    /// Writes one record and returns the offset after it. Durable only after `sync`.
    pub fn append(&mut self, bytes: &[u8]) -> Result<u64, AppendError> {
        if self.poisoned {
            return Err(AppendError::Poisoned);
        }
        if bytes.len() as u64 > u64::from(self.options.record_max) {
            return Err(AppendError::TooLong(bytes.len()));
        }
        let needed = (RECORD_HEADER + bytes.len()) as u64;
        let rotate = self.file.is_none()
            || self.segments.last().is_none_or(|segment| segment.length >= self.options.segment_bytes);
        let with_header = needed + if rotate { SEGMENT_HEADER as u64 } else { 0 };
        let used = self.bytes();
        if used + with_header > self.options.max_bytes {
            return Err(AppendError::Full { used, needed: with_header, max: self.options.max_bytes });
        }
        if rotate {
            self.rotate()?;
        }
        let (Some(segment), Some(file)) = (self.segments.last_mut(), self.file.as_ref()) else {
            return Err(AppendError::Poisoned);
        };
        let record = encode(segment.end(), bytes);
        if let Err(source) = file.write_all_at(&record, segment.length) {
            // Half a record would hide every later one from a reader: take it back or stop.
            self.poisoned = file.set_len(segment.length).is_err();
            return Err(AppendError::Io(source));
        }
        segment.length += needed;
        segment.skipped_to = segment.end();
        Ok(segment.end())
    }

    /// Makes everything appended so far durable and returns the offset after it.
    pub fn sync(&mut self) -> Result<u64, SyncError> {
        if self.poisoned {
            return Err(SyncError::Poisoned);
        }
        if let Err(source) = self.sync_newest() {
            self.poisoned = true;
            return Err(SyncError::Io(source));
        }
        Ok(self.end())
    }

    fn sync_newest(&self) -> io::Result<()> {
        #[cfg(test)]
        if self.sync_fails {
            return Err(io::Error::other("injected"));
        }
        self.file.as_ref().map_or(Ok(()), File::sync_data)
    }

    /// Whole records from `offset` on, in order, until their bytes reach `bytes_max` (at least one
    /// if there is any). Damaged stretches are skipped, and the record behind one says so: `open` has
    /// reported those that it found, and a bit may have turned since. Records beyond what `sync`
    /// returned are given too and may not survive a crash.
    pub fn read_from(&self, offset: u64, bytes_max: usize) -> Result<Vec<Record>, ReadError> {
        let mut records = Vec::new();
        let (mut taken, mut damaged) = (0, 0);
        for segment in self.segments.iter().filter(|segment| segment.end() > offset) {
            let bytes = recover::read_bounded(&segment.path, &self.options)
                .map_err(|source| ReadError { path: segment.path.clone(), source })?;
            let position = usize::try_from(offset.saturating_sub(segment.base)).unwrap_or(usize::MAX);
            for piece in Scan::new(&bytes, segment.base, position.max(SEGMENT_HEADER), self.options.record_max) {
                let (offset, bytes) = match piece {
                    Piece::Good { offset, bytes } => (offset, bytes),
                    Piece::Bad { length, .. } => {
                        damaged += length;
                        continue;
                    }
                };
                if taken >= bytes_max && !records.is_empty() {
                    return Ok(records);
                }
                taken += bytes.len();
                let next = offset + (RECORD_HEADER + bytes.len()) as u64;
                let damaged_before = std::mem::take(&mut damaged);
                records.push(Record { offset, next, bytes: bytes.to_vec(), damaged_before });
            }
        }
        Ok(records)
    }

    /// Lets go of every record before `offset`. Segments that hold nothing else are removed. The
    /// position is kept without sync: after a crash some records may be read once more.
    pub fn acknowledge(&mut self, offset: u64) -> Result<(), AcknowledgeError> {
        let offset = offset.min(self.end());
        if offset <= self.acknowledged {
            return Ok(());
        }
        self.acknowledged = offset;
        self.remember(offset)?;
        let newest_is_done =
            self.segments.last().is_some_and(|segment| segment.length >= self.options.segment_bytes / 4);
        while let Some(segment) = self.segments.first() {
            let is_newest = self.segments.len() == 1;
            if segment.skipped_to > offset || (is_newest && !newest_is_done) {
                break;
            }
            fs::remove_file(&segment.path).map_err(|source| AcknowledgeError { path: segment.path.clone(), source })?;
            self.segments.remove(0);
            if is_newest {
                self.file = None;
            }
        }
        Ok(())
    }

    fn remember(&self, offset: u64) -> Result<(), AcknowledgeError> {
        let path = self.folder.join(ACKNOWLEDGED);
        kept::write(&path, offset.to_string().as_bytes()).map_err(|source| AcknowledgeError { path, source })
    }

    /// Begins a new segment. The one before is made durable first, so that only the newest can be torn.
    fn rotate(&mut self) -> Result<(), AppendError> {
        if let Err(source) = self.sync_newest() {
            self.poisoned = true;
            return Err(AppendError::Io(source));
        }
        let base = self.end();
        let previous_end = self.segments.last().map_or(base, Segment::end);
        let path = self.folder.join(format!("{base:020}.segment"));
        let file = create_segment(&self.folder, &path, previous_end).map_err(AppendError::Io)?;
        let length = SEGMENT_HEADER as u64;
        self.segments.push(Segment { base, path, length, skipped_to: base + length });
        self.file = Some(file);
        Ok(())
    }
}

fn create_segment(folder: &Path, path: &Path, previous_end: u64) -> io::Result<File> {
    // What is written may name people and secrets: nobody else reads it.
    let file = OpenOptions::new().create(true).truncate(true).read(true).write(true).mode(0o600).open(path)?;
    file.write_all_at(&segment_header(previous_end), 0)?;
    file.sync_all()?;
    // The name itself lives in the folder.
    File::open(folder)?.sync_all()?;
    Ok(file)
}

/// File that holds the acknowledged offset as decimal text, with its checksum (`kept`).
const ACKNOWLEDGED: &str = "acknowledged";

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
