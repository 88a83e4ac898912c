//! Which files does the process hold open for reading, and do they name the peer?

use std::path::{Path, PathBuf};

use super::Place;
use crate::why::look::{Files, Look};

pub(super) struct OpenFiles;

impl Place for OpenFiles {
    fn name(&self) -> &'static str {
        "open file"
    }

    fn search(&self, look: &mut Look<'_>) {
        let subject = look.subject;
        if !subject.is_alive {
            return;
        }
        let entries = match std::fs::read_dir(subject.proc.join("fd")) {
            Ok(entries) => entries,
            Err(error) => return look.say(format!("its open files are not searched: {error}")),
        };
        let mut paths: Vec<PathBuf> = entries
            .flatten()
            .take(DESCRIPTORS_MAX)
            .filter_map(|entry| readable(&subject.proc, &entry.path()))
            .collect();
        paths.sort();
        paths.dedup();
        for path in paths.iter().take(FILES_MAX) {
            look.file(self.name(), Files::Own, path);
        }
    }
}

const DESCRIPTORS_MAX: usize = 65_536;
const FILES_MAX: usize = 256;
/// Configuration is smaller.
const SIZE_MAX: u64 = 1 << 20;

/// What is only read. What is written names a peer because it was met.
fn readable(proc: &Path, descriptor: &Path) -> Option<PathBuf> {
    let target = std::fs::read_link(descriptor).ok()?;
    let text = target.to_str()?;
    if !text.starts_with('/') || ["/dev/", "/proc/", "/sys/", "/memfd:"].iter().any(|start| text.starts_with(start)) {
        return None;
    }
    let about = std::fs::metadata(descriptor).ok()?;
    let info = std::fs::read_to_string(proc.join("fdinfo").join(descriptor.file_name()?)).ok()?;
    let flags = u32::from_str_radix(info.lines().find_map(|line| line.strip_prefix("flags:"))?.trim(), 8).ok()?;
    let is_log = text.contains("/log/") || text.contains("/logs/") || text.ends_with(".log");
    (about.is_file() && about.len() <= SIZE_MAX && flags & 0o3 == 0 && !is_log).then_some(target)
}
