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
use tripoint_model::Alert;

use crate::Figure;
use crate::instance::{self, App, Up};
use crate::statistics::median;

const PACKAGES: usize = 750;
const FILES_EACH: usize = 150;
/// Changes to the vulnerable version and back.
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
    let mut app = App::start(&launcher, &[], &lab)?;
    let mut up = Up::start(&launcher, folder.path())?;
    std::thread::sleep(Duration::from_secs(2));
    writeln!(app.input, "tcp {peer}")?;
    std::thread::sleep(Duration::from_secs(1));
    let (raised, withdrawn) = measure(folder.path(), &host)?;
    up.stop();
    let worst = |times: &[f64]| times.iter().copied().fold(0.0, f64::max);
    Ok(vec![
        Figure::count("packages on the host", PACKAGES, ""),
        Figure::new("a vulnerable version comes to its alert, median", median(&raised), "ms"),
        Figure::new("a vulnerable version comes to its alert, worst", worst(&raised), "ms"),
        Figure::new("a mended version comes to the withdrawal, median", median(&withdrawn), "ms"),
        Figure::new("a mended version comes to the withdrawal, worst", worst(&withdrawn), "ms"),
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
        host.install(MENDED)?;
        let until = Instant::now() + Duration::from_secs(5);
        while !folder.join("mounted").exists() {
            ensure!(Instant::now() < until, "the package database could not be mounted");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(host)
    }

    /// As dpkg does it: aside, then renamed.
    fn install(&self, version: &str) -> Result<()> {
        let new = self.dpkg.join("status-new");
        fs::write(&new, format!("{}{}", paragraph("shop", version), self.others))?;
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
    fs::write(folder.join("advisory.json"), ADVISORY)?;
    let list = folder.join("list.txt").display().to_string();
    let words = ["intel", "import", &list, "--name", "bench", "--category", "c2", "--confidence", "90"];
    instance::command(program, folder, &words)?;
    instance::command(program, folder, &["vulns", "import", &folder.join("advisory.json").display().to_string()])
}

/// Milliseconds from each rename to the alert on the stream: raised, and withdrawn.
fn measure(folder: &Path, host: &Host) -> Result<(Vec<f64>, Vec<f64>)> {
    let client = Client::unix(&folder.join("run/tripoint.sock")).with_patience(Duration::from_secs(120));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut watch = client.watch().await?;
        let (mut raised, mut withdrawn) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            for (version, wanted, times) in [(VULNERABLE, true, &mut raised), (MENDED, false, &mut withdrawn)] {
                let changed = Instant::now();
                host.install(version)?;
                loop {
                    let next = tokio::time::timeout(Duration::from_secs(20), watch.next()).await;
                    match next.with_context(|| format!("no alert followed version {version}"))? {
                        Ok(Some(alert)) if alert.rule == RULE && is_raised(&alert) == wanted => break,
                        Ok(Some(_)) => {}
                        Ok(None) => bail!("the stream ended"),
                        Err(error) => return Err(error.into()),
                    }
                }
                times.push(changed.elapsed().as_secs_f64() * 1e3);
                std::thread::sleep(Duration::from_millis(300));
            }
        }
        Ok((raised, withdrawn))
    })
}

fn is_raised(alert: &Alert) -> bool {
    alert.suppressed_by.is_none() && !alert.findings.is_empty()
}

const RULE: &str = "bad_server_of_vulnerable_app";
const VULNERABLE: &str = "1.0-1";
const MENDED: &str = "2.0-1";
const ADVISORY: &str = r#"{"schema_version":"1.6.0","id":"DEBIAN-CVE-2026-0001","modified":"2026-05-09T13:13:16Z","upstream":["CVE-2026-0001"],"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],"affected":[{"package":{"ecosystem":"Debian:12","name":"shop"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2.0-1"}]}]}]}"#;
