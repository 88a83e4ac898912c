//! How are places searched for a peer, within bounds?
//!
//! Each file once, within the process's root, regular files only; so many files, so many bytes, as long as there is
//! time. A line that names the peer is kept redacted; all others are forgotten.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use tripoint_model::text::truncate;
use tripoint_model::why::{MENTIONS_MAX, Mention, Why};

use super::redact::{LINE_BYTES_MAX, Redactor, State};
use super::terms::{Hit, Terms};
use super::{Question, Subject};
use crate::locate::opened::{OpenError, open_in};

/// A file of configuration is small; more is data.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// All files together.
const BYTES_MAX: u64 = 64 << 20;
const FILES_MAX: u32 = 2000;
/// One place must not crowd out the others.
const PLACE_MENTIONS_MAX: usize = 10;
const TEXT_BYTES_MAX: usize = 240;

/// Whose files.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Files {
    /// The process's.
    Own,
    /// Of whoever set it up: the host's, for a container.
    Host,
}

pub(super) struct Look<'l> {
    pub question: &'l Question<'l>,
    pub subject: &'l Subject,
    terms: &'l Terms,
    bytes_left: u64,
    files_left: u32,
    seen: BTreeSet<(Files, PathBuf)>,
    mentions: Vec<Mention>,
    left_out: u64,
    missing: Vec<String>,
    is_cut: bool,
}

impl<'l> Look<'l> {
    pub fn new(question: &'l Question<'l>, subject: &'l Subject, terms: &'l Terms) -> Self {
        Self {
            question,
            subject,
            terms,
            bytes_left: BYTES_MAX,
            files_left: FILES_MAX,
            seen: BTreeSet::new(),
            mentions: Vec::new(),
            left_out: 0,
            missing: Vec::new(),
            is_cut: false,
        }
    }

    /// The folder that paths of these files are looked up in.
    pub fn root(&self, files: Files) -> &'l Path {
        match files {
            Files::Own => &self.subject.root,
            Files::Host => &self.subject.host,
        }
    }

    /// Searches a file, where it is there; gives its text, so that what it includes can be followed.
    pub fn file(&mut self, place: &'static str, files: Files, path: &Path) -> Option<String> {
        if !self.seen.insert((files, path.to_owned())) {
            return None;
        }
        match self.read(files, path) {
            Ok(text) => {
                self.text(place, &path.display().to_string(), &text);
                Some(text)
            }
            Err(reason) => {
                if let Some(reason) = reason {
                    self.say(format!("{}: not searched, {reason}", path.display()));
                }
                None
            }
        }
    }

    /// A file's text; `Err(None)` where there is none.
    pub fn read(&mut self, files: Files, path: &Path) -> Result<String, Option<String>> {
        if self.is_over() {
            return Err(None);
        }
        let file = open_in(self.root(files), path).map_err(|error| match error {
            OpenError::Io(_, error) if error.kind() == std::io::ErrorKind::NotFound => None,
            OpenError::Io(_, error) => Some(error.to_string()),
            OpenError::Link(_) => Some("a link stands there".to_owned()),
            OpenError::NotRegular(_) => Some("no regular file".to_owned()),
        })?;
        self.bounded(file)
    }

    /// Reads within the bounds.
    pub fn bounded(&mut self, file: impl Read) -> Result<String, Option<String>> {
        self.files_left = self.files_left.saturating_sub(1);
        let mut bytes = Vec::new();
        let most = FILE_BYTES_MAX.min(self.bytes_left);
        file.take(most).read_to_end(&mut bytes).map_err(|error| Some(error.to_string()))?;
        self.bytes_left -= bytes.len() as u64;
        if bytes.len() as u64 == FILE_BYTES_MAX {
            self.say("a file was searched in its first MiB only".to_owned());
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Follows links of a path by hand, as `open_in` refuses one at the end: units and sites are often links into
    /// another folder. Stays within the root; what does not end in a few steps is nothing.
    pub fn resolved(&self, files: Files, path: &Path) -> PathBuf {
        let mut path = path.to_owned();
        for _ in 0..LINKS_MAX {
            let inside = self.root(files).join(path.strip_prefix("/").unwrap_or(&path));
            let Ok(target) = std::fs::read_link(inside) else { break };
            path = if target.is_absolute() { target } else { path.parent().unwrap_or(Path::new("/")).join(target) };
        }
        path
    }

    /// The same for one link among its folders: `..data` of a pod's volume.
    pub fn resolved_folders(&self, files: Files, path: &Path) -> PathBuf {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return path.to_owned() };
        self.resolved(files, folder).join(name)
    }

    /// The names in a folder, sorted, bounded.
    pub fn names(&self, files: Files, folder: &Path) -> Vec<String> {
        let Ok(within) = super::place::folder(self.root(files), folder) else { return Vec::new() };
        let mut names = within;
        names.truncate(NAMES_MAX);
        names.sort();
        names
    }

    /// Searches lines.
    pub fn text(&mut self, place: &'static str, file: &str, text: &str) {
        let mut redactor = Redactor::default();
        for (number, line) in (1..).zip(text.lines()) {
            let state = redactor.see(line);
            if let Some(hit) = self.terms.find(line) {
                let shown = self.shown(&redactor, state, line, &hit);
                self.keep(place, file, number, line, &hit, &shown);
            }
        }
    }

    /// Searches one piece: a variable, a word.
    pub fn piece(&mut self, place: &'static str, file: &str, number: u64, piece: &str) {
        if let Some(hit) = self.terms.find(piece) {
            let mut redactor = Redactor::default();
            let state = redactor.see(piece);
            let shown = self.shown(&redactor, state, piece, &hit);
            self.keep(place, file, number, piece, &hit, &shown);
        }
    }

    /// The line without its secrets. Of a very long one nothing but what was found: what belongs together in it may lie
    /// far apart, and to look for that would take long.
    fn shown(&self, redactor: &Redactor, state: State, line: &str, hit: &Hit) -> String {
        if line.len() > LINE_BYTES_MAX {
            return format!("…{}… (a line of {} bytes)", hit.value, line.len());
        }
        redactor.redact(state, line, &self.terms.plain(line))
    }

    fn keep(&mut self, place: &'static str, file: &str, line: u64, raw: &str, hit: &Hit, shown: &str) {
        let of_place = self.mentions.iter().filter(|known| known.place == place).count();
        if of_place >= PLACE_MENTIONS_MAX || self.mentions.len() >= MENTIONS_MAX {
            self.left_out += 1;
            return;
        }
        self.mentions.push(Mention {
            place: place.to_owned(),
            file: file.to_owned(),
            line,
            matched: hit.value.clone(),
            written: hit.written.to_owned(),
            text: around(shown, &hit.value),
            counts: counts(raw, hit),
        });
    }

    /// Something that was not looked at.
    pub fn say(&mut self, what: String) {
        if self.missing.len() < MISSING_MAX && !self.missing.contains(&what) {
            self.missing.push(what);
        }
    }

    pub fn is_over(&mut self) -> bool {
        let over = self.files_left == 0 || self.bytes_left == 0 || (self.question.is_over)();
        self.is_cut |= over;
        over
    }

    /// Gives what was found.
    pub fn finish(mut self, why: &mut Why) {
        if self.is_cut {
            self.say(
                "not all configuration was searched: the time, or the number of files or bytes, was used up".into(),
            );
        }
        why.mentions = self.mentions;
        why.mentions_left_out = self.left_out;
        why.missing.extend(self.missing);
    }
}

