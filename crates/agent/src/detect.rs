//! What do the connections seen mean, given indicators and findings? The one thread that decides.

mod asked;
mod indexed;
mod policy;
mod tell;
mod tried;

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender};
use std::time::{Duration, Instant, SystemTime};

use ipnet::IpNet;
use tripoint_correlator::Correlator;
use tripoint_intel::Index;
use tripoint_linux::bpf::SetMaps;
use tripoint_model::judgement::Software;
use tripoint_model::{
    Alert, AlertId, Attempt, Connection, ConnectionId, Edition, Exception, Finding, Judgement, Outcome, Process,
    ProcessKey, Refusal, Sighting, Timestamp, What,
};
use tripoint_sensor::Seen;

use crate::config;
use crate::findings::Request;
use crate::investigate;
use crate::respond::{Ask, Waiting};
use crate::sense::Shared;
use crate::uplink::Report;

/// Everything that can wake detection.
pub enum Wake {
    /// The sensor saw something.
    Seen(Vec<Seen>),
    /// What a process is vulnerable to, looked up at `at`.
    Findings {
        /// Which process.
        process: ProcessKey,
        /// All that was found; empty = looked, found nothing.
        findings: Arc<[Finding]>,
        /// Whether it runs what it ran when it was last looked at, and advisories changed.
        rejudged: bool,
        /// The advisories that it was looked up in.
        edition: Edition,
        /// When it was looked up.
        at: Timestamp,
    },
    /// The SHA-256 of a process's executable.
    Hash {
        /// Which process.
        process: ProcessKey,
        /// Hex.
        sha256: String,
    },
    /// What became of the software of an alert, as far as that was looked up unasked.
    Software {
        /// Which alert.
        alert: AlertId,
        /// How it is now.
        software: Software,
    },
    /// New indicators, and the number of their image.
    Index(Arc<Index>, u64),
    /// Somebody does not want certain alerts.
    AddException(Exception),
    /// Somebody wants them again.
    RemoveException(String),
    /// What the logs of a server show, and connections that may be its consequence.
    Tried {
        /// The server.
        server: Arc<Process>,
        /// What was tried on it.
        attempts: Arc<[Attempt]>,
        /// Connections of it, or of what it began, with when they were so.
        calls: Vec<(Arc<Connection>, Timestamp)>,
    },
    /// An action has an outcome, with the alert that caused it, if one did.
    Outcome(Option<AlertId>, Outcome),
    /// The guard refused what policy wanted about an alert.
    Refused(AlertId, Refusal),
    /// The end.
    Stop,
}

/// The doors to the other threads.
pub struct Doors {
    /// Alerts and outcomes for the server.
    pub reports: tokio::sync::mpsc::UnboundedSender<Report>,
    /// Questions about processes.
    pub findings: Sender<Request>,
    /// Proposals of actions.
    pub actions: Sender<Ask>,
    /// Alerts to be looked into.
    pub cases: SyncSender<investigate::Ask>,
    /// The sensing thread.
    pub shared: Arc<Shared>,
}

/// Keeps what detection knows.
pub struct Detector {
    correlator: Correlator,
    host: String,
    index: Option<Arc<Index>>,
    /// With which lists and advisories alerts are judged.
    judged: Judgement,
    asked: asked::Asked,
    set: Option<SetMaps>,
    doors: Doors,
    policy: config::Response,
    /// Open connections that met an indicator, for re-evaluation.
    met: HashMap<ConnectionId, (Arc<Connection>, Timestamp)>,
    hashes: HashMap<ProcessKey, String>,
    vulnerable: HashSet<ProcessKey>,
    /// What was proposed for each peer of an alert, and not to be proposed again before when.
    proposed: HashMap<(AlertId, IpAddr), Timestamp>,
    /// Proposals that wait to be acted on, and alerts for whose there was no place.
    waiting: Waiting,
    postponed: HashSet<AlertId>,
    exceptions: Vec<Exception>,
    permit_ranges: Vec<IpNet>,
    enforced_at: Option<Instant>,
    /// Connections to peers that no list knows, and that followed an attack.
    called_back: HashSet<ConnectionId>,
    /// Listen to the first words of clients while names are listed.
    sni: bool,
}

/// How many met connections are remembered for re-evaluation.
const MET_MAX: usize = 20_000;
/// What is refused ahead is reckoned anew this often.
const ENFORCE_AGAIN: Duration = Duration::from_secs(300);

