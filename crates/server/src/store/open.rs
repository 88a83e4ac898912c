//! How is the database opened, and what keeps it shut?

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::SqliteConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use tripoint_model::ServiceLevels;
use tripoint_pages::journal::Ending;

use super::layout::migrate;
use super::room::Room;
use super::{StoreError, backup, queue, sla};

/// A database that is sound and of our layout.
pub(super) struct Opened {
    /// For the one who writes.
    pub(super) connection: SqliteConnection,
    pub(super) readers: SqlitePool,
    /// For what people make up themselves, and may be slow.
    pub(super) searchers: SqlitePool,
    /// For who may come in.
    pub(super) doors: SqlitePool,
    /// What is laid by for a full disk.
    pub(super) room: Arc<Room>,
}

/// Opens or creates the file. Every commit is on the disk before it is acknowledged
/// (`synchronous=FULL`: with less, a power cut loses acknowledged rows).
pub(super) async fn open(path: &Path, levels: &ServiceLevels) -> Result<Opened, StoreError> {
    let options = summed(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(10));
    let unfinished = backup::unfinished(path);
    if unfinished.exists() {
        return Err(StoreError::Unfinished(unfinished.display().to_string()));
    }
    let room = Arc::new(Room::open(path.parent().unwrap_or(Path::new("."))));
    create(path)?;
    let damaged = |what: String| StoreError::Damaged(path.display().to_string(), what);
    look_at_journal(path)?;
    let mut connection = options.connect().await.map_err(|error| match error {
        sqlx::Error::Database(said) => damaged(said.to_string()),
        other => other.into(),
    })?;
    let checked = backup::sound(&mut connection, "quick_check").await;
    if let Some(what) = checked.map_err(|error| damaged(error.to_string()))? {
        return Err(damaged(what));
    }
    migrate(&mut connection).await?;
    queue::fill(&mut connection).await?;
    sla::promise(&mut connection, levels).await?;
    let reading = options.read_only(true);
    let pool = |most| SqlitePoolOptions::new().max_connections(most).connect_with(reading.clone());
    let (readers, searchers, doors) = (pool(4).await?, pool(4).await?, pool(2).await?);
    Ok(Opened { connection, readers, searchers, doors, room })
}

/// A database whose pages are compared with their sums as they are read.
pub(super) fn summed(path: &Path) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new().filename(path);
    match tripoint_pages::register() {
        Ok(()) => options.vfs(tripoint_pages::NAME),
        Err(code) => {
            tracing::error!(code, "SQLite takes no sums of pages; what turns on the disk is found only by its shape");
            options
        }
    }
}

/// SQLite would leave out what lies behind a damaged place of its journal, and say nothing.
fn look_at_journal(path: &Path) -> Result<(), StoreError> {
    let mut journal = path.as_os_str().to_owned();
    journal.push("-wal");
    let journal = Path::new(&journal);
    match tripoint_pages::journal::ending(journal) {
        Ok(Ending::Whole) => Ok(()),
        Ok(Ending::Torn) => {
            tracing::warn!(
                "the last change in the journal is not whole: a power cut tore it, and it was never acknowledged"
            );
            Ok(())
        }
        Ok(Ending::Damaged { frame }) => {
            Err(StoreError::Damaged(journal.display().to_string(), format!("frame {frame} is not what was written")))
        }
        Err(error) => Err(StoreError::Database(format!("read {}: {error}", journal.display()))),
    }
}

/// SQLite gives its other files the same mode. Alerts name people and commands.
fn create(path: &Path) -> Result<(), StoreError> {
    let made = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path);
    made.map(drop).map_err(|error| StoreError::Database(format!("create {}: {error}", path.display())))
}
