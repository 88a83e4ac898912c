//! How does an image that came from the server get into the data folder, whole or not at all?

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use tripoint_intel::image_delta::{IMAGE_BYTES_MAX, Identity};
use tripoint_intel::{ImageBytes, Index, images};
use tripoint_linux::mapped::MappedFile;

/// An image in force.
pub(super) struct Held {
    pub identity: String,
    pub bytes: ImageBytes,
}

/// The newest image of the folder that is whole.
pub(super) fn newest(data: &Path) -> Option<Held> {
    images::generations(data).into_iter().find_map(|(_, path)| open(&path).ok())
}

fn open(path: &Path) -> anyhow::Result<Held> {
    let bytes: ImageBytes = Arc::new(MappedFile::open(&File::open(path)?)?);
    Index::open(Arc::clone(&bytes))?;
    Ok(Held { identity: Identity::of((*bytes).as_ref()).to_string(), bytes })
}

/// An image that is being written; gone when it is not published.
pub(super) struct New {
    folder: PathBuf,
    path: PathBuf,
    file: io::BufWriter<File>,
    bytes: u64,
}

impl New {
    /// Beside the images of this data folder.
    pub fn create(data: &Path) -> anyhow::Result<Self> {
        let folder = images::folder(data);
        let path = folder.join(NEW);
        let created = fs::create_dir_all(&folder).and_then(|()| File::create(&path));
        let file = created.with_context(|| format!("create {}", path.display()))?;
        Ok(Self { folder, path, file: io::BufWriter::with_capacity(256 << 10, file), bytes: 0 })
    }

    /// Where the image is written to by who bounds it himself.
    pub fn writer(&mut self) -> &mut dyn Write {
        &mut self.file
    }

    /// Writes what came.
    pub fn take(&mut self, chunk: &[u8]) -> anyhow::Result<()> {
        self.bytes += chunk.len() as u64;
        ensure!(self.bytes <= IMAGE_BYTES_MAX, "the image is longer than {IMAGE_BYTES_MAX} bytes");
        self.file.write_all(chunk).with_context(|| format!("write {}", self.path.display()))
    }

    /// Verifies what lies on disk and makes it the next generation; older ones go.
    pub fn publish(mut self, identity: &str) -> anyhow::Result<Held> {
        let at = || format!("write {}", self.path.display());
        self.file.flush().and_then(|()| self.file.get_ref().sync_all()).with_context(at)?;
        let held = open(&self.path).context("what the server sent is no image")?;
        ensure!(held.identity == identity, "what came is image {}, not {identity}", held.identity);
        let data = self.folder.parent().unwrap_or(Path::new("."));
        let number = images::generations(data).first().map_or(1, |(number, _)| number.saturating_add(1));
        let path = self.folder.join(format!("intel.{number}"));
        fs::rename(&self.path, &path).and_then(|()| File::open(&self.folder)?.sync_all()).with_context(at)?;
        for (_, old) in images::generations(data).into_iter().skip(images::GENERATIONS_KEPT) {
            fs::remove_file(&old).with_context(|| format!("remove {}", old.display()))?;
        }
        Ok(held)
    }
}

impl Drop for New {
    fn drop(&mut self) {
        // Published, it has another name already.
        let _ = fs::remove_file(&self.path);
    }
}

/// One agent writes here: it holds the folder's lock.
const NEW: &str = ".new-from-server";
