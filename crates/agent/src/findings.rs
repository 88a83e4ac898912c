//! What is each process vulnerable to? Looked up before anybody asks, off the path of events.

mod recalled;
mod young;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender};
use std::time::{Duration, Instant, SystemTime};

use tripoint_inventory::HostInventory;
use tripoint_model::judgement::OpenAlert;
use tripoint_model::{Edition, Finding, Package, PackageState, Process, ProcessKey, Restart, Timestamp, restart};
use tripoint_sensor::procfs;
use tripoint_vuln::Database;

use crate::detect::Wake;
use recalled::Recalled;
use young::Young;

/// A question, or something that changes the answers.
pub enum Request {
    /// A process began (it is looked at soon) or was found living (it is looked at now).
    Started {
        /// The process.
        process: Arc<Process>,
        /// Whether it was found.
        found: bool,
    },
    /// A process met a bad peer: now.
    Urgent(Arc<Process>),
    /// A process ended.
    Ended(ProcessKey),
    /// Alerts of this host that are not closed, as the server has them.
    Recall(Vec<OpenAlert>),
    /// New advisories, and the number of their image: every answer is due again.
    Database(Arc<Database>, u64),
    /// The end.
    Stop,
}

/// How many processes are kept in mind.
const PROCESSES_MAX: usize = 20_000;

/// How often it is looked at whether the package database changed: some twenty `stat`s. A change
/// is acted upon when it has settled for as long, because a package manager writes more than once.
const GLANCE: Duration = Duration::from_millis(250);

/// What was said of a process: what it ran, and what that meant.
struct Told {
    packages: Vec<Package>,
    findings: Arc<[Finding]>,
}

/// Keeps the inventory of the host and answers.
pub struct Findings {
    inventory: HostInventory,
    /// Where the inventory's paths begin.
    root: PathBuf,
    database: Option<(Arc<Database>, Edition)>,
    hash: Sender<ProcessKey>,
    detector: SyncSender<Wake>,
    every: Duration,
    living: HashMap<ProcessKey, Arc<Process>>,
    due: HashMap<ProcessKey, Instant>,
    told: HashMap<ProcessKey, Told>,
    urgent: HashSet<ProcessKey>,
    young: Young,
    /// Since when the package database on disk is not the one that was read.
    changed: Option<Instant>,
    recalled: Recalled,
}

impl Findings {
    /// Reads the host's package database. What met a bad peer is handed on to `hash`.
    pub fn open(detector: SyncSender<Wake>, hash: Sender<ProcessKey>, every: Duration) -> std::io::Result<Self> {
        Self::open_root(Path::new("/"), detector, hash, every)
    }

    fn open_root(
        root: &Path,
        detector: SyncSender<Wake>,
        hash: Sender<ProcessKey>,
        every: Duration,
    ) -> std::io::Result<Self> {
        Ok(Self {
            inventory: HostInventory::open(root)?,
            root: root.to_owned(),
            database: None,
            hash,
            detector,
            every,
            living: HashMap::new(),
            due: HashMap::new(),
            told: HashMap::new(),
            urgent: HashSet::new(),
            young: Young::default(),
            changed: None,
            recalled: Recalled::default(),
        })
    }