const LINKS_MAX: u32 = 4;
const NAMES_MAX: usize = 1000;
const MISSING_MAX: usize = 20;

/// The part of a line that says it.
fn around(line: &str, value: &str) -> String {
    let line = line.trim();
    if line.len() <= TEXT_BYTES_MAX {
        return line.to_owned();
    }
    let at = line.to_ascii_lowercase().find(value).unwrap_or(0);
    let mut start = at.saturating_sub(TEXT_BYTES_MAX / 2);
    while !line.is_char_boundary(start) {
        start -= 1;
    }
    let cut = truncate(&line[start..], TEXT_BYTES_MAX).0;
    format!("{}{cut}…", if start > 0 { "…" } else { "" })
}

/// Whether a line can make anybody connect: no comment before it, no refusal of the peer.
fn counts(line: &str, hit: &Hit) -> bool {
    let before = &line[..hit.range.start];
    let start = line.trim_start();
    let is_comment = ["#", ";", "//", "--", "<!--", "!", "/*", "* "].iter().any(|mark| start.starts_with(mark))
        || before.contains(" # ")
        || before.contains("\t# ");
    // An option on a command line begins like a comment of SQL.
    let is_option = start.starts_with("--") && start.as_bytes().get(2).is_some_and(u8::is_ascii_alphabetic);
    let lower = before.to_ascii_lowercase();
    let mut words = lower.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let refuses = words.any(|word| REFUSALS.contains(&word));
    (!is_comment || is_option) && !refuses
}

/// Words before an address that keep it away.
const REFUSALS: &[&str] = &[
    "deny",
    "denied",
    "drop",
    "reject",
    "refuse",
    "block",
    "blocked",
    "blackhole",
    "unreachable",
    "ban",
    "banned",
    "ipaddressdeny",
    "no_proxy",
    "noproxy",
    "deny_hosts",
    "ignoreip",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_very_long_line_nothing_else_is_shown() {
        let process = tripoint_model::Process::default();
        let question = super::super::tests::asked(&process, &|| false);
        let (subject, terms) = (Subject::of(&question), Terms::of(&[], question.peer));
        let mut look = Look::new(&question, &subject, &terms);
        let line = format!("password=x{} 203.0.113.66 {}", "://a:b".repeat(20_000), "secret".repeat(20_000));
        look.text("beside", "f", &line);
        let mut why = Why::default();
        look.finish(&mut why);
        assert_eq!(why.mentions[0].text, format!("…203.0.113.66… (a line of {} bytes)", line.len()));
    }

    #[test]
    fn comments_and_refusals_are_no_causes() {
        let terms = Terms::of(&["c.example"], "203.0.113.9".parse().unwrap());
        let of = |line: &str| counts(line, &terms.find(line).unwrap());
        for cause in ["server 203.0.113.9;", "--proxy=c.example", "url = http://c.example/#x", "allow 203.0.113.9"] {
            assert!(of(cause), "{cause}");
        }
        for none in [
            "# server 203.0.113.9;",
            "x=1 # c.example",
            "// c.example",
            "deny 203.0.113.9;",
            "NO_PROXY=c.example",
            "IPAddressDeny=203.0.113.9",
        ] {
            assert!(!of(none), "{none}");
        }
    }

    #[test]
    fn of_a_long_line_the_part_around_the_peer_is_shown() {
        let line = format!("{}203.0.113.9{}", "ä".repeat(300), "x".repeat(300));
        let shown = around(&line, "203.0.113.9");
        assert!(shown.contains("203.0.113.9") && shown.len() < 300);
    }
}
