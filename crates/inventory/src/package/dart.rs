//! Which Dart packages does a project lock (pubspec.lock)?

use tripoint_model::{Ecosystem, Package, Parsed};
use tripoint_unpack::bounded_lines;

use super::{Cataloger, entry, lock};
use crate::root::Root;

/// Pub.
pub struct Dart;

impl Cataloger for Dart {
    fn name(&self) -> &'static str {
        "dart"
    }

    fn wants(&self, path: &str) -> bool {
        let file = path.rsplit('/').next().unwrap_or(path);
        file == "pubspec.lock" && !entry::is_foreign_project(path)
    }

    fn read(&self, root: &Root, path: &str, out: &mut Parsed<Package>) {
        let Some(bytes) = super::read(root, path, FILE_BYTES_MAX, out) else { return };
        let mut lines = bounded_lines(bytes.as_slice(), LINE_BYTES_MAX);
        let mut open = Entry::default();
        let mut inside = false;
        while let Some((number, line)) = lines.next_line() {
            match line {
                Ok(line) => {
                    if !line.starts_with([' ', '#']) {
                        inside = line == "packages:";
                    } else if let Some(name) = line.strip_prefix("  ").filter(|name| inside && !name.starts_with(' ')) {
                        open.finish(path, out);
                        let name = name.trim_end_matches(':').trim_matches('"').to_owned();
                        open = Entry { line: number, name, ..Entry::default() };
                    } else if inside {
                        open.field(line);
                    }
                }
                Err(error) => out.refuse(path, number, error.to_string()),
            }
        }
        open.finish(path, out);
    }
}

/// What is said of one package.
#[derive(Default)]
struct Entry {
    line: u64,
    name: String,
    version: String,
    local: bool,
}

impl Entry {
    fn field(&mut self, line: &str) {
        match line.trim().split_once(':').map(|(key, value)| (key, value.trim())) {
            Some(("version", value)) => self.version = lock::unquoted(value),
            // The SDK's own, and the project's.
            Some(("source", "sdk" | "path")) => self.local = true,
            _ => {}
        }
    }

    fn finish(&self, path: &str, out: &mut Parsed<Package>) {
        if self.line > 0 && !self.local {
            entry::take(Ecosystem::Pub, &self.name, &self.version, path, self.line, out);
        }
    }
}

const FILE_BYTES_MAX: u64 = 16 << 20;
const LINE_BYTES_MAX: usize = 64 << 10;
