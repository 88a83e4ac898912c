//! Where does Apache write, and what do its lines look like?
//!
//! `CustomLog`, `ErrorLog`, `TransferLog`, `LogFormat`, `ServerRoot`, `Define` and `Include`, with them what it serves
//! (`DocumentRoot`, `Alias`, `ScriptAlias`) and whom it believes (`RemoteIPInternalProxy`, `RemoteIPTrustedProxy`);
//! variables of Debian's `envvars` are put in. [Apache: mod_log_config, mod_alias, mod_remoteip, core]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::includes::{self, At, Dialect, Found};
use super::{Server, option, text};
use crate::locate::{Located, Subject};

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
        let mut reading = Reading { variables: variables(subject, &root), root, formats: BTreeMap::new() };
        let start = reading.absolute(file.unwrap_or(usual.1));
        let read = includes::read(&mut reading, subject, ("Apache's", &start), found);
        // A format is named, or written out where it is used.
        let pattern = |format: String| reading.formats.get(&format).cloned().unwrap_or(format);
        read.add_to(found, |format| Some(pattern(format)).filter(|pattern| pattern.contains('%')));
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

struct Reading {
    root: PathBuf,
    variables: BTreeMap<String, String>,
    formats: BTreeMap<String, String>,
}

/// Variables, and bytes of a word: variables that hold variables again and again make few lines huge.
const VARIABLES_MAX: usize = 500;
const WORD_BYTES_MAX: usize = 16 << 10;

impl Dialect for Reading {
    fn statements(&self, text: &str) -> Vec<(u64, Vec<String>)> {
        directives(text)
    }

    fn take(&mut self, words: &[String], at: &At<'_>, found: &mut Found) -> Option<PathBuf> {
        let words: Vec<String> = words.iter().map(|word| self.filled(word)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (name, rest) = words.split_first()?;
        match (name.to_ascii_lowercase().as_str(), rest) {
            ("include" | "includeoptional", [pattern]) => return Some(self.absolute(pattern)),
            ("documentroot", [folder]) | ("alias" | "scriptalias", [_, folder]) => found.serves(self.absolute(folder)),
            // mod_proxy adds the client to the header by itself.
            ("proxypass" | "proxypassmatch", [_, _, ..]) => found.tells(at),
            ("remoteipinternalproxy" | "remoteiptrustedproxy", addresses) => {
                addresses.iter().for_each(|address| found.trusts(address, at));
            }
            ("serverroot", [root]) => self.root = PathBuf::from(root),
            ("define", [name, value]) if self.variables.len() < VARIABLES_MAX => {
                self.variables.insert((*name).to_owned(), (*value).to_owned());
            }
            ("logformat", [format, name]) => drop(self.formats.insert((*name).to_owned(), (*format).to_owned())),
            ("customlog", [target, format, ..]) => self.log(target, Some(format), at, found),
            ("errorlog" | "transferlog", [target]) => self.log(target, None, at, found),
            _ => {}
        }
        None
    }
}

impl Reading {
    fn absolute(&self, path: &str) -> PathBuf {
        if path.starts_with('/') { path.into() } else { self.root.join(path) }
    }

    fn log(&self, target: &str, format: Option<&str>, at: &At<'_>, found: &mut Found) {
        // A program behind a pipe writes where it wants; what is still a variable is not known.
        if !target.starts_with('|') && !target.starts_with("syslog") && !target.contains("${") {
            found.log(self.absolute(target), format, at);
        }
    }

    /// `${NAME}` replaced by what is known of it, but for what would become too long.
    fn filled(&self, word: &str) -> String {
        let mut word = word.to_owned();
        if !word.contains("${") {
            return word;
        }
        for (name, value) in &self.variables {
            let name = format!("${{{name}}}");
            if word.len() + word.matches(&name).count() * value.len() <= WORD_BYTES_MAX {
                word = word.replace(&name, value);
            }
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
