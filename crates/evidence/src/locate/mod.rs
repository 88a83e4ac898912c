//! Where does an application write its logs?
//!
//! From the process itself: what it holds open for writing (also what is deleted already), where its own configuration
//! says, where its kind is known to write, where its container's runtime puts its output. Each place is tried, and what
//! was not found is said with its reason.

mod container;
pub mod front;
mod layout;
mod open_files;
pub(crate) mod opened;
mod rotated;
mod server;

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::Serialize;
use tripoint_model::address::parse_net;

use crate::journal::{self, Journal};

pub use opened::{OpenError, open};
pub use rotated::generations;

/// The process whose logs are wanted.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// Its id here; `None` when it has ended, and its number may be another's.
    pub pid: Option<u32>,
    /// Its executable, as it sees it.
    pub exe: String,
    /// Its command line.
    pub argv: Vec<String>,
    /// Its systemd unit.
    pub unit: Option<String>,
    /// Its container: runtime and id.
    pub container: Option<(String, String)>,
}

impl Subject {
    /// The root of its files, as this process reaches it.
    fn root(&self) -> PathBuf {
        self.pid.map_or_else(|| PathBuf::from("/"), |pid| PathBuf::from(format!("/proc/{pid}/root")))
    }

    /// The last part of its executable's path.
    fn program(&self) -> &str {
        let exe = self.exe.trim_end_matches(" (deleted)");
        exe.rsplit('/').next().unwrap_or(exe)
    }
}

/// A log that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Log {
    /// Its path, as whoever wrote it sees it.
    pub path: PathBuf,
    /// The folder that this path is to be looked up in.
    #[serde(skip)]
    pub root: PathBuf,
    /// How it was found.
    pub how: How,
    /// What its lines look like, where the configuration says so: nginx's `log_format`, Apache's `LogFormat`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
}

/// How a log was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "by")]
pub enum How {
    /// The process holds it open for writing.
    OpenFile,
    /// The same, but its name is gone: it is read through the process.
    Deleted {
        /// The descriptor's number.
        descriptor: u32,
    },
    /// A file of its configuration names it.
    Configuration {
        /// The file.
        file: PathBuf,
        /// Its line, from 1.
        line: u64,
    },
    /// Its kind of server writes there unless told otherwise.
    Layout,
    /// Its container's runtime keeps its output there.
    Container,
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenFile => f.write_str("the process holds it open"),
            Self::Deleted { descriptor } => {
                write!(f, "the process holds it open as descriptor {descriptor}, its name is gone")
            }
            Self::Configuration { file, line } => write!(f, "named by {}:{line}", file.display()),
            Self::Layout => f.write_str("where its kind of server writes"),
            Self::Container => f.write_str("where its container's runtime keeps its output"),
        }
    }
}

/// What was found, and what not and why.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Located {
    /// The logs, the surest first, each once.
    pub logs: Vec<Log>,
    /// Where nothing was found, in words.
    pub missing: Vec<String>,
    /// The journal of its unit or container, to be asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal: Option<Journal>,
    /// Folders that its configuration has it serve, each once.
    pub served: Vec<PathBuf>,
    /// Who may speak for others, by configuration.
    pub proxies: Vec<Proxy>,
    /// Of a proxy: where its configuration has it tell whom it speaks for, whatever a client sent.
    #[serde(skip)]
    pub tells: Option<(PathBuf, u64)>,
}

/// A peer whose word about the client's address counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proxy {
    /// It, or its network.
    pub net: IpNet,
    /// The file that says so, and its line from 1.
    pub file: PathBuf,
    /// Its line.
    pub line: u64,
}

impl Located {
    fn serve(&mut self, folder: PathBuf) {
        // What is named by a variable, or is everything, is no folder to be looked through.
        let is_plain = folder.is_absolute() && folder.parent().is_some() && !folder.to_string_lossy().contains('$');
        if is_plain && self.served.len() < FOLDERS_MAX && !self.served.contains(&folder) {
            self.served.push(folder);
        }
    }

    fn trust(&mut self, address: &str, file: &Path, line: u64) {
        let Ok(net) = parse_net(address) else { return };
        if self.proxies.len() < PROXIES_MAX && !self.proxies.iter().any(|known| known.net == net) {
            self.proxies.push(Proxy { net, file: file.to_owned(), line });
        }
    }

    /// Whether there is nothing to be read.
    pub fn is_empty(&self) -> bool {
        self.logs.is_empty() && self.journal.is_none()
    }

    /// Whether headers of this peer count, by the configuration.
    pub fn is_proxy(&self, peer: IpAddr) -> bool {
        self.proxies.iter().any(|proxy| proxy.net.contains(&peer))
    }

    fn add(&mut self, log: Log) {
        let has_room = self.logs.len() < LOGS_MAX;
        let known = self.logs.iter_mut().find(|known| known.path == log.path && known.root == log.root);
        match known {
            // What its lines look like is news of a log that is open anyway.
            Some(known) => known.pattern = known.pattern.take().or(log.pattern),
            None if has_room => self.logs.push(log),
            None if self.missing.iter().any(|reason| reason == TOO_MANY) => {}
            None => self.missing.push(TOO_MANY.to_owned()),
        }
    }
}

/// Folders and proxies of one application.
const FOLDERS_MAX: usize = 64;
const PROXIES_MAX: usize = 256;
/// Logs of one application; more are a misread configuration.
const LOGS_MAX: usize = 64;
const TOO_MANY: &str = "more than 64 logs: the others are not read";

/// Finds the logs of a process.
pub fn locate(subject: &Subject) -> Located {
    let mut found = Located::default();
    match subject.pid {
        Some(pid) => open_files::find(subject, pid, &mut found),
        None => found.missing.push(format!("{} has ended: what it held open is not known", subject.program())),
    }
    // The files of a container that is gone are gone too.
    if subject.pid.is_some() || subject.container.is_none() {
        server::find(subject, &mut found);
        layout::find(subject, &mut found);
    }
    container::find(subject, Path::new("/"), &mut found);
    match journal::find(subject) {
        Some(Ok(journal)) => found.journal = Some(journal),
        Some(Err(reason)) => found.missing.push(reason),
        None => {}
    }
    if found.is_empty() && found.missing.is_empty() {
        found.missing.push(format!("{} holds no log open and is no server whose logs are known", subject.program()));
    }
    found
}

#[cfg(test)]
mod tests;
