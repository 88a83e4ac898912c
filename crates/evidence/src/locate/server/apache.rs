//! Where does Apache write, and what do its lines look like?
//!
//! `CustomLog`, `ErrorLog`, `TransferLog`, `LogFormat`, `ServerRoot`, `Define` and `Include`, with them what it serves
//! (`DocumentRoot`, `Alias`, `ScriptAlias`) and whom it believes (`RemoteIPInternalProxy`, `RemoteIPTrustedProxy`);
//! variables of Debian's `envvars` are put in. [Apache: mod_log_config, mod_alias, mod_remoteip, core]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Server, matching, option, text};
use crate::locate::{How, Located, Log, Subject};

pub(super) struct Apache;

/// Debian's, Red Hat's, upstream's.
const USUAL: &[(&str, &str)] =
    &[("/etc/apache2", "apache2.conf"), ("/etc/httpd", "conf/httpd.conf"), ("/usr/local/apache2", "conf/httpd.conf")];

impl Server for Apache {
    fn programs(&self) -> &'static [&'static str] {
        &["apache2", "httpd"]
    }

    fn find(&self, subject: &Subject, found: &mut Located) {
        let root = option(&subject.argv, &["-d"]);
        let file = option(&subject.argv, &["-f"]);
        let there = |(root, file): &&(&str, &str)| text(subject, &Path::new(root).join(file)).is_ok();
        let usual = USUAL.iter().find(there).unwrap_or(&USUAL[0]);
        let root = PathBuf::from(root.unwrap_or(usual.0));
        let mut reading = Reading {
            subject,
            variables: variables(subject, &root),
            root,
            formats: BTreeMap::new(),
            logs: Vec::new(),
            files: 0,
            unread: Vec::new(),
            served: Vec::new(),
            trusted: Vec::new(),
            tells: None,
        };
        let start = reading.absolute(file.unwrap_or(usual.1));
        if let Err(reason) = reading.file(&start, 0) {
            found.missing.push(format!("Apache's configuration: {reason}"));
        }
        let Reading { formats, logs, unread, served, trusted, tells, .. } = reading;
        found.tells = found.tells.take().or(tells);
        served.into_iter().for_each(|folder| found.serve(folder));
        trusted.iter().for_each(|(address, file, line)| found.trust(address, file, *line));
        found.missing.extend(unread.into_iter().map(|reason| format!("an included file: {reason}")));
        for (log, format) in logs {
            // A format is named, or written out where it is used.
            let pattern = format.map(|format| formats.get(&format).cloned().unwrap_or(format));
            found.add(Log { pattern: pattern.filter(|pattern| pattern.contains('%')), ..log });
        }
    }
}

/// `export APACHE_LOG_DIR=/var/log/apache2$SUFFIX` of `envvars`.
fn variables(subject: &Subject, root: &Path) -> BTreeMap<String, String> {
    let text = text(subject, &root.join("envvars")).unwrap_or_default();
    let pairs = text.lines().filter_map(|line| line.trim().strip_prefix("export ")?.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.replace("$SUFFIX", "").trim_matches(['"', '\'']).to_owned()))
        .collect()
}

struct Reading<'s> {
    subject: &'s Subject,
    root: PathBuf,
    variables: BTreeMap<String, String>,
    formats: BTreeMap<String, String>,
    logs: Vec<(Log, Option<String>)>,
    files: usize,
    /// Included files that could not be read, and why.
    unread: Vec<String>,
    served: Vec<PathBuf>,
    trusted: Vec<(String, PathBuf, u64)>,
    /// Where it stands before another server.
    tells: Option<(PathBuf, u64)>,
}

const FILES_MAX: usize = 500;
/// Files whose reason is told.
const UNREAD_MAX: usize = 20;
const DEPTH_MAX: u32 = 8;

