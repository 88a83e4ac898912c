//! Why was a process connected to this peer at all?
//!
//! `explain` reads what the host says of itself: names (`hosts`), configuration that names the peer (`place`), who
//! started the process (`ancestry`), what hides (`signs`), what lets a peer in (`exposure`). `cause` judges, and says
//! "unknown" sooner than something wrong; `change` says what would end it. Nothing is written, nothing is run.

mod ancestry;
mod cause;
mod change;
mod device;
mod exposure;
mod hosts;
mod look;
mod owner;
mod place;
pub mod redact;
mod role;
mod ruleset;
mod signs;
mod terms;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use tripoint_model::why::{NameSource, Why, WhyName};
use tripoint_model::{Connection, Direction, NamedBy, Process, Protocol, Verdict};

use look::Look;
pub use role::{Role, role_of};
use terms::Terms;

/// What is to be explained, and what whoever asks knows already.
pub struct Question<'q> {
    /// The process; its ancestry, nearest first, where known.
    pub process: &'q Process,
    /// The peer, canonical.
    pub peer: IpAddr,
    /// The peer's port; of inbound connections it means little.
    pub port: u16,
    /// Who began.
    pub direction: Direction,
    /// The transport.
    pub protocol: Protocol,
    /// Names under which the peer was reached: DNS, SNI, HTTP.
    pub names: Vec<WhyName>,
    /// Of inbound connections: our end.
    pub local: Option<SocketAddr>,
    /// The gravest of what the peer, or anybody, tried before on this application.
    pub attempted: Option<Verdict>,
    /// Which package the executable is of; where it is not known, dpkg's lists are read.
    pub owner: Owner,
    /// What `nft -j list ruleset` says in the process's network namespace; `Err` says why it is not known.
    pub ruleset: Result<String, String>,
    /// The alert that is to be explained, for the commands that are suggested.
    pub alert: Option<String>,
    /// Whether to stop now: the caller's clock.
    pub is_over: &'q dyn Fn() -> bool,
}

/// Which package an executable is of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Owner {
    /// This one.
    Package(String),
    /// No package's; somebody looked.
    Nobody,
    /// Nobody looked.
    #[default]
    NotKnown,
}

/// The names under which a connection's peer was reached, as far as it carries them.
pub fn names_of(connection: &Connection) -> Vec<WhyName> {
    let name = |name: &str, how| WhyName { name: name.to_owned(), how, asker: None, at: None, answers: Vec::new() };
    let asked = connection.remote_name.as_deref().map(|asked| name(asked, NameSource::Dns));
    let given = connection.named.as_ref().map(|named| {
        let how = match named.by {
            NamedBy::Sni => NameSource::Sni,
            NamedBy::HttpHost => NameSource::HttpHost,
        };
        name(&named.name, how)
    });
    asked.into_iter().chain(given).collect()
}

/// Finds out why.
pub fn explain(question: &Question<'_>) -> Why {
    let subject = Subject::of(question);
    let mut why = Why { names: question.names.clone(), ..Why::default() };
    if !subject.is_alive {
        why.missing.push(format!(
            "process {} is gone: its environment, open files and memory cannot be read any more",
            question.process.key.pid
        ));
    }
    search(question, &subject, &mut why);
    let signs = signs::of(question, &subject);
    if question.direction == Direction::Inbound {
        why.exposure = Some(exposure::of(question, &subject));
    }
    cause::judge(question, &subject, &signs, &mut why);
    why.changes = change::suggest(question, &subject, &why);
    why
}

/// Which places name the peer in a folder that holds a system's files, and below `proc` those of the process. Nothing is
/// judged, and nothing of this machine is looked at.
pub fn mentioned(question: &Question<'_>, folder: &Path) -> Why {
    let exe = question.process.exe.clone();
    let (root, proc, owner) = (folder.to_owned(), folder.join("proc"), Owner::NotKnown);
    let subject = Subject { is_alive: true, proc, host: root.clone(), root, exe, owner };
    let mut why = Why { names: question.names.clone(), ..Why::default() };
    search(question, &subject, &mut why);
    why
}

fn search(question: &Question<'_>, subject: &Subject, why: &mut Why) {
    hosts::add(question, subject, why);
    let names: Vec<&str> = why.names.iter().map(|name| name.name.as_str()).collect();
    let terms = Terms::of(&names, question.peer);
    let mut look = Look::new(question, subject, &terms);
    place::all(&mut look);
    look.finish(why);
    why.started_by = ancestry::starters(question, subject, &terms);
}

/// The process as far as it still can be read.
struct Subject {
    /// Whether it lives, and is the one that is meant.
    is_alive: bool,
    /// `/proc/PID`.
    proc: PathBuf,
    /// Its files.
    root: PathBuf,
    /// The files of whoever set it up: its own, for a container the host's.
    host: PathBuf,
    /// Its executable as the kernel names it now, else as it was told.
    exe: String,
    /// Whose the executable is.
    owner: Owner,
}

impl Subject {
    fn of(question: &Question<'_>) -> Self {
        let process = question.process;
        let proc = PathBuf::from(format!("/proc/{}", process.key.pid));
        let is_alive = start_ns(&proc).is_some_and(|start| process.key.start_ns == 0 || start == process.key.start_ns);
        let is_contained = process.container.is_some();
        // Of a container's process that has ended the host's files are nobody's: no process has the number 0.
        let root = match (is_alive, is_contained) {
            (true, _) => proc.join("root"),
            (false, false) => PathBuf::from("/"),
            (false, true) => PathBuf::from("/proc/0/root"),
        };
        let host = if is_contained { PathBuf::from("/") } else { root.clone() };
        let link = std::fs::read_link(proc.join("exe")).ok().filter(|_| is_alive);
        let exe = link.map_or_else(|| process.exe.clone(), |path| path.to_string_lossy().into_owned());
        let path = exe.trim_end_matches(" (deleted)");
        let is_file = path.starts_with('/') && !path.starts_with("/memfd:");
        let owner = match &question.owner {
            Owner::NotKnown if is_file => owner::of(&root, path),
            known => known.clone(),
        };
        Self { is_alive, proc, root, host, exe, owner }
    }

    /// The path of the executable, without the kernel's mark of a file that is gone.
    fn exe_path(&self) -> &str {
        self.exe.trim_end_matches(" (deleted)")
    }
}

/// When a process started, nanoseconds of the boot clock [proc_pid_stat(5): field 22, clock ticks].
fn start_ns(proc: &std::path::Path) -> Option<u64> {
    let text = std::fs::read_to_string(proc.join("stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(19)?.parse::<u64>().ok().map(|ticks| ticks * TICK_NS)
}

/// `USER_HZ` is 100 on every architecture that we are built for.
const TICK_NS: u64 = 10_000_000;

/// Whether everybody may write there: what runs from such a folder was installed by nobody.
fn is_anybodys(path: &str) -> bool {
    ["/tmp/", "/var/tmp/", "/dev/shm/", "/dev/mqueue/", "/run/shm/", "/run/lock/"]
        .iter()
        .any(|start| path.starts_with(start))
}

/// Only what needs no quoting in a shell or a unit file.
fn is_plain(text: &str) -> bool {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"/.-_@:+".contains(&byte);
    (1..=400).contains(&text.len()) && text.bytes().all(safe) && !text.starts_with('-') && !text.contains("..")
}

#[cfg(test)]
mod tests;
