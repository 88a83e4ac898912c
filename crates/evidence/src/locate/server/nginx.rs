//! Where does nginx write, and what do its lines look like?
//!
//! `access_log`, `error_log`, `log_format` and `include` of `nginx.conf` are read as nginx does, with them what it serves
//! (`root`, `alias`) and whom it believes (`set_real_ip_from`); everything else is passed over. [nginx:
//! ngx_http_log_module, ngx_core_module, ngx_http_realip_module]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Server, matching, option, text};
use crate::locate::{How, Located, Log, Subject};

pub(super) struct Nginx;

impl Server for Nginx {
    fn programs(&self) -> &'static [&'static str] {
        &["nginx", "openresty", "angie"]
    }

    fn find(&self, subject: &Subject, found: &mut Located) {
        // The master's title holds the command line; a worker's does not.
        let words: Vec<String> = subject.argv.iter().flat_map(|word| word.split(' ')).map(str::to_owned).collect();
        let prefix = option(&words, &["-p"]).unwrap_or("/etc/nginx").to_owned();
        let file = option(&words, &["-c"]).unwrap_or("nginx.conf");
        let mut reading = Reading {
            subject,
            prefix: prefix.into(),
            formats: BTreeMap::new(),
            logs: Vec::new(),
            files: 0,
            unread: Vec::new(),
            served: Vec::new(),
            trusted: Vec::new(),
            tells: None,
            told: Vec::new(),
        };
        if let Err(reason) = reading.file(&reading.absolute(file), 0) {
            found.missing.push(format!("nginx's configuration: {reason}"));
        }
        let Reading { formats, logs, unread, served, trusted, told, tells, .. } = reading;
        found.tells = found.tells.take().or(tells);
        if let Some((file, line)) = told.first().filter(|_| trusted.is_empty()) {
            found.missing.push(format!(
                "{}:{line}: proxy_protocol without set_real_ip_from: clients' addresses are what whoever connects says",
                file.display()
            ));
        }
        served.into_iter().for_each(|folder| found.serve(folder));
        trusted.iter().for_each(|(address, file, line)| found.trust(address, file, *line));
        found.missing.extend(unread.into_iter().map(|reason| format!("an included file: {reason}")));
        for (log, format) in logs {
            let pattern = format.and_then(|name| formats.get(&name).cloned());
            found.add(Log { pattern, ..log });
        }
    }
}

struct Reading<'s> {
    subject: &'s Subject,
    prefix: PathBuf,
    formats: BTreeMap<String, String>,
    logs: Vec<(Log, Option<String>)>,
    files: usize,
    /// Included files that could not be read, and why.
    unread: Vec<String>,
    served: Vec<PathBuf>,
    trusted: Vec<(String, PathBuf, u64)>,
    /// Where it writes the client's address into a header.
    tells: Option<(PathBuf, u64)>,
    /// Where it takes the PROXY protocol.
    told: Vec<(PathBuf, u64)>,
}

const FILES_MAX: usize = 500;
/// Files whose reason is told.
const UNREAD_MAX: usize = 20;
const DEPTH_MAX: u32 = 8;

