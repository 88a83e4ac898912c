//! What did the last run leave behind, what of it is damaged, and what was cut off?

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::journal::{Options, Segment};
use crate::kept::{self, KeptError};
use crate::record::{Piece, SEGMENT_HEADER, Scan, read_segment_header};

/// Why a journal could not be opened. It is never "repaired" by deleting it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("journal {0} is in use by another process")]
    InUse(PathBuf),
    /// The operating system refused.
    #[error("journal {path}: {action}")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What was attempted.
        action: &'static str,
        /// What it said.
        #[source]
        source: io::Error,
    },
}

/// A damaged stretch that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corruption {
    /// The segment file.
    pub segment: PathBuf,
    /// Offset of the first damaged byte.
    pub offset: u64,
    /// How many bytes; 0 when a whole segment is missing before `offset`.
    pub bytes: u64,
    /// Where a copy of the bytes was put; `None` when there was no room left for copies.
    pub set_aside: Option<PathBuf>,
}

/// What opening found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Whole records.
    pub records: u64,
    /// Bytes after the last whole record that were cut off: a write that a crash interrupted, or
    /// damage to the newest records, which looks the same.
    pub torn_bytes: u64,
    /// Where the copy of the torn bytes was put.
    pub torn_set_aside: Option<PathBuf>,
    /// Damage with good records after it.
    pub corrupt: Vec<Corruption>,
    /// The position up to which records were acknowledged is damaged: reading starts at the oldest record that there
    /// is. Where there is none, offsets begin anew, and may have been used before.
    pub position_lost: bool,
}

impl Recovery {
    /// Whether everything that was written is there.
    pub fn is_clean(&self) -> bool {
        self.torn_bytes == 0 && self.corrupt.is_empty() && !self.position_lost
    }
}

/// Holds the folder for this process as long as it lives.
pub(crate) fn lock(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join("lock");
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|source| OpenError::Io { path: path.clone(), action: "create the lock", source })?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(folder.to_owned())),
        Err(TryLockError::Error(source)) => Err(OpenError::Io { path, action: "lock", source }),
    }
}

/// A position was kept and is not known any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost;

/// The position that a file keeps; `None` where there is none.
pub(crate) fn position(path: &Path) -> Result<Result<Option<u64>, Lost>, OpenError> {
    let number = |bytes: Vec<u8>| String::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).ok_or(Lost);
    match kept::read(path) {
        Ok(bytes) => Ok(bytes.map(number).transpose()),
        Err(KeptError::Damaged(_)) => Ok(Err(Lost)),
        Err(KeptError::Io(path, source)) => Err(OpenError::Io { path, action: "read", source }),
    }
}

/// The segment files in order of their offset. Files with other names are left alone.
pub(crate) fn segment_files(folder: &Path) -> Result<Vec<(u64, PathBuf)>, OpenError> {
    let failed = |source| OpenError::Io { path: folder.to_owned(), action: "list", source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let base = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".segment"));
        if let Some(base) = base.filter(|text| text.len() == 20).and_then(|text| text.parse().ok()) {
            found.push((base, path));
        }
    }
    found.sort();
    Ok(found)
}

/// Reads every segment, sets damage aside, cuts the torn tail of the newest.
pub(crate) fn recover(folder: &Path, options: &Options) -> Result<(Vec<Segment>, Recovery), OpenError> {
    let files = segment_files(folder)?;
    let mut recovery = Recovery::default();
    let mut segments: Vec<Segment> = Vec::with_capacity(files.len());
    let count = files.len();
    for (index, (base, path)) in files.into_iter().enumerate() {
        let bytes = read_bounded(&path, options).map_err(|source| OpenError::Io {
            path: path.clone(),
            action: "read",
            source,
        })?;
        let previous_end = segments.last().map(Segment::end);
        let mut segment = Segment { base, path, length: bytes.len() as u64, skipped_to: base + bytes.len() as u64 };
        let newest = index + 1 == count;
        check_header(folder, &segment, &bytes, previous_end, newest, &mut recovery);
        scan_records(folder, &mut segment, &bytes, newest, options, &mut recovery)?;
        if segment.length > 0 {
            segments.push(segment);
        }
    }
    Ok((segments, recovery))
}

