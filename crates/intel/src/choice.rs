//! Which of the built-in feeds does the user want, other than those that are wanted by default?
//!
//! Kept in `DATA/intel/choices.json`. A file of descriptors of the user's own says so itself.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::descriptor::Descriptor;
use crate::images::write_whole;

/// What was chosen, by the feed's name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choices(BTreeMap<String, Choice>);

/// Of one feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Whether it is fetched.
    pub enabled: bool,
    /// File that holds the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
}

/// Why a feed cannot be chosen.
#[derive(Debug, thiserror::Error)]
pub enum ChoiceError {
    /// There is none of that name.
    #[error("there is no built-in feed {0:?}: see `tripoint intel feeds`")]
    Unknown(String),
    /// Its publisher wants a key.
    #[error("{0} needs a key of its publisher: put it into a file that only you can read, and give --key-file FILE")]
    NeedsKey(String),
    /// The choices cannot be read or written.
    #[error("cannot use {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Choices {
    /// What was chosen before; nothing where nothing was.
    pub fn load(data_dir: &Path) -> Result<Self, ChoiceError> {
        let path = path(data_dir);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(ChoiceError::Io { path, source }),
        };
        serde_json::from_slice(&text).map_err(|error| ChoiceError::Io { path, source: error.into() })
    }

    /// Keeps them.
    pub fn save(&self, data_dir: &Path) -> Result<(), ChoiceError> {
        let path = path(data_dir);
        let folder = path.parent().map_or_else(|| PathBuf::from("."), Path::to_owned);
        let text = serde_json::to_vec_pretty(self).map_err(io::Error::from);
        let written = text.and_then(|text| {
            std::fs::create_dir_all(&folder)?;
            write_whole(&path, |file| file.write_all(&text))
        });
        written.map_err(|source| ChoiceError::Io { path, source })
    }

    /// Chooses one of `feeds`, or leaves it out.
    pub fn choose(
        &mut self,
        feeds: &[Descriptor],
        name: &str,
        enabled: bool,
        key_file: Option<&Path>,
    ) -> Result<(), ChoiceError> {
        let feed = feeds.iter().find(|feed| feed.name == name).ok_or_else(|| ChoiceError::Unknown(name.to_owned()))?;
        let before = self.0.get(name).and_then(|choice| choice.key_file.clone());
        let key_file = key_file.map(Path::to_owned).or(before);
        if enabled && feed.header.is_some() && key_file.is_none() && feed.key_file.is_none() {
            return Err(ChoiceError::NeedsKey(name.to_owned()));
        }
        self.0.insert(name.to_owned(), Choice { enabled, key_file });
        Ok(())
    }

    /// Changes the descriptors accordingly.
    pub fn apply(&self, feeds: &mut [Descriptor]) {
        for feed in feeds {
            if let Some(choice) = self.0.get(&feed.name) {
                feed.enabled = choice.enabled;
                feed.key_file = choice.key_file.clone().or(feed.key_file.take());
            }
        }
    }
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("intel/choices.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_kept_and_applied() {
        let folder = tempfile::tempdir().expect("tempdir");
        let mut feeds = crate::descriptor::built_in().expect("built-in feeds");
        let keyed = feeds.iter().find(|feed| feed.header.is_some()).expect("one needs a key").name.clone();
        let plain = feeds.iter().find(|feed| feed.enabled).expect("one is enabled").name.clone();
        let mut choices = Choices::load(folder.path()).expect("none yet");
        assert!(matches!(choices.choose(&feeds, "nothing", true, None), Err(ChoiceError::Unknown(_))));
        assert!(matches!(choices.choose(&feeds, &keyed, true, None), Err(ChoiceError::NeedsKey(_))));
        choices.choose(&feeds, &keyed, true, Some(Path::new("/key"))).expect("with a key");
        choices.choose(&feeds, &plain, false, None).expect("without");
        choices.save(folder.path()).expect("save");
        let loaded = Choices::load(folder.path()).expect("load");
        assert_eq!(loaded, choices);
        loaded.apply(&mut feeds);
        let of = |name: &str| feeds.iter().find(|feed| feed.name == name).expect("feed");
        assert!(of(&keyed).enabled && of(&keyed).key_file.as_deref() == Some(Path::new("/key")));
        assert!(!of(&plain).enabled);
        std::fs::write(path(folder.path()), b"{").expect("write");
        assert!(matches!(Choices::load(folder.path()), Err(ChoiceError::Io { .. })));
    }
}
