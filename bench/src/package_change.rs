//! How long from a change of the package database to the alert that follows it, on a host of many packages?

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tripoint_api::Client;
use tripoint_linux::child;

use crate::Figure;
use crate::instance::{self, App, Up};
use crate::statistics::median;

const PACKAGES: usize = 750;
const FILES_EACH: usize = 150;
/// Versions, each vulnerable to something else.
const ROUNDS: usize = 10;
const PEER: &str = "203.0.113.66";

pub fn run() -> Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let program = instance::program()?;
    let host = Host::build(folder.path(), &program)?;
    let text = program.display().to_string();
    let mount = format!("--mount=/proc/{}/ns/mnt", host.keeper.id());
    let launcher = ["nsenter", &mount, "--", &text];
    prepare(&program, folder.path())?;
    let lab = instance::lab()?;
    let peer: SocketAddr = format!("{PEER}:1389").parse()?;
    let listener = lab.listen_outside(peer)?;
    std::thread::spawn(move || listener.incoming().flatten().collect::<Vec<_>>());
    // No advisory that is loaded here speaks of it.
    let library = folder.path().join("library.jar");
    instance::write_jar(&library)?;
    let mut app = App::start(&launcher, &["--library", &library.display().to_string()], &lab)?;
    let mut up = Up::start(&launcher, folder.path())?;
    std::thread::sleep(Duration::from_secs(2));
    writeln!(app.input, "tcp {peer}")?;
    std::thread::sleep(Duration::from_secs(1));
    let times = measure(folder.path(), &host)?;
    up.stop();
    Ok(vec![
        Figure::count("packages on the host", PACKAGES, ""),
        Figure::count("changes", times.len(), ""),
        Figure::new("a vulnerable version comes to its alert, median", median(&times), "ms"),
        Figure::new("a vulnerable version comes to its alert, worst", times.iter().copied().fold(0.0, f64::max), "ms"),
    ])
}

/// A package database that only our own processes see, in place of the machine's.
struct Host {
    dpkg: std::path::PathBuf,
    others: String,
    /// Holds the mount namespace.
    keeper: Child,
}

impl Host {
    fn build(folder: &Path, program: &Path) -> Result<Self> {
        let dpkg = folder.join("dpkg");
        fs::create_dir_all(dpkg.join("info"))?;
        let mut others = String::new();
        for number in 1..PACKAGES {
            let name = format!("package-{number}");
            write!(others, "\n{}", paragraph(&name, "1.0-1"))?;
            let files: String = (0..FILES_EACH).map(|file| format!("/usr/share/{name}/file-{file}\n")).collect();
            fs::write(dpkg.join(format!("info/{name}.list")), files)?;
        }
        fs::write(dpkg.join("info/shop.list"), format!("{}\n", program.display()))?;
        fs::write(folder.join("os-release"), "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n")?;
        let script = format!(
            "mount --bind {0}/dpkg /var/lib/dpkg && mount --bind {0}/os-release /etc/os-release && touch {0}/mounted && exec sleep 600",
            folder.display()
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", &script]).stdin(Stdio::null());
        child::ends_with_parent(&mut command);
        let host = Self { dpkg, others, keeper: command.spawn()? };
        host.install(0)?;
        let until = Instant::now() + Duration::from_secs(5);
        while !folder.join("mounted").exists() {
            ensure!(Instant::now() < until, "the package database could not be mounted");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(host)
    }

    /// As dpkg does it: aside, then renamed.
    fn install(&self, version: usize) -> Result<()> {
        let new = self.dpkg.join("status-new");
        fs::write(&new, format!("{}{}", paragraph("shop", &format!("{version}.0-1")), self.others))?;
        Ok(fs::rename(new, self.dpkg.join("status"))?)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

fn paragraph(name: &str, version: &str) -> String {
    format!(
        "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\nDescription: for measuring\n"
    )
}

fn prepare(program: &Path, folder: &Path) -> Result<()> {
    fs::write(
        folder.join("agent.toml"),
        "[intel]\npermit_ranges = [\"203.0.113.0/24\", \"2001:db8::/32\", \"198.51.100.0/24\"]\n",
    )?;
    fs::write(folder.join("list.txt"), format!("{PEER}\n"))?;
    fs::write(folder.join("advisories.jsonl"), advisories())?;
    let list = folder.join("list.txt").display().to_string();
    let words = ["intel", "import", &list, "--name", "bench", "--category", "c2", "--confidence", "90"];
    instance::command(program, folder, &words)?;
    instance::command(program, folder, &["vulns", "import", &folder.join("advisories.jsonl").display().to_string()])
}

/// Milliseconds from each rename to the alert on the stream that names what the new version is vulnerable to.
fn measure(folder: &Path, host: &Host) -> Result<Vec<f64>> {
    let client = Client::unix(&folder.join("run/tripoint.sock")).with_patience(Duration::from_secs(120));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut watch = client.watch().await?;
        let mut times = Vec::new();
        for round in 1..=ROUNDS {
            let changed = Instant::now();
            host.install(round)?;
            loop {
                let next = tokio::time::timeout(Duration::from_secs(20), watch.next()).await;
                match next.with_context(|| format!("no alert followed version {round}"))? {
                    Ok(Some(alert)) if alert.findings.iter().any(|finding| finding.id == advisory(round)) => break,
                    Ok(Some(_)) => {}
                    Ok(None) => bail!("the stream ended"),
                    Err(error) => return Err(error.into()),
                }
            }
            times.push(changed.elapsed().as_secs_f64() * 1e3);
            eprintln!("round {round}: {:.0} ms", times.last().copied().unwrap_or_default());
            // Not in step with the agent's glances.
            tokio::time::sleep(Duration::from_millis(300 + 37 * round as u64)).await;
        }
        Ok(times)
    })
}

fn advisory(round: usize) -> String {
    format!("DEBIAN-CVE-2026-{round:04}")
}

/// Each version has a hole of its own.
fn advisories() -> String {
    let of = |round: usize| {
        let id = advisory(round);
        format!(
            r#"{{"schema_version":"1.6.0","id":"{id}","modified":"2026-05-09T13:13:16Z","upstream":["{}"],"severity":[{{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}}],"affected":[{{"package":{{"ecosystem":"Debian:12","name":"shop"}},"ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"{round}.0-1"}},{{"fixed":"{}.0-1"}}]}}]}}]}}"#,
            id.trim_start_matches("DEBIAN-"),
            round + 1
        )
    };
    (1..=ROUNDS).map(|round| of(round) + "\n").collect()
}
