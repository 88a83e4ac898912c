//! What of the installed software runs, in which services, and what does a fix have to restart?

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context as _;
use tripoint_inventory::process::kernel;
use tripoint_inventory::{Coverage, CoverageStatus, HostInventory, Inventory, Root};
use tripoint_model::parsed::REJECTED_MAX;
use tripoint_model::{Finding, Package, PackageState, Rejected, Restart, restart};
use tripoint_sensor::procfs;
use tripoint_vuln::Database;

/// The packages that processes run, and what would have to be restarted for each.
pub struct Usage {
    host: HostInventory,
    packages: BTreeMap<String, Package>,
    restarts: BTreeMap<String, BTreeSet<Restart>>,
    /// Whether the kernel that runs is one of this root's.
    owns_kernel: bool,
    /// Processes that may not be looked into, of how many.
    denied: (usize, usize),
    /// What of the places of processes could not be read.
    unread: Vec<Rejected>,
}

impl Usage {
    /// Of every process of this host, those in containers too.
    pub fn of_host() -> anyhow::Result<Self> {
        Self::of(Path::new("/"), &procfs::pids(), true)
    }

    /// Of the processes that see this root filesystem: the host's for `/`, a container's for
    /// `/proc/PID/root`. Nothing when no process does.
    pub fn of_root(root: &Path) -> anyhow::Result<Option<Self>> {
        let identity = |path: &Path| Root::open(path).and_then(|root| root.identity()).ok();
        let Some(own) = identity(root) else { return Ok(None) };
        let lives = |pid: &u32| identity(Path::new(&format!("/proc/{pid}/root"))) == Some(own);
        let pids: Vec<u32> = procfs::pids().into_iter().filter(lives).collect();
        if pids.is_empty() {
            return Ok(None);
        }
        let owns_kernel = pids.contains(&1);
        Self::of(root, &pids, owns_kernel).map(Some)
    }

    fn of(root: &Path, pids: &[u32], owns_kernel: bool) -> anyhow::Result<Self> {
        let host = HostInventory::open(root).with_context(|| format!("cannot open {}", root.display()))?;
        let mut packages: BTreeMap<String, Package> = BTreeMap::new();
        let mut restarts: BTreeMap<String, BTreeSet<Restart>> = BTreeMap::new();
        // Processes share places: each refusal is said once.
        let mut unread: BTreeSet<(String, u64, String)> = BTreeSet::new();
        for pid in pids {
            let Some(process) = procfs::read(*pid, None) else { continue };
            let found = host.packages_of(*pid);
            // The number may be another process's by now: what was found is nobody's then.
            if procfs::key_of(*pid) != Some(process.key) {
                continue;
            }
            let said = found.rejected.into_iter().map(|Rejected { file, line, reason }| (file, line, reason));
            unread.extend(said.take(REJECTED_MAX.saturating_sub(unread.len())));
            let restart = Restart::of(&process);
            for package in found.accepted {
                restarts.entry(package.purl.clone()).or_default().insert(restart.clone());
                let state = package.state;
                let known = packages.entry(package.purl.clone()).or_insert(package);
                known.state = known.state.max(state);
            }
        }
        let denied = pids.iter().filter(|pid| is_denied(**pid)).count();
        let unread = unread.into_iter().map(|(file, line, reason)| Rejected { file, line, reason }).collect();
        Ok(Self { host, packages, restarts, owns_kernel, denied: (denied, pids.len()), unread })
    }

    /// Says which processes were not looked into and what of their places could not be read, when there is any of it:
    /// what they run there is not in the answer.
    pub fn say_skipped(&self, inventory: &mut Inventory) {
        let (denied, all) = self.denied;
        let mut reasons = Vec::new();
        if denied > 0 {
            reasons.push(format!("{denied} of {all} processes belong to other users: root sees what they run"));
        }
        if let Some(first) = self.unread.first() {
            let count = self.unread.len();
            reasons.push(format!("{count} entries refused, first {}:{}: {}", first.file, first.line, first.reason));
        }
        if !reasons.is_empty() {
            inventory.coverage.push(Coverage {
                cataloger: "processes".to_owned(),
                status: CoverageStatus::Partial,
                reason: reasons.join("; "),
            });
        }
        inventory.rejected.extend(self.unread.iter().cloned());
    }

    /// What would have to be restarted for each package, by its purl.
    pub fn into_restarts(self) -> BTreeMap<String, BTreeSet<Restart>> {
        self.restarts
    }

    /// The package database as it lies on disk.
    pub fn inventory(&self) -> &Inventory {
        self.host.inventory()
    }

    /// Marks what is loaded or stale, and adds what was replaced on disk but still runs; leaves out
    /// the rest when `only`.
    pub fn mark(&self, inventory: &mut Inventory, only: bool) {
        for package in &mut inventory.packages {
            if let Some(used) = self.packages.get(&package.purl) {
                package.state = used.state;
            }
        }
        if self.owns_kernel {
            kernel::mark_running(&mut inventory.packages, &kernel::release());
        }
        let known: BTreeSet<&str> = inventory.packages.iter().map(|package| package.purl.as_str()).collect();
        let missing = |package: &&Package| {
            !known.contains(package.purl.as_str()) && (only || package.state == PackageState::Stale)
        };
        let missing: Vec<Package> = self.packages.values().filter(missing).cloned().collect();
        inventory.packages.extend(missing);
        if only {
            inventory.packages.retain(|package| package.state != PackageState::Installed);
        }
        inventory.packages.sort();
    }

    /// Adds to each fix what has to be restarted for it.
    pub fn restarts(&self, database: &Database, inventory: &Inventory, findings: &mut [Finding]) {
        let mut on_disk: BTreeMap<&str, Vec<&Package>> = BTreeMap::new();
        let running_old = |package: &&Package| package.state == PackageState::Stale;
        let disk = self.host.inventory().packages.iter();
        for package in disk.chain(inventory.packages.iter().filter(|package| !running_old(package))) {
            on_disk.entry(&package.name).or_default().push(package);
        }
        let host = BTreeSet::from([Restart::Host]);
        for finding in findings {
            let restarts = match self.restarts.get(&finding.purl) {
                Some(restarts) => restarts,
                // Nobody maps a kernel's files: it was marked by its name.
                None if finding.presence == PackageState::Loaded => &host,
                None => continue,
            };
            let still = |package: &&Package| {
                tripoint_vuln::match_package(database, package).iter().any(|found| found.id == finding.id)
            };
            let fixed_on_disk = finding.presence == PackageState::Stale
                && !on_disk.get(finding.name.as_str()).is_some_and(|packages| packages.iter().any(still));
            restart::complete(finding, restarts, fixed_on_disk);
        }
    }
}

/// Whether the kernel keeps from us what a process runs. Its own threads run no package's code; they
/// have no command line.
fn is_denied(pid: u32) -> bool {
    let exe = std::fs::read_link(format!("/proc/{pid}/exe"));
    exe.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
        && std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|words| !words.is_empty())
}