impl Detector {
    /// A detector that knows nothing yet. `set` is the kernel's set, where there is one.
    pub fn new(
        correlator: Correlator,
        host: &str,
        set: Option<SetMaps>,
        config: &config::Config,
        doors: Doors,
    ) -> Self {
        Self {
            correlator,
            host: host.to_owned(),
            index: None,
            judged: Judgement::default(),
            asked: asked::Asked::default(),
            set,
            doors,
            policy: config.response.clone(),
            met: HashMap::new(),
            hashes: HashMap::new(),
            vulnerable: HashSet::new(),
            proposed: HashMap::new(),
            waiting: Waiting::default(),
            postponed: HashSet::new(),
            exceptions: Vec::new(),
            permit_ranges: config.intel.permit_ranges.clone(),
            enforced_at: None,
            called_back: HashSet::new(),
            sni: config.sensor.sni,
        }
    }

    /// Decides until told to stop.
    pub fn run(&mut self, wakes: &Receiver<Wake>) {
        let mut ticked = Instant::now();
        loop {
            match wakes.recv_timeout(Duration::from_secs(1)) {
                Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(wake) => self.take(wake),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if ticked.elapsed() >= Duration::from_secs(5) {
                ticked = Instant::now();
                self.tick();
            }
        }
    }

    fn tick(&mut self) {
        let moment = now();
        self.proposed.retain(|_, again| *again > moment);
        self.propose_postponed(moment);
        // Indicators and exceptions end with time: what is refused ahead follows them.
        if self.enforced_at.is_some_and(|at| at.elapsed() > ENFORCE_AGAIN) {
            self.enforce();
        }
        self.observe(moment, What::Tick);
    }

    fn take(&mut self, wake: Wake) {
        match wake {
            Wake::Seen(seen) => seen.into_iter().for_each(|one| self.seen(one)),
            Wake::Findings { process, findings, rejudged, edition, at } => {
                self.judged.vuln = self.judged.vuln.max(Some(edition));
                if self.asked.note(process, edition) {
                    let on_record = self.correlator.sightings().filter_map(|(c, _)| Some(c.process.as_ref()?.key));
                    self.asked.forget(&on_record.collect());
                }
                self.found(process, findings, rejudged, at);
            }
            Wake::Software { alert, software } => self.look_after(alert, software),
            Wake::Hash { process, sha256 } => self.hashed(process, sha256),
            Wake::Index(index, number) => self.swap(index, number),
            Wake::AddException(exception) => {
                self.exceptions.retain(|known| known.id != exception.id);
                self.exceptions.push(exception.clone());
                self.enforce();
                self.observe(now(), What::ExceptionAdded { exception });
            }
            Wake::RemoveException(id) => {
                self.exceptions.retain(|known| known.id != id);
                self.enforce();
                self.observe(now(), What::ExceptionRemoved { id });
            }
            Wake::Tried { server, attempts, calls } => self.tried(server, attempts, calls),
            Wake::Outcome(cause, outcome) => self.outcome(cause, &outcome),
            Wake::Refused(alert, refusal) => _ = self.doors.reports.send(Report::Refused(alert, refusal)),
            Wake::Stop => {}
        }
    }

    fn seen(&mut self, seen: Seen) {
        match seen {
            Seen::Connection { connection, at, .. } => self.connection(connection, at),
            Seen::Started { process, at, found } => {
                // Another program in the same process has another hash.
                self.hashes.remove(&process.key);
                if self.correlator.is_on_record(&process.application().key()) {
                    self.observe(at, What::ProcessStarted { process: Arc::clone(&process) });
                }
                let _ = self.doors.findings.send(Request::Started { process, found });
            }
            Seen::Ended { key, at } => {
                let _ = self.doors.findings.send(Request::Ended(key));
                self.hashes.remove(&key);
                self.asked.end(key);
                self.forget(key);
                if self.vulnerable.remove(&key) {
                    self.mark(key, false);
                }
                self.observe(at, What::ProcessEnded { process: key });
            }
            Seen::Resolved { name, addresses, netns, at, .. } => {
                self.observe(at, What::NameResolved { name, addresses, netns });
            }
        }
    }

    fn connection(&mut self, connection: Arc<Connection>, at: Timestamp) {
        let Some(index) = &self.index else { return };
        let id = connection.id;
        let connection = self.with_name(connection);
        let claims = index.claims_of(&connection);
        // What no list names any more is told of until its end, where it was listed before.
        let was_listed = self.met.contains_key(&id) && !self.called_back.contains(&id);
        if claims.is_empty() && !was_listed {
            return self.follow_up(connection, at);
        }
        let guard = index.guard_of(&connection);
        let connection = self.with_hash(connection);
        self.follow(&connection, at);
        let sighting = Sighting { connection: id, claims, guard };
        self.observe(at, What::Sighting { sighting });
        let alerts = self.observe(at, What::Connection { connection: Arc::clone(&connection) });
        self.look_unasked(&connection, alerts);
    }

    /// The connection with the name that it gave its peer, if the sensor has forgotten it meanwhile.
    fn with_name(&self, connection: Arc<Connection>) -> Arc<Connection> {
        let known = self.met.get(&connection.id).and_then(|(known, _)| known.named.clone());
        match known {
            Some(named) if connection.named.is_none() => {
                Arc::new(Connection { named: Some(named), ..Connection::clone(&connection) })
            }
            _ => connection,
        }
    }

    /// The connection with its owner's hash, if that is known by now.
    fn with_hash(&self, connection: Arc<Connection>) -> Arc<Connection> {
        let Some(process) = &connection.process else { return connection };
        let Some(hash) = self.hashes.get(&process.key).filter(|_| process.exe_sha256.is_none()) else {
            return connection;
        };
        let mut process = Process::clone(process);
        process.exe_sha256 = Some(hash.clone());
        Arc::new(Connection { process: Some(Arc::new(process)), ..Connection::clone(&connection) })
    }

    /// Remembers an open one, asks about its process, and forgets a closed one.
    fn follow(&mut self, connection: &Arc<Connection>, at: Timestamp) {
        let watch = |watched: bool| {
            if let Ok(mut cookies) = self.doors.shared.watched.lock() {
                if watched && cookies.len() < MET_MAX {
                    cookies.insert(connection.id.cookie);
                } else if !watched {
                    cookies.remove(&connection.id.cookie);
                }
            }
        };
        if connection.state.is_open() {
            watch(true);
            if self.met.len() < MET_MAX {
                self.met.insert(connection.id, (Arc::clone(connection), at));
            }
        } else {
            watch(false);
            // One whose owner's hash is still being computed is told once more with it.
            let hashed = |owner: &Arc<Process>| self.hashes.contains_key(&owner.key);
            if connection.process.as_ref().is_none_or(hashed) || self.met.len() >= MET_MAX {
                self.met.remove(&connection.id);
            } else {
                self.met.insert(connection.id, (Arc::clone(connection), at));
            }
        }
        if let Some(process) = &connection.process {
            let _ = self.doors.findings.send(Request::Urgent(Arc::clone(process)));
        }
    }

    fn found(&mut self, process: ProcessKey, findings: Arc<[Finding]>, rejudged: bool, at: Timestamp) {
        let vulnerable = findings.iter().any(|finding| finding.state.is_vulnerable());
        if vulnerable != self.vulnerable.contains(&process) {
            self.mark(process, vulnerable);
            if vulnerable {
                self.vulnerable.insert(process);
            } else {
                self.vulnerable.remove(&process);
            }
        }
        self.observe(at, What::Findings { process, findings, rejudged });
    }

    fn hashed(&mut self, process: ProcessKey, sha256: String) {
        self.hashes.insert(process, sha256);
        // Connections reported before the hash was known are told again with it.
        let of_process = |(connection, _): &&(Arc<Connection>, Timestamp)| {
            connection.process.as_ref().is_some_and(|owner| owner.key == process)
        };
        let again: Vec<_> = self.met.values().filter(of_process).cloned().collect();
        self.forget_closed(process);
        for (connection, at) in again {
            let connection = self.with_hash(connection);
            self.observe(Timestamp(at.0 + 1), What::Connection { connection });
        }
    }

    /// What was done about a peer is shown on every alert about it, whoever asked for it.
    fn outcome(&mut self, cause: Option<AlertId>, outcome: &Outcome) {
        self.carried_out(cause.as_ref(), outcome);
        let meant =
            |connection: &Arc<Connection>| outcome.target.matches(connection.remote.ip(), connection.remote.port());
        let about = |alert: &Alert| cause.as_ref() == Some(&alert.id) || alert.connections.iter().any(meant);
        let alerts: Vec<AlertId> = self.correlator.alerts().into_iter().filter(about).map(|alert| alert.id).collect();
        for alert in alerts {
            self.observe(outcome.at, What::Outcome { alert, outcome: outcome.clone() });
        }
    }

    /// Everything about a process that ended; its connections end with it.
    fn forget(&mut self, process: ProcessKey) {
        let of_process = |c: &Connection| c.process.as_ref().is_some_and(|owner| owner.key == process);
        let gone: Vec<ConnectionId> = self.met.iter().filter(|(_, (c, _))| of_process(c)).map(|(id, _)| *id).collect();
        self.met.retain(|_, (connection, _)| !of_process(connection));
        gone.iter().for_each(|id| {
            self.called_back.remove(id);
        });
        if let Ok(mut watched) = self.doors.shared.watched.lock() {
            gone.iter().for_each(|id| {
                watched.remove(&id.cookie);
            });
        }
    }

    fn forget_closed(&mut self, process: ProcessKey) {
        let of_process = |c: &Connection| c.process.as_ref().is_some_and(|owner| owner.key == process);
        self.met.retain(|_, (connection, _)| connection.state.is_open() || !of_process(connection));
    }

    fn mark(&mut self, process: ProcessKey, vulnerable: bool) {
        if let Some(set) = &mut self.set {
            set.set_vulnerable(process.pid, process.start_ns, vulnerable);
        }
    }
}

fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

#[cfg(test)]
mod tests;
