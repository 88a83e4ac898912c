//! Where does HAProxy write? To syslog by `log`, seldom to a file: what its lines go to is said. [HAProxy: log]

use std::path::{Path, PathBuf};

use super::{Server, option, text};
use crate::locate::{How, Located, Log, Subject};

pub(super) struct Haproxy;

impl Server for Haproxy {
    fn programs(&self) -> &'static [&'static str] {
        &["haproxy"]
    }

    fn find(&self, subject: &Subject, found: &mut Located) {
        let path = PathBuf::from(option(&subject.argv, &["-f"]).unwrap_or("/etc/haproxy/haproxy.cfg"));
        let text = match text(subject, &path) {
            Ok(text) => text,
            Err(reason) => return found.missing.push(format!("HAProxy's configuration: {reason}")),
        };
        let mut accepts: Vec<u64> = Vec::new();
        for (line, words) in (1..).zip(text.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>())) {
            match words.as_slice() {
                // The socket is syslog's; its own rule for the program says in which file it ends.
                ["log", target, facility, ..] if target.starts_with("/dev/") || target.contains("127.0.0.1") => {
                    syslog(subject, &path, line, facility, found);
                }
                ["log", "stdout" | "stderr" | "fd@1" | "fd@2", ..] => {
                    found.missing.push(format!(
                        "{}:{line}: HAProxy logs to its output: the journal or its container has it",
                        path.display()
                    ));
                }
                ["log", target, ..] if *target != "global" && target.contains(['.', ':']) => {
                    found.missing.push(format!("{}:{line}: HAProxy logs to {target}: look there", path.display()));
                }
                ["option", "forwardfor", ..] => {
                    found.tells.get_or_insert((path.clone(), line));
                }
                ["http-request", "set-header", header, "%[src]"] if header.eq_ignore_ascii_case("X-Forwarded-For") => {
                    found.tells.get_or_insert((path.clone(), line));
                }
                ["server", _, _, rest @ ..] if rest.iter().any(|word| word.starts_with("send-proxy")) => {
                    found.tells.get_or_insert((path.clone(), line));
                }
                ["bind", rest @ ..] if rest.contains(&"accept-proxy") => accepts.push(line),
                ["tcp-request", "connection", "expect-proxy", ..] => accepts.push(line),
                _ => {}
            }
        }
        if let Some(line) = accepts.first() {
            found.missing.push(format!(
                "{}:{line}: HAProxy takes the PROXY protocol: clients' addresses are what whoever connects there says",
                path.display()
            ));
        }
    }
}

/// rsyslog's file for the program, as Debian's package sets it up.
fn syslog(subject: &Subject, file: &Path, line: u64, facility: &str, found: &mut Located) {
    let how = How::Configuration { file: file.to_owned(), line };
    let candidates = [
        "/var/log/haproxy.log".to_owned(),
        format!("/var/log/{facility}.log"),
        "/var/log/syslog".to_owned(),
        "/var/log/messages".to_owned(),
    ];
    for path in candidates {
        let log = Log { path: path.into(), root: subject.root(), how: how.clone(), pattern: None };
        if crate::locate::open(&log).is_ok() {
            return found.add(log);
        }
    }
    found
        .missing
        .push(format!("{}:{line}: HAProxy logs to syslog ({facility}), and no file of it is here", file.display()));
}
