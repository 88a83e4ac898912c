//! How does the first person get in where there is no default password?

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::seal::write_private;
use super::secret::{NoRandom, base32, hash, random};

/// A code that makes the first admin, once. Made anew at each start while there is no admin; only its hash is held.
#[derive(Debug)]
pub(crate) struct SetupCode {
    held: Mutex<Option<(String, Instant)>>,
    file: PathBuf,
}

impl SetupCode {
    /// None yet. What an earlier start left behind is taken away.
    pub(crate) fn none(data_dir: &Path) -> Self {
        let file = setup_path(data_dir);
        let _ = fs::remove_file(&file);
        Self { held: Mutex::default(), file }
    }

    /// Makes one and writes it where root finds it, with the address to go to.
    pub(crate) fn make(&self, url: Option<&str>, now: Instant) -> io::Result<()> {
        let code = random::<16>().map(|bytes| base32(&bytes)).map_err(|NoRandom| io::Error::other(NoRandom))?;
        let mut text = String::new();
        if let Some(url) = url {
            // Behind `#`, so that no program on the way writes it down.
            text.push_str(&format!("address {url}/setup#{code}\n"));
        }
        text.push_str(&format!("code {code}\n"));
        write_private(&self.file, text.as_bytes())?;
        *self.held() = Some((hash(&code), now + HOLDS));
        Ok(())
    }

    /// Whether this is the code, and still holds.
    pub(crate) fn is(&self, code: &str, now: Instant) -> bool {
        let code = code.trim().to_ascii_uppercase();
        self.held().as_ref().is_some_and(|(kept, until)| *kept == hash(&code) && now < *until)
    }

    /// There is an admin now: no code opens any more.
    pub(crate) fn forget(&self) {
        *self.held() = None;
        let _ = fs::remove_file(&self.file);
    }

    fn held(&self) -> MutexGuard<'_, Option<(String, Instant)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the code of a data folder is while there is one.
pub fn setup_path(data_dir: &Path) -> PathBuf {
    data_dir.join("run/setup")
}

const HOLDS: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_code_holds_an_hour_and_is_roots_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("run")).unwrap();
        let (setup, now) = (SetupCode::none(folder.path()), Instant::now());
        assert!(!setup.is("", now));
        setup.make(Some("http://127.0.0.1:8470"), now).unwrap();
        let path = setup_path(folder.path());
        let text = fs::read_to_string(&path).unwrap();
        let code = text.lines().find_map(|line| line.strip_prefix("code ")).unwrap();
        assert!(code.len() == 26 && text.contains(&format!("address http://127.0.0.1:8470/setup#{code}\n")), "{text}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(setup.is(code, now) && setup.is(&code.to_lowercase(), now));
        assert!(!setup.is(&code[1..], now) && !setup.is(code, now + HOLDS));
        setup.forget();
        assert!(!setup.is(code, now) && !path.exists());
    }
}
