//! What does the server tell others of what the feeds call bad?

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tripoint_api::FeedHealth;
use tripoint_intel::FeedStatus;
use tripoint_intel::export::{self, Wish};
use tripoint_intel::image_delta::{self, Identity};
use tripoint_intel::{ImageBytes, Index, images};
use tripoint_linux::mapped::MappedFile;
use tripoint_model::exception::NETWORKS_MAX;
use tripoint_server::{FindSystem, ImageFile, ReadFeeds, ReadImages, WriteIndicators};

use crate::context::now;

/// The verdicts as `intel export stix` writes them.
pub fn indicators_of(data_dir: &Path) -> WriteIndicators {
    let data_dir = data_dir.to_owned();
    Arc::new(move |out: &mut dyn io::Write| {
        let wish = Wish { at: now(), min_confidence: CONFIDENCE_MIN, direction: None, category: None };
        let verdicts = export::verdicts(&data_dir, &wish).map_err(io::Error::other)?;
        let format = export::FORMATS.iter().find(|format| format.name() == "stix");
        let format = format.ok_or_else(|| io::Error::other("there is no format stix"))?;
        export::write(*format, &verdicts, wish.at, out).map(drop)
    })
}

/// Finds which networks an autonomous system has, for exceptions.
pub fn systems_of(data_dir: &Path) -> FindSystem {
    let data_dir = data_dir.to_owned();
    Arc::new(move |number| tripoint_intel::systems::networks_of(&data_dir, number, NETWORKS_MAX))
}

/// How the feeds are, as `intel list` and `doctor` say it.
pub fn feeds_of(data_dir: &Path) -> ReadFeeds {
    let data_dir = data_dir.to_owned();
    Arc::new(move || {
        let now = now();
        let one = |feed: FeedStatus| FeedHealth {
            trouble: feed.trouble(now),
            state: format!("{:?}", feed.state).to_lowercase(),
            feed: feed.feed,
            count: feed.count,
            last_success: feed.last_success,
            last_change: feed.last_change,
        };
        tripoint_intel::list(&data_dir).into_iter().map(one).collect()
    })
}

/// The images of the data folder, and what changed between two of them.
pub fn images_of(data_dir: &Path) -> Arc<dyn ReadImages> {
    Arc::new(Images(data_dir.to_owned()))
}

struct Images(PathBuf);

impl ReadImages for Images {
    fn newest(&self) -> Option<ImageFile> {
        images::generations(&self.0).into_iter().find_map(|(_, path)| {
            let bytes = mapped(&path).ok()?;
            Index::open(Arc::clone(&bytes)).ok()?;
            let image = (*bytes).as_ref();
            Some(ImageFile { identity: Identity::of(image).to_string(), bytes: image.len() as u64, path })
        })
    }

    fn delta(&self, base: &Path, target: &Path) -> Result<Vec<u8>, String> {
        let open = |path: &Path| mapped(path).map_err(|error| format!("{}: {error}", path.display()));
        image_delta::make(&open(base)?, &open(target)?).map_err(|error| error.to_string())
    }
}

fn mapped(path: &Path) -> io::Result<ImageBytes> {
    Ok(Arc::new(MappedFile::open(&File::open(path)?)?))
}

/// What `intel export` takes when it is not told.
const CONFIDENCE_MIN: u8 = 50;
