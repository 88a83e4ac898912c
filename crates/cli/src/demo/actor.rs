//! The application as its stage manager holds it: a process, its input, and what it says.

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tripoint_linux::child;

use super::app::Event;
use super::material::Material;
use super::stage::{SHOP_PORT, Stage, VICTIM4, VICTIM6};

/// How long one step may take.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// The application, and what it says.
pub struct App {
    child: Child,
    events: Receiver<(Instant, Event)>,
}

impl App {
    /// Starts it inside the victim's namespace and waits until it serves.
    pub fn start(stage: &Stage, material: &Material) -> anyhow::Result<(Self, String)> {
        let mut command = Command::new(&material.program);
        command.arg("demo-app").arg("--library").arg(&material.library);
        for address in [VICTIM4, VICTIM6] {
            let address: IpAddr = address.parse()?;
            command.arg("--listen").arg(SocketAddr::new(address, SHOP_PORT).to_string());
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        child::ends_with_parent(&mut command);
        child::in_namespace(&mut command, stage.victim())?;
        let mut child = command.spawn().context("start the shop")?;
        let output = child.stdout.take().context("the shop's output")?;
        let (sender, events) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Ok(event) = serde_json::from_str(&line) {
                    let _ = sender.send((Instant::now(), event));
                }
            }
        });
        let app = Self { child, events };
        app.wait(|event| *event == Event::Serving)?;
        let pid = app.child.id();
        Ok((app, format!("process {pid}, {VICTIM4}:{SHOP_PORT}")))
    }

    /// The next event that `wanted` accepts, with its moment.
    pub fn wait(&self, wanted: impl Fn(&Event) -> bool) -> anyhow::Result<(Instant, Event)> {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let (at, event) = self.events.recv_timeout(left).context("the shop did not say what was expected")?;
            if wanted(&event) {
                return Ok((at, event));
            }
        }
    }

    /// Tells it to do something.
    pub fn order(&mut self, line: &str) -> anyhow::Result<()> {
        let input = self.child.stdin.as_mut().context("the shop's input")?;
        writeln!(input, "{line}")?;
        Ok(input.flush()?)
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // Its input ends, and so does it; the kill is for one that hangs.
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
