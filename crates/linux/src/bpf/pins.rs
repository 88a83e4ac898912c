//! How do blocks stay in force when the agent that made them is gone?
//!
//! The links of the programs that look at packets are kept in the kernel's own file system, one folder an agent below
//! one of the instance. What was kept is let go by removing the files; the kernel then takes out the programs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where that file system is mounted, if it is.
fn mount() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ');
        let (_, point, kind) = (fields.next()?, fields.next()?, fields.next()?);
        (kind == "bpf").then(|| PathBuf::from(point))
    })
}

/// The folder of the instance of this name; `None` where nothing can be kept.
pub fn folder(name: &str) -> Option<PathBuf> {
    Some(mount()?.join(name))
}

/// What agents of this instance have kept, each its own folder.
pub fn kept(name: &str) -> Vec<PathBuf> {
    let Some(entries) = folder(name).and_then(|folder| fs::read_dir(folder).ok()) else { return Vec::new() };
    entries.flatten().map(|entry| entry.path()).collect()
}

/// Lets go of what one agent kept.
pub fn let_go(kept: &Path) -> io::Result<()> {
    for entry in fs::read_dir(kept)? {
        fs::remove_file(entry?.path())?;
    }
    fs::remove_dir(kept)?;
    // The instance's own folder goes with the last of them.
    if let Some(folder) = kept.parent() {
        let _ = fs::remove_dir(folder);
    }
    Ok(())
}
