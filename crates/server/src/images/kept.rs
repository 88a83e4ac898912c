//! Which former images does the server still have, and when does one go?

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::ImageFile;

/// Images in a folder of their own, called by their identity; the last is the newest.
pub(super) struct Kept {
    folder: PathBuf,
    images: Vec<ImageFile>,
}

impl Kept {
    /// Finds what an earlier run kept; nothing where there is no folder.
    pub fn open(folder: &Path) -> Self {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut found: Vec<(SystemTime, ImageFile)> = Vec::new();
        for entry in entries {
            let (Ok(metadata), Ok(name)) = (entry.metadata(), entry.file_name().into_string()) else { continue };
            if is_identity(&name) && metadata.is_file() {
                let changed = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                found.push((changed, ImageFile { path: entry.path(), identity: name, bytes: metadata.len() }));
            } else {
                // What a crash left half copied; what cannot be removed only takes room.
                let _ = fs::remove_file(entry.path());
            }
        }
        found.sort_by_key(|(changed, _)| *changed);
        let images = found.into_iter().map(|(_, image)| image).collect();
        Self { folder: folder.to_owned(), images }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// Where the image with this identity lies.
    pub fn path(&self, identity: &str) -> Option<PathBuf> {
        self.images.iter().find(|image| image.identity == identity).map(|image| image.path.clone())
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes one that lies in the folder as the newest; the oldest go while there are too many.
    pub fn add(&mut self, image: ImageFile) {
        self.images.retain(|known| known.identity != image.identity);
        self.images.push(image);
        self.prune();
    }

    fn prune(&mut self) {
        while self.images.len() > 1 && (self.images.len() > IMAGES_MAX || self.bytes() > BYTES_MAX) {
            let oldest = self.images.remove(0);
            if let Err(error) = fs::remove_file(&oldest.path) {
                tracing::warn!(path = %oldest.path.display(), %error, "a former image cannot be removed");
            }
        }
    }

    fn bytes(&self) -> u64 {
        self.images.iter().map(|image| image.bytes).sum()
    }
}

/// Puts an image into the folder. Reads and writes it whole where it must.
pub(super) fn copy(image: &ImageFile, folder: &Path) -> io::Result<ImageFile> {
    fs::create_dir_all(folder)?;
    let path = folder.join(&image.identity);
    let new = folder.join("new");
    let _ = fs::remove_file(&new);
    // Of one user on one disk a second name costs nothing; of another user's file the kernel may allow none.
    if fs::hard_link(&image.path, &new).is_err() {
        fs::copy(&image.path, &new)?;
    }
    fs::rename(&new, &path)?;
    // Two names of one file are left alone by a rename.
    let _ = fs::remove_file(&new);
    Ok(ImageFile { path, ..image.clone() })
}

fn is_identity(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Images kept; with feeds that refresh each hour, an agent may sleep a night.
const IMAGES_MAX: usize = 8;
/// Bytes of all of them: eight of two million entries each.
const BYTES_MAX: u64 = 1 << 29;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_few_are_kept_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        let mut kept = Kept::open(&own);
        let identity = |at: usize| format!("{at:064x}");
        for at in 0..20 {
            let path = folder.path().join("image");
            let _ = fs::remove_file(&path);
            fs::write(&path, format!("image {at}")).unwrap();
            let image = copy(&ImageFile { path, identity: identity(at), bytes: 8 }, &own).unwrap();
            assert_eq!(fs::read_to_string(&image.path).unwrap(), format!("image {at}"));
            kept.add(image);
        }
        assert_eq!(fs::read_dir(&own).unwrap().count(), IMAGES_MAX);
        assert!(kept.path(&identity(11)).is_none() && kept.path(&identity(12)).is_some());
        fs::write(own.join("new"), b"half").unwrap();
        let again = Kept::open(&own);
        assert_eq!(again.images.len(), IMAGES_MAX);
        assert!(!own.join("new").exists());
    }

    #[test]
    fn large_ones_go_sooner_and_the_newest_never() {
        let folder = tempfile::tempdir().unwrap();
        let mut kept = Kept::open(&folder.path().join("own"));
        let path = folder.path().join("image");
        fs::write(&path, b"x").unwrap();
        for at in 0..3 {
            kept.add(ImageFile { path: path.clone(), identity: format!("{at:064x}"), bytes: BYTES_MAX });
        }
        assert_eq!(kept.images.len(), 1);
    }
}
