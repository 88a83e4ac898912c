//! Which bundle of a key came last? Kept on both sides, so that an old one is not taken for news.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tripoint_model::Timestamp;

use super::{BundleError, folder, io};

/// The last bundle that was taken from a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// Its counter.
    pub counter: u64,
    /// SHA-256 of its manifest.
    pub manifest_sha256: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it was imported.
    pub imported: Timestamp,
}

const IMPORTED: &str = "imported.json";
const EXPORTED: &str = "exported.json";

/// The last bundle of each key, by the key's id.
pub fn imported(data_dir: &Path) -> Result<BTreeMap<String, Last>, BundleError> {
    let path = folder(data_dir).join(IMPORTED);
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| io(&path)(error.into())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(io(&path)(error)),
    }
}

/// Remembers it.
pub fn set_imported(data_dir: &Path, key: &str, last: Last) -> Result<(), BundleError> {
    let mut all = imported(data_dir)?;
    all.insert(key.to_owned(), last);
    write(data_dir, IMPORTED, &all)
}

/// The counter of the next bundle of a key: higher than the last, and at least the time in seconds, so that
/// a lost data folder does not bring an exporter back to the start.
pub fn next(data_dir: &Path, key: &str, now: Timestamp) -> Result<u64, BundleError> {
    let path = folder(data_dir).join(EXPORTED);
    let mut all: BTreeMap<String, u64> =
        fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let seconds = u64::try_from(now.0 / 1_000_000).unwrap_or(0);
    let counter = all.get(key).map_or(seconds, |last| last.saturating_add(1).max(seconds));
    all.insert(key.to_owned(), counter);
    write(data_dir, EXPORTED, &all)?;
    Ok(counter)
}

fn write(data_dir: &Path, name: &str, value: &impl Serialize) -> Result<(), BundleError> {
    let folder = folder(data_dir);
    let path = folder.join(name);
    let text = serde_json::to_vec_pretty(value).map_err(|error| io(&path)(error.into()))?;
    fs::create_dir_all(&folder).map_err(io(&folder))?;
    let mut file = tempfile::NamedTempFile::new_in(&folder).map_err(io(&path))?;
    std::io::Write::write_all(&mut file, &text).and_then(|()| file.as_file().sync_all()).map_err(io(&path))?;
    file.persist(&path).map_err(|error| io(&path)(error.error))?;
    fs::File::open(&folder).and_then(|folder| folder.sync_all()).map_err(io(&path))
}