impl Reading<'_> {
    fn absolute(&self, path: &str) -> PathBuf {
        if path.starts_with('/') { path.into() } else { self.prefix.join(path) }
    }

    fn file(&mut self, path: &Path, depth: u32) -> Result<(), String> {
        self.files += 1;
        if depth > DEPTH_MAX || self.files > FILES_MAX {
            return Err(format!("{}: included too deep, or one of too many files", path.display()));
        }
        let text = text(self.subject, path)?;
        for (line, words) in statements(&text) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match words.as_slice() {
                ["include", pattern] => {
                    for path in matching(self.subject, &self.absolute(pattern)) {
                        // One file that cannot be read hides no other.
                        if let Err(reason) = self.file(&path, depth + 1)
                            && self.unread.len() < UNREAD_MAX
                        {
                            self.unread.push(reason);
                        }
                    }
                }
                ["root" | "alias", folder] => self.served.push(self.absolute(folder)),
                // Also of the PROXY protocol: `real_ip_header proxy_protocol` believes nobody else.
                ["set_real_ip_from", address] => {
                    self.trusted.push(((*address).to_owned(), path.to_owned(), line));
                }
                ["listen", rest @ ..] if rest.contains(&"proxy_protocol") => {
                    self.told.push((path.to_owned(), line));
                }
                ["proxy_set_header", header, value] if tells_truly(header, value) => {
                    self.tells.get_or_insert((path.to_owned(), line));
                }
                ["log_format", name, parts @ ..] => {
                    let parts = parts.iter().filter(|part| !part.starts_with("escape="));
                    self.formats.insert((*name).to_owned(), parts.copied().collect());
                }
                ["access_log" | "error_log", target, rest @ ..] if is_file(target) => {
                    let how = How::Configuration { file: path.to_owned(), line };
                    let log = Log { path: self.absolute(target), root: self.subject.root(), how, pattern: None };
                    let format = rest.first().filter(|_| words[0] == "access_log").map(|name| (*name).to_owned());
                    self.logs.push((log, format));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether a header gets the client's address from nginx itself; a list that a client began ends in it.
fn tells_truly(header: &str, value: &str) -> bool {
    let is_claim = ["X-Forwarded-For", "X-Real-IP", "Forwarded"].iter().any(|known| known.eq_ignore_ascii_case(header));
    is_claim
        && ["$remote_addr", "$proxy_add_x_forwarded_for", "$proxy_protocol_addr"].iter().any(|one| value.ends_with(one))
}

/// Neither switched off nor sent elsewhere nor named by a variable.
fn is_file(target: &str) -> bool {
    !target.contains('$')
        && !matches!(target, "off" | "stderr")
        && !target.starts_with("syslog:")
        && !target.starts_with("memory:")
}

/// Statements with the line they begin at: words up to `;`, `{` or `}`; quotes and comments as nginx has them.
fn statements(text: &str) -> Vec<(u64, Vec<String>)> {
    let mut found = Vec::new();
    let (mut words, mut word, mut begun): (Vec<String>, String, Option<u64>) = (Vec::new(), String::new(), None);
    let (mut line, mut in_word) = (1, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        line += u64::from(c == '\n');
        match c {
            '#' if !in_word => while chars.next_if(|c| *c != '\n').is_some() {},
            '"' | '\'' if !in_word => {
                begun = begun.or(Some(line));
                while let Some(inner) = chars.next() {
                    line += u64::from(inner == '\n');
                    match inner {
                        '\\' => word.extend(chars.next()),
                        end if end == c => break,
                        inner => word.push(inner),
                    }
                }
                words.push(std::mem::take(&mut word));
            }
            ';' | '{' | '}' => {
                if in_word {
                    words.push(std::mem::take(&mut word));
                }
                in_word = false;
                if let Some(begun) = begun.take() {
                    found.push((begun, std::mem::take(&mut words)));
                }
                words.clear();
            }
            c if c.is_whitespace() => {
                if in_word {
                    words.push(std::mem::take(&mut word));
                }
                in_word = false;
            }
            c => {
                begun = begun.or(Some(line));
                in_word = true;
                word.push(c);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_cut_as_nginx_cuts_them() {
        let text = "http { # a comment; with\n  log_format main '$remote_addr [$time_local] '\n    '\"$request\"';\n access_log \"/var/log/a b.log\" main;\n}\nerror_log x.log;";
        let found = statements(text);
        let shown: Vec<String> = found.iter().map(|(line, words)| format!("{line}:{}", words.join("|"))).collect();
        assert_eq!(
            shown,
            [
                "1:http",
                "2:log_format|main|$remote_addr [$time_local] |\"$request\"",
                "4:access_log|/var/log/a b.log|main",
                "6:error_log|x.log"
            ]
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in ".{0,200}") {
            let _ = statements(&text);
        }
    }
}
