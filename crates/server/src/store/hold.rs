//! Who uses this data folder at the moment?

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// A data folder that nobody else uses until this is dropped, or its process ends.
#[derive(Debug)]
pub struct Hold {
    _locked: File,
}

impl Hold {
    /// Takes the folder; none where a server runs on it, or something is being brought back into it.
    pub fn take(data_dir: &Path) -> io::Result<Option<Self>> {
        let folder = data_dir.join("server");
        fs::create_dir_all(&folder)?;
        let path = folder.join("lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path)?;
        // Root may bring something back for a server without privileges, which takes the folder next.
        let owner = fs::metadata(&folder)?;
        let _ = std::os::unix::fs::fchown(&file, Some(owner.uid()), Some(owner.gid()));
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _locked: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_held_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let first = Hold::take(folder.path()).unwrap();
        assert!(first.is_some() && Hold::take(folder.path()).unwrap().is_none());
        drop(first);
        assert!(Hold::take(folder.path()).unwrap().is_some());
    }
}
