//! A whole instance and a vulnerable application beside it, for what is measured end to end.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tripoint_linux::child;
use tripoint_linux::lab::{End, Lab};

/// The program under test: beside this one.
pub fn program() -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("tripoint");
    ensure!(
        path.exists() && path.with_file_name("tripoint-agent").exists(),
        "build tripoint and tripoint-agent beside {}",
        path.display()
    );
    Ok(path)
}

/// Runs `tripoint` with these words on the instance of this folder.
pub fn command(program: &Path, folder: &Path, words: &[&str]) -> Result<()> {
    let done = Command::new(program).arg("--data-dir").arg(folder).args(words).stdout(Stdio::null()).status()?;
    ensure!(done.success(), "{words:?} failed");
    Ok(())
}

/// A network with an outside that the inside reaches over a router.
pub fn lab() -> Result<Lab> {
    let outside = End {
        addresses: ["203.0.113.66/24".parse()?, "2001:db8::66/64".parse()?],
        gateways: ["203.0.113.1/24".parse()?, "2001:db8::1/64".parse()?],
    };
    let inside = End {
        addresses: ["198.51.100.10/24".parse()?, "2001:db8:1::10/64".parse()?],
        gateways: ["198.51.100.1/24".parse()?, "2001:db8:1::1/64".parse()?],
    };
    Ok(Lab::build(&outside, &inside)?)
}

/// An application that connects where a line of its input says.
pub struct App {
    child: Child,
    pub input: ChildStdin,
}

impl App {
    /// Starts it inside; `launcher` is the program, or what starts it.
    pub fn start(launcher: &[&str], words: &[&str], lab: &Lab) -> Result<Self> {
        let mut command = Command::new(launcher[0]);
        command.args(&launcher[1..]).args(["demo-app", "--listen", "198.51.100.10:8080"]).args(words);
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        child::ends_with_parent(&mut command);
        child::in_namespace(&mut command, &lab.inside)?;
        let mut child = command.spawn()?;
        let input = child.stdin.take().context("no input")?;
        Ok(Self { child, input })
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `tripoint up`.
pub struct Up {
    child: Child,
}

impl Up {
    /// Starts it and waits until it is ready; `launcher` is the program, or what starts it.
    pub fn start(launcher: &[&str], folder: &Path) -> Result<Self> {
        let ready = folder.join("ready");
        let mut command = Command::new(launcher[0]);
        command.args(&launcher[1..]).arg("--data-dir").arg(folder);
        command.args(["--quiet", "up", "--listen", "none", "--ready-file"]).arg(&ready);
        child::ends_with_parent(&mut command);
        let up = Self { child: command.spawn()? };
        let until = Instant::now() + Duration::from_secs(30);
        while !ready.exists() {
            ensure!(Instant::now() < until, "it was not ready in 30 seconds");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(up)
    }

    /// The agent's process.
    pub fn agent(&self) -> Result<u32> {
        let pid = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
        let is_agent = |pid: &&str| {
            std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with("tripoint-agent"))
        };
        Ok(children.split_whitespace().find(is_agent).context("no agent")?.parse()?)
    }

    pub fn stop(&mut self) {
        child::terminate(&mut self.child);
        let _ = self.child.wait();
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Writes a jar that carries the coordinates of a library with a published vulnerability.
pub fn write_jar(path: &Path) -> Result<()> {
    let mut writer = zip::ZipWriter::new(std::fs::File::create(path)?);
    for (name, text) in JAR {
        writer.start_file(*name, zip::write::SimpleFileOptions::default())?;
        writer.write_all(text.as_bytes())?;
    }
    writer.finish()?;
    Ok(())
}

const JAR: &[(&str, &str)] = &[
    ("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\n\r\n"),
    (
        "META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties",
        "groupId=org.apache.logging.log4j\nartifactId=log4j-core\nversion=2.14.1\n",
    ),
];
