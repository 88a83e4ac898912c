//! What do configurations say whose files include one another, within bounds?
//!
//! nginx's and Apache's differ in how a statement is written and what it is called; files, folders of files, circles of
//! them and what there is to find are the same.

use std::path::{Path, PathBuf};

use super::{matching, text};
use crate::locate::{How, Located, Log, Subject};

/// How one kind of server writes its configuration.
pub(super) trait Dialect {
    /// The statements of a file, each as words, with the line at which it begins.
    fn statements(&self, text: &str) -> Vec<(u64, Vec<String>)>;
    /// Takes one statement; gives the path, or the pattern of paths, of what it includes.
    fn take(&mut self, words: &[String], at: &At<'_>, found: &mut Found) -> Option<PathBuf>;
}

/// Where a statement stands.
pub(super) struct At<'f> {
    pub subject: &'f Subject,
    pub file: &'f Path,
    pub line: u64,
}

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    logs: Vec<(Log, Option<String>)>,
    served: Vec<PathBuf>,
    trusted: Vec<(String, PathBuf, u64)>,
    tells: Option<(PathBuf, u64)>,
    files: usize,
    bytes: usize,
    /// Included files that could not be read, and why.
    unread: Vec<String>,
    left_out: u64,
}

const FILES_MAX: usize = 500;
/// Bytes of all files: a file that includes itself again and again is read as often.
const BYTES_MAX: usize = 16 << 20;
/// Files whose reason is told.
const UNREAD_MAX: usize = 20;
const DEPTH_MAX: u32 = 8;
/// Logs, folders, proxies, of each.
const EACH_MAX: usize = 2000;

impl Found {
    /// A log, with the name of its format or the format itself.
    pub fn log(&mut self, path: PathBuf, format: Option<&str>, at: &At<'_>) {
        let how = How::Configuration { file: at.file.to_owned(), line: at.line };
        let log = Log { path, root: at.subject.root(), how, pattern: None };
        push(&mut self.logs, (log, format.map(str::to_owned)), &mut self.left_out);
    }

    /// A folder that it serves.
    pub fn serves(&mut self, folder: PathBuf) {
        push(&mut self.served, folder, &mut self.left_out);
    }

    /// A proxy whose word it believes.
    pub fn trusts(&mut self, address: &str, at: &At<'_>) {
        push(&mut self.trusted, (address.to_owned(), at.file.to_owned(), at.line), &mut self.left_out);
    }

    /// It says to another server for whom it speaks.
    pub fn tells(&mut self, at: &At<'_>) {
        self.tells.get_or_insert((at.file.to_owned(), at.line));
    }

    /// Whether it believes anybody.
    pub fn is_trusting(&self) -> bool {
        !self.trusted.is_empty()
    }

    /// Adds it all to what was found elsewhere; `pattern` makes one of a format.
    pub fn add_to(self, found: &mut Located, pattern: impl Fn(String) -> Option<String>) {
        found.tells = found.tells.take().or(self.tells);
        self.served.into_iter().for_each(|folder| found.serve(folder));
        self.trusted.iter().for_each(|(address, file, line)| found.trust(address, file, *line));
        found.missing.extend(self.unread.into_iter().map(|reason| format!("an included file: {reason}")));
        if self.left_out > 0 {
            found.missing.push(format!("a configuration names {} more than {EACH_MAX} of a kind", self.left_out));
        }
        for (log, format) in self.logs {
            found.add(Log { pattern: format.and_then(&pattern), ..log });
        }
    }
}

fn push<T>(list: &mut Vec<T>, one: T, left_out: &mut u64) {
    if list.len() < EACH_MAX {
        list.push(one);
    } else {
        *left_out += 1;
    }
}

/// Reads a configuration from its first file on. `what`: whose it is, for what is missing.
pub(super) fn read(
    dialect: &mut impl Dialect,
    subject: &Subject,
    (what, start): (&str, &Path),
    located: &mut Located,
) -> Found {
    let mut found = Found::default();
    if let Err(reason) = file(dialect, subject, (start, 0), &mut found) {
        located.missing.push(format!("{what} configuration: {reason}"));
    }
    found
}

fn file(
    dialect: &mut impl Dialect,
    subject: &Subject,
    (path, depth): (&Path, u32),
    found: &mut Found,
) -> Result<(), String> {
    found.files += 1;
    if depth > DEPTH_MAX || found.files > FILES_MAX || found.bytes > BYTES_MAX {
        return Err(format!("{}: included too deep, or one of too many files", path.display()));
    }
    let text = text(subject, path)?;
    found.bytes += text.len();
    for (line, words) in dialect.statements(&text) {
        let at = At { subject, file: path, line };
        let Some(pattern) = dialect.take(&words, &at, found) else { continue };
        if found.files > FILES_MAX {
            continue;
        }
        for path in matching(subject, &pattern) {
            // One file that cannot be read hides no other.
            if let Err(reason) = file(dialect, subject, (&path, depth + 1), found)
                && found.unread.len() < UNREAD_MAX
            {
                found.unread.push(reason);
            }
        }
    }
    Ok(())
}
