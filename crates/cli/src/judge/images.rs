//! Which image is the newest that can be read, and which was looked at already and cannot?

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tripoint_linux::mapped::MappedFile;
use tripoint_model::{Edition, Timestamp};

/// An image's bytes.
pub type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;
/// A file as it was: another one of its name is looked at anew.
type Seen = (PathBuf, SystemTime, u64);

/// Images that could not be read, so that none is read again and again, and each is told once.
#[derive(Debug, Default)]
pub struct Damaged(Mutex<HashSet<Seen>>);

impl Damaged {
    /// The newest image that opens, if it has another number than the one in force.
    pub fn newest<T>(
        &self,
        generations: &[(u64, PathBuf)],
        than: Option<u64>,
        open: impl Fn(Bytes) -> Result<(Timestamp, T), String>,
    ) -> Option<(Edition, Arc<T>)> {
        for (number, path) in generations {
            if Some(*number) <= than {
                return None;
            }
            let Some(seen) = seen(path).filter(|seen| !self.knows(seen)) else { continue };
            match mapped(path).map_err(|error| error.to_string()).and_then(&open) {
                Ok((built, image)) => return Some((Edition { built, number: Some(*number) }, Arc::new(image))),
                Err(error) => {
                    tracing::error!(path = %path.display(), error, "image cannot be used; alerts are judged with the one before");
                    self.note(seen);
                }
            }
        }
        None
    }

    fn knows(&self, seen: &Seen) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(seen)
    }

    fn note(&self, seen: Seen) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Of those that are gone nothing has to be remembered.
        all.retain(|(path, ..)| path.exists());
        all.insert(seen);
    }
}

fn seen(path: &Path) -> Option<Seen> {
    let file = path.metadata().ok()?;
    Some((path.to_owned(), file.modified().ok()?, file.len()))
}

/// Its bytes.
pub fn mapped(path: &Path) -> io::Result<Bytes> {
    Ok(Arc::new(MappedFile::open(&File::open(path)?)?))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_damaged_image_is_read_once_and_the_one_before_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = |number: u64| folder.path().join(format!("intel.{number}"));
        std::fs::write(path(2), b"torn").unwrap();
        std::fs::write(path(1), b"good").unwrap();
        let (damaged, read) = (Damaged::default(), Cell::new(0));
        let look = |than| {
            let open = |bytes: Bytes| {
                read.set(read.get() + 1);
                match (*bytes).as_ref() {
                    b"torn" => Err("it is torn".to_owned()),
                    other => Ok((Timestamp(7), other.to_vec())),
                }
            };
            damaged.newest(&[(2, path(2)), (1, path(1))], than, open).and_then(|(edition, _)| edition.number)
        };
        assert_eq!((look(None), read.get()), (Some(1), 2));
        for _ in 0..3 {
            assert_eq!((look(Some(1)), read.get()), (None, 2), "it is not read again");
        }
        // One that was put in its place is another.
        std::fs::write(path(2), b"whole").unwrap();
        assert_eq!((look(Some(1)), read.get()), (Some(2), 3));
        std::fs::write(path(2), b"torn").unwrap();
        let later = SystemTime::now() + Duration::from_secs(60);
        File::options().write(true).open(path(2)).unwrap().set_modified(later).unwrap();
        assert_eq!((look(Some(1)), read.get()), (None, 4));
    }
}
