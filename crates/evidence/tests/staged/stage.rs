//! How is a process with a known cause brought to connect, and explained?

use std::fs;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tripoint_evidence::why::{Owner, Question, explain as ask};
use tripoint_model::process::Ancestor;
use tripoint_model::why::{Cause, NameSource, Why, WhyName};
use tripoint_model::{Direction, Process, ProcessKey, Protocol, Verdict};

/// A connection with a known cause. `ADDR` and `PORT` stand for the peer in every text, `GO` for what connects to the
/// peer that is read from standard input, so that no text names it.
pub struct Case {
    pub name: &'static str,
    pub cause: Cause,
    /// Files below `/etc`, `/opt`, `/srv` and `/usr/sbin`, which are the case's own.
    pub files: &'static [(&'static str, &'static str)],
    pub environment: &'static [(&'static str, &'static str)],
    /// The program and its words. Programs that are not on the host are copies of a shell.
    pub run: &'static [&'static str],
    pub cwd: &'static str,
    /// Commands before it, in its namespace.
    pub before: &'static str,
    pub unit: Option<&'static str>,
    /// The name that was asked for.
    pub dns: Option<&'static str>,
    pub attempted: Option<Verdict>,
    /// The package of the executable, where it is a copy that stands for one.
    pub package: Option<&'static str>,
}

pub const CASE: Case = Case {
    name: "",
    cause: Cause::Unknown,
    files: &[],
    environment: &[],
    run: &["/opt/app/app", "/opt/go.sh"],
    cwd: "/",
    before: "true",
    unit: None,
    dns: None,
    attempted: None,
    package: None,
};

const GO: &str = "read -r host port; exec 3<>/dev/tcp/$host/$port; read -r _ <&3";

/// Ends what it holds.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        for pid in descendants(self.0.id()).into_iter().rev() {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).stderr(Stdio::null()).status();
        }
        let _ = self.0.wait();
        let _ = fs::remove_file(format!("/dev/shm/staged-{}", std::process::id()));
    }
}

pub fn explain(number: u8, case: &Case) -> Result<Why, String> {
    let folder = tempfile::Builder::new().prefix("staged").tempdir().map_err(|error| error.to_string())?;
    let address = IpAddr::V4(Ipv4Addr::new(127, 93, number, 7));
    let listener = TcpListener::bind((address, 0)).map_err(|error| format!("listen: {error}"))?;
    listener.set_nonblocking(true).map_err(|error| error.to_string())?;
    let port = listener.local_addr().map_err(|error| error.to_string())?.port();
    let fill = |text: &str| {
        let text = text.replace("GO", GO).replace("ADDR", &address.to_string()).replace("PORT", &port.to_string());
        let own = format!("staged-{}", std::process::id());
        text.replace("TEMP", &folder.path().display().to_string()).replace("STAGED", &own)
    };
    lay_out(folder.path(), case, &fill)?;
    let mut running = start(folder.path(), case, &fill)?;
    let told = writeln!(running.0.stdin.as_mut().ok_or("no input")?, "{address} {port}");
    told.map_err(|error| error.to_string())?;
    let since = Instant::now();
    // The connection stays open for as long as it is looked at.
    let (_open, peer) = loop {
        match listener.accept() {
            Ok((open, peer)) => break (open, peer),
            _ if since.elapsed() > Duration::from_secs(10) => return Err("nobody connected".to_owned()),
            _ => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let pids = descendants(running.0.id());
    // A shell that becomes a program does it after it connected.
    std::thread::sleep(Duration::from_millis(60));
    let pid = owner_of(&pids, peer).ok_or("no process has the socket")?;
    let process = process(pid, running.0.id(), case)?;
    let name = |name: &str| WhyName {
        name: name.to_owned(),
        how: NameSource::Dns,
        asker: Some(process.exe.clone()),
        at: None,
        answers: vec![address.to_string()],
    };
    let question = Question {
        process: &process,
        peer: address,
        port,
        direction: Direction::Outbound,
        protocol: Protocol::Tcp,
        names: case.dns.map(name).into_iter().collect(),
        local: None,
        attempted: case.attempted,
        owner: case.package.map_or(Owner::NotKnown, |package| Owner::Package(package.to_owned())),
        ruleset: Err("not asked for".to_owned()),
        alert: None,
        is_over: &|| false,
    };
    Ok(ask(&question))
}

/// Writes the case's files; a program that it starts and the host has not is a copy of the shell.
fn lay_out(folder: &Path, case: &Case, fill: &dyn Fn(&str) -> String) -> Result<(), String> {
    let write = |path: &str, text: &[u8], mode: u32| -> std::io::Result<()> {
        let path = folder.join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))
    };
    let shell = fs::read("/bin/bash").map_err(|error| format!("/bin/bash: {error}"))?;
    let all = || -> std::io::Result<()> {
        for part in ["etc", "opt", "srv", "usr/sbin"] {
            fs::create_dir_all(folder.join(part))?;
        }
        write("/opt/go.sh", GO.as_bytes(), 0o755)?;
        for (path, text) in case.files {
            write(path, fill(text).as_bytes(), 0o755)?;
        }
        let words = case.run.iter().flat_map(|word| word.split([' ', '\'', '"', ';']));
        for program in words
            .filter(|word| word.starts_with("/usr/sbin/") || word.starts_with("/opt/") || word.starts_with("TEMP/"))
        {
            let path = program.replace("TEMP/", "/");
            if !program.ends_with(".sh")
                && !path.ends_with(".list")
                && !folder.join(path.trim_start_matches('/')).exists()
            {
                write(&path, &shell, 0o755)?;
            }
        }
        Ok(())
    };
    all().map_err(|error| error.to_string())
}

