//! A whole Tripoint on this host, with a laboratory around it.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::MutexGuard;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde_json::Value;
use tripoint_linux::cgroup;
use tripoint_linux::child;
use tripoint_linux::faults;
use tripoint_linux::lab::{End, Lab};
use tripoint_linux::netns::NetNs;

use crate::{alone, asked_for};

pub const BAD4: &str = "203.0.113.66";
pub const BAD6: &str = "2001:db8::66";
pub const PORT: u16 = 1389;

/// The laboratory: bad addresses outside, the application inside.
pub fn lab() -> Lab {
    let net = |text: &str| text.parse().unwrap();
    let outside = End {
        addresses: [net("203.0.113.66/24"), net("2001:db8::66/64")],
        gateways: [net("203.0.113.1/24"), net("2001:db8::1/64")],
    };
    let inside = End {
        addresses: [net("198.51.100.10/24"), net("2001:db8:1::10/64")],
        gateways: [net("198.51.100.1/24"), net("2001:db8:1::1/64")],
    };
    Lab::build(&outside, &inside).unwrap()
}

/// Takes connections at both bad addresses and reads them until they end.
pub fn listen(lab: &Lab) {
    for address in [BAD4, BAD6] {
        let listener = lab.listen_outside(SocketAddr::new(address.parse().unwrap(), PORT)).unwrap();
        std::thread::spawn(move || {
            for mut caller in listener.incoming().flatten() {
                std::thread::spawn(move || std::io::copy(&mut caller, &mut std::io::sink()));
            }
        });
    }
}

/// The laboratory with its listeners, a prepared instance that is not up yet, and the application.
/// Nothing where kernel tests are not asked for.
pub fn stage(configuration: &str) -> Option<(MutexGuard<'static, ()>, Lab, Instance, App)> {
    if !asked_for() {
        return None;
    }
    let alone = alone();
    let lab = lab();
    listen(&lab);
    let instance = Instance::new(configuration);
    let app = App::start(&lab, instance.path());
    Some((alone, lab, instance, app))
}

/// A data folder with feed, advisory and configuration, and the running daemons over it.
pub struct Instance {
    pub folder: tempfile::TempDir,
    up: Option<Child>,
    /// What the kernel shall seem to lack for the daemons.
    pub lacking: &'static str,
}

impl Instance {
    /// Prepares a folder; `configuration` is added to the permitted ranges.
    pub fn new(configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let permit = "[intel]\npermit_ranges = [\"203.0.113.0/24\", \"198.51.100.0/24\", \"2001:db8::/32\"]\n";
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("agent.toml", &format!("{permit}{configuration}"));
        write("bad.txt", &format!("{BAD4}\n{BAD6}\n"));
        write("advisory.json", ADVISORY);
        let instance = Self { folder, up: None, lacking: "" };
        let file = |name: &str| instance.path().join(name).display().to_string();
        instance.fine(&[
            "intel",
            "import",
            &file("bad.txt"),
            "--name",
            "lab",
            "--category",
            "c2",
            "--confidence",
            "95",
        ]);
        instance.fine(&["vulns", "import", &file("advisory.json")]);
        instance
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tripoint"));
        command.arg("--data-dir").arg(self.path());
        command
    }

    /// Runs a command; gives exit code and the JSON it printed.
    pub fn run(&self, arguments: &[&str]) -> (i32, Value) {
        let output = self.command().arg("--json").args(arguments).output().unwrap();
        let value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        (output.status.code().unwrap_or(-1), value)
    }

    /// Runs a command that must succeed.
    pub fn fine(&self, arguments: &[&str]) -> Value {
        let (code, value) = self.run(arguments);
        assert_eq!(code, 0, "{arguments:?}: {value:#}");
        value
    }

    /// Starts `tripoint up` and waits until it senses.
    pub fn up(&mut self) {
        self.start("none", |_| ());
    }

    /// The same with the daemons in a network namespace, which is the host then.
    pub fn up_in(&mut self, host: &NetNs) {
        self.start("none", |command| child::in_namespace(command, host).unwrap());
    }

    /// The same with a server that also listens on TCP in there.
    pub fn up_listening(&mut self, host: &NetNs, listen: &str) {
        self.start(listen, |command| child::in_namespace(command, host).unwrap());
    }

