//! How do all secrets get under another key, so that none is lost whenever it is broken off?
//!
//! The new key lies beside the old one from the first step to the last, and whoever opens a secret knows both: at no
//! moment is there one that nothing opens. Broken off, it is begun again with the same new key.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sqlx::{ConnectOptions as _, Row as _, SqliteConnection};

use super::file;
use super::hold::Hold;
use super::{StoreError, layout};
use crate::auth::seal::{self, KEY_BYTES, KeyError, OpenError, Sealer};
use crate::auth::secret::NoRandom;
use crate::auth::totp::seed_purpose;
use crate::tls::{self, TlsError};

/// Why secrets could not be sealed anew.
#[derive(Debug, thiserror::Error)]
pub enum ResealError {
    /// A server runs on the data folder.
    #[error("a server runs on {0}, or something is being brought back into it: stop it first")]
    InUse(PathBuf),
    /// There is nothing to seal anew.
    #[error("{0}: there is no server's data here")]
    Nothing(PathBuf),
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A secret that neither key opens.
    #[error("the authenticator of {0}")]
    Secret(String, #[source] OpenError),
    /// The authority's key.
    #[error("the key of the server's own authority")]
    Authority(#[from] TlsError),
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] NoRandom),
    /// A file.
    #[error("{0}")]
    File(PathBuf, #[source] io::Error),
}

/// What was sealed anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Seeds of authenticators.
    pub seeds: u64,
    /// Whether the key of the server's own authority was.
    pub authority: bool,
}

/// The two keys.
#[derive(Clone, Copy, Debug)]
pub enum Keys {
    /// The files of the data folder; the new one is made.
    OfFolder,
    /// The service manager keeps them.
    Given {
        /// That secrets are sealed with now.
        old: [u8; KEY_BYTES],
        /// That they are to be sealed with.
        new: [u8; KEY_BYTES],
    },
}

/// Seals everything of a data folder anew, where no server runs.
pub async fn reseal(data_dir: &Path, keys: Keys) -> Result<Resealed, ResealError> {
    until(data_dir, keys, usize::MAX).await
}

/// The same, broken off after so many steps.
async fn until(data_dir: &Path, keys: Keys, steps: usize) -> Result<Resealed, ResealError> {
    let own = data_dir.join("server");
    let database = own.join("server.sqlite");
    if !database.exists() {
        return Err(ResealError::Nothing(data_dir.to_owned()));
    }
    let failed = |error| ResealError::File(own.clone(), error);
    let held = Hold::take(data_dir).map_err(failed)?;
    let Some(_held) = held else { return Err(ResealError::InUse(data_dir.to_owned())) };
    let (old, new) = (own.join(seal::FILE), own.join(seal::NEXT));
    let (both, next) = match keys {
        Keys::OfFolder => {
            // Made anew only where none lies there from the last time.
            let next = Sealer::load_alone(&new)?;
            keep(&own, &new).map_err(failed)?;
            (Sealer::load(&old)?, next)
        }
        Keys::Given { old, new } => (Sealer::new(&old).or(&new), Sealer::new(&new)),
    };
    let mut done = Resealed::default();
    if steps > 1 {
        done.seeds = seeds(&database, &both, &next).await?;
    }
    if steps > 2 {
        done.authority = tls::reseal(&own, &both, &next)?;
        // Before the old key goes, all that the new one opens is on the disk.
        tls::sync(&own).and_then(|()| keep(&own, &own)).map_err(failed)?;
    }
    if steps > 3 && matches!(keys, Keys::OfFolder) {
        fs::rename(&new, &old).and_then(|()| keep(&own, &old)).map_err(failed)?;
    }
    Ok(done)
}

/// All in one transaction; what is overwritten is overwritten with zeros.
async fn seeds(database: &Path, both: &Sealer, next: &Sealer) -> Result<u64, ResealError> {
    let said = |error: sqlx::Error| StoreError::from(error);
    let options =
        file::held(database)?.pragma("secure_delete", "ON").synchronous(sqlx::sqlite::SqliteSynchronous::Full);
    let mut connection = options.connect().await.map_err(said)?;
    layout::migrate(&mut connection).await?;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await.map_err(said)?;
    let count = of_users(&mut connection, both, next).await?;
    sqlx::query("COMMIT").execute(&mut connection).await.map_err(said)?;
    // The journal holds what was sealed with the old key until it is folded in.
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await.map_err(said)?;
    Ok(count)
}

async fn of_users(connection: &mut SqliteConnection, both: &Sealer, next: &Sealer) -> Result<u64, ResealError> {
    let said = |error: sqlx::Error| StoreError::from(error);
    let rows = sqlx::query("SELECT name, totp, totp_new FROM users").fetch_all(&mut *connection).await.map_err(said)?;
    let mut count = 0;
    for row in rows {
        let name: String = row.try_get(0).map_err(said)?;
        let mut sealed = Vec::with_capacity(2);
        for column in [1, 2] {
            let kept: Option<String> = row.try_get(column).map_err(said)?;
            let Some(kept) = kept else {
                sealed.push(None);
                continue;
            };
            let purpose = seed_purpose(&name);
            let open = both.open(&purpose, &kept).map_err(|error| ResealError::Secret(name.clone(), error))?;
            sealed.push(Some(next.seal(&purpose, &open)?));
            count += 1;
        }
        sqlx::query("UPDATE users SET totp = $1, totp_new = $2 WHERE name = $3")
            .bind(&sealed[0])
            .bind(&sealed[1])
            .bind(&name)
            .execute(&mut *connection)
            .await
            .map_err(said)?;
    }
    Ok(count)
}

