//! Which generations of the intelligence image lie in the data folder, and which one counts?
//!
//! Images are `DATA/images/intel.N`; the highest `N` that opens counts. A generation is written
//! beside, synced and renamed, so a crash leaves the former one in force.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::index::Index;

/// Generations kept.
pub const GENERATIONS_KEPT: usize = 3;

const PREFIX: &str = "intel.";

/// The folder of images.
pub fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("images")
}

/// Every generation, newest first, unchecked: for a reader that maps files itself.
pub fn generations(data_dir: &Path) -> Vec<(u64, PathBuf)> {
    let Ok(entries) = fs::read_dir(folder(data_dir)) else { return Vec::new() };
    let mut found: Vec<(u64, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let number = name.strip_prefix(PREFIX)?;
            let canonical: u64 = number.parse().ok()?;
            (canonical.to_string() == number).then(|| (canonical, entry.path()))
        })
        .collect();
    found.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(*number));
    found
}

/// The newest generation that opens, read into memory, with its number; `None` when there is none.
pub fn open_newest(data_dir: &Path) -> Option<(u64, Index)> {
    generations(data_dir).into_iter().find_map(|(number, path)| {
        let bytes = fs::read(path).ok()?;
        Some((number, Index::open(Arc::new(bytes)).ok()?))
    })
}

/// Writes the next generation and prunes old ones; gives its number.
#[cfg(feature = "feeds")]
pub fn publish(data_dir: &Path, image: &[u8]) -> std::io::Result<u64> {
    let folder = folder(data_dir);
    fs::create_dir_all(&folder)?;
    let number = generations(data_dir).first().map_or(1, |(number, _)| number.saturating_add(1));
    write_whole(&folder.join(format!("{PREFIX}{number}")), |file| file.write_all(image))?;
    for (_, path) in generations(data_dir).into_iter().skip(GENERATIONS_KEPT) {
        fs::remove_file(path)?;
    }
    Ok(number)
}

/// How files are called until they are whole.
#[cfg(feature = "feeds")]
pub(crate) const NEW_PREFIX: &str = ".new-";

/// Writes a file so that after a crash either the old or the new one is there, whole. Gives it mode
/// 0644: what is in it is public, and other users' programs map it.
#[cfg(feature = "feeds")]
pub(crate) fn write_whole(
    path: &Path,
    fill: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>,
) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;

    let folder = path.parent().unwrap_or(Path::new("."));
    let file = tempfile::Builder::new().prefix(NEW_PREFIX).tempfile_in(folder)?;
    let mut writer = std::io::BufWriter::with_capacity(256 << 10, file);
    fill(&mut writer)?;
    writer.flush()?;
    let file = writer.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    fs::File::open(folder)?.sync_all()
}

#[cfg(all(test, feature = "feeds"))]
mod tests {
    use tripoint_model::Timestamp;

    use super::*;
    use crate::image::Builder;

    #[test]
    fn the_highest_generation_that_opens_counts() {
        let data = tempfile::tempdir().unwrap();
        assert!(open_newest(data.path()).is_none());
        for at in 1..=5 {
            assert_eq!(publish(data.path(), &Builder::default().finish(Timestamp(at))).unwrap(), at.cast_unsigned());
        }
        let numbers: Vec<u64> = generations(data.path()).iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [5, 4, 3]);
        fs::write(folder(data.path()).join("intel.9"), b"torn").unwrap();
        fs::write(folder(data.path()).join("intel.010"), b"foreign").unwrap();
        let (number, index) = open_newest(data.path()).unwrap();
        assert_eq!((number, index.built()), (5, Timestamp(5)));
        // The torn one is not reused: numbers only rise.
        assert_eq!(publish(data.path(), &Builder::default().finish(Timestamp(6))).unwrap(), 10);
    }
}
