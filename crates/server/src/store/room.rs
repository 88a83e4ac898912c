//! What goes on when the disk is full?
//!
//! A file beside the database holds room and nothing else. When a change finds no room, that file is removed, and in
//! its place the oldest connections are let go: alerts, people's work and the audit then go on in the pages that became
//! free. Once the disk has room again the file is laid by anew, without a restart.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::SqliteConnection;

use super::{StoreError, contacts};

/// Room for one round of letting go and for folding the write-ahead log into the database, some times over.
const BYTES: u64 = 4 << 20;
/// Connections that are let go in one transaction: some 2 MB of the write-ahead log.
const AT_ONCE: u64 = 1_000;
/// The part of all connections that is let go each time.
const PART: u64 = 4;

/// The room laid by, and whether it was needed.
#[derive(Debug)]
pub(super) struct Room {
    path: PathBuf,
    full: AtomicBool,
}

impl Room {
    /// Of the database in `folder`. Laid by where there is room; given up at once where even a start would find none.
    pub(super) fn open(folder: &Path) -> Self {
        let room = Self { path: folder.join("reserve"), full: AtomicBool::new(false) };
        match room.free() {
            Ok(free) if free < BYTES / 4 => room.give_up(),
            _ => room.lay_by(),
        }
        room
    }

    /// Whether the disk is full, as far as is known.
    pub(super) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    fn give_up(&self) {
        if !self.full.swap(true, Ordering::Relaxed) {
            let folder = self.path.parent().unwrap_or(&self.path);
            tracing::error!(folder = %folder.display(), "the disk is full; reading goes on, and what can be kept is kept");
        }
        let _ = fs::remove_file(&self.path);
    }

    /// Where there is room twice over: what is laid by must not fill the disk itself.
    fn lay_by(&self) {
        let lain = match self.free() {
            Ok(free) if free >= 2 * BYTES || self.is_laid_by() => self.write(),
            Ok(_) => return self.full.store(true, Ordering::Relaxed),
            Err(error) => Err(error),
        };
        if let Err(error) = lain {
            let _ = fs::remove_file(&self.path);
            tracing::warn!(%error, path = %self.path.display(), "no room is laid by for a full disk");
            // It has no room yet: the next change tries again.
            return;
        }
        if self.full.swap(false, Ordering::Relaxed) {
            tracing::info!("the disk has room again");
        }
    }

    fn free(&self) -> io::Result<u64> {
        let disk = rustix::fs::statvfs(self.path.parent().unwrap_or(&self.path))?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    fn is_laid_by(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|found| found.is_file() && found.len() == BYTES)
    }

    /// Bytes that no file system leaves out, as it may those of a hole.
    fn write(&self) -> io::Result<()> {
        if self.is_laid_by() {
            return Ok(());
        }
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&self.path)?;
        for _ in 0..BYTES >> 16 {
            file.write_all(&[0xa5; 1 << 16])?;
        }
        file.sync_all()
    }
}

/// After each transaction: makes room where it found none, lays room by again where there is some.
pub(super) async fn tend(connection: &mut SqliteConnection, room: &Arc<Room>, failure: Option<&StoreError>) {
    if matches!(failure, Some(StoreError::Full)) {
        room.give_up();
        if let Err(error) = let_go(connection).await {
            tracing::error!(%error, "no room could be made");
        }
    } else if failure.is_none() && room.is_full() {
        let room = Arc::clone(room);
        let _ = tokio::task::spawn_blocking(move || room.lay_by()).await;
    }
}

/// Lets the oldest connections go.
async fn let_go(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    fold(connection).await?;
    let mut left = contacts::rows(connection).await? / PART;
    while left > 0 {
        let gone = contacts::let_go(connection, left.min(AT_ONCE)).await?;
        left = left.saturating_sub(gone.max(1));
        fold(connection).await?;
    }
    Ok(())
}

/// Folds the write-ahead log into the database. It is begun anew and not cut short: whoever filled the disk would take
/// what it gave back.
async fn fold(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query("PRAGMA wal_checkpoint(RESTART)").execute(connection).await?;
    Ok(())
}
