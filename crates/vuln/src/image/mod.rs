//! How is the vulnerability image laid out, opened and found on disk?
//!
//! Little-endian. Header: magic, version, build time, then kind, CRC-32, offset and length of each
//! section, then the CRC of the header. A text is its length and its bytes; one that is repeated
//! stands in `TEXTS` and is referred to by offset, as advisories and packages are. What is read
//! together stands together: memory far apart costs more than anything else here. `open` checks
//! every checksum, `open_lazily` the header's alone and so takes no time at any size; neither parses
//! anything, and each later read is bounds-checked, so that even an image with a right checksum and
//! wrong offsets cannot panic.

mod cursor;
mod hits;
mod ladder;
#[cfg(feature = "advisories")]
mod numbered;
#[cfg(feature = "advisories")]
mod outrank;
#[cfg(feature = "advisories")]
mod package;
mod read;
#[cfg(feature = "advisories")]
pub(crate) mod write;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tripoint_model::Timestamp;

pub(crate) use cursor::Numbers;
pub use hits::Hit;
pub use read::{Database, ImageBytes};

/// Why an image cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no image, or one of another version.
    #[error("not a vulnerability image of version {IMAGE_VERSION}")]
    Foreign,
    /// Its bytes are not those that were written.
    #[error("the image is damaged: {0}")]
    Damaged(&'static str),
}

/// One source of the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceInfo {
    /// Its name.
    pub name: String,
    /// The format it was read as.
    pub format: String,
    /// When it was imported.
    pub imported: Timestamp,
    /// How many records it gave.
    pub records: u64,
    /// The newest moment that the content itself names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Timestamp>,
}

/// The images in `data_dir`, newest generation first.
pub fn image_files(data_dir: &Path) -> Vec<(u64, PathBuf)> {
    let Ok(entries) = fs::read_dir(data_dir.join("images")) else { return Vec::new() };
    let mut out: Vec<(u64, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let generation = name.to_str()?.strip_prefix("vuln.")?.parse().ok()?;
            Some((generation, entry.path()))
        })
        .collect();
    out.sort_by_key(|(generation, _)| std::cmp::Reverse(*generation));
    out
}

/// Opens the newest valid image, reading it into memory; damaged ones are passed over.
/// `None` when there is no image at all.
pub fn open_latest(data_dir: &Path) -> Result<Option<(u64, Database)>, ImageError> {
    open_latest_with(data_dir, |path| {
        let bytes = fs::read(path).map_err(|source| ImageError::Io { path: path.to_owned(), source })?;
        Database::open(Arc::new(bytes))
    })
}

/// Opens the newest image that `open` takes, which may map the file instead of reading it.
pub fn open_latest_with(
    data_dir: &Path,
    open: impl Fn(&Path) -> Result<Database, ImageError>,
) -> Result<Option<(u64, Database)>, ImageError> {
    let mut failure = None;
    for (generation, path) in image_files(data_dir) {
        match open(&path) {
            Ok(database) => return Ok(Some((generation, database))),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(None), Err)
}

/// First bytes of every image.
const MAGIC: &[u8; 8] = b"TPVULN\r\n";
/// The layout's version; an image of another is rebuilt, never guessed at.
const IMAGE_VERSION: u32 = 3;
const SECTIONS: usize = 7;
/// Texts that are repeated.
const TEXTS: usize = 0;
const ADVISORIES: usize = 1;
/// Packages: key, ladder of versions, entries.
const AFFECTED: usize = 2;
/// Hash table of the packages: hash and offset.
const TABLE: usize = 3;
const CVES: usize = 4;
/// Offsets of the CVEs, sorted by id.
const CVE_ORDER: usize = 5;
const SOURCES: usize = 6;
const HEADER_BYTES: usize = 8 + 4 + 4 + 8 + SECTIONS * 24 + 4;
/// An empty slot of the hash table, an empty text, no list of CVEs of an entry's own.
const NOWHERE: u32 = u32::MAX;
/// In an event: the bound stands outside the order of versions.
const OPEN: u32 = NOWHERE >> 2;

/// FNV-1a over ecosystem, a zero byte and name.
fn hash(ecosystem: &str, name: &str) -> u32 {
    let mut state: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in ecosystem.bytes().chain([0]).chain(name.bytes()) {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    (state ^ (state >> 32)) as u32
}

#[cfg(all(test, feature = "advisories"))]
mod tests;
