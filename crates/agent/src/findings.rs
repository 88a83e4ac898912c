//! What is each process vulnerable to? Looked up before anybody asks, off the path of events.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender};
use std::time::{Duration, Instant, SystemTime};

use tripoint_inventory::HostInventory;
use tripoint_model::{Finding, Package, Process, ProcessKey, Timestamp};
use tripoint_sensor::procfs;
use tripoint_vuln::Database;

use crate::detect::Wake;

/// A question, or something that changes the answers.
pub enum Request {
    /// A process began (it is looked at soon) or was there before (it is looked at now).
    Started {
        /// The process.
        process: Arc<Process>,
        /// Whether it has had time to load its libraries.
        settled: bool,
    },
    /// A process met a bad peer: now.
    Urgent(Arc<Process>),
    /// A process ended.
    Ended(ProcessKey),
    /// New advisories: every answer is due again.
    Database(Arc<Database>),
    /// The end.
    Stop,
}

/// How long a new process is left to load its libraries before it is looked at.
const SETTLE: Duration = Duration::from_millis(300);
/// How many processes are kept in mind.
const PROCESSES_MAX: usize = 20_000;

/// Keeps the inventory of the host and answers.
pub struct Findings {
    inventory: HostInventory,
    database: Option<Arc<Database>>,
    hash: Sender<ProcessKey>,
    detector: SyncSender<Wake>,
    every: Duration,
    living: HashMap<ProcessKey, Arc<Process>>,
    due: HashMap<ProcessKey, Instant>,
    told: HashMap<ProcessKey, Arc<[Finding]>>,
    urgent: HashSet<ProcessKey>,
}

impl Findings {
    /// Reads the host's package database. What met a bad peer is handed on to `hash`.
    pub fn open(detector: SyncSender<Wake>, hash: Sender<ProcessKey>, every: Duration) -> std::io::Result<Self> {
        Ok(Self {
            inventory: HostInventory::open(std::path::Path::new("/"))?,
            database: None,
            hash,
            detector,
            every,
            living: HashMap::new(),
            due: HashMap::new(),
            told: HashMap::new(),
            urgent: HashSet::new(),
        })
    }

    /// Answers until told to stop.
    pub fn run(&mut self, requests: &Receiver<Request>) {
        let mut looked = Instant::now();
        loop {
            let wait = match self.due.values().min() {
                None => Duration::from_secs(1),
                Some(next) => next.saturating_duration_since(Instant::now()).min(Duration::from_secs(1)),
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
            if looked.elapsed() >= self.every {
                looked = Instant::now();
                self.look_for_change();
            }
        }
    }

    fn take(&mut self, request: Request) {
        match request {
            Request::Started { process, settled } => {
                // The same process may have begun another program: what was said of the former one is void.
                self.told.remove(&process.key);
                self.urgent.remove(&process.key);
                if self.living.len() < PROCESSES_MAX {
                    let wait = if settled { Duration::ZERO } else { SETTLE };
                    self.due.insert(process.key, Instant::now() + wait);
                    self.living.insert(process.key, process);
                }
            }
            Request::Urgent(process) => {
                let key = process.key;
                self.living.insert(key, process);
                if !self.told.contains_key(&key) {
                    self.answer(key);
                }
                if self.urgent.insert(key) {
                    let _ = self.hash.send(key);
                }
            }
            Request::Ended(key) => {
                self.living.remove(&key);
                self.due.remove(&key);
                self.told.remove(&key);
                self.urgent.remove(&key);
            }
            Request::Database(database) => {
                tracing::info!(packages = database.packages(), built = %database.built(), "advisories in force");
                self.database = Some(database);
                self.all_due();
            }
            Request::Stop => {}
        }
    }

    fn all_due(&mut self) {
        let now = Instant::now();
        self.due.extend(self.living.keys().map(|key| (*key, now)));
    }

    /// Package databases may have changed, and processes load code as they run.
    fn look_for_change(&mut self) {
        match self.inventory.refresh_if_changed() {
            Ok(true) => {
                tracing::info!("the package database changed");
                self.all_due();
            }
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "the package database cannot be read"),
        }
    }

    /// One at a time: an urgent question never waits for more than one other.
    fn answer_next(&mut self) {
        let now = Instant::now();
        let next = self.due.iter().filter(|(_, at)| **at <= now).min_by_key(|(key, at)| (**at, **key));
        if let Some(key) = next.map(|(key, _)| *key) {
            self.answer(key);
        }
    }

    /// What the process runs. Of one that is gone only its executable's package is known.
    fn packages(&self, key: ProcessKey) -> Vec<Package> {
        let packages = self.inventory.packages_of(key.pid);
        if procfs::key_of(key.pid) == Some(key) {
            return packages;
        }
        let exe = self.living.get(&key).map(|process| process.exe.clone()).unwrap_or_default();
        self.inventory.owner(&exe).cloned().into_iter().collect()
    }

    fn answer(&mut self, key: ProcessKey) {
        self.due.remove(&key);
        let Some(database) = self.database.clone() else { return };
        let at = Timestamp::from_system(SystemTime::now());
        let packages = self.packages(key);
        let mut findings: Vec<Finding> =
            packages.iter().flat_map(|package| tripoint_vuln::match_package(&database, package)).collect();
        findings.sort_by(|a, b| (&a.purl, &a.id).cmp(&(&b.purl, &b.id)));
        let findings: Arc<[Finding]> = findings.into();
        // Told again only when it changed: an unchanged answer changes no alert.
        if self.told.get(&key) == Some(&findings) {
            return;
        }
        self.told.insert(key, Arc::clone(&findings));
        let _ = self.detector.send(Wake::Findings { process: key, findings, at });
    }
}
