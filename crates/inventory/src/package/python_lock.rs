//! Which Python distributions does a project pin (requirements, Poetry, Pipenv, uv, PDM)?

use std::collections::BTreeMap;

use serde::Deserialize;
use tripoint_model::{Ecosystem, Package, Parsed};
use tripoint_unpack::bounded_lines;

use super::{Cataloger, entry, lock, python};
use crate::root::Root;

/// Lock files of Python projects.
pub struct PythonLock;

impl Cataloger for PythonLock {
    fn name(&self) -> &'static str {
        "python-lock"
    }

    fn wants(&self, path: &str) -> bool {
        let file = path.rsplit('/').next().unwrap_or(path);
        (matches!(file, "poetry.lock" | "uv.lock" | "pdm.lock" | "Pipfile.lock") || is_requirements(file))
            && !entry::is_foreign_project(path)
    }

    fn read(&self, root: &Root, path: &str, out: &mut Parsed<Package>) {
        let Some(bytes) = super::read(root, path, FILE_BYTES_MAX, out) else { return };
        if path.ends_with("Pipfile.lock") {
            read_pipfile(&bytes, path, out);
        } else if path.ends_with(".lock") {
            lock::packages(&bytes, path, out, &mut |locked, out| {
                let own = ["virtual =", "editable =", "directory ="].iter().any(|kind| locked.source.contains(kind));
                if !own {
                    take(&locked.name, &locked.version, path, locked.line, out);
                }
            });
        } else {
            read_requirements(&bytes, path, out);
        }
    }
}

fn is_requirements(file: &str) -> bool {
    file.ends_with(".txt") && file.contains("requirements")
}

fn take(name: &str, version: &str, path: &str, line: u64, out: &mut Parsed<Package>) {
    entry::take(Ecosystem::PyPI, &python::normalise(name), version, path, line, out);
}

#[derive(Deserialize)]
struct Pipfile {
    #[serde(default)]
    default: BTreeMap<String, Pinned>,
    #[serde(default)]
    develop: BTreeMap<String, Pinned>,
}

#[derive(Deserialize)]
struct Pinned {
    #[serde(default)]
    version: entry::Loose,
    #[serde(default)]
    editable: bool,
}

fn read_pipfile(bytes: &[u8], path: &str, out: &mut Parsed<Package>) {
    match serde_json::from_slice::<Pipfile>(bytes) {
        Err(error) => out.refuse(path, error.line() as u64, format!("not a Pipfile.lock: {error}")),
        Ok(lock) => {
            for (name, pinned) in lock.default.iter().chain(&lock.develop).filter(|(_, pinned)| !pinned.editable) {
                take(name, pinned.version.text().trim_start_matches('='), path, 0, out);
            }
        }
    }
}

/// PEP 508 lines with pip's options; only an exact version says what is installed.
fn read_requirements(bytes: &[u8], path: &str, out: &mut Parsed<Package>) {
    let mut lines = bounded_lines(bytes, LINE_BYTES_MAX);
    let (mut joined, mut begun) = (String::new(), 0);
    while let Some((number, line)) = lines.next_line() {
        match line {
            Ok(line) => {
                if joined.is_empty() {
                    begun = number;
                }
                // Continued lines end somewhere, or are not believed.
                match line.strip_suffix('\\') {
                    Some(part) if joined.len() < LINE_BYTES_MAX => joined.push_str(part),
                    _ => {
                        joined.push_str(line);
                        requirement(&std::mem::take(&mut joined), path, begun, out);
                    }
                }
            }
            Err(error) => out.refuse(path, number, error.to_string()),
        }
    }
    requirement(&joined, path, begun, out);
}

fn requirement(line: &str, path: &str, number: u64, out: &mut Parsed<Package>) {
    // A comment begins the line or follows a space.
    let line = if line.trim_start().starts_with('#') { "" } else { line.split(" #").next().unwrap_or(line) };
    let line = line.split(" --").next().unwrap_or(line).split(';').next().unwrap_or(line).trim();
    if line.is_empty() || line.starts_with('-') {
        return;
    }
    let name_end = line.find(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c))).unwrap_or(line.len());
    let (name, mut rest) = line.split_at(name_end);
    if let Some((_, behind)) = rest.trim_start().strip_prefix('[').and_then(|extras| extras.split_once(']')) {
        rest = behind;
    }
    let version =
        rest.trim().trim_matches(['(', ')']).strip_prefix("==").map(|version| version.trim_start_matches('='));
    // Further options may follow.
    match version.map(|version| version.split_whitespace().next().unwrap_or_default()) {
        Some(version) if !version.contains([',', '*', '<', '>', '=', '$']) => take(name, version, path, number, out),
        _ => {
            let shown = tripoint_model::text::truncate(line, 100).0;
            out.refuse(path, number, format!("{shown:?} names no exact version"));
        }
    }
}

const FILE_BYTES_MAX: u64 = 16 << 20;
const LINE_BYTES_MAX: usize = 64 << 10;
