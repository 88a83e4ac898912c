//! Which `[[package]]` tables has a lock file in TOML (Cargo.lock, poetry.lock, uv.lock, pdm.lock)?
//!
//! Line by line, as the tools write them: memory does not grow with the file, and one broken table
//! costs one entry.

use tripoint_model::{Package, Parsed};
use tripoint_unpack::{LineError, bounded_lines};

/// What a table says of its package.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Locked {
    /// Where the table begins.
    pub(crate) line: u64,
    pub(crate) name: String,
    pub(crate) version: String,
    /// As it is written, a text or an inline table.
    pub(crate) source: String,
}

/// Shows every table.
pub(crate) fn packages(
    bytes: &[u8],
    path: &str,
    out: &mut Parsed<Package>,
    visit: &mut dyn FnMut(Locked, &mut Parsed<Package>),
) {
    let mut open: Option<Locked> = None;
    let mut inside = false;
    let mut lines = bounded_lines(bytes, LINE_BYTES_MAX);
    while let Some((number, line)) = lines.next_line() {
        let line = match line {
            Ok(line) => line,
            // A long list of digests hurts nobody; a long name is missed below.
            Err(LineError::TooLong(_)) => continue,
            Err(error) => {
                out.refuse(path, number, error.to_string());
                continue;
            }
        };
        if line == "[[package]]" {
            if let Some(done) = open.replace(Locked { line: number, ..Locked::default() }) {
                visit(done, out);
            }
            inside = true;
        } else if line.starts_with('[') {
            inside = false;
        } else if let Some(table) = open.as_mut().filter(|_| inside) {
            table.field(line);
        } else if open.is_none() && !is_toml(line) {
            return out.refuse(path, number, "not a lock file: neither a table nor a value");
        }
    }
    if let Some(done) = open {
        visit(done, out);
    }
}

impl Locked {
    fn field(&mut self, line: &str) {
        let Some((key, value)) = line.split_once('=') else { return };
        let value = value.trim();
        match key.trim_end() {
            "name" => self.name = unquoted(value),
            "version" => self.version = unquoted(value),
            "source" => value.clone_into(&mut self.source),
            _ => {}
        }
    }
}

/// The text between quotes; without them nothing.
pub(crate) fn unquoted(value: &str) -> String {
    let quoted = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.split(quote).next());
    quoted('"').or_else(|| quoted('\'')).unwrap_or_default().to_owned()
}

fn is_toml(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with(['#', '"', '\'', ']', '}', '{']) || line.contains('=')
}

const LINE_BYTES_MAX: usize = 64 << 10;
