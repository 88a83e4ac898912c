//! May the file of a database be opened, by whomever and for whatever?
//!
//! SQLite leaves out what lies behind a damaged place of a journal and says nothing; closing the last connection then
//! folds what is left into the database and removes the journal, and with it what was acknowledged. So each way to the
//! file leads through here: what is damaged is opened by nobody, also not to be looked at or put aside.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use tripoint_pages::journal::Ending;

use super::{Hold, StoreError};

/// To read and write, for whoever holds the data folder, or has made this file itself.
pub(super) fn held(path: &Path) -> Result<SqliteConnectOptions, StoreError> {
    look_at_header(path)?;
    look_at_journal(path)?;
    Ok(summed(path))
}

/// To read only, for whoever was given `held` and looks at the pages before anything is written.
pub(super) fn looked_at(path: &Path) -> SqliteConnectOptions {
    summed(path).read_only(true).busy_timeout(BUSY)
}

/// To read only, beside a running server or without one: `path` is the database of a data folder. Whoever only reads
/// folds no journal into the database and removes none.
pub(super) fn shared(path: &Path) -> Result<SqliteConnectOptions, StoreError> {
    if !is_in_use(path) {
        look_at_header(path)?;
        look_at_journal(path)?;
    }
    Ok(summed(path).read_only(true))
}

/// Whether a server writes it now: it looked at the journal when it started, and what is being written looks torn.
fn is_in_use(path: &Path) -> bool {
    let Some(data_dir) = path.parent().and_then(Path::parent) else { return false };
    // Where nothing can be written there is nobody who writes.
    Hold::take(data_dir).is_ok_and(|held| held.is_none())
}

/// A database whose pages are compared with their sums as they are read.
fn summed(path: &Path) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new().filename(path);
    match tripoint_pages::register() {
        Ok(()) => options.vfs(tripoint_pages::NAME),
        Err(code) => {
            tracing::error!(code, "SQLite takes no sums of pages; what turns on the disk is found only by its shape");
            options
        }
    }
}

/// A database without numbers at the end of its pages could not be read: better said than found out page by page.
fn look_at_header(path: &Path) -> Result<(), StoreError> {
    let mut header = [0; 100];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut header));
    let reserved = header[tripoint_pages::RESERVED_AT];
    if read.is_err() || !header.starts_with(MAGIC) || reserved == tripoint_pages::RESERVED {
        return Ok(());
    }
    let why =
        "its header names no room for the numbers and sums of pages; a database from before there were any is not read";
    Err(StoreError::Damaged(path.display().to_string(), why.to_owned()))
}

/// How long somebody else may hold it.
pub(super) const BUSY: Duration = Duration::from_secs(10);
/// How a database begins.
const MAGIC: &[u8] = b"SQLite format 3\0";

fn look_at_journal(path: &Path) -> Result<(), StoreError> {
    let journal = journal_of(path);
    match tripoint_pages::journal::ending(&journal) {
        Ok(Ending::Whole) => Ok(()),
        Ok(Ending::Torn) => {
            tracing::warn!(
                "the last change in the journal is not whole and is left out: a power cut tore it before anybody was \
                 told of it, or it is damaged"
            );
            Ok(())
        }
        Ok(Ending::Damaged { frame }) => {
            Err(StoreError::Damaged(journal.display().to_string(), format!("frame {frame} is not what was written")))
        }
        Err(error) => Err(StoreError::Database(format!("read {}: {error}", journal.display()))),
    }
}

/// The write-ahead log of a database.
pub(super) fn journal_of(path: &Path) -> PathBuf {
    let mut journal = path.as_os_str().to_owned();
    journal.push("-wal");
    journal.into()
}
