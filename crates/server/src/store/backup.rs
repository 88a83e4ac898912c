//! How is everything the server knows put aside while it runs, and brought back?
//!
//! A backup is one SQLite file: a consistent copy made by `VACUUM INTO` beside the writer, checked, durable, and put in
//! place whole. It holds neither the key that seals secrets nor the machine's token: who has a backup cannot read them.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use serde::Serialize;
use sqlx::sqlite::SqliteConnection;
use sqlx::{ConnectOptions as _, Connection as _};
use tripoint_model::Timestamp;

use super::layout::MIGRATIONS;
use super::rows::unsigned;
use super::{Hold, StoreError, audit, file};
use crate::access::own_user;
use crate::auth::audit::chain::Chain;
use crate::auth::audit::head::{BEGIN, HEADS, KEY, PUBLIC};
use crate::auth::audit::restored::Restoring;
use crate::state::now;

/// Why a backup was not made or not brought back. What was there before is as it was.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is nothing to put aside.
    #[error("{0} is not there: this data folder has no server's database")]
    NothingThere(PathBuf),
    /// It would be written over.
    #[error("{0} exists already")]
    Exists(PathBuf),
    /// A server uses the folder.
    #[error("a server is running on this data folder; stop it first")]
    Running,
    /// It is no backup, or damaged.
    #[error("{path}: {why}")]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A file could not be read or written.
    #[error("{0}")]
    Io(String, #[source] io::Error),
    /// It has no room.
    #[error("{0}: the disk is full; nothing was put aside")]
    Full(PathBuf),
    /// It could not be written, or what it is of could not be read.
    #[error("{0} was not made; nothing was put aside")]
    Unwritten(PathBuf, #[source] sqlx::Error),
    /// The database refused.
    #[error("database")]
    Database(#[from] sqlx::Error),
    /// What is to be put aside is damaged, or cannot be looked at.
    #[error("nothing was put aside")]
    Store(#[from] StoreError),
}

/// What is in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Backup {
    /// Where it lies.
    pub file: PathBuf,
    /// How long it is, bytes.
    pub bytes: u64,
    /// Version of its layout.
    pub layout: i64,
    /// Alerts in it.
    pub alerts: i64,
    /// Tokens in it that have not ended: one that was taken back since is valid again.
    pub tokens: i64,
    /// Where what was there before has been put, when it was brought back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced: Option<PathBuf>,
}

/// Puts everything aside into a new file, also while a server runs.
pub async fn backup(data_dir: &Path, to: &Path) -> Result<Backup, BackupError> {
    let own = database(data_dir);
    if !own.exists() {
        return Err(BackupError::NothingThere(own));
    }
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let mut connection = file::shared(&own)?.connect().await?;
    // Of its own: another backup of this name may be under way.
    static MADE: AtomicU64 = AtomicU64::new(0);
    let new = beside(to, &format!("{}-{}.new", process::id(), MADE.fetch_add(1, Ordering::Relaxed)));
    let _ = fs::remove_file(&new);
    // SQLite writes into an empty file as it finds it: nobody else reads this one.
    create(&new)?;
    let made = sqlx::query("VACUUM INTO $1").bind(new.display().to_string()).execute(&mut connection).await;
    let _ = connection.close().await;
    let done = match made {
        Ok(_) => checked(&new).await.and_then(|backup| {
            sync(&new)?;
            place(&new, to)?;
            sync_folder(to)?;
            Ok(Backup { file: to.to_owned(), ..backup })
        }),
        Err(error) => Err(unwritten(to, error)),
    };
    if done.is_err() {
        let _ = fs::remove_file(&new);
    }
    done
}

/// Gives a backup its name, unless another has it by now.
fn place(new: &Path, to: &Path) -> Result<(), BackupError> {
    match fs::hard_link(new, to) {
        Ok(()) => fs::remove_file(new).map_err(|error| BackupError::Io(format!("remove {}", new.display()), error)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(BackupError::Exists(to.to_owned())),
        // Not every file system has second names.
        Err(_) => rename(new, to),
    }
}

fn unwritten(to: &Path, error: sqlx::Error) -> BackupError {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    // The low byte says what, the others say where.
    match code.map(|code| code & 0xff) {
        Some(SQLITE_FULL) => BackupError::Full(to.to_owned()),
        _ => BackupError::Unwritten(to.to_owned(), error),
    }
}

const SQLITE_FULL: u32 = 13;

/// Brings a backup back; nobody is signed in afterwards. What was there before is kept beside it.
pub async fn restore(data_dir: &Path, from: &Path, stamp: &str) -> Result<Backup, BackupError> {
    let held = Hold::take(data_dir).map_err(|error| BackupError::Io(format!("lock {}", data_dir.display()), error))?;
    let Some(_held) = held else { return Err(BackupError::Running) };
    let own = database(data_dir);
    let copied = beside(&own, "copied");
    let made = match copy(from, &copied) {
        Ok(()) => ready(&copied, from, &own).await,
        Err(error) => Err(error),
    };
    let (backup, restoring, end) = made.map_err(|error| {
        let _ = fs::remove_file(&copied);
        match error {
            BackupError::Unusable { why, .. } => BackupError::Unusable { path: from.to_owned(), why },
            other => other,
        }
    })?;
    // From here on a server that starts sees by this name that what it finds may be no whole.
    let new = unfinished(&own);
    rename(&copied, &new)?;
    if let Err(error) = write_down(&own, &restoring, &end) {
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    let replaced = put_aside(&own, stamp)?;
    rename(&new, &own)?;
    sync_folder(&own)?;
    Ok(Backup { file: own, replaced, ..backup })
}

/// The copy is checked, not the file, which may change meanwhile.
fn copy(from: &Path, to: &Path) -> Result<(), BackupError> {
    let failed = |error| BackupError::Io(format!("copy {}", from.display()), error);
    let journal = file::journal_of(from);
    if fs::metadata(&journal).is_ok_and(|found| found.len() > 0) {
        let why =
            format!("a journal lies beside it ({}): a database as it was in use, and no backup", journal.display());
        return Err(BackupError::Unusable { path: from.to_owned(), why });
    }
    let _ = fs::remove_file(to);
    create(to)?;
    // The bytes only: who may read the backup is another question than who may read the database.
    let mut file = OpenOptions::new().write(true).open(to).map_err(failed)?;
    io::copy(&mut File::open(from).map_err(failed)?, &mut file).map_err(failed)?;
    owned_as_folder(to)
}

/// Checks a copy and signs everybody out of it: what ended a session since may have been a reason. The restore has its
/// row in it; with what is to be written among the heads, and where the audit ends then.
async fn ready(copied: &Path, from: &Path, own: &Path) -> Result<(Backup, Restoring, Chain), BackupError> {
    let backup = checked(copied).await?;
    let mut connection = file::held(copied)?.connect().await?;
    if has_table(&mut connection, "sessions").await? {
        sqlx::query("DELETE FROM sessions").execute(&mut connection).await?;
    }
    let has_audit = has_table(&mut connection, "audit").await?;
    let (mut first, mut end) = (1, Chain::default());
    if has_audit {
        let least: Option<i64> = sqlx::query_scalar("SELECT MIN(number) FROM audit").fetch_one(&mut connection).await?;
        (first, end) = (least.map_or(1, unsigned), audit::end(&mut connection).await?);
    }
    let folder = own.parent().unwrap_or(Path::new("."));
    let failed =
        |error| BackupError::Io(format!("read the key of the audit and its heads in {}", folder.display()), error);
    let who = own_user().map_err(failed)?;
    let from = fs::canonicalize(from).unwrap_or_else(|_| from.to_owned());
    let restoring = Restoring::begin(folder, (&from, first, &end), (who, now())).map_err(failed)?;
    if has_audit {
        audit::add(&mut connection, &restoring.entry).await?;
        end = audit::end(&mut connection).await?;
    }
    connection.close().await?;
    sync(copied)?;
    Ok((backup, restoring, end))
}

/// Writes among the heads of the audit that it goes on from a backup.
fn write_down(own: &Path, restoring: &Restoring, end: &Chain) -> Result<(), BackupError> {
    let folder = own.parent().unwrap_or(Path::new("."));
    let failed = |error| BackupError::Io(format!("write the restore down in {}", folder.join(HEADS).display()), error);
    restoring.write(folder, end).map_err(failed)?;
    let files = [KEY, PUBLIC, HEADS, BEGIN].map(|name| folder.join(name));
    files.iter().filter(|file| file.exists()).try_for_each(|file| owned_as_folder(file))
}

/// Takes what is there out of the way, also a journal whose database is gone: it would be played into the new one.
fn put_aside(own: &Path, stamp: &str) -> Result<Option<PathBuf>, BackupError> {
    let aside = beside(own, &format!("before-{stamp}"));
    let mut any = false;
    for ending in ["-wal", "-shm", ""] {
        let file = ended(own, ending);
        if file.exists() {
            rename(&file, &ended(&aside, ending))?;
            any = true;
        }
    }
    sync_folder(own)?;
    Ok(any.then_some(aside))
}

fn rename(from: &Path, to: &Path) -> Result<(), BackupError> {
    fs::rename(from, to)
        .map_err(|error| BackupError::Io(format!("rename {} to {}", from.display(), to.display()), error))
}

/// How a restore that is under way is called; after it there is nothing of this name.
pub(super) fn unfinished(database: &Path) -> PathBuf {
    beside(database, "restored")
}

/// Where the database of a data folder is.
pub(crate) fn database(data_dir: &Path) -> PathBuf {
    data_dir.join("server/server.sqlite")
}

/// Reads the whole file; what is in it.
async fn checked(path: &Path) -> Result<Backup, BackupError> {
    let unusable = |why: String| BackupError::Unusable { path: path.to_owned(), why };
    let options = file::held(path).map_err(|error| unusable(error.to_string()))?.read_only(true);
    let mut connection = options.connect().await.map_err(|error| unusable(format!("not a database: {error}")))?;
    let what = sound(&mut connection, "integrity_check").await.map_err(|error| unusable(error.to_string()))?;
    if let Some(what) = what {
        return Err(unusable(format!("damaged: {what}")));
    }
    let layout = "SELECT COALESCE(MAX(version), 0) FROM layout";
    let layout: i64 = sqlx::query_scalar(layout)
        .fetch_one(&mut connection)
        .await
        .map_err(|_| unusable("a database, and not one of a server".to_owned()))?;
    let known = MIGRATIONS.len() as i64;
    if layout > known {
        return Err(unusable(format!("it has layout {layout}, this version knows up to {known}")));
    }
    let alerts = sqlx::query_scalar("SELECT COUNT(*) FROM alerts").fetch_one(&mut connection).await?;
    let tokens = tokens(&mut connection).await?;
    connection.close().await?;
    let bytes = fs::metadata(path).map_err(|error| BackupError::Io(format!("read {}", path.display()), error))?.len();
    Ok(Backup { file: path.to_owned(), bytes, layout, alerts, tokens, replaced: None })
}

async fn tokens(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    if !has_table(connection, "tokens").await? {
        return Ok(0);
    }
    let now = Timestamp::from_system(SystemTime::now());
    sqlx::query_scalar("SELECT COUNT(*) FROM tokens WHERE expires > $1").bind(now.0).fetch_one(connection).await
}

/// An older layout has fewer tables.
async fn has_table(connection: &mut SqliteConnection, name: &str) -> Result<bool, sqlx::Error> {
    let found = "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = $1";
    let found: i64 = sqlx::query_scalar(found).bind(name).fetch_one(connection).await?;
    Ok(found > 0)
}

/// What is wrong with a database, in its own words; nothing when it is sound. `check` is `quick_check` (each page, not
/// whether indexes and tables agree) or `integrity_check`.
pub(super) async fn sound(
    connection: &mut SqliteConnection,
    check: &'static str,
) -> Result<Option<String>, sqlx::Error> {
    let question = if check == "quick_check" { "PRAGMA quick_check(1)" } else { "PRAGMA integrity_check(1)" };
    let said: String = sqlx::query_scalar(question).fetch_one(connection).await?;
    Ok((said != "ok").then_some(said))
}

fn create(path: &Path) -> Result<(), BackupError> {
    let made = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
    made.map(drop).map_err(|error| BackupError::Io(format!("create {}", path.display()), error))
}

/// Gives a file to the owner of its folder: root may bring back what an unprivileged server reads.
fn owned_as_folder(path: &Path) -> Result<(), BackupError> {
    let given = fs::metadata(path.parent().unwrap_or(Path::new(".")))
        .and_then(|folder| std::os::unix::fs::chown(path, Some(folder.uid()), Some(folder.gid())));
    given.map_err(|error| BackupError::Io(format!("give {} to the owner of its folder", path.display()), error))
}

fn sync(path: &Path) -> Result<(), BackupError> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|error| BackupError::Io(format!("sync {}", path.display()), error))
}

fn sync_folder(of: &Path) -> Result<(), BackupError> {
    let folder = of.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    sync(folder)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    ended(path, &format!(".{ending}"))
}

fn ended(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
