//! Is every connection of a process that lives for milliseconds given to the right program, user and container?

use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tripoint_linux::cgroup;
use tripoint_model::{Direction, Process};
use tripoint_sensor::Seen;

use crate::statistics::median;
use crate::{Figure, sensing, workload};

const PROCESSES: usize = 10_000;
const CONTAINERS: usize = 50;
const SPAWNERS: usize = 2;

/// Makes the processes, then compares what was said of each.
pub fn run() -> Result<Vec<Figure>> {
    let set = sensing::million()?;
    let folders = Folders::make()?;
    let port = listen()?;
    let watch = sensing::Watch::start(sensing::start(&set, false)?, HashMap::new(), visit)?;
    let lifetimes = spawn_all(&folders, port)?;
    let (seen, losses) = watch.finish()?;
    let exe = std::env::current_exe()?.to_string_lossy().into_owned();
    let mut right = Right::default();
    for number in 0..PROCESSES {
        let Some(process) = seen.get(&(peer(number), port)) else { continue };
        right.compare(process, number, port, &exe, &folders);
    }
    let short = lifetimes.iter().filter(|life| **life < 0.020).count();
    Ok(vec![
        Figure::count("processes, one connection each", PROCESSES, ""),
        Figure::new("lifetime from spawn to exit, median", median(&lifetimes) * 1e3, "ms"),
        Figure::count("lived less than 20 ms", short, ""),
        Figure::count("connections seen", seen.keys().filter(|(_, at)| *at == port).count(), ""),
        Figure::new("records counted as lost, all causes", losses.all() as f64, ""),
        Figure::new("sockets without storage", losses.counter("lost_storage") as f64, ""),
        Figure::new("programs left out by the kernel", losses.missed() as f64, ""),
        Figure::count("right executable", right.exe, ""),
        Figure::count("right command line", right.argv, ""),
        Figure::count("right user", right.user, ""),
        Figure::count("right container (or rightly none)", right.container, ""),
        Figure::count("right in everything", right.all, ""),
    ])
}

type Owners = HashMap<(IpAddr, u16), Arc<Process>>;

fn visit(owners: &mut Owners, seen: Seen) {
    let Seen::Connection { connection, .. } = seen else { return };
    if connection.direction == Direction::Outbound
        && let Some(process) = &connection.process
    {
        owners.insert((connection.remote.ip(), connection.remote.port()), Arc::clone(process));
    }
}

/// The peer tells which process it was, independent of what is said about the process.
fn peer(number: usize) -> IpAddr {
    let [_, _, c, d] = u32::try_from(number).unwrap_or(0).to_be_bytes();
    Ipv4Addr::new(127, 10, c, d).into()
}

fn uid(number: usize) -> u32 {
    20_000 + u32::try_from(number % 7).unwrap_or(0)
}

fn words(number: usize, port: u16) -> [String; 3] {
    ["visit".into(), format!("{}:{port}", peer(number)), format!("marker-{number}")]
}

#[derive(Default)]
struct Right {
    exe: usize,
    argv: usize,
    user: usize,
    container: usize,
    all: usize,
}

impl Right {
    fn compare(&mut self, process: &Process, number: usize, port: u16, exe: &str, folders: &Folders) {
        let mut argv = vec![exe.to_owned(), "workload".to_owned()];
        argv.extend(words(number, port));
        let container = process.container.as_ref().map(|container| container.id.as_str());
        let checks = [
            process.exe == exe,
            process.argv == argv,
            process.uid == uid(number),
            container == folders.of(number).map(|(id, _)| id.as_str()),
        ];
        for (count, right) in
            [&mut self.exe, &mut self.argv, &mut self.user, &mut self.container].into_iter().zip(checks)
        {
            *count += usize::from(right);
        }
        self.all += usize::from(checks.iter().all(|right| *right));
    }
}

/// Accepts and closes for ever.
fn listen() -> Result<u16> {
    let listener = TcpListener::bind("0.0.0.0:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    Ok(port)
}

/// How long each lived, in seconds.
fn spawn_all(folders: &Folders, port: u16) -> Result<Vec<f64>> {
    let next = AtomicUsize::new(0);
    let spawner = || -> Result<Vec<f64>> {
        let mut lifetimes = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= PROCESSES {
                return Ok(lifetimes);
            }
            lifetimes.push(spawn(folders, number, port)?);
        }
    };
    std::thread::scope(|scope| {
        let spawners: Vec<_> = (0..SPAWNERS).map(|_| scope.spawn(spawner)).collect();
        let mut lifetimes = Vec::new();
        for spawner in spawners {
            lifetimes.extend(spawner.join().map_err(|_| anyhow::anyhow!("a spawner panicked"))??);
        }
        Ok(lifetimes)
    })
}

fn spawn(folders: &Folders, number: usize, port: u16) -> Result<f64> {
    use std::os::unix::process::CommandExt as _;
    let visit = words(number, port);
    let visit: Vec<&str> = visit.iter().map(String::as_str).collect();
    let mut command = match folders.of(number) {
        Some((_, folder)) => {
            let (procs, uid) = (folder.join("cgroup.procs"), uid(number).to_string());
            let mut words = vec!["enter", procs.to_str().context("a path that is no text")?, &uid];
            words.extend(&visit);
            workload::command(&words)?
        }
        None => {
            let mut command = workload::command(&visit)?;
            command.uid(uid(number));
            command
        }
    };
    let begun = Instant::now();
    let status = command.stdin(Stdio::null()).status()?;
    ensure!(status.success(), "a process of the workload failed: {status}");
    Ok(begun.elapsed().as_secs_f64())
}

/// Cgroups named as a container runtime names them; gone when dropped.
struct Folders(Vec<(String, PathBuf)>);

impl Folders {
    fn make() -> Result<Self> {
        let root = cgroup::root().context("no cgroup v2 hierarchy")?;
        let mut folders = Self(Vec::new());
        for number in 0..CONTAINERS {
            let id = format!("{number:064x}");
            let folder = root.join(format!("docker-{id}.scope"));
            fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
            folders.0.push((id, folder));
        }
        Ok(folders)
    }

    /// Every second process lives in one.
    fn of(&self, number: usize) -> Option<&(String, PathBuf)> {
        (number % 2 == 1).then(|| &self.0[number / 2 % self.0.len()])
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        // The last process may not be reaped by the hierarchy yet.
        std::thread::sleep(Duration::from_millis(100));
        for (_, folder) in &self.0 {
            let _ = fs::remove_dir(folder);
        }
    }
}