    fn start(&mut self, listen: &str, prepare: impl FnOnce(&mut Command)) {
        let ready = self.path().join("up.ready");
        let _ = std::fs::remove_file(&ready);
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.path().join("log")).unwrap();
        let mut command = self.command();
        command.args(["up", "--listen", listen, "--ready-file"]).arg(&ready);
        command.stdout(Stdio::null()).stderr(log).env(faults::VARIABLE, self.lacking);
        child::ends_with_parent(&mut command);
        prepare(&mut command);
        self.up = Some(command.spawn().unwrap());
        self.wait("up", || ready.exists().then_some(()));
    }

    /// The process id of a daemon of this instance.
    pub fn pid_of(&self, what: &str) -> u32 {
        let up = self.up.as_ref().unwrap().id();
        let children = std::fs::read_to_string(format!("/proc/{up}/task/{up}/children")).unwrap();
        let named = |pid: &u32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).replace('\0', " ").contains(what)
        };
        children
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .find(named)
            .unwrap_or_else(|| panic!("no {what} among {children}"))
    }

    /// Kills a daemon of this instance at once and waits until `up` has ended too.
    pub fn kill(&mut self, what: &str) {
        let pid = rustix::process::Pid::from_raw(self.pid_of(what).try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        self.gone();
    }

    /// Waits until `up` has ended because one of its daemons has.
    pub fn gone(&mut self) {
        self.up.take().unwrap().wait().unwrap();
    }

    /// Ends the daemons in order.
    pub fn down(&mut self) {
        if let Some(mut up) = self.up.take() {
            child::terminate(&mut up);
            up.wait().unwrap();
        }
    }

    /// Waits for something, at most 20 seconds.
    pub fn wait<T>(&self, what: &str, probe: impl FnMut() -> Option<T>) -> T {
        self.within(Duration::from_secs(20), what, probe)
    }

    pub fn within<T>(&self, patience: Duration, what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
        let until = Instant::now() + patience;
        loop {
            if let Some(found) = probe() {
                return found;
            }
            if Instant::now() > until {
                let log = std::fs::read_to_string(self.path().join("log")).unwrap_or_default();
                panic!("{what} did not come about in {patience:?}; log:\n{log}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The alert of this rule about this peer.
    pub fn alert(&self, rule: &str, peer: &str) -> Option<Value> {
        let alerts = self.run(&["alerts", "list", "--all"]).1;
        let of = |alert: &&Value| alert["rule"] == rule && alert["indicator"].as_str() == Some(peer);
        alerts.as_array()?.iter().find(of).cloned()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(mut up) = self.up.take() {
            child::terminate(&mut up);
            let _ = up.wait();
        }
        // Blocks outlive the agent that made them: the next test shall not meet them.
        let _ = self.command().args(["release-all", "--json"]).output();
    }
}

/// A cgroup that ends with the test.
pub struct Cgroup(PathBuf);

impl Cgroup {
    pub fn with(pid: u32) -> Self {
        let path = cgroup::root().unwrap().join(format!("tripoint-scoped-{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("cgroup.procs"), pid.to_string()).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = tripoint_linux::freezer::thaw(&self.0);
        // Whoever is in it goes back to where everybody is.
        let procs = std::fs::read_to_string(self.0.join("cgroup.procs")).unwrap_or_default();
        for pid in procs.lines() {
            let _ = std::fs::write(cgroup::root().unwrap().join("cgroup.procs"), pid);
        }
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// A vulnerable application inside the laboratory.
pub struct App {
    child: Child,
    input: Option<ChildStdin>,
    pub events: Receiver<Value>,
}

impl App {
    pub fn start(lab: &Lab, folder: &Path) -> Self {
        Self::start_with(lab, folder, "2.14.1")
    }

    /// The same with its library at this version.
    pub fn start_with(lab: &Lab, folder: &Path, version: &str) -> Self {
        let jar = jar(folder, version);
        let program = folder.join("shop");
        std::fs::copy(env!("CARGO_BIN_EXE_tripoint"), &program).unwrap();
        let mut command = Command::new(program);
        command.args(["demo-app", "--listen", "198.51.100.10:8080", "--library"]).arg(jar);
        let log = std::fs::File::options().append(true).create(true).open(folder.join("app.log")).unwrap();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        child::ends_with_parent(&mut command);
        child::in_namespace(&mut command, &lab.inside).unwrap();
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, events) = mpsc::channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
        let input = child.stdin.take();
        let app = Self { child, input, events };
        assert_eq!(app.next()["event"], "serving");
        app
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn next(&self) -> Value {
        self.events.recv_timeout(Duration::from_secs(10)).expect("the application says something")
    }

    /// Forgets what it has said so far.
    pub fn drain(&self) {
        while self.events.try_recv().is_ok() {}
    }

    /// Has it connect to a peer, say each of the words in a packet of its own, and stay connected.
    pub fn say(&mut self, address: &str, words: &[&[u8]]) {
        let at = SocketAddr::new(address.parse().unwrap(), PORT);
        let hex = |word: &&[u8]| word.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let words: Vec<String> = words.iter().map(hex).collect();
        writeln!(self.input.as_mut().unwrap(), "say {at} {}", words.join(" ")).unwrap();
        assert_eq!(self.next()["event"], "connected");
    }

    /// Has it call a peer; gives what became of it.
    pub fn call(&mut self, protocol: &str, address: &str) {
        let at = SocketAddr::new(address.parse().unwrap(), PORT);
        writeln!(self.input.as_mut().unwrap(), "{protocol} {at}").unwrap();
    }
}

impl Drop for App {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn jar(folder: &Path, version: &str) -> PathBuf {
    let path = folder.join(format!("log4j-core-{version}.jar"));
    let properties = format!("groupId=org.apache.logging.log4j\nartifactId=log4j-core\nversion={version}\n");
    let mut jar = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    for (name, text) in [
        ("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\n\r\n"),
        ("META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties", properties.as_str()),
    ] {
        jar.start_file(name, options).unwrap();
        jar.write_all(text.as_bytes()).unwrap();
    }
    jar.finish().unwrap();
    path
}

pub const ADVISORY: &str = r#"{"schema_version":"1.6.0","id":"GHSA-jfh8-c2jp-5v3q","modified":"2025-05-09T13:13:16Z","aliases":["CVE-2021-44228"],"affected":[{"package":{"ecosystem":"Maven","name":"org.apache.logging.log4j:log4j-core"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"2.13.0"},{"fixed":"2.15.0"}]}]}]}"#;
