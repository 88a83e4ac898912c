//! Which Python distributions are installed (dist-info, egg-info)?

use tripoint_model::{Ecosystem, Package, Parsed};
use tripoint_unpack::bounded_lines;

use super::{Cataloger, entry, is_plain};
use crate::root::Root;

/// Python packages in site-packages, dist-packages, venvs and wherever else they lie unpacked.
pub struct Python;

impl Cataloger for Python {
    fn name(&self) -> &'static str {
        "python"
    }

    fn wants(&self, path: &str) -> bool {
        path.ends_with(".dist-info/METADATA")
            || path.ends_with(".egg-info/PKG-INFO")
            || path.ends_with(".egg-info")
            || path.ends_with(".egg/EGG-INFO/PKG-INFO")
    }

    fn read(&self, root: &Root, path: &str, out: &mut Parsed<Package>) {
        let bytes = match root.read(path, METADATA_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) => return out.refuse(path, 1, format!("cannot be read: {error}")),
        };
        match parse(&bytes, path) {
            Ok(package) => out.accept(package),
            Err((line, reason)) => out.refuse(path, line, reason),
        }
    }
}

/// Reads the header fields of a METADATA or PKG-INFO file.
pub(crate) fn parse(bytes: &[u8], path: &str) -> Result<Package, (u64, &'static str)> {
    let mut name = String::new();
    let mut version = String::new();
    let mut last = 1;
    let mut lines = bounded_lines(bytes, LINE_BYTES_MAX);
    while let Some((number, line)) = lines.next_line() {
        last = number;
        match line {
            // The headers end at the first empty line; a description may follow.
            Ok("") => break,
            Ok(line) => match line.split_once(':') {
                Some((key, value)) if name.is_empty() && key.eq_ignore_ascii_case("name") => {
                    name = value.trim().to_owned();
                }
                Some((key, value)) if version.is_empty() && key.eq_ignore_ascii_case("version") => {
                    version = value.trim().to_owned();
                }
                _ => {}
            },
            Err(_) => {}
        }
    }
    if !is_plain(&name) {
        return Err((last, "no usable Name field"));
    }
    if !is_plain(&version) {
        return Err((last, "no usable Version field"));
    }
    let name = normalise(&name);
    Ok(entry::package(Ecosystem::PyPI, &name, &version, path))
}

/// PEP 503: runs of `-`, `_` and `.` are one `-`, letters are small.
pub(crate) fn normalise(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        let c = if matches!(c, '_' | '.') { '-' } else { c.to_ascii_lowercase() };
        if !(c == '-' && out.ends_with('-')) {
            out.push(c);
        }
    }
    out
}

const METADATA_BYTES_MAX: u64 = 4 << 20;
const LINE_BYTES_MAX: usize = 64 << 10;
