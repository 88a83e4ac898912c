//! By which rules are logs asked, and are they the newest?
//!
//! `evidence.rules` names a rule image, made by `tripoint evidence rules compile`. It is looked at as often as other
//! content; one that cannot be used leaves the former in force and is told.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::ops::Deref;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tripoint_api::agent::DataSource;
use tripoint_evidence::attempt;
use tripoint_evidence::pack::Pack;
use tripoint_evidence::pack::written::regular;
use tripoint_evidence::sigma::image::{BYTES_MAX, Image, ImageError};
use tripoint_model::Timestamp;

use crate::config::Evidence;

/// How they are called among the data.
pub const SOURCE: &str = "rules of evidence";

/// Where `tripoint up` puts the image of a folder of rules, beneath the data folder.
pub const COMPILED: &str = "evidence.rules";

/// The rules of `evidence.rules`, beside those that come with Tripoint.
#[derive(Default)]
pub struct Rules {
    path: Option<PathBuf>,
    /// Held by whoever reads the file; nobody waits for it.
    looking: Mutex<()>,
    state: Mutex<State>,
}

/// A file as it was found: device, number, size, time of change in nanoseconds.
type Stamp = (u64, u64, u64, i128);

#[derive(Default)]
struct State {
    /// The file as it was read last, and how often in vain.
    seen: Option<Stamp>,
    failed: u32,
    /// Nothing: those that come with Tripoint alone.
    pack: Option<Arc<Pack>>,
    built: Option<Timestamp>,
    status: String,
}

/// A pack for as long as it is used.
pub enum InForce {
    /// Those that come with Tripoint.
    Own(&'static Pack),
    /// With others beside them.
    More(Arc<Pack>),
}

impl Deref for InForce {
    type Target = Pack;

    fn deref(&self) -> &Pack {
        match self {
            Self::Own(pack) => pack,
            Self::More(pack) => pack,
        }
    }
}

/// What a health report says of rules.
#[derive(Clone, Debug)]
pub struct Told {
    /// When those in force were made.
    pub built: Option<Timestamp>,
    /// `ok` and how many, or what is wrong.
    pub status: String,
}

impl Told {
    /// As it stands among the data.
    pub fn health(self, now: Timestamp) -> DataSource {
        let age = self.built.map(|built| now.since(built).as_secs());
        DataSource { source: SOURCE.to_owned(), age, status: self.status }
    }
}

/// Why no rules could be read.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// The file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// What is in it.
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// The image that a configuration means; nothing where it names none.
pub fn image_of(config: &Evidence, data: &Path) -> Option<PathBuf> {
    let path = &config.rules;
    let compiled = || data.join(COMPILED);
    (!path.as_os_str().is_empty()).then(|| if path.is_dir() { compiled() } else { path.clone() })
}

/// Reads an image; only a regular file of bounded size.
pub fn read(path: &Path) -> Result<Image, RulesError> {
    read_from(regular(path)?)
}

fn read_from(file: File) -> Result<Image, RulesError> {
    let mut bytes = Vec::new();
    file.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Image::read(&bytes)?)
}

/// Rules that were read, and what is said of them.
type Made = (Timestamp, String, Pack);

fn made(file: std::io::Result<File>) -> Result<Made, RulesError> {
    let image = read_from(file?)?;
    let (built, said) = (image.built, counted(&image));
    Ok((built, said, image.pack()?))
}

/// How many rules of which kind there are, in words.
pub fn counted(image: &Image) -> String {
    format!(
        "{} Sigma rules, {} correlations, {} others, beside those that come with Tripoint",
        image.sigma.len(),
        image.correlations.len(),
        image.rules.len()
    )
}

impl Rules {
    /// Nothing read so far.
    pub fn of(config: &Evidence, data: &Path) -> Self {
        Self { path: image_of(config, data), ..Self::default() }
    }

    /// Reads the image where it is another than before.
    pub fn look(&self) {
        self.look_by(made);
    }

    /// Nobody who asks for the rules waits while they are read.
    fn look_by(&self, read: impl FnOnce(std::io::Result<File>) -> Result<Made, RulesError>) {
        let Some(path) = &self.path else { return };
        let Ok(_alone) = self.looking.try_lock() else { return };
        let file = regular(path);
        let seen = file.as_ref().ok().and_then(|file| file.metadata().ok()).map(|about| stamp(&about));
        let Some(tried) = self.tried(seen) else { return };
        let made = read(file);
        let Ok(mut state) = self.state.lock() else { return };
        state.seen = seen;
        state.failed = if made.is_ok() { 0 } else { tried + 1 };
        match made {
            Ok((built, said, pack)) => {
                tracing::info!(path = %path.display(), rules = said, "rules of evidence are in force");
                (state.pack, state.built) = (Some(Arc::new(pack)), Some(built));
                state.status = format!("ok, {said}");
            }
            Err(error) => {
                let former = if state.pack.is_some() { "the former ones are in force" } else { "none but our own" };
                let status = format!("{}: {error}; {former}", path.display());
                if status != state.status {
                    tracing::error!(path = %path.display(), %error, "rules of evidence cannot be used; the former ones stay");
                }
                state.status = status;
            }
        }
    }

