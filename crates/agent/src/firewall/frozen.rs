//! How are an application's processes halted, and let go on when their time is up, whoever is alive then?
//!
//! A frozen cgroup would stay so for ever. So each is written down in a file before it is frozen, and a process of its
//! own waits for the end: it lets the cgroups go on, and outlives the agent.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tripoint_journal::kept;
use tripoint_linux::clock::{BootClock, boot_ns};
use tripoint_linux::{capability, freezer};
use tripoint_model::{Scope, Target, Timestamp};
use tripoint_responder::{FirewallError, KernelBlock};

use super::applications::places_of;

/// What the agent's program is called with to wait for the end of one.
pub const WATCH: &str = "--thaw-when-due";
const LOOK_EVERY: Duration = Duration::from_millis(500);
const LOOK_LEAST: Duration = Duration::from_millis(10);

/// A frozen application, as it is kept in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Marker {
    application: String,
    expires: Timestamp,
    /// The same on the boot clock of this boot.
    expires_ns: u64,
    boot_id: String,
    cgroups: Vec<PathBuf>,
}

/// The applications that we halt; the files of them lie in a folder.
pub struct Frozen {
    folder: PathBuf,
    clock: BootClock,
    /// Who waits for which end; one each, however often it is frozen anew.
    watchers: BTreeMap<PathBuf, Child>,
}

impl Frozen {
    /// How it is called in outcomes.
    pub(super) const NAME: &str = "freezer";

    /// Keeps its files in `folder`, which is made when it is needed.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, clock: BootClock::new(), watchers: BTreeMap::new() }
    }

    /// Waits anew for the end of whatever an earlier agent halted: who waited then may have been ended with it.
    pub fn resume(&mut self) {
        for marker in self.markers() {
            if let Err(error) = self.watch(&self.path(&marker.application)) {
                tracing::error!(%error, application = marker.application, "nobody waits for the end of this halt");
            }
        }
    }

    /// Lets everything go on; each with what went wrong.
    pub fn release(&mut self) -> Vec<(String, Result<bool, FirewallError>)> {
        let applications: Vec<String> = self.markers().into_iter().map(|marker| marker.application).collect();
        applications
            .into_iter()
            .map(|application| {
                let done = self.thaw(&application);
                (application, done)
            })
            .collect()
    }

    /// Halts the application; for one that is halted, the end is replaced.
    pub fn freeze(&mut self, application: &str, expires: Timestamp) -> Result<(), FirewallError> {
        let cgroups = places_of(application).map_err(|why| FirewallError::Unsupported(Self::NAME, why))?;
        if cgroups.is_empty() {
            return Err(FirewallError::Unsupported(Self::NAME, format!("no process of {application} runs")));
        }
        self.clock.refresh();
        // One that cannot be read is written anew.
        let known = read(&self.path(application)).ok().flatten().filter(|known| known.expires == expires);
        let marker = Marker {
            application: application.to_owned(),
            expires,
            expires_ns: known.map_or_else(|| self.clock.boot(expires), |known| known.expires_ns),
            boot_id: capability::boot_id(),
            cgroups: cgroups.into_values().collect(),
        };
        let path = self.path(application);
        write(&path, &marker).and_then(|()| self.watch(&path)).map_err(|error| kernel("freeze", error))?;
        for cgroup in &marker.cgroups {
            freezer::freeze(cgroup).map_err(|error| kernel("freeze", error))?;
        }
        Ok(())
    }

    /// Lets it go on; says whether it was halted by us.
    pub fn thaw(&mut self, application: &str) -> Result<bool, FirewallError> {
        let cgroups = match read(&self.path(application)) {
            Ok(None) => return Ok(false),
            Ok(Some(marker)) => marker.cgroups,
            // Nobody stays halted because a bit has turned.
            Err(error) => {
                tracing::error!(%error, application, "a halt is unreadable; the application goes on where it runs");
                let places = places_of(application).map_err(|why| FirewallError::Unsupported(Self::NAME, why))?;
                places.into_values().collect()
            }
        };
        let_go(&cgroups).map_err(|error| kernel("thaw", error))?;
        fs::remove_file(self.path(application)).map_err(|error| kernel("thaw", error))?;
        Ok(true)
    }

    /// Those that are halted now: every cgroup they run in, by the kernel's word.
    pub fn list(&mut self) -> Vec<KernelBlock> {
        let now_ns = boot_ns();
        let halted = |marker: &Marker| {
            let places = places_of(&marker.application).unwrap_or_default();
            marker.expires_ns > now_ns
                && !places.is_empty()
                && places.values().all(|place| freezer::is_frozen(place).unwrap_or(false))
        };
        let block = |marker: Marker| KernelBlock {
            target: Target::Application(marker.application),
            scope: Scope::Host,
            expires: marker.expires,
        };
        self.markers().into_iter().filter(halted).map(block).collect()
    }

    /// Starts who waits, unless somebody does. It is in no session of ours and holds nothing of ours open, so it outlives
    /// the agent.
    fn watch(&mut self, path: &Path) -> io::Result<()> {
        self.watchers.retain(|_, watcher| matches!(watcher.try_wait(), Ok(None)));
        if self.watchers.contains_key(path) {
            return Ok(());
        }
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(WATCH).arg(path).process_group(0);
        let watcher = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        self.watchers.insert(path.to_owned(), watcher);
        Ok(())
    }

    fn markers(&self) -> Vec<Marker> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let json = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "json");
        let paths = entries.flatten().map(|entry| entry.path()).filter(json);
        let told = |path: PathBuf| {
            read(&path)
                .inspect_err(|error| tracing::error!(%error, path = %path.display(), "a halt is unreadable"))
                .ok()
        };
        paths.filter_map(told).flatten().collect()
    }

    fn path(&self, application: &str) -> PathBuf {
        // FNV-1a of the key: a name without slashes, the same each time.
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = application.bytes().fold(0xcbf2_9ce4_8422_2325, mix);
        self.folder.join(format!("{hash:016x}.json"))
    }
}

