//! Which Ruby gems are installed (specifications) or locked (Gemfile.lock)?

use tripoint_model::{Ecosystem, Package, Parsed};
use tripoint_unpack::bounded_lines;

use super::{Cataloger, entry, lock};
use crate::root::Root;

/// Gems.
pub struct Ruby;

impl Cataloger for Ruby {
    fn name(&self) -> &'static str {
        "ruby"
    }

    fn wants(&self, path: &str) -> bool {
        is_specification(path)
            || (path == "Gemfile.lock" || path.ends_with("/Gemfile.lock")) && !entry::is_foreign_project(path)
    }

    fn read(&self, root: &Root, path: &str, out: &mut Parsed<Package>) {
        let Some(bytes) = super::read(root, path, FILE_BYTES_MAX, out) else { return };
        if is_specification(path) { read_specification(&bytes, path, out) } else { read_lock(&bytes, path, out) }
    }
}

/// What `gem install` writes: `specifications/NAME-VERSION.gemspec`, also in `default/`.
fn is_specification(path: &str) -> bool {
    let Some((folder, file)) = path.rsplit_once('/') else { return false };
    let folder = folder.strip_suffix("/default").unwrap_or(folder);
    file.ends_with(".gemspec") && (folder == "specifications" || folder.ends_with("/specifications"))
}

/// A gemspec is a program; RubyGems writes it with plain texts, and only those are read.
fn read_specification(bytes: &[u8], path: &str, out: &mut Parsed<Package>) {
    let (mut name, mut version) = (String::new(), String::new());
    let mut lines = bounded_lines(bytes, LINE_BYTES_MAX);
    while let Some((_, line)) = lines.next_line() {
        let Some((key, value)) = line.unwrap_or_default().trim().split_once('=') else { continue };
        let value = value.trim();
        let text = value.strip_prefix("Gem::Version.new(").unwrap_or(value);
        let attribute = key.trim().rsplit('.').next().filter(|_| key.contains('.'));
        match attribute {
            Some("name") if name.is_empty() => name = lock::unquoted(text),
            Some("version") if version.is_empty() => version = lock::unquoted(text),
            _ => {}
        }
    }
    entry::take(Ecosystem::RubyGems, &name, &version, path, 1, out);
}

/// Under `specs:`, four spaces before a gem, more before what it needs.
fn read_lock(bytes: &[u8], path: &str, out: &mut Parsed<Package>) {
    let mut section = String::new();
    let mut lines = bounded_lines(bytes, LINE_BYTES_MAX);
    while let Some((number, line)) = lines.next_line() {
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                out.refuse(path, number, error.to_string());
                continue;
            }
        };
        if !line.starts_with(' ') {
            line.clone_into(&mut section);
            continue;
        }
        // PATH holds the project's own gems.
        let Some(gem) = line.strip_prefix("    ").filter(|gem| !gem.starts_with(' ')) else { continue };
        if !matches!(section.as_str(), "GEM" | "GIT" | "PLUGIN SOURCE") {
            continue;
        }
        let (name, version) = gem.split_once(" (").unwrap_or((gem, ""));
        // `1.2.3-x86_64-linux` is 1.2.3 built for a platform.
        let version = version.trim_end_matches(')').split('-').next().unwrap_or_default();
        entry::take(Ecosystem::RubyGems, name, version, path, number, out);
    }
}

const FILE_BYTES_MAX: u64 = 8 << 20;
const LINE_BYTES_MAX: usize = 64 << 10;
