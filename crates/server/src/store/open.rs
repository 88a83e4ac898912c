//! How is the database opened, and what keeps it shut?

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::SqliteConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};

use tripoint_model::ServiceLevels;

use super::layout::migrate;
use super::room::Room;
use super::{StoreError, backup, file, queue, sla};
use crate::auth::audit::head::HEADS;

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
    let unfinished = backup::unfinished(path);
    if unfinished.exists() {
        return Err(StoreError::Unfinished(unfinished.display().to_string()));
    }
    if is_emptied(path) {
        let what = "it is empty, and the audit beside it is not; bring a backup back, or move it and its folder away";
        return Err(StoreError::Damaged(path.display().to_string(), what.to_owned()));
    }
    let room = Arc::new(Room::open(path.parent().unwrap_or(Path::new("."))));
    create(path)?;
    let options = file::held(path)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(file::BUSY);
    look_at(path).await?;
    let mut connection = laying_aside(options.clone(), path).connect().await.map_err(|error| why_not(path, error))?;
    migrate(&mut connection).await?;
    queue::fill(&mut connection).await?;
    sla::promise(&mut connection, levels).await?;
    // What a change lays aside to take itself back finds room on a full disk too; what is sorted above may be large.
    sqlx::query("PRAGMA temp_store = MEMORY").execute(&mut connection).await?;
    let reading = options.read_only(true);
    let pool = |most| SqlitePoolOptions::new().max_connections(most).connect_with(reading.clone());
    let (readers, searchers, doors) = (pool(4).await?, pool(4).await?, pool(2).await?);
    Ok(Opened { connection, readers, searchers, doors, room })
}

/// What sorting lays aside goes beside the database: the server may have given up every other folder. SQLite keeps one
/// such place for the whole process, so the first database of it says where.
fn laying_aside(options: SqliteConnectOptions, path: &Path) -> SqliteConnectOptions {
    static SAID: AtomicBool = AtomicBool::new(false);
    match path.parent().and_then(Path::to_str).filter(|folder| !folder.is_empty()) {
        Some(folder) if !SAID.swap(true, Ordering::Relaxed) => {
            options.pragma("temp_store_directory", format!("'{}'", folder.replace('\'', "''")))
        }
        _ => options,
    }
}

/// Looks at every page. Who only reads folds no journal into what may be damaged, and takes none away.
async fn look_at(path: &Path) -> Result<(), StoreError> {
    let why = |error| why_not(path, error);
    let mut connection = file::looked_at(path).connect().await.map_err(why)?;
    let found = backup::sound(&mut connection, "quick_check").await.map_err(why)?;
    connection.close().await.map_err(why)?;
    found.map_or(Ok(()), |what| Err(StoreError::Damaged(path.display().to_string(), what)))
}

/// Whether there is a file with nothing in it where there was a database: SQLite would begin a new one in it.
fn is_emptied(path: &Path) -> bool {
    let length = |path: &Path| std::fs::metadata(path).map(|found| found.len());
    length(path).is_ok_and(|length| length == 0) && length(&path.with_file_name(HEADS)).is_ok_and(|length| length > 0)
}

/// SQLite gives its other files the same mode. Alerts name people and commands.
fn create(path: &Path) -> Result<(), StoreError> {
    let made = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path);
    made.map(drop).map_err(|error| StoreError::Database(format!("create {}: {error}", path.display())))
}

/// Why a database cannot be opened: a backup is to be brought back where it is damaged, and nowhere else.
fn why_not(path: &Path, error: sqlx::Error) -> StoreError {
    let code = error.as_database_error().and_then(|said| said.code()).and_then(|code| code.parse::<i32>().ok());
    match code {
        Some(code) if DAMAGE.contains(&code) || !OF_THE_HOST.contains(&(code & 0xff)) => {
            StoreError::Damaged(path.display().to_string(), error.to_string())
        }
        Some(_) => StoreError::Database(format!("open {}: {error}", path.display())),
        None => error.into(),
    }
}

/// `SQLITE_IOERR_DATA`, `SQLITE_IOERR_SHORT_READ`, `SQLITE_IOERR_CORRUPTFS`.
const DAMAGE: &[i32] = &[8202, 522, 8458];
/// `SQLITE_PERM`, `BUSY`, `LOCKED`, `NOMEM`, `READONLY`, `INTERRUPT`, `IOERR`, `FULL`, `CANTOPEN`, `PROTOCOL`, `AUTH`.
const OF_THE_HOST: &[i32] = &[3, 5, 6, 7, 8, 9, 10, 13, 14, 15, 23];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn what_somebody_else_holds_is_not_called_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.sqlite");
        drop(open(&path, &ServiceLevels::default()).await.unwrap());
        let mut other = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
        sqlx::query("PRAGMA locking_mode = EXCLUSIVE").execute(&mut other).await.unwrap();
        sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
        let options = file::held(&path).unwrap().busy_timeout(Duration::ZERO);
        let locked = async { options.clone().journal_mode(SqliteJournalMode::Wal).connect().await };
        let error = match locked.await {
            Ok(mut connection) => backup::sound(&mut connection, "quick_check").await.map(drop).unwrap_err(),
            Err(error) => error,
        };
        assert!(matches!(why_not(&path, error), StoreError::Database(said) if said.contains("locked")));
    }

    /// A server that may write nowhere else sorts what is too much for its memory.
    #[tokio::test]
    async fn what_sorting_lays_aside_lies_beside_the_database() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.sqlite");
        let mut opened = open(&path, &ServiceLevels::default()).await.unwrap();
        let said: String =
            sqlx::query_scalar("PRAGMA temp_store_directory").fetch_one(&mut opened.connection).await.unwrap();
        // Another database of this process may have said it first.
        assert!(!said.is_empty());
    }
}
