//! Which Hex packages does an Elixir project lock (mix.lock)?

use tripoint_model::{Ecosystem, Package, Parsed};
use tripoint_unpack::bounded_lines;

use super::{Cataloger, entry};
use crate::root::Root;

/// Mix.
pub struct Hex;

impl Cataloger for Hex {
    fn name(&self) -> &'static str {
        "hex"
    }

    fn wants(&self, path: &str) -> bool {
        let file = path.rsplit('/').next().unwrap_or(path);
        file == "mix.lock" && !entry::is_foreign_project(path)
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

/// `  "key": {:hex, :name, "1.2.3", "digest", …},`; other sources have no version of Hex.
fn entry(line: &str, path: &str, number: u64, out: &mut Parsed<Package>) {
    let line = line.trim();
    if line.is_empty() || line == "%{" || line == "}" || line.starts_with('#') {
        return;
    }
    let Some((_, source)) = line.split_once("{:hex,") else {
        return out.refuse(path, number, "not a package of Hex");
    };
    let mut parts = source.split(',').map(|part| part.trim().trim_matches([':', '"']));
    let (name, version) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    entry::take(Ecosystem::Hex, name, version, path, number, out);
}

const FILE_BYTES_MAX: u64 = 16 << 20;
const LINE_BYTES_MAX: usize = 64 << 10;
