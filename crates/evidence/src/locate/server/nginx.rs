//! Where does nginx write, and what do its lines look like?
//!
//! `access_log`, `error_log`, `log_format` and `include` of `nginx.conf` are read as nginx does, with them what it serves
//! (`root`, `alias`) and whom it believes (`set_real_ip_from`); everything else is passed over. [nginx:
//! ngx_http_log_module, ngx_core_module, ngx_http_realip_module]

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::includes::{self, At, Dialect, Found};
use super::{Server, option};
use crate::locate::{Located, Subject};

pub(super) struct Nginx;

impl Server for Nginx {
    fn programs(&self) -> &'static [&'static str] {
        &["nginx", "openresty", "angie"]
    }

    fn find(&self, subject: &Subject, found: &mut Located) {
        // The master's title holds the command line; a worker's does not.
        let words: Vec<String> = subject.argv.iter().flat_map(|word| word.split(' ')).map(str::to_owned).collect();
        let prefix = option(&words, &["-p"]).unwrap_or("/etc/nginx").into();
        let mut reading = Reading { prefix, formats: BTreeMap::new(), told: None };
        let start = reading.absolute(option(&words, &["-c"]).unwrap_or("nginx.conf"));
        let read = includes::read(&mut reading, subject, ("nginx's", &start), found);
        if let Some((file, line)) = reading.told.filter(|_| !read.is_trusting()) {
            found.missing.push(format!(
                "{}:{line}: proxy_protocol without set_real_ip_from: clients' addresses are what whoever connects says",
                file.display()
            ));
        }
        read.add_to(found, |name| reading.formats.get(&name).cloned());
    }
}

struct Reading {
    prefix: PathBuf,
    formats: BTreeMap<String, String>,
    /// Where it takes the PROXY protocol.
    told: Option<(PathBuf, u64)>,
}

impl Reading {
    fn absolute(&self, path: &str) -> PathBuf {
        if path.starts_with('/') { path.into() } else { self.prefix.join(path) }
    }
}

impl Dialect for Reading {
    fn statements(&self, text: &str) -> Vec<(u64, Vec<String>)> {
        statements(text)
    }

    fn take(&mut self, words: &[String], at: &At<'_>, found: &mut Found) -> Option<PathBuf> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["include", pattern] => return Some(self.absolute(pattern)),
            ["root" | "alias", folder] => found.serves(self.absolute(folder)),
            // Also of the PROXY protocol: `real_ip_header proxy_protocol` believes nobody else.
            ["set_real_ip_from", address] => found.trusts(address, at),
            ["listen", rest @ ..] if rest.contains(&"proxy_protocol") => {
                self.told.get_or_insert((at.file.to_owned(), at.line));
            }
            ["proxy_set_header", header, value] if tells_truly(header, value) => found.tells(at),
            ["log_format", name, parts @ ..] => {
                let parts = parts.iter().filter(|part| !part.starts_with("escape="));
                self.formats.insert((*name).to_owned(), parts.copied().collect());
            }
            ["access_log" | "error_log", target, rest @ ..] if is_file(target) => {
                let format = rest.first().filter(|_| words[0] == "access_log");
                found.log(self.absolute(target), format.copied(), at);
            }
            _ => {}
        }
        None
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
