//! Did root on this host want that? Asked where the server's word is not enough.
//!
//! The server is unprivileged and reachable; what sets the guard aside must not rest on its word. So root writes what it
//! wants into a folder that nobody else can write to, and names the file in the request. The file is read once.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use tripoint_model::{Target, Timestamp};

/// What root wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wanted {
    /// These blocked in spite of rules of the guard, and let go again unless that is confirmed in time.
    Override {
        /// Who.
        targets: Vec<Target>,
        /// In spite of which rules.
        rules: Vec<String>,
        /// How long there is to confirm it, seconds.
        confirm_within_s: u64,
        /// How long it holds at most, seconds.
        hold_s: u64,
    },
    /// That the block of this number holds until its time.
    Confirm {
        /// Its number.
        id: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Consent {
    made: Timestamp,
    wanted: Wanted,
}

/// A consent is for the request that follows it at once.
const AGE_MAX: Duration = Duration::from_secs(60);
/// Five thousand targets, which is what one request holds, are a quarter of that.
const BYTES_MAX: u64 = 1 << 20;
/// Hex digits of a number.
const NUMBER: usize = 32;

/// Where consents of the instance in this data folder lie.
pub fn folder(data: &Path) -> PathBuf {
    data.join("agent/consent")
}

/// Writes down what root wants; the number to name it by. Fails for anybody who may not write there.
pub fn give(data: &Path, wanted: Wanted, now: Timestamp) -> io::Result<String> {
    let folder = folder(data);
    DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    let mut random = [0; NUMBER / 2];
    fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
    let number: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(folder.join(&number))?;
    file.write_all(&serde_json::to_vec(&Consent { made: now, wanted })?)?;
    Ok(number)
}

/// Takes the consent of this number, which counts once. Says in words why there is none.
pub fn take(data: &Path, number: &str, now: Timestamp) -> Result<Wanted, String> {
    let folder = folder(data);
    clear(&folder, now);
    if number.len() != NUMBER || !number.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("this is no number of a consent".into());
    }
    let path = folder.join(number);
    let none = |error: io::Error| format!("root of this host did not consent: {error}");
    // Where nobody else may write, nothing changes between these looks.
    let found = fs::symlink_metadata(&path).map_err(none)?;
    let own = fs::metadata("/proc/self").map_err(none)?.uid();
    let trusted = |meta: &fs::Metadata| (meta.uid() == 0 || meta.uid() == own) && meta.mode() & 0o022 == 0;
    if !found.is_file() || !trusted(&found) || !fs::metadata(&folder).is_ok_and(|meta| trusted(&meta)) {
        return Err("the consent was not written by root of this host alone".into());
    }
    let file = fs::File::open(&path).map_err(none)?;
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes).map_err(none)?;
    fs::remove_file(&path).map_err(none)?;
    let consent: Consent =
        serde_json::from_slice(&bytes).map_err(|error| format!("the consent is unreadable: {error}"))?;
    if now.since(consent.made).max(consent.made.since(now)) > AGE_MAX {
        return Err("the consent is of another time".into());
    }
    Ok(consent.wanted)
}

/// Removes what was never asked for.
fn clear(folder: &Path, now: Timestamp) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let written = entry.metadata().and_then(|meta| meta.modified()).map(Timestamp::from_system);
        if written.is_ok_and(|at| now.since(at) > AGE_MAX) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_system(std::time::SystemTime::now())
    }

    fn wanted() -> Wanted {
        Wanted::Override {
            targets: vec!["203.0.113.1".parse().unwrap()],
            rules: vec!["gateway".into()],
            confirm_within_s: 60,
            hold_s: 3600,
        }
    }

    #[test]
    fn a_consent_counts_once_and_only_for_a_moment() {
        let data = tempfile::tempdir().unwrap();
        let number = give(data.path(), wanted(), now()).unwrap();
        assert_eq!(take(data.path(), &number, now()), Ok(wanted()));
        assert!(take(data.path(), &number, now()).is_err(), "twice");
        let number = give(data.path(), wanted(), now()).unwrap();
        assert!(take(data.path(), &number, now().plus(Duration::from_secs(61))).is_err(), "too late");
        assert_eq!(fs::read_dir(folder(data.path())).unwrap().count(), 0, "nothing is left");
        let future = give(data.path(), wanted(), now().plus(Duration::from_secs(120))).unwrap();
        assert!(take(data.path(), &future, now()).is_err());
    }

    #[test]
    fn what_others_may_have_written_or_named_counts_not() {
        let data = tempfile::tempdir().unwrap();
        for number in ["", "../../etc/passwd", "00", &"g".repeat(32), &"0".repeat(32)] {
            assert!(take(data.path(), number, now()).is_err(), "{number}");
        }
        let number = give(data.path(), wanted(), now()).unwrap();
        let path = folder(data.path()).join(&number);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(take(data.path(), &number, now()).is_err(), "anybody may have written it");
        let link = folder(data.path()).join("ab".repeat(16));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(take(data.path(), &"ab".repeat(16), now()).is_err(), "a link");
        fs::set_permissions(folder(data.path()), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(take(data.path(), &number, now()).is_err(), "anybody may have put it there");
    }
}
