//! Which Java artifacts does a Gradle project lock (gradle.lockfile)?

use tripoint_model::{Ecosystem, Package, Parsed};
use tripoint_unpack::bounded_lines;

use super::{Cataloger, entry};
use crate::root::Root;

/// Gradle.
pub struct Gradle;

impl Cataloger for Gradle {
    fn name(&self) -> &'static str {
        "gradle"
    }

    fn wants(&self, path: &str) -> bool {
        let file = path.rsplit('/').next().unwrap_or(path);
        file == "gradle.lockfile" && !entry::is_foreign_project(path)
    }

    fn read(&self, root: &Root, path: &str, out: &mut Parsed<Package>) {
        let Some(bytes) = super::read(root, path, FILE_BYTES_MAX, out) else { return };
        let mut lines = bounded_lines(bytes.as_slice(), LINE_BYTES_MAX);
        while let Some((number, line)) = lines.next_line() {
            match line {
                Ok(line) => entry(line, path, number, out),
                Err(error) => out.refuse(path, number, error.to_string()),
            }
        }
    }
}

/// `group:artifact:version=configurations`; `empty=` lists configurations without any.
fn entry(line: &str, path: &str, number: u64, out: &mut Parsed<Package>) {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') || line.starts_with("empty=") {
        return;
    }
    let coordinates = line.split('=').next().unwrap_or(line);
    match coordinates.rsplit_once(':').filter(|(name, _)| name.contains(':')) {
        Some((name, version)) => entry::take(Ecosystem::Maven, name, version, path, number, out),
        None => out.refuse(path, number, "not group:artifact:version"),
    }
}

const FILE_BYTES_MAX: u64 = 16 << 20;
const LINE_BYTES_MAX: usize = 64 << 10;