fn check_header(
    folder: &Path,
    segment: &Segment,
    bytes: &[u8],
    previous_end: Option<u64>,
    newest: bool,
    recovery: &mut Recovery,
) {
    let header = &bytes[..bytes.len().min(SEGMENT_HEADER)];
    let corruption = match (read_segment_header(bytes), previous_end) {
        (Some(said), Some(found)) if said != found => {
            Corruption { segment: segment.path.clone(), offset: segment.base, bytes: 0, set_aside: None }
        }
        (Some(_), _) => return,
        // A crash while the segment was being created; the torn tail reports it.
        (None, _) if newest && bytes.len() <= SEGMENT_HEADER => return,
        (None, _) => Corruption {
            segment: segment.path.clone(),
            offset: segment.base,
            bytes: header.len() as u64,
            set_aside: set_aside(folder, segment.base, header),
        },
    };
    recovery.corrupt.push(corruption);
}

fn scan_records(
    folder: &Path,
    segment: &mut Segment,
    bytes: &[u8],
    newest: bool,
    options: &Options,
    recovery: &mut Recovery,
) -> Result<(), OpenError> {
    if bytes.len() < SEGMENT_HEADER || (newest && bytes.len() == SEGMENT_HEADER && read_segment_header(bytes).is_none())
    {
        return cut(folder, segment, bytes, 0, recovery);
    }
    for piece in Scan::new(bytes, segment.base, SEGMENT_HEADER, options.record_max) {
        match piece {
            Piece::Good { .. } => recovery.records += 1,
            Piece::Bad { offset, at_end: true, .. } if newest => {
                let keep = usize::try_from(offset - segment.base).unwrap_or(0);
                return cut(folder, segment, bytes, keep, recovery);
            }
            Piece::Bad { offset, length, .. } => {
                let from = usize::try_from(offset - segment.base).unwrap_or(0);
                let damaged = &bytes[from..from + usize::try_from(length).unwrap_or(0)];
                recovery.corrupt.push(Corruption {
                    segment: segment.path.clone(),
                    offset,
                    bytes: length,
                    set_aside: set_aside(folder, offset, damaged),
                });
            }
        }
    }
    Ok(())
}

/// Cuts the segment after `keep` bytes; the offsets of what is cut are not used again. A segment
/// that never had a record is removed.
fn cut(
    folder: &Path,
    segment: &mut Segment,
    bytes: &[u8],
    keep: usize,
    recovery: &mut Recovery,
) -> Result<(), OpenError> {
    let torn = &bytes[keep..];
    recovery.torn_bytes += torn.len() as u64;
    recovery.torn_set_aside = set_aside(folder, segment.base + keep as u64, torn);
    let failed = |source| OpenError::Io { path: segment.path.clone(), action: "cut the torn tail of", source };
    segment.length = keep as u64;
    if keep == 0 {
        return fs::remove_file(&segment.path).map_err(failed);
    }
    let file = OpenOptions::new().write(true).open(&segment.path).map_err(failed)?;
    file.set_len(keep as u64).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    Ok(())
}

/// Keeps a copy for a person to look at. Copies are a courtesy: failing to make one is no error.
fn set_aside(folder: &Path, offset: u64, bytes: &[u8]) -> Option<PathBuf> {
    let aside = folder.join("aside");
    fs::create_dir_all(&aside).ok()?;
    let path = aside.join(format!("{offset:020}.bytes"));
    let room = fs::read_dir(&aside).ok()?.count() < ASIDE_FILES_MAX || path.exists();
    if bytes.is_empty() || !room {
        return None;
    }
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&path).ok()?;
    file.write_all(&bytes[..bytes.len().min(ASIDE_BYTES_MAX)]).ok()?;
    Some(path)
}

/// A segment never grows beyond its limit and one record; what is longer is not ours.
pub(crate) fn read_bounded(path: &Path, options: &Options) -> io::Result<Vec<u8>> {
    let limit = options.max_bytes.max(options.segment_bytes) + u64::from(options.record_max) + 64;
    let mut bytes = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// How many copies of damaged stretches are kept.
const ASIDE_FILES_MAX: usize = 64;
/// How much of one damaged stretch is kept.
const ASIDE_BYTES_MAX: usize = 1 << 20;
