//! Which image of indicators is the newest, and what changed since the ones that agents hold?
//!
//! Images that were in force lie in `server/images` of the data folder, called by their identity, so that deltas can be
//! made against them; how many there are is bounded. A delta is made once, when it is first asked for. Nothing is kept
//! before an agent has asked: one that reads the same data folder never does.

mod kept;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Bytes;
use tokio::sync::{Mutex, watch};

use kept::Kept;

/// What the server has to know of images and cannot read itself.
pub trait ReadImages: Send + Sync {
    /// The newest image of the data folder that is whole.
    fn newest(&self) -> Option<ImageFile>;
    /// The delta between two image files.
    fn delta(&self, base: &Path, target: &Path) -> Result<Vec<u8>, String>;
}

/// An image on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFile {
    /// Where it lies.
    pub path: PathBuf,
    /// SHA-256 of its bytes in hex.
    pub identity: String,
    /// How many bytes it has.
    pub bytes: u64,
}

/// The newest image, those before it, and deltas between.
pub(crate) struct Images {
    reader: Arc<dyn ReadImages>,
    /// Some agent has asked, now or in an earlier run.
    wanted: AtomicBool,
    newest: watch::Sender<Option<ImageFile>>,
    state: Mutex<State>,
}

struct State {
    kept: Kept,
    /// To the newest image, by the identity of what they change; nothing where the whole image is sent instead.
    deltas: BTreeMap<String, Option<Bytes>>,
}

impl Images {
    /// `folder` is the server's own.
    pub(crate) fn new(reader: Arc<dyn ReadImages>, folder: &Path) -> Self {
        let kept = Kept::open(&folder.join("images"));
        let wanted = AtomicBool::new(!kept.is_empty());
        let state = State { kept, deltas: BTreeMap::new() };
        Self { reader, wanted, newest: watch::channel(None).0, state: Mutex::new(state) }
    }

    /// Tells of the newest image, and of each that follows.
    pub(crate) async fn newest(&self) -> watch::Receiver<Option<ImageFile>> {
        if self.newest.borrow().is_none() {
            self.wanted.store(true, Ordering::Relaxed);
            self.look().await;
        }
        self.newest.subscribe()
    }

    /// Looks which image is the newest, for those who ask. Reads it whole.
    pub(crate) async fn look(&self) {
        if !self.wanted.load(Ordering::Relaxed) {
            return;
        }
        let mut state = self.state.lock().await;
        let (reader, folder) = (Arc::clone(&self.reader), state.kept.folder().to_owned());
        let known = self.newest.borrow().as_ref().map(|image| image.identity.clone());
        let looked = tokio::task::spawn_blocking(move || {
            let found = reader.newest().filter(|image| Some(&image.identity) != known.as_ref());
            found.map(|image| kept::copy(&image, &folder)).transpose()
        });
        match looked.await.map_err(io::Error::other).and_then(|looked| looked) {
            Ok(None) => {}
            Ok(Some(image)) => {
                state.kept.add(image.clone());
                state.deltas.clear();
                self.newest.send_replace(Some(image));
            }
            Err(error) => tracing::error!(%error, "the newest image cannot be kept for agents; they keep the former"),
        }
    }

    /// What changes `base` into the newest image; `None` where the whole image is the better answer. Whoever asks for
    /// the same at the same time waits for the first.
    pub(crate) async fn delta(&self, base: &str, target: &ImageFile) -> Option<Bytes> {
        let mut state = self.state.lock().await;
        if self.newest.borrow().as_ref() != Some(target) {
            return None;
        }
        let path = state.kept.path(base)?;
        if let Some(made) = state.deltas.get(base) {
            return made.clone();
        }
        let (reader, to) = (Arc::clone(&self.reader), target.path.clone());
        let made = tokio::task::spawn_blocking(move || reader.delta(&path, &to)).await;
        let made = made.unwrap_or_else(|error| Err(error.to_string()));
        if let Err(error) = &made {
            tracing::warn!(base, error, "no delta can be made; the whole image is sent");
        }
        let is_worth_it = |delta: &Vec<u8>| (delta.len() as u64) < target.bytes / 2;
        let made = made.ok().filter(is_worth_it).map(Bytes::from);
        let held: usize = state.deltas.values().flatten().map(Bytes::len).sum();
        if held + made.as_ref().map_or(0, Bytes::len) <= DELTAS_BYTES_MAX {
            state.deltas.insert(base.to_owned(), made.clone());
        }
        made
    }
}

/// Deltas held in memory, all together; further ones are made anew each time.
const DELTAS_BYTES_MAX: usize = 64 << 20;
