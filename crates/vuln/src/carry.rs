//! How do sources that another host gathered come into force here, all of them or none?

use std::path::{Path, PathBuf};

use tripoint_model::Timestamp;

use crate::import::ImportError;
use crate::status::{self, SourceState, SourceStatus};
use crate::store::Store;

/// A source's copy: statements as this crate writes them, sealed by a line on their source.
#[derive(Clone, Debug)]
pub struct SourceCopy {
    /// Its status; the name is in it.
    pub status: SourceStatus,
    /// Where the copy lies.
    pub path: PathBuf,
}

/// The sources of a data folder, locked: nothing changes while they are read.
pub struct Sources {
    store: Store,
    data_dir: PathBuf,
}

impl Sources {
    /// Waits for an import to end.
    pub fn open(data_dir: &Path) -> Result<Self, ImportError> {
        Ok(Self { store: Store::open(data_dir)?, data_dir: data_dir.to_owned() })
    }

    /// Every copy in force.
    pub fn copies(&self) -> Result<Vec<SourceCopy>, ImportError> {
        let status = |name: &str, path: &Path| {
            let known = status::one(&self.data_dir, name);
            // A copy whose status was lost is as old as it says itself.
            let sealed = Store::seal(path).filter(|info| info.name == name && known.state == SourceState::Never);
            sealed.map_or(known, |info| SourceStatus::of_image(&info))
        };
        let copies = self.store.copies()?.into_iter();
        Ok(copies.map(|(name, path)| SourceCopy { status: status(&name, &path), path }).collect())
    }

    /// Reads every copy to its end and builds the image that they make with the sources that stay.
    /// Nothing changes yet.
    pub fn prepare(self, copies: Vec<SourceCopy>, now: Timestamp) -> Result<Prepared, ImportError> {
        let instead: Vec<(String, PathBuf)> =
            copies.iter().map(|copy| (copy.status.source.clone(), copy.path.clone())).collect();
        let image = self.store.image(&instead, now)?;
        Ok(Prepared { sources: self, copies, image })
    }
}

/// What was read to its end and may take force.
pub struct Prepared {
    sources: Sources,
    copies: Vec<SourceCopy>,
    image: Vec<u8>,
}

impl Prepared {
    /// Moves the copies to their places and publishes the image; gives its generation.
    pub fn commit(self) -> Result<u64, ImportError> {
        let store = &self.sources.store;
        for copy in &self.copies {
            store.adopt(&copy.status.source, &copy.path)?;
            store.set_status(&copy.status)?;
        }
        store.publish(&self.image)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::{ImportContext, ImportOptions, import};

    #[test]
    fn a_copy_without_a_status_is_as_old_as_it_says() {
        let folder = tempfile::tempdir().expect("tempdir");
        let (data_dir, now) = (folder.path().join("data"), Timestamp(7_000_000));
        let file = folder.path().join("kev.json");
        std::fs::write(&file, include_bytes!("../fixtures/advisory/kev/good.in")).expect("write");
        let context = ImportContext { data_dir: data_dir.clone(), now };
        let report = import(&[file], &ImportOptions::default(), &context, &mut |_, _| {}).expect("import");
        std::fs::remove_file(status::path(&data_dir, "kev")).expect("remove");
        let copies = Sources::open(&data_dir).expect("open").copies().expect("copies");
        assert_eq!((copies[0].status.last_success, copies[0].status.records), (Some(now), report.imported));
    }
}
