//! Which images of indicators and advisories are there, and are they whole?

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, SyncSender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tripoint_intel::Index;
use tripoint_linux::mapped::MappedFile;
use tripoint_model::Timestamp;
use tripoint_vuln::{Database, SourceInfo};

use crate::detect::Wake;
use crate::findings::Request;

/// What is loaded, for `doctor`.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// When the indicators were built, and how many there are.
    pub intel: Option<(Timestamp, usize)>,
    /// When the advisories were built, and for how many packages.
    pub vuln: Option<(Timestamp, usize)>,
    /// What the advisories were built from.
    pub sources: Vec<SourceInfo>,
}

/// Watches the data folder; a damaged image is passed over and the former one stays in force.
pub struct Content {
    data: PathBuf,
    intel: u64,
    vuln: u64,
    loaded: Arc<Mutex<Loaded>>,
}

impl Content {
    /// Watches `data`.
    pub fn new(data: &Path, loaded: Arc<Mutex<Loaded>>) -> Self {
        Self { data: data.to_owned(), intel: 0, vuln: 0, loaded }
    }

    /// The newest whole index, for sizing the kernel's maps before anything else starts.
    pub fn first_index(&mut self) -> Option<Arc<Index>> {
        let (number, index) = newest(&tripoint_intel::images::generations(&self.data), 0, Index::open)?;
        self.intel = number;
        self.note_intel(&index);
        Some(Arc::new(index))
    }

    fn note_intel(&self, index: &Index) {
        if let Ok(mut loaded) = self.loaded.lock() {
            loaded.intel = Some((index.built(), index.len()));
        }
    }

    /// Looks every half second until told to stop.
    pub fn run(&mut self, stop: &AtomicBool, detector: &SyncSender<Wake>, findings: &Sender<Request>) {
        while !stop.load(Ordering::Relaxed) {
            self.look(detector, findings);
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    fn look(&mut self, detector: &SyncSender<Wake>, findings: &Sender<Request>) {
        if let Some((number, index)) = newest(&tripoint_intel::images::generations(&self.data), self.intel, Index::open)
        {
            self.intel = number;
            self.note_intel(&index);
            let _ = detector.send(Wake::Index(Arc::new(index)));
        }
        if let Some((number, database)) = newest(&tripoint_vuln::image_files(&self.data), self.vuln, Database::open) {
            self.vuln = number;
            if let Ok(mut loaded) = self.loaded.lock() {
                loaded.vuln = Some((database.built(), database.packages()));
                loaded.sources = database.sources();
            }
            let _ = findings.send(Request::Database(Arc::new(database)));
        }
    }
}

/// The newest generation above `above` that opens, mapped rather than read.
fn newest<T, E: std::fmt::Display>(
    generations: &[(u64, PathBuf)],
    above: u64,
    open: impl Fn(Arc<dyn AsRef<[u8]> + Send + Sync>) -> Result<T, E>,
) -> Option<(u64, T)> {
    for (number, path) in generations.iter().filter(|(number, _)| *number > above) {
        let mapped = File::open(path).and_then(|file| MappedFile::open(&file));
        match mapped
            .map_err(|error| error.to_string())
            .and_then(|bytes| open(Arc::new(bytes)).map_err(|e| e.to_string()))
        {
            Ok(image) => return Some((*number, image)),
            Err(error) => tracing::error!(path = %path.display(), error, "image cannot be used; the former one stays"),
        }
    }
    None
}