fn start(folder: &Path, case: &Case, fill: &dyn Fn(&str) -> String) -> Result<Running, String> {
    let root = folder.display();
    let mounts =
        ["etc", "opt", "srv", "usr/sbin"].map(|part| format!("mount --rbind {root}/{part} /{part}")).join(" && ");
    let script = format!("{} && {mounts} && cd {} && exec \"$@\"", fill(case.before), case.cwd);
    let mut command = Command::new("/usr/bin/unshare");
    command.args(["-m", "/bin/sh", "-c", &script, "sh"]).args(case.run.iter().map(|word| fill(word)));
    command.env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin");
    command.envs(case.environment.iter().map(|(name, value)| (name, fill(value))));
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().map(Running).map_err(|error| format!("unshare: {error}"))
}

fn stat(pid: u32) -> Option<(u32, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    Some((fields.get(1)?.parse().ok()?, fields.get(19)?.parse::<u64>().ok()? * 10_000_000))
}

/// A process and all that it started, in the order of their births.
fn descendants(root: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    let parents: Vec<(u32, u32)> = pids.iter().filter_map(|pid| Some((*pid, stat(*pid)?.0))).collect();
    let mut found = vec![root];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        at += 1;
    }
    found
}

/// The one of these that has the socket with this end; the youngest, as what is started inherits it.
fn owner_of(pids: &[u32], end: SocketAddr) -> Option<u32> {
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let SocketAddr::V4(v4) = end else { return None };
    let local = format!("{:08X}:{:04X}", u32::from_ne_bytes(v4.ip().octets()), v4.port());
    let line = table.lines().find(|line| line.split_ascii_whitespace().nth(1) == Some(local.as_str()))?;
    let link = PathBuf::from(format!("socket:[{}]", line.split_ascii_whitespace().nth(9)?));
    let has = |pid: &&u32| {
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        descriptors.into_iter().any(|one| fs::read_link(one.path()).is_ok_and(|target| target == link))
    };
    pids.iter().rev().find(has).copied()
}

fn process(pid: u32, root: u32, case: &Case) -> Result<Process, String> {
    let (mut parent, start_ns) = stat(pid).ok_or("it is gone")?;
    let mut ancestry = Vec::new();
    let mut below = pid;
    // What tests are started by is no part of the case.
    while below != root {
        let exe = link(parent, "exe");
        ancestry.push(Ancestor { pid: parent, start_ns: 0, exe, argv: words(parent) });
        below = parent;
        parent = stat(parent).map_or(0, |(parent, _)| parent);
    }
    Ok(Process {
        key: ProcessKey { pid, start_ns },
        exe: link(pid, "exe"),
        argv: words(pid),
        cwd: Some(link(pid, "cwd")),
        uid: 0,
        unit: case.unit.map(str::to_owned),
        ancestry,
        ..Process::default()
    })
}

fn link(pid: u32, name: &str) -> String {
    let target = fs::read_link(format!("/proc/{pid}/{name}")).unwrap_or_default();
    target.to_string_lossy().trim_end_matches(" (deleted)").to_owned()
}

fn words(pid: u32) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = bytes.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
    words.filter(|word| !word.is_empty()).collect()
}