    /// Answers until told to stop.
    pub fn run(&mut self, requests: &Receiver<Request>) {
        let (mut looked, mut glanced) = (Instant::now(), Instant::now());
        loop {
            let wait = match self.due.values().min() {
                None => GLANCE,
                Some(next) => next.saturating_duration_since(Instant::now()).min(GLANCE),
            };
            match requests.recv_timeout(wait) {
                Ok(Request::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(request) => {
                    self.take(request);
                    while let Ok(request) = requests.try_recv() {
                        if matches!(request, Request::Stop) {
                            return;
                        }
                        self.take(request);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.answer_next();
            self.look_after();
            if glanced.elapsed() >= GLANCE {
                glanced = Instant::now();
                self.glance(glanced);
            }
            if looked.elapsed() >= self.every {
                looked = Instant::now();
                self.look_for_change();
                // What met a bad peer may load more as it runs.
                self.due.extend(self.urgent.iter().map(|key| (*key, looked)));
            }
        }
    }

    fn take(&mut self, request: Request) {
        match request {
            Request::Started { process, found } => {
                // The same process may have begun another program: what was said of the former one is void.
                self.told.remove(&process.key);
                self.urgent.remove(&process.key);
                let (key, now) = (process.key, Instant::now());
                self.recalled.touch(&process, now);
                if self.living.len() < PROCESSES_MAX {
                    let first = if found { self.young.find(key, now) } else { self.young.begin(key, now) };
                    self.due.insert(key, first);
                    self.living.insert(key, process);
                }
            }
            Request::Urgent(process) => {
                let key = process.key;
                self.living.insert(key, process);
                let was_told = self.told.contains_key(&key);
                if !was_told {
                    self.answer(key);
                }
                if self.urgent.insert(key) {
                    let _ = self.hash.send(key);
                    // It may have loaded more since it was looked at.
                    if was_told {
                        self.due.insert(key, Instant::now());
                    }
                }
            }
            Request::Ended(key) => {
                if let Some(process) = self.living.remove(&key) {
                    self.recalled.touch(&process, Instant::now());
                }
                self.due.remove(&key);
                self.told.remove(&key);
                self.urgent.remove(&key);
                self.young.end(key);
            }
            Request::Database(database, number) => {
                tracing::info!(packages = database.packages(), built = %database.built(), "advisories in force");
                let edition = Edition { built: database.built(), number: Some(number) };
                self.database = Some((database, edition));
                self.all_due();
            }
            Request::Recall(alerts) => self.recalled.take(alerts, Instant::now()),
            Request::Stop => {}
        }
    }

    fn all_due(&mut self) {
        let now = Instant::now();
        self.recalled.all_due(now);
        self.due.extend(self.living.keys().map(|key| (*key, now)));
    }

    /// Reads the package database anew once it changed and has settled.
    fn glance(&mut self, now: Instant) {
        if !self.inventory.has_changed() {
            self.changed = None;
            return;
        }
        if now.saturating_duration_since(*self.changed.get_or_insert(now)) >= GLANCE {
            self.changed = None;
            self.look_for_change();
        }
    }

    /// Package databases may have changed, those of containers too.
    fn look_for_change(&mut self) {
        match self.inventory.refresh_if_changed() {
            Ok(true) => {
                tracing::info!("a package database changed");
                self.all_due();
            }
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "the package database cannot be read"),
        }
    }

    /// One at a time: an urgent question never waits for more than one other. What met a bad peer
    /// comes first: its findings are what an alert rests on.
    fn answer_next(&mut self) {
        let now = Instant::now();
        let rank = |key: &ProcessKey, at: &Instant| (!self.urgent.contains(key), *at, *key);
        let next = self.due.iter().filter(|(_, at)| **at <= now).min_by_key(|(key, at)| rank(key, at));
        if let Some(key) = next.map(|(key, _)| *key) {
            self.answer(key);
        }
    }

    /// What the process runs. Of one that is gone only its executable's package is known.
    fn packages(&self, key: ProcessKey) -> Vec<Package> {
        let found = self.inventory.packages_of(key.pid);
        if procfs::key_of(key.pid) == Some(key) {
            if let Some(first) = found.rejected.first() {
                let (refused, place, reason) = (found.refused, &first.file, &first.reason);
                tracing::info!(key.pid, refused, place, reason, "not everything that a process runs could be read");
            }
            return found.accepted;
        }
        let exe = self.living.get(&key).map(|process| process.exe.clone()).unwrap_or_default();
        self.inventory.owner(&exe).cloned().into_iter().collect()
    }

    fn answer(&mut self, key: ProcessKey) {
        let now = Instant::now();
        self.due.remove(&key);
        self.due.extend(self.young.next(key, now).map(|next| (key, next)));
        let Some((database, edition)) = self.database.clone() else { return };
        let at = Timestamp::from_system(SystemTime::now());
        let packages = self.packages(key);
        let mut findings: Vec<Finding> =
            packages.iter().flat_map(|package| tripoint_vuln::match_package(&database, package)).collect();
        self.add_restarts(key, &database, &mut findings);
        findings.sort_by(|a, b| (&a.purl, &a.id).cmp(&(&b.purl, &b.id)));
        let findings: Arc<[Finding]> = findings.into();
        let before = self.told.get(&key);
        // Told again only when it changed: an unchanged answer changes no alert.
        if before.is_some_and(|told| told.findings == findings) {
            return;
        }
        let rejudged = before.is_some_and(|told| told.packages == packages);
        if let Some(process) = self.living.get(&key) {
            self.recalled.touch(process, now);
        }
        self.told.insert(key, Told { packages, findings: Arc::clone(&findings) });
        let _ = self.detector.send(Wake::Findings { process: key, findings, rejudged, edition, at });
    }

    /// Adds to each fix what has to be restarted for it; where a newer version without the finding
    /// lies on disk already, that is all there is to do.
    fn add_restarts(&self, key: ProcessKey, database: &Database, findings: &mut [Finding]) {
        let Some(process) = self.living.get(&key) else { return };
        let restarts = BTreeSet::from([Restart::of(process)]);
        for finding in findings {
            let still = |package: &Package| {
                package.name == finding.name
                    && tripoint_vuln::match_package(database, package).iter().any(|found| found.id == finding.id)
            };
            let stale = finding.presence == PackageState::Stale;
            if stale {
                let installed = &self.inventory.inventory().packages;
                let now = installed.iter().find(|package| package.name == finding.name);
                finding.on_disk = now.map(|now| now.version.clone()).filter(|now| *now != finding.version);
            }
            let fixed_on_disk = stale && !self.inventory.inventory().packages.iter().any(still);
            restart::complete(finding, &restarts, fixed_on_disk);
        }
    }
}

#[cfg(test)]
mod tests;
