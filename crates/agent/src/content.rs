//! Which images of indicators and advisories are there, and are they whole?

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, SyncSender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tripoint_intel::Index;
use tripoint_intel::trust::{self, Trust};
use tripoint_linux::mapped::MappedFile;
use tripoint_model::Timestamp;
use tripoint_vuln::{Database, SourceInfo};

use crate::detect::Wake;
use crate::findings::Request;
use crate::pull::{Fetched, Pull};
use crate::rules::{Rules, Told};

/// What is loaded, for `doctor`.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// When the indicators were built, and how many there are.
    pub intel: Option<(Timestamp, usize)>,
    /// When the advisories were built, and for how many packages.
    pub vuln: Option<(Timestamp, usize)>,
    /// What the advisories were built from.
    pub sources: Vec<SourceInfo>,
    /// What came from a server with a data folder of its own; nothing where the folder is one.
    pub fetched: Option<Fetched>,
    /// The rules of evidence beside our own; nothing where none are configured.
    pub rules: Option<Told>,
}

/// Watches the data folder; a damaged image is passed over and the former one stays in force.
pub struct Content {
    data: PathBuf,
    intel: u64,
    vuln: u64,
    trust: Trust,
    loaded: Arc<Mutex<Loaded>>,
    pull: Option<Pull>,
    rules: Arc<Rules>,
}

impl Content {
    /// Watches `data`, and has it filled where it is not the server's.
    pub fn new(data: &Path, loaded: Arc<Mutex<Loaded>>, pull: Option<Pull>, rules: Arc<Rules>) -> Self {
        Self { data: data.to_owned(), intel: 0, vuln: 0, trust: Trust::default(), loaded, pull, rules }
    }

    /// The newest whole index, for sizing the kernel's maps before anything else starts.
    pub fn first_index(&mut self) -> Option<(Arc<Index>, u64)> {
        if let Some(pull) = &self.pull {
            pull.first();
        }
        self.trust = trust::load(&self.data);
        self.index_above(0)
    }

    /// The newest whole index above a generation, with what verdicts taught.
    fn index_above(&mut self, above: u64) -> Option<(Arc<Index>, u64)> {
        let (number, index) = newest(&tripoint_intel::images::generations(&self.data), above, Index::open)?;
        self.intel = number;
        self.note_intel(&index);
        Some((Arc::new(index.with_trust(self.trust.clone())), number))
    }

    fn note_intel(&self, index: &Index) {
        if let Ok(mut loaded) = self.loaded.lock() {
            loaded.intel = Some((index.built(), index.len()));
        }
    }

    /// Looks every half second until told to stop.
    pub fn run(&mut self, stop: &AtomicBool, detector: &SyncSender<Wake>, findings: &Sender<Request>) {
        let pull = self.pull.take();
        std::thread::scope(|scope| {
            if let Some(pull) = &pull {
                let named = std::thread::Builder::new().name("pull".into());
                if let Err(error) = named.spawn_scoped(scope, || pull.run(stop)) {
                    tracing::error!(%error, "no images are fetched from the server");
                }
            }
            while !stop.load(Ordering::Relaxed) {
                self.look(detector, findings);
                std::thread::sleep(Duration::from_millis(500));
            }
        });
    }

    fn look(&mut self, detector: &SyncSender<Wake>, findings: &Sender<Request>) {
        self.rules.look();
        if let Ok(mut loaded) = self.loaded.lock() {
            loaded.rules = self.rules.told();
        }
        let trust = trust::load(&self.data);
        // New verdicts change what the image in force is worth.
        let above = if trust == self.trust { self.intel } else { 0 };
        self.trust = trust;
        if let Some((index, number)) = self.index_above(above) {
            let _ = detector.send(Wake::Index(index, number));
        }
        if let Some((number, database)) = newest(&tripoint_vuln::image_files(&self.data), self.vuln, Database::open) {
            self.vuln = number;
            if let Ok(mut loaded) = self.loaded.lock() {
                loaded.vuln = Some((database.built(), database.packages()));
                loaded.sources = database.sources();
            }
            let _ = findings.send(Request::Database(Arc::new(database), number));
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
