//! How does an agent with a data folder of its own come by the server's image of indicators?
//!
//! It holds one question open: is there another image than mine? Mostly a delta comes, which is applied to the image in
//! force; where that fails in any way the whole image is asked for. What came is verified, put beside the former ones
//! and found by `content` like any other; whatever fails, the image in force stays.

mod keep;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use tripoint_api::client::Client;
use tripoint_api::image::{Asked, Body, Pulled};
use tripoint_intel::image_delta::{DELTA_BYTES_MAX, Header, apply};
use tripoint_model::Timestamp;

use crate::config::Config;
use crate::content::Loaded;
use crate::place::Place;
use keep::{Held, New, newest};

/// What was fetched since the start, and how it goes.
#[derive(Clone, Debug, Default)]
pub struct Fetched {
    /// Images that came as deltas.
    pub deltas: u64,
    /// Images that came whole.
    pub wholes: u64,
    /// Answers that gave no image.
    pub failures: u64,
    /// Bytes of deltas and of whole images.
    pub bytes: u64,
    /// When the server last said that our image is its newest, or gave us that.
    pub confirmed: Option<Timestamp>,
    /// What is wrong now.
    pub trouble: Option<String>,
}

/// Fetches images into the data folder.
pub struct Pull {
    client: Client,
    host: String,
    data: PathBuf,
    loaded: Arc<Mutex<Loaded>>,
}

/// The server's socket.
pub fn socket(place: &Place, config: &Config) -> PathBuf {
    let set = &config.agent.socket;
    if set.as_os_str().is_empty() { place.socket() } else { set.clone() }
}

impl Pull {
    /// Where the server's socket lies in another data folder than ours; otherwise its images lie in ours already.
    pub fn wanted(place: &Place, config: &Config, host: &str, loaded: &Arc<Mutex<Loaded>>) -> Option<Self> {
        let socket = socket(place, config);
        if is_same(&socket, &place.socket()) {
            return None;
        }
        if let Ok(mut loaded) = loaded.lock() {
            loaded.fetched = Some(Fetched::default());
        }
        let loaded = Arc::clone(loaded);
        Some(Self { client: Client::unix(&socket), host: host.to_owned(), data: place.data().to_owned(), loaded })
    }

    /// Asks once, where there is no image yet: the kernel's maps are sized by the first.
    pub fn first(&self) {
        if newest(&self.data).is_some() {
            return;
        }
        let asked = async {
            let (mut held, mut takes_delta) = (None, true);
            let once = self.round(&mut held, &mut takes_delta, 0);
            tokio::time::timeout(FIRST, once).await.context("the server is slow")?
        };
        if let Err(error) = runtime().and_then(|runtime| runtime.block_on(asked)) {
            self.say(&error);
        }
    }

    /// Asks again and again until told to stop.
    pub fn run(&self, stop: &AtomicBool) {
        match runtime() {
            Ok(runtime) => runtime.block_on(async {
                tokio::select! { () = self.keep_on() => {}, () = until(stop) => {} }
            }),
            Err(error) => self.say(&error),
        }
    }

    async fn keep_on(&self) {
        let mut held = newest(&self.data);
        let mut takes_delta = true;
        let mut pause = PAUSE_MIN;
        loop {
            let had_delta = takes_delta;
            pause = match self.round(&mut held, &mut takes_delta, WAIT_S).await {
                Ok(()) => PAUSE_MIN,
                Err(error) => {
                    self.say(&error);
                    // What failed as a delta is asked for whole at once.
                    if had_delta && !takes_delta { PAUSE_MIN } else { (pause * 2).min(PAUSE_MAX) }
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// One question and its answer.
    async fn round(&self, held: &mut Option<Held>, takes_delta: &mut bool, wait_s: u64) -> anyhow::Result<()> {
        let identity = held.as_ref().map(|held| held.identity.as_str());
        let asked = Asked { host: &self.host, held: identity, takes_delta: *takes_delta, wait_s };
        let found = match self.client.pull(asked).await? {
            Pulled::Same => None,
            Pulled::Delta(identity, body) => {
                // Until another image is in force.
                *takes_delta = false;
                let held = held.as_ref().context("a delta that nobody asked for")?;
                Some(
                    self.change(held, &identity, body)
                        .await
                        .context("the delta cannot be used; the whole image is asked for")?,
                )
            }
            Pulled::Whole(identity, body) => Some(self.whole(&identity, body).await?),
        };
        if let Some(found) = found {
            *takes_delta = true;
            *held = Some(found);
        }
        self.note(|fetched| {
            fetched.confirmed = Some(now());
            fetched.trouble = None;
        });
        Ok(())
    }

    async fn change(&self, held: &Held, identity: &str, mut body: Body) -> anyhow::Result<Held> {
        let mut delta = Vec::new();
        while let Some(chunk) = body.chunk().await? {
            anyhow::ensure!(delta.len() + chunk.len() <= DELTA_BYTES_MAX, "it is longer than {DELTA_BYTES_MAX} bytes");
            delta.extend_from_slice(&chunk);
        }
        let mut new = New::create(&self.data)?;
        let Header { added, removed, changed, .. } = apply(&held.bytes, &delta, new.writer())?;
        let found = new.publish(identity)?;
        tracing::info!(bytes = delta.len(), added, removed, changed, "indicators came as a delta");
        self.note(|fetched| {
            fetched.deltas += 1;
            fetched.bytes += delta.len() as u64;
        });
        Ok(found)
    }

    async fn whole(&self, identity: &str, mut body: Body) -> anyhow::Result<Held> {
        let mut new = New::create(&self.data)?;
        let mut bytes = 0;
        while let Some(chunk) = body.chunk().await? {
            bytes += chunk.len() as u64;
            new.take(&chunk)?;
        }
        let found = new.publish(identity)?;
        tracing::info!(bytes, "indicators came as a whole image");
        self.note(|fetched| {
            fetched.wholes += 1;
            fetched.bytes += bytes;
        });
        Ok(found)
    }

    fn say(&self, error: &anyhow::Error) {
        let text = format!("{error:#}");
        let is_new = |fetched: &mut Fetched| {
            fetched.failures += 1;
            fetched.trouble.replace(text.clone()).is_none_or(|before| before != text)
        };
        // A server that is away is said once.
        if self.note(is_new).unwrap_or(true) {
            tracing::warn!(error = text, "no new indicators from the server; those in force stay");
        }
    }

    fn note<T>(&self, change: impl FnOnce(&mut Fetched) -> T) -> Option<T> {
        let mut loaded = self.loaded.lock().ok()?;
        loaded.fetched.as_mut().map(change)
    }
}

fn is_same(socket: &Path, own: &Path) -> bool {
    let real = |path: &Path| std::fs::canonicalize(path.parent()?).ok();
    socket == own || (socket.file_name() == own.file_name() && real(socket).is_some() && real(socket) == real(own))
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime to fetch images with")
}

async fn until(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

/// How long the server holds a question that it has no other image for.
const WAIT_S: u64 = 25;
/// What the first image may take before sensing begins without.
const FIRST: Duration = Duration::from_secs(20);
/// Between questions; a server that always has another image must not keep us busy.
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(30);