/// Waits until the time of what the file tells is up, then lets it go on. Ends as soon as the file is gone.
pub fn thaw_when_due(path: &Path) -> io::Result<()> {
    let mut last = None;
    // One that is damaged while somebody waits ends as it would have.
    while let Some(marker) = read(path).or_else(|error| last.take().map(Some).ok_or(error))? {
        last = Some(marker.clone());
        if marker.boot_id != capability::boot_id() {
            return fs::remove_file(path);
        }
        let left = Duration::from_nanos(marker.expires_ns.saturating_sub(boot_ns()));
        // One that cannot be let go yet is tried again: nobody else would.
        if left.is_zero() && let_go(&marker.cgroups).is_ok() {
            return fs::remove_file(path);
        }
        std::thread::sleep(left.clamp(LOOK_LEAST, LOOK_EVERY));
    }
    Ok(())
}

/// Lets every cgroup go on; one that is gone has nobody to let go.
fn let_go(cgroups: &[PathBuf]) -> io::Result<()> {
    for cgroup in cgroups {
        match freezer::thaw(cgroup) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// `None` where there is no such file.
fn read(path: &Path) -> io::Result<Option<Marker>> {
    Ok(kept::read(path)?.map(|bytes| serde_json::from_slice(&bytes)).transpose()?)
}

/// Written whole and renamed: who waits for it never reads a half.
fn write(path: &Path, marker: &Marker) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    kept::write(path, &serde_json::to_vec(marker)?)
}

fn kernel(action: &str, source: io::Error) -> FirewallError {
    FirewallError::Kernel { action: action.to_owned(), source }
}

/// The marker's folder of an instance.
pub fn folder(data: &Path) -> PathBuf {
    data.join("agent/frozen")
}
