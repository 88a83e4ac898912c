//! By which rules are logs asked, and are they the newest?
//!
//! `evidence.rules` names a rule image, made by `tripoint evidence rules compile`. It is looked at as often as other
//! content; one that cannot be used leaves the former in force and is told.

use std::fs::{self, Metadata};
use std::io::Read as _;
use std::ops::Deref;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tripoint_api::agent::DataSource;
use tripoint_evidence::attempt;
use tripoint_evidence::pack::Pack;
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
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The file as it was read last: device, number, size, time of change in nanoseconds.
    seen: Option<(u64, u64, u64, i128)>,
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
    if !fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is no regular file").into());
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Image::read(&bytes)?)
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
        Self { path: image_of(config, data), state: Mutex::default() }
    }

    /// Reads the image where it is another than before.
    pub fn look(&self) {
        let Some(path) = &self.path else { return };
        let Ok(mut state) = self.state.lock() else { return };
        let seen = fs::metadata(path).ok().map(|about| stamp(&about));
        if seen == state.seen && (seen.is_some() || !state.status.is_empty()) {
            return;
        }
        state.seen = seen;
        let made = read(path).and_then(|image| {
            let (built, said) = (image.built, counted(&image));
            Ok((built, said, image.pack()?))
        });
        match made {
            Ok((built, said, pack)) => {
                tracing::info!(path = %path.display(), rules = said, "rules of evidence are in force");
                (state.pack, state.built) = (Some(Arc::new(pack)), Some(built));
                state.status = format!("ok, {said}");
            }
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "rules of evidence cannot be used; the former ones stay");
                let former = if state.pack.is_some() { "the former ones are in force" } else { "none but our own" };
                state.status = format!("{}: {error}; {former}", path.display());
            }
        }
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

fn stamp(about: &Metadata) -> (u64, u64, u64, i128) {
    let changed = i128::from(about.mtime()) * 1_000_000_000 + i128::from(about.mtime_nsec());
    (about.dev(), about.ino(), about.len(), changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &Path) -> Rules {
        Rules { path: Some(path.to_owned()), state: Mutex::default() }
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

    #[test]
    fn none_is_configured_by_itself() {
        assert!(Rules::default().told().is_none());
    }
}
