//! Which npm packages does a project lock with Yarn (v1, Berry) or pnpm?

use tripoint_model::{Ecosystem, Package, Parsed};
use tripoint_unpack::bounded_lines;

use super::{Cataloger, entry, lock};
use crate::root::Root;

/// `yarn.lock` and `pnpm-lock.yaml`.
pub struct NpmLock;

impl Cataloger for NpmLock {
    fn name(&self) -> &'static str {
        "npm-lock"
    }

    fn wants(&self, path: &str) -> bool {
        let file = path.rsplit('/').next().unwrap_or(path);
        matches!(file, "yarn.lock" | "pnpm-lock.yaml") && !entry::is_foreign_project(path)
    }

    fn read(&self, root: &Root, path: &str, out: &mut Parsed<Package>) {
        let Some(bytes) = super::read(root, path, FILE_BYTES_MAX, out) else { return };
        if path.ends_with(".yaml") { read_pnpm(&bytes, path, out) } else { read_yarn(&bytes, path, out) }
    }
}

/// An entry of yarn.lock: the line it begins at, its name, its version, where it was found.
#[derive(Default)]
struct Yarn {
    line: u64,
    name: String,
    version: String,
    local: bool,
}

/// Entries begin at the margin; what they say is indented. Berry writes YAML, v1 something like it.
fn read_yarn(bytes: &[u8], path: &str, out: &mut Parsed<Package>) {
    let mut open: Option<Yarn> = None;
    let mut lines = bounded_lines(bytes, LINE_BYTES_MAX);
    while let Some((number, line)) = lines.next_line() {
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                out.refuse(path, number, error.to_string());
                continue;
            }
        };
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some(field) = line.strip_prefix("  ") else {
            finish(open.take(), path, out);
            match line.strip_suffix(':') {
                Some("__metadata") => {}
                Some(key) => open = Some(descriptor(key, number)),
                None => out.refuse(path, number, "neither an entry nor what one says"),
            }
            continue;
        };
        let Some(entry) = open.as_mut() else { continue };
        if let Some(version) = field.strip_prefix("version") {
            entry.version = value(version);
        } else if let Some(resolution) = field.strip_prefix("resolution:") {
            let resolution = value(resolution);
            let (name, kind) = split_name(&resolution);
            entry.local = ["workspace:", "link:", "portal:"].iter().any(|local| kind.starts_with(local));
            name.clone_into(&mut entry.name);
        }
    }
    finish(open, path, out);
}

fn finish(entry: Option<Yarn>, path: &str, out: &mut Parsed<Package>) {
    if let Some(Yarn { line, name, version, .. }) = entry.filter(|entry| !entry.local) {
        entry::take(Ecosystem::Npm, &name, &version, path, line, out);
    }
}

/// `"a@^1", "a@^2"`; an alias (`b@npm:a@^1`) is the package that it stands for.
fn descriptor(key: &str, line: u64) -> Yarn {
    let first = key.split(", ").next().unwrap_or(key).trim_matches('"');
    let (name, range) = split_name(first);
    let name = match range.strip_prefix("npm:").map(split_name) {
        Some((aliased, range)) if !range.is_empty() => aliased,
        _ => name,
    };
    let local = ["file:", "link:", "workspace:"].iter().any(|kind| range.starts_with(kind));
    Yarn { line, name: name.to_owned(), version: String::new(), local }
}

/// `name@range`; a scope begins with the same sign.
fn split_name(text: &str) -> (&str, &str) {
    match text.char_indices().skip(1).find(|(_, c)| *c == '@') {
        Some((at, _)) => (&text[..at], &text[at + 1..]),
        None => (text, ""),
    }
}

fn value(text: &str) -> String {
    let text = text.trim_start_matches(':').trim();
    if text.starts_with(['"', '\'']) { lock::unquoted(text) } else { text.to_owned() }
}

/// The keys below `packages:`; how they are written depends on the version of the format.
fn read_pnpm(bytes: &[u8], path: &str, out: &mut Parsed<Package>) {
    let (mut inside, mut old) = (false, false);
    let mut lines = bounded_lines(bytes, LINE_BYTES_MAX);
    while let Some((number, line)) = lines.next_line() {
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                out.refuse(path, number, error.to_string());
                continue;
            }
        };
        if let Some(version) = line.strip_prefix("lockfileVersion:") {
            let version = value(version);
            old = version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major < 6);
        } else if !line.starts_with([' ', '#']) && !line.is_empty() {
            inside = line == "packages:";
        } else if inside && let Some(key) = line.strip_prefix("  ").filter(|key| !key.starts_with(' ')) {
            let Some(key) = key.strip_suffix(':').or_else(|| key.split_once(": ").map(|(key, _)| key)) else {
                out.refuse(path, number, "not a package");
                continue;
            };
            pnpm_entry(key.trim_matches(['"', '\'']), old, path, number, out);
        }
    }
}

/// `/a/1.0.0_peer@2` before version 6, `/a@1.0.0(peer@2)` then, without the stroke from 9 on.
fn pnpm_entry(key: &str, old: bool, path: &str, number: u64, out: &mut Parsed<Package>) {
    let key = key.split('(').next().unwrap_or(key);
    let rest = key.strip_prefix('/').unwrap_or(key);
    let (name, version) = if old {
        let (name, version) = rest.rsplit_once('/').unwrap_or((rest, ""));
        (name, version.split('_').next().unwrap_or(version))
    } else {
        split_name(rest)
    };
    if !version.starts_with(|c: char| c.is_ascii_digit()) {
        let shown = tripoint_model::text::truncate(key, 100).0;
        return out.refuse(path, number, format!("{shown:?} names no version of a registry"));
    }
    entry::take(Ecosystem::Npm, name, version, path, number, out);
}

const FILE_BYTES_MAX: u64 = 32 << 20;
const LINE_BYTES_MAX: usize = 64 << 10;
