//! How are the host's ipset and iptables run?

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::IpsetError;

/// The programs, by their full paths: what stands in somebody's `PATH` is not run as root.
pub(super) struct Programs {
    ipset: PathBuf,
    /// IPv4, IPv6.
    list: [PathBuf; 2],
    restore: [PathBuf; 2],
}

const FOLDERS: [&str; 4] = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];
/// How long iptables may wait for others who change rules, seconds.
const WAIT_S: &str = "5";

impl Programs {
    pub(super) fn find() -> Result<Self, IpsetError> {
        Ok(Self {
            ipset: find("ipset")?,
            list: [find("iptables")?, find("ip6tables")?],
            restore: [find("iptables-restore")?, find("ip6tables-restore")?],
        })
    }

    /// Does every line, or stops at the first that is refused. What is there already is no mistake.
    pub(super) fn restore_sets(&self, lines: &str) -> Result<(), IpsetError> {
        if lines.is_empty() {
            return Ok(());
        }
        run("ipset", &self.ipset, &["restore", "-exist"], lines).map(drop)
    }

    /// The set's elements as text; nothing where there is no such set.
    pub(super) fn save_set(&self, name: &str) -> Result<Option<String>, IpsetError> {
        absent(run("ipset", &self.ipset, &["save", name], ""))
    }

    pub(super) fn destroy_set(&self, name: &str) -> Result<(), IpsetError> {
        absent(run("ipset", &self.ipset, &["destroy", name], "")).map(drop)
    }

    /// Takes an element out; says whether it was there.
    pub(super) fn delete(&self, set: &str, element: &str) -> Result<bool, IpsetError> {
        Ok(absent(run("ipset", &self.ipset, &["del", set, element], ""))?.is_some())
    }

    /// All rules of the table `filter`, as `iptables -S` prints them.
    pub(super) fn rules(&self, is_v6: bool) -> Result<String, IpsetError> {
        let name = if is_v6 { "ip6tables" } else { "iptables" };
        run(name, &self.list[usize::from(is_v6)], &["-w", WAIT_S, "-S"], "")
    }

    /// Changes rules as one transaction; what is not named stays.
    pub(super) fn restore_rules(&self, is_v6: bool, lines: &str) -> Result<(), IpsetError> {
        let name = if is_v6 { "ip6tables-restore" } else { "iptables-restore" };
        run(name, &self.restore[usize::from(is_v6)], &["-w", WAIT_S, "--noflush"], lines).map(drop)
    }
}

fn find(program: &'static str) -> Result<PathBuf, IpsetError> {
    let paths = FOLDERS.iter().map(|folder| Path::new(folder).join(program));
    paths.into_iter().find(|path| path.is_file()).ok_or(IpsetError::Missing(program))
}

/// What ipset says of a set or an element that is not there.
fn absent(done: Result<String, IpsetError>) -> Result<Option<String>, IpsetError> {
    match done {
        Err(IpsetError::Refused { said, .. }) if said.contains("does not exist") || said.contains("not added") => {
            Ok(None)
        }
        other => other.map(Some),
    }
}

fn run(name: &'static str, path: &Path, arguments: &[&str], input: &str) -> Result<String, IpsetError> {
    let fail = |error| IpsetError::Run(name, error);
    let mut child = Command::new(path)
        .args(arguments)
        .env_clear()
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(fail)?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that has refused reads no further; its words say why.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(fail)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said: String = said.trim().chars().take(SAID_MAX).collect();
    Err(IpsetError::Refused { program: name, said: said.replace('\n', "; ") })
}

/// Characters of an error that are told.
const SAID_MAX: usize = 500;