    /// How often the file was read in vain as it is; nothing where that was enough, or where it is in force. What could
    /// not be opened is always tried again.
    fn tried(&self, seen: Option<Stamp>) -> Option<u32> {
        let state = self.state.lock().ok()?;
        let is_same = seen.is_some() && seen == state.seen;
        let is_done = is_same && (state.failed == 0 || state.failed >= TRIES_MAX);
        let tried = if is_same { state.failed } else { 0 };
        (!is_done).then_some(tried)
    }

    /// The rules that are in force.
    pub fn in_force(&self) -> InForce {
        let more = self.state.lock().ok().and_then(|state| state.pack.clone());
        more.map_or_else(|| InForce::Own(attempt::pack()), InForce::More)
    }

    /// When they were made, and whether they are in force; nothing where none are configured.
    pub fn told(&self) -> Option<Told> {
        self.path.as_ref()?;
        self.state.lock().ok().map(|state| Told { built: state.built, status: state.status.clone() })
    }
}

/// How often a file is read that looks the same and cannot be used: somebody may still be writing it.
const TRIES_MAX: u32 = 4;

fn stamp(about: &Metadata) -> Stamp {
    let changed = i128::from(about.mtime()) * 1_000_000_000 + i128::from(about.mtime_nsec());
    (about.dev(), about.ino(), about.len(), changed)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    fn rules(path: &Path) -> Rules {
        Rules { path: Some(path.to_owned()), ..Rules::default() }
    }

    fn image(pattern: &str) -> Vec<u8> {
        let rule = serde_json::json!({"id": "x", "family": "web-shell", "pattern": pattern});
        let rules = vec![serde_json::from_value(rule).unwrap()];
        Image { built: Timestamp(0), rules, sigma: Vec::new(), correlations: Vec::new() }.write().unwrap()
    }

    #[test]
    fn a_new_image_is_taken_and_a_damaged_one_leaves_the_former() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.rules");
        let rules = rules(&path);
        let status = |rules: &Rules| {
            rules.look();
            rules.told().unwrap().status
        };
        let own = attempt::pack().len();
        assert!(status(&rules).contains("none but our own"));
        assert_eq!(rules.in_force().len(), own);
        fs::write(&path, image("evil")).unwrap();
        assert!(status(&rules).starts_with("ok, 0 Sigma rules, 0 correlations, 1 others"));
        assert_eq!(
            (rules.in_force().len(), rules.told().unwrap().health(Timestamp(7_000_000)).age),
            (own + 1, Some(7))
        );
        let mut damaged = image("worse than evil");
        *damaged.last_mut().unwrap() ^= 1;
        fs::write(&path, damaged).unwrap();
        let said = status(&rules);
        assert!(said.contains("checksum") && said.contains("the former ones are in force"), "{said}");
        assert_eq!(rules.in_force().len(), own + 1);
        fs::remove_file(&path).unwrap();
        assert!(status(&rules).contains("No such file"));
        assert_eq!(rules.in_force().len(), own + 1);
    }

    /// Somebody writes the file in place while it is read: size and time stay the same, and what is in it does not.
    #[test]
    fn what_passes_is_tried_again_and_what_stays_wrong_is_not_read_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.rules");
        let rules = rules(&path);
        let good = image("evil");
        let mut half = good.clone();
        half.iter_mut().skip(40).for_each(|byte| *byte = 0);
        let then = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000);
        let write = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            File::options().append(true).open(&path).unwrap().set_modified(then).unwrap();
        };
        write(&half);
        rules.look();
        assert!(rules.told().unwrap().status.contains("checksum"));
        write(&good);
        rules.look();
        assert!(rules.told().unwrap().status.starts_with("ok"), "{}", rules.told().unwrap().status);
        let reads = std::cell::Cell::new(0);
        let look = || {
            rules.look_by(|file| {
                reads.set(reads.get() + 1);
                made(file)
            });
        };
        look();
        assert_eq!(reads.get(), 0, "what is in force is not read again");
        fs::write(&path, &half).unwrap();
        (0..20).for_each(|_| look());
        assert_eq!(reads.get(), TRIES_MAX);
        fs::remove_file(&path).unwrap();
        (0..5).for_each(|_| look());
        assert_eq!(reads.get(), TRIES_MAX + 5);
    }

    #[test]
    fn nobody_waits_while_rules_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.rules");
        fs::write(&path, image("evil")).unwrap();
        let rules = rules(&path);
        rules.look_by(|file| {
            assert_eq!(rules.in_force().len(), attempt::pack().len());
            assert!(rules.told().is_some());
            // A second one leaves it to the first.
            rules.look();
            made(file)
        });
        assert_eq!(rules.in_force().len(), attempt::pack().len() + 1);
    }

    #[test]
    fn only_a_regular_file_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.rules");
        mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        for path in [path.as_path(), Path::new("/dev/zero"), folder.path()] {
            let rules = rules(path);
            rules.look();
            assert!(rules.told().unwrap().status.contains("no regular file"), "{}", path.display());
        }
        let large = folder.path().join("large.rules");
        File::create(&large).unwrap().set_len(1 << 40).unwrap();
        assert!(read(&large).is_err());
    }

    #[test]
    fn none_is_configured_by_itself() {
        assert!(Rules::default().told().is_none());
    }
}
