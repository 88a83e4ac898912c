//! What do the application's own logs say of the peer of an alert?
//!
//! A thread of its own: logs are large, and nothing may wait for them. Each alert is looked into a moment after it came
//! (servers write a request down when it is over), again a minute later, and while it goes on every ten minutes.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc::UnboundedSender;
use tripoint_api::agent::Answer;
use tripoint_evidence::attempt;
use tripoint_evidence::locate::{Subject, locate};
use tripoint_evidence::scan::Options;
use tripoint_evidence::search::{Query, search};
use tripoint_evidence::stamp::Clock;
use tripoint_evidence::why::{Owner, Question, explain, names_of};
use tripoint_model::address::canonical;
use tripoint_model::{Alert, AlertId, Connection, Investigation, LogEvidence, Process, Timestamp, Verdict, Why};
use tripoint_sensor::procfs;

use crate::config::Evidence;
use crate::uplink::Report;

/// What is asked of the thread.
pub enum Ask {
    /// An alert came or changed.
    Alert(Box<Case>),
    /// The server's order of this number: look into it now.
    Order(u64, Box<Case>),
    /// The end.
    Stop,
}

/// What there is to look into.
#[derive(Clone, Debug)]
pub struct Case {
    /// The alert.
    pub alert: AlertId,
    /// The process that was connected.
    pub process: Option<Arc<Process>>,
    /// Its newest connection.
    pub connection: Option<Arc<Connection>>,
    /// Its peers.
    pub peers: Vec<IpAddr>,
    /// When it began.
    pub since: Timestamp,
}

impl Case {
    /// What an alert is about.
    pub fn of(alert: &Alert) -> Self {
        let mut peers: Vec<IpAddr> = alert.connections.iter().map(|one| canonical(one.remote.ip())).collect();
        peers.sort_unstable();
        peers.dedup();
        Self {
            alert: alert.id.clone(),
            process: alert.process.clone(),
            connection: alert.connections.first().cloned(),
            peers,
            since: alert.first_seen,
        }
    }
}

/// Alerts that may wait; those beyond are looked into when they change.
pub const WAITING_MAX: usize = 256;
/// Servers write a request down when it is over.
const AT_FIRST: Duration = Duration::from_secs(2);
const AGAIN: Duration = Duration::from_secs(60);
const WHILE_IT_LASTS: Duration = Duration::from_secs(600);
/// Alerts that are remembered.
const KNOWN_MAX: usize = 10_000;

/// Looks into alerts until told to stop.
pub struct Investigate {
    config: Evidence,
    reports: UnboundedSender<Report>,
    /// When each alert was last looked into, and how often.
    known: HashMap<AlertId, (Instant, u32)>,
    /// What is to be looked into, and when.
    waiting: BTreeMap<(Instant, AlertId), Box<Case>>,
}

impl Investigate {
    /// Nothing looked into so far.
    pub fn new(config: Evidence, reports: UnboundedSender<Report>) -> Self {
        Self { config, reports, known: HashMap::new(), waiting: BTreeMap::new() }
    }

    /// Runs until `Ask::Stop`.
    pub fn run(mut self, asks: &Receiver<Ask>) {
        loop {
            let next = self.waiting.keys().next().map(|(at, _)| at.saturating_duration_since(Instant::now()));
            match asks.recv_timeout(next.unwrap_or(WHILE_IT_LASTS)) {
                Ok(Ask::Alert(case)) => self.plan(case),
                Ok(Ask::Order(number, case)) => {
                    let found = self.look(&case);
                    let answer = Answer { investigation: Some(Box::new(found)), ..Answer::default() };
                    let _ = self.reports.send(Report::Answer(number, answer));
                }
                Ok(Ask::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            while let Some(entry) = self.waiting.first_entry().filter(|entry| entry.key().0 <= Instant::now()) {
                let case = entry.remove();
                self.look(&case);
            }
        }
    }

    /// Decides when an alert is looked into, unless that is decided already.
    fn plan(&mut self, case: Box<Case>) {
        if !self.config.auto
            || self.waiting.keys().any(|(_, id)| *id == case.alert)
            || self.waiting.len() >= WAITING_MAX
        {
            return;
        }
        let now = Instant::now();
        let at = match self.known.get(&case.alert) {
            None => now + AT_FIRST,
            Some((last, 1)) => (*last + AGAIN).max(now),
            Some((last, _)) => (*last + WHILE_IT_LASTS).max(now),
        };
        self.waiting.insert((at, case.alert.clone()), case);
    }

    /// Looks into one alert and tells the server.
    fn look(&mut self, case: &Case) -> Investigation {
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        let times = self.known.get(&case.alert).map_or(1, |(_, times)| times + 1);
        self.known.insert(case.alert.clone(), (Instant::now(), times));
        let begun = Instant::now();
        let at = Timestamp::from_system(SystemTime::now());
        let logs = self.logs(case, at, begun);
        let why = self.why(case, logs.verdict);
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let found = Investigation { at, took_ms, logs, why };
        tracing::info!(alert = %case.alert, took_ms, lines = found.logs.lines, "looked into an alert");
        let _ = self.reports.send(Report::Investigation(case.alert.clone(), Box::new(found.clone())));
        // Once more when whatever was under way is over.
        if times == 1 && self.config.auto {
            self.plan(Box::new(case.clone()));
        }
        found
    }

    /// Why it was connected. Other programs are not run here: what the packet filter lets pass, `tripoint why` reads.
    fn why(&self, case: &Case, verdict: Option<Verdict>) -> Option<Why> {
        let (process, connection) = (case.process.as_deref()?, case.connection.as_deref()?);
        let begun = Instant::now();
        Some(explain(&Question {
            process,
            peer: canonical(connection.remote.ip()),
            port: connection.remote.port(),
            direction: connection.direction,
            protocol: connection.protocol,
            names: names_of(connection),
            local: Some(connection.local),
            attempted: verdict.filter(|verdict| *verdict >= Verdict::Attempted),
            owner: Owner::NotKnown,
            ruleset: Err("its rules are read by `tripoint why`".into()),
            alert: Some(case.alert.to_string()),
            is_over: &|| begun.elapsed() > self.config.time_max,
        }))
    }

    fn logs(&self, case: &Case, now: Timestamp, begun: Instant) -> LogEvidence {
        let Some(process) = &case.process else {
            return LogEvidence { missing: vec!["the process is not known".into()], ..LogEvidence::default() };
        };
        let located = locate(&subject(process));
        let options = Options { format: None, clock: Clock::here(now), pack: attempt::pack(), is_proxy: &|_| false };
        let is_over = || begun.elapsed() > self.config.time_max;
        let mut whole = LogEvidence { missing: located.missing, ..LogEvidence::default() };
        for peer in &case.peers {
            let query = Query {
                peer: *peer,
                since: Some(case.since.minus(self.config.back)),
                bytes_max: u64::from(self.config.bytes_max_mib) << 20,
                is_over: &is_over,
            };
            whole.add(search(&located.logs, &query, &options));
        }
        whole
    }
}

fn subject(process: &Process) -> Subject {
    Subject {
        pid: (procfs::key_of(process.key.pid) == Some(process.key)).then_some(process.key.pid),
        exe: process.exe.clone(),
        argv: process.argv.clone(),
        unit: process.unit.clone(),
        container: process.container.as_ref().map(|container| (container.runtime.clone(), container.id.clone())),
    }
}
