//! Which proxy on this host stands before its applications, and does it say truly for whom it speaks?
//!
//! Applications behind a proxy of the same host see loopback as their client. A header of such a peer counts only where
//! the proxy's own configuration has it written anew; by default nginx hands on whatever a client sent.

use std::path::PathBuf;

use super::{Located, Subject, server};

/// Processes that are looked at.
const PROCESSES_MAX: usize = 65_536;
/// Files of configuration are read for so many proxies.
const PROXIES_MAX: usize = 8;

/// What a proxy says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Front {
    /// Its program.
    pub program: String,
    /// Where its configuration says that it tells its clients' addresses truly.
    pub file: PathBuf,
    /// The line; 0 where it does so by itself.
    pub line: u64,
}

/// The proxies that run here and tell their clients' addresses truly.
pub fn fronts() -> Vec<Front> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten().take(PROCESSES_MAX);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut found: Vec<Front> = Vec::new();
    for subject in pids.filter_map(subject).take(PROXIES_MAX) {
        let front = of(&subject);
        found.extend(front.filter(|front| !found.contains(front)));
    }
    found
}

/// Programs that write the headers anew unless they are told otherwise. [Caddy: reverse_proxy, defaults; Traefik:
/// forwardedHeaders]
const BY_THEMSELVES: &[&str] = &["caddy", "traefik"];

fn subject(pid: u32) -> Option<Subject> {
    let exe = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?.to_str()?.to_owned();
    let subject = Subject { pid: Some(pid), exe, ..Subject::default() };
    let program = subject.program();
    if !BY_THEMSELVES.contains(&program) && !server::is_proxy(program) {
        return None;
    }
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let argv = words.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    Some(Subject { argv, ..subject })
}

fn of(subject: &Subject) -> Option<Front> {
    let program = subject.program().to_owned();
    if BY_THEMSELVES.contains(&program.as_str()) {
        return Some(Front { program, file: PathBuf::from(&subject.exe), line: 0 });
    }
    let mut found = Located::default();
    server::find(subject, &mut found);
    found.tells.map(|(file, line)| Front { program, file, line })
}