/// A file that root made is the server's, whose folder it lies in; and its name is on the disk.
fn keep(folder: &Path, file: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let owner = fs::metadata(folder)?;
    let _ = chown(file, Some(owner.uid()), Some(owner.gid()));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tripoint_model::Timestamp;

    use super::*;
    use crate::store::{Keep, Sqlite};

    const NOW: Timestamp = Timestamp(1_795_000_000_000_000);
    const SEED: &[u8] = b"twenty bytes of seed";

    fn names() -> Vec<String> {
        vec!["localhost".to_owned()]
    }

    /// A data folder with two authenticators, one of them not shown yet, and an authority.
    async fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("server");
        fs::create_dir_all(&own).unwrap();
        drop(Sqlite::open(&own.join("server.sqlite"), Keep::default()).await.unwrap());
        let sealer = Sealer::load(&own.join(seal::FILE)).unwrap();
        let own_sealer = Arc::new(Sealer::load(&own.join(seal::FILE)).unwrap());
        tls::Tls::load(&own, own_sealer, None, names(), NOW).unwrap();
        let mut connection = file::held(&own.join("server.sqlite")).unwrap().connect().await.unwrap();
        for (name, column) in [("ada", "totp"), ("bob", "totp_new"), ("eve", "")] {
            sqlx::query(
                "INSERT INTO users (name, role, groups, disabled, password, totp_step, recovery, created) VALUES \
                 ($1, 'viewer', '[]', 0, 'x', 0, '[]', 0)",
            )
            .bind(name)
            .execute(&mut connection)
            .await
            .unwrap();
            let sealed = sealer.seal(&seed_purpose(name), SEED).unwrap();
            let statement = match column {
                "totp" => "UPDATE users SET totp = $1 WHERE name = $2",
                "totp_new" => "UPDATE users SET totp_new = $1 WHERE name = $2",
                _ => continue,
            };
            sqlx::query(statement).bind(sealed).bind(name).execute(&mut connection).await.unwrap();
        }
        folder
    }

    /// Whether a server with this key finds everything it sealed.
    async fn opens(folder: &Path, sealer: Sealer) -> Result<(), String> {
        let own = folder.join("server");
        let mut connection = file::held(&own.join("server.sqlite")).unwrap().connect().await.unwrap();
        for (name, statement) in
            [("ada", "SELECT totp FROM users WHERE name = $1"), ("bob", "SELECT totp_new FROM users WHERE name = $1")]
        {
            let sealed: String = sqlx::query_scalar(statement).bind(name).fetch_one(&mut connection).await.unwrap();
            let open = sealer.open(&seed_purpose(name), &sealed).map_err(|error| format!("{name}: {error}"))?;
            assert_eq!(open, SEED);
        }
        assert!(own.join("tls/ca.key").exists());
        tls::Tls::load(&own, Arc::new(sealer), None, names(), NOW).map(drop).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn whenever_it_is_broken_off_everything_opens_and_it_goes_on() {
        for steps in 1..=4 {
            let folder = folder().await;
            let key = folder.path().join("server").join(seal::FILE);
            let before = fs::read(&key).unwrap();
            until(folder.path(), Keys::OfFolder, steps).await.unwrap();
            // As a server would that is started there and then.
            opens(folder.path(), Sealer::load(&key).unwrap()).await.unwrap();
            let next = folder.path().join("server").join(seal::NEXT);
            let made = fs::read(if steps < 4 { &next } else { &key }).unwrap();
            let done = reseal(folder.path(), Keys::OfFolder).await.unwrap();
            assert_eq!(done, Resealed { seeds: 2, authority: true }, "{steps}");
            assert!(!next.exists(), "{steps}");
            let after = fs::read(&key).unwrap();
            assert_ne!(after, before);
            assert_eq!(after == made, steps < 4, "{steps}: it goes on with the key that was made");
            opens(folder.path(), Sealer::load(&key).unwrap()).await.unwrap();
            let old = Sealer::new(before.as_slice().try_into().unwrap());
            assert!(opens(folder.path(), old).await.unwrap_err().contains("another key"), "{steps}");
        }
    }

    #[tokio::test]
    async fn keys_of_the_service_manager_are_given_both() {
        let folder = folder().await;
        let own = folder.path().join("server");
        let old: [u8; KEY_BYTES] = fs::read(own.join(seal::FILE)).unwrap().try_into().unwrap();
        fs::remove_file(own.join(seal::FILE)).unwrap();
        let new = [9; KEY_BYTES];
        for steps in [1, 2, 3] {
            until(folder.path(), Keys::Given { old, new }, steps).await.unwrap();
            opens(folder.path(), Sealer::new(&old).or(&new)).await.unwrap();
        }
        let wrong = reseal(folder.path(), Keys::Given { old: [1; KEY_BYTES], new: [2; KEY_BYTES] }).await.unwrap_err();
        assert!(matches!(wrong, ResealError::Secret(_, OpenError::OtherKey)), "{wrong}");
        opens(folder.path(), Sealer::new(&new)).await.unwrap();
        assert!(!own.join(seal::FILE).exists() && !own.join(seal::NEXT).exists(), "no key is left there");
    }

    #[tokio::test]
    async fn a_running_server_and_an_empty_folder_are_left_alone() {
        let folder = folder().await;
        let held = Hold::take(folder.path()).unwrap();
        let refused = reseal(folder.path(), Keys::OfFolder).await.unwrap_err();
        assert!(matches!(refused, ResealError::InUse(_)), "{refused}");
        drop(held);
        let empty = tempfile::tempdir().unwrap();
        let refused = reseal(empty.path(), Keys::OfFolder).await.unwrap_err();
        assert!(matches!(refused, ResealError::Nothing(_)), "{refused}");
        assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0);
    }
}
