//! Which proxy on this host stands before its applications, and does it say truly for whom it speaks?
//!
//! Applications behind a proxy of the same host see loopback as their client. A header of such a peer counts only where
//! the proxy's own configuration has it written anew; by default nginx hands on whatever a client sent.

use std::collections::HashMap;
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
    for subject in masters(pids.filter_map(subject).collect()).into_iter().take(PROXIES_MAX) {
        let front = of(&subject);
        found.extend(front.filter(|front| !found.contains(front)));
    }
    found
}

/// Of processes and their parents those that no other of the same program began: a proxy has a worker for each
/// processor, and one configuration.
fn masters(all: Vec<(Subject, u32)>) -> Vec<Subject> {
    let programs: HashMap<u32, String> = all.iter().filter_map(|(one, _)| Some((one.pid?, one.exe.clone()))).collect();
    let is_worker = |one: &Subject, parent: &u32| programs.get(parent) == Some(&one.exe);
    all.into_iter().filter(|(one, parent)| !is_worker(one, parent)).map(|(one, _)| one).collect()
}

/// Programs that write the headers anew unless they are told otherwise. [Caddy: reverse_proxy, defaults; Traefik:
/// forwardedHeaders]
const BY_THEMSELVES: &[&str] = &["caddy", "traefik"];

fn subject(pid: u32) -> Option<(Subject, u32)> {
    let exe = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?.to_str()?.to_owned();
    let subject = Subject { pid: Some(pid), exe, ..Subject::default() };
    let program = subject.program();
    if !BY_THEMSELVES.contains(&program) && !server::is_proxy(program) {
        return None;
    }
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let argv = words.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    Some((Subject { argv, ..subject }, parent(pid)?))
}

/// [proc_pid_stat(5): field 4, behind the name, which may hold anything]
fn parent(pid: u32) -> Option<u32> {
    let text = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&text);
    text.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn running(pid: u32, parent: u32, exe: &str) -> (Subject, u32) {
        (Subject { pid: Some(pid), exe: exe.into(), ..Subject::default() }, parent)
    }

    #[test]
    fn the_workers_of_one_proxy_are_one_proxy() {
        let workers = (11..31).map(|pid| running(pid, 10, "/usr/sbin/nginx"));
        let others = [running(40, 1, "/usr/bin/caddy"), running(50, 49, "/usr/sbin/nginx")];
        // The number of a parent is no proxy's where that is another program.
        let begun = [running(60, 40, "/usr/sbin/haproxy")];
        let all = [running(10, 1, "/usr/sbin/nginx")].into_iter().chain(workers).chain(others).chain(begun).collect();
        let pids: Vec<u32> = masters(all).iter().filter_map(|one| one.pid).collect();
        assert_eq!(pids, [10, 40, 50, 60]);
        assert_eq!(parent(std::process::id()), Some(std::os::unix::process::parent_id()));
    }
}
