//! Which inputs does a target begin with? The fixtures that its parsers are tested with.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::target::Target;

/// Writes them; names are numbers, so that a second run overwrites what the first wrote.
pub fn write(target: &Target, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (number, seed) in (target.seeds)().iter().filter(|seed| seed.len() <= SEED_BYTES_MAX).enumerate() {
        fs::write(folder.join(format!("seed-{number:04}")), seed)?;
    }
    Ok(())
}

/// Every file beneath a folder of the repository, sorted, but the golden ones.
pub fn files(folder: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let mut out = Vec::new();
    let mut open = vec![root];
    while let Some(next) = open.pop() {
        let Ok(entries) = fs::read_dir(&next) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                open.push(path);
            } else if !path.extension().is_some_and(|end| end == "out" || end == "golden") {
                out.extend(fs::read(&path).map(|bytes| (path, bytes)));
            }
        }
    }
    out.sort();
    out
}

/// The files' contents.
pub fn contents(folder: &str) -> Vec<Vec<u8>> {
    files(folder).into_iter().map(|(_, bytes)| bytes).collect()
}

/// The inputs of a target whose first byte chooses the member of a registry.
pub fn chosen(member: usize, content: &[u8]) -> Vec<u8> {
    let mut out = vec![u8::try_from(member).unwrap_or(u8::MAX)];
    out.extend_from_slice(content);
    out
}

/// Longer ones make each execution slow and find nothing that short ones do not.
const SEED_BYTES_MAX: usize = 128 << 10;