impl Reading<'_> {
    fn absolute(&self, path: &str) -> PathBuf {
        if path.starts_with('/') { path.into() } else { self.root.join(path) }
    }

    fn file(&mut self, path: &Path, depth: u32) -> Result<(), String> {
        self.files += 1;
        if depth > DEPTH_MAX || self.files > FILES_MAX {
            return Err(format!("{}: included too deep, or one of too many files", path.display()));
        }
        let text = text(self.subject, path)?;
        for (line, words) in directives(&text) {
            let words: Vec<String> = words.iter().map(|word| self.filled(word)).collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let Some((name, rest)) = words.split_first() else { continue };
            match (name.to_ascii_lowercase().as_str(), rest) {
                ("include" | "includeoptional", [pattern]) => {
                    for path in matching(self.subject, &self.absolute(pattern)) {
                        // One file that cannot be read hides no other.
                        if let Err(reason) = self.file(&path, depth + 1)
                            && self.unread.len() < UNREAD_MAX
                        {
                            self.unread.push(reason);
                        }
                    }
                }
                ("documentroot", [folder]) | ("alias" | "scriptalias", [_, folder]) => {
                    self.served.push(self.absolute(folder));
                }
                // mod_proxy adds the client to the header by itself.
                ("proxypass" | "proxypassmatch", [_, _, ..]) => {
                    self.tells.get_or_insert((path.to_owned(), line));
                }
                ("remoteipinternalproxy" | "remoteiptrustedproxy", addresses) => {
                    let each = addresses.iter().map(|one| ((*one).to_owned(), path.to_owned(), line));
                    self.trusted.extend(each);
                }
                ("serverroot", [root]) => self.root = PathBuf::from(root),
                ("define", [name, value]) => drop(self.variables.insert((*name).to_owned(), (*value).to_owned())),
                ("logformat", [format, name]) => drop(self.formats.insert((*name).to_owned(), (*format).to_owned())),
                ("customlog", [target, format, ..]) => self.log(path, line, target, Some(format)),
                ("errorlog" | "transferlog", [target]) => self.log(path, line, target, None),
                _ => {}
            }
        }
        Ok(())
    }

    fn log(&mut self, file: &Path, line: u64, target: &str, format: Option<&str>) {
        // A program behind a pipe writes where it wants; what is still a variable is not known.
        if target.starts_with('|') || target.starts_with("syslog") || target.contains("${") {
            return;
        }
        let how = How::Configuration { file: file.to_owned(), line };
        let log = Log { path: self.absolute(target), root: self.subject.root(), how, pattern: None };
        self.logs.push((log, format.map(str::to_owned)));
    }

    /// `${NAME}` replaced by what is known of it.
    fn filled(&self, word: &str) -> String {
        let mut word = word.to_owned();
        for (name, value) in &self.variables {
            word = word.replace(&format!("${{{name}}}"), value);
        }
        word
    }
}

/// Directives with their line: words, quoted ones without their quotes; a backslash joins lines.
fn directives(text: &str) -> Vec<(u64, Vec<String>)> {
    let mut found = Vec::new();
    let mut pending: Option<(u64, String)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let (begun, mut whole) = pending.take().unwrap_or((number, String::new()));
        whole.push_str(line.trim());
        if let Some(cut) = whole.strip_suffix('\\') {
            pending = Some((begun, format!("{cut} ")));
            continue;
        }
        if !whole.starts_with('#') && !whole.starts_with('<') && !whole.is_empty() {
            found.push((begun, words(&whole)));
        }
    }
    found
}

fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    while let Some(first) = chars.next() {
        match first {
            c if c.is_whitespace() => {}
            '"' => {
                let mut word = String::new();
                while let Some(c) = chars.next() {
                    match c {
                        '\\' => word.extend(chars.next()),
                        '"' => break,
                        c => word.push(c),
                    }
                }
                words.push(word);
            }
            c => {
                let mut word = String::from(c);
                while let Some(c) = chars.next_if(|c| !c.is_whitespace()) {
                    word.push(c);
                }
                words.push(word);
            }
        }
    }
    words
}
