//! What do the application's own logs say of the peer of an alert?
//!
//! A thread of its own: logs are large, and nothing may wait for them. Each alert is looked into a moment after it came
//! (servers write a request down when it is over), again a minute later, and while it goes on every ten minutes.

mod consequence;
mod follow;
mod left;
mod server;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc::UnboundedSender;
use tripoint_api::agent::Answer;
use tripoint_evidence::before::{Window, tried};
use tripoint_evidence::locate::Located;
use tripoint_evidence::locate::front::fronts;
use tripoint_evidence::pack::Pack;
use tripoint_evidence::scan::Options;
use tripoint_evidence::search::{Query, search, search_journal, spoofed};
use tripoint_evidence::stamp::Clock;
use tripoint_evidence::why::{Owner, Question, explain, names_of};
use tripoint_model::address::canonical;
use tripoint_model::{
    Alert, AlertId, Attempt, Connection, Direction, Investigation, LogEvidence, Process, Timestamp, Verdict, Why,
};

use crate::config::Evidence;
use crate::detect::Wake;
use crate::rules::Rules;
use crate::sense::Shared;
use crate::uplink::Report;
use consequence::Deeds;
use follow::Follow;

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
    /// Whether there is an alert; else only a listed peer was met, and what the logs say may make one of it.
    pub is_raised: bool,
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
            is_raised: true,
        }
    }

    /// What a connection to a listed peer is about, of which no alert came.
    pub fn unraised(connection: &Arc<Connection>) -> Option<Self> {
        let process = connection.process.clone()?;
        let peer = canonical(connection.remote.ip());
        Some(Self {
            alert: AlertId(format!("{} {peer}", process.application().key())),
            process: Some(process),
            connection: Some(Arc::clone(connection)),
            peers: vec![peer],
            since: connection.opened,
            is_raised: false,
        })
    }

    fn direction(&self) -> Option<Direction> {
        self.connection.as_ref().map(|connection| connection.direction)
    }
}

/// Alerts that may wait; those beyond are looked into when they change.
pub const WAITING_MAX: usize = 256;
/// Servers write a request down when it is over.
const AT_FIRST: Duration = Duration::from_secs(2);
const AGAIN: Duration = Duration::from_secs(60);
/// What is written down meanwhile is seen within this.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);
const WHILE_IT_LASTS: Duration = Duration::from_secs(600);
/// Alerts that are remembered.
const KNOWN_MAX: usize = 10_000;

/// Looks into alerts until told to stop.
pub struct Investigate {
    config: Evidence,
    rules: Arc<Rules>,
    reports: UnboundedSender<Report>,
    wake: SyncSender<Wake>,
    shared: Arc<Shared>,
    /// When each alert was last looked into, and how often.
    known: HashMap<AlertId, (Instant, u32)>,
    /// What is to be looked into, and when.
    waiting: BTreeMap<(Instant, AlertId), Box<Case>>,
    /// The logs in which more may come.
    follow: Follow,
    followed_at: Option<Instant>,
    /// When the sensor was last asked to list what is open.
    listed_at: Option<Instant>,
}

impl Investigate {
    /// Nothing looked into so far.
    pub fn new(
        config: Evidence,
        rules: Arc<Rules>,
        reports: UnboundedSender<Report>,
        wake: SyncSender<Wake>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            config,
            rules,
            reports,
            wake,
            shared,
            known: HashMap::new(),
            waiting: BTreeMap::new(),
            follow: Follow::default(),
            followed_at: None,
            listed_at: None,
        }
    }

    /// Runs until `Ask::Stop`. Between two looks everything that was asked meanwhile is taken: nobody waits for more
    /// than one.
    pub fn run(mut self, asks: &Receiver<Ask>) {
        loop {
            let next = self.waiting.keys().next().map(|(at, _)| at.saturating_duration_since(Instant::now()));
            let patience = next.unwrap_or(WHILE_IT_LASTS);
            let patience = if self.follow.is_empty() { patience } else { patience.min(FOLLOW_EVERY) };
            let mut asked = match asks.recv_timeout(patience) {
                Ok(ask) => Some(ask),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            while let Some(ask) = asked {
                match ask {
                    // What is no alert yet takes no place from what is one.
                    Ask::Alert(case) if !case.is_raised && self.waiting.len() >= WAITING_MAX / 4 => {}
                    Ask::Alert(case) => self.plan(case),
                    Ask::Order(number, case) => {
                        let found = self.look(&case);
                        let answer = Answer { investigation: Some(Box::new(found)), ..Answer::default() };
                        let _ = self.reports.send(Report::Answer(number, answer));
                    }
                    Ask::Stop => return,
                }
                asked = asks.try_recv().ok();
            }
            self.hurry();
            if let Some(entry) = self.waiting.first_entry().filter(|entry| entry.key().0 <= Instant::now()) {
                let case = entry.remove();
                self.look(&case);
            }
        }
    }

    /// Looks into alerts at once of whose peers something new was written down.
    fn hurry(&mut self) {
        if self.followed_at.is_some_and(|at| at.elapsed() < FOLLOW_EVERY) {
            return;
        }
        self.followed_at = Some(Instant::now());
        for (case, rested) in self.follow.news() {
            let at = rested.max(Instant::now());
            self.waiting.retain(|(_, id), _| *id != case.alert);
            self.waiting.insert((at, case.alert.clone()), case);
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
        // Made ready at the first case; that is no part of what a case may take.
        let pack = self.rules.in_force();
        let begun = Instant::now();
        let at = Timestamp::from_system(SystemTime::now());
        let logs = self.logs(case, &pack, at, begun);
        self.follow.rest(case, begun.elapsed());
        // Once more when whatever was under way is over.
        if times == 1 && self.config.auto {
            self.plan(Box::new(case.clone()));
        }
        if !case.is_raised {
            return Investigation { at, logs, ..Investigation::default() };
        }
        let why = self.why(case, logs.verdict);
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let found = Investigation { at, took_ms, logs, why };
        tracing::info!(alert = %case.alert, took_ms, lines = found.logs.lines, "looked into an alert");
        let _ = self.reports.send(Report::Investigation(case.alert.clone(), Box::new(found.clone())));
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

    /// What the logs say, judged by what followed; detection is told too.
    fn logs(&mut self, case: &Case, pack: &Pack, now: Timestamp, begun: Instant) -> LogEvidence {
        let Some(process) = &case.process else {
            return LogEvidence { missing: vec!["the process is not known".into()], ..LogEvidence::default() };
        };
        let mut listed = false;
        let (server, mut located) = server::of(process, case.direction());
        if case.is_raised && self.config.auto {
            located.missing.extend(self.follow.keep(case, &located.logs, located.journal.as_ref()));
        }
        let fronts = if located.is_empty() { Vec::new() } else { fronts() };
        let is_proxy = |peer: IpAddr| {
            self.config.proxies.iter().any(|net| net.contains(&peer))
                || located.is_proxy(peer)
                || (peer.is_loopback() && !fronts.is_empty())
        };
        let options = Options { format: None, clock: Clock::here(now), pack, is_proxy: &is_proxy };
        let stop = Arc::clone(&self.shared);
        let is_over = || begun.elapsed() > self.config.time_max || stop.stop.load(Ordering::Relaxed);
        let mut whole = self.of_peers(case, &located, &options, &is_over);
        let count = whole.attempts.len();
        let others = of_others(case, &located, &options, &is_over, &mut whole);
        let mut all = std::mem::take(&mut whole.attempts);
        all.extend(others);
        let mut calls = Vec::new();
        if all.iter().any(Attempt::is_exploit) {
            let is_due = self.listed_at.is_none_or(|at| at.elapsed() > LIST_PAUSE);
            if is_due {
                self.list_open();
            }
            calls = Deeds::of(&server, &self.shared.recent).judge(&mut all);
            whole.missing.extend(left::judge(&server, &located, &mut all, &is_over));
            listed = is_due;
        }
        if all.iter().any(|one| one.verdict >= Verdict::Attempted) {
            let attempts: Arc<[Attempt]> = gravest(all.iter()).cloned().collect();
            self.tell(Wake::Tried { server, attempts, calls });
        }
        // Of what others tried only what had to do with the peer is this alert's.
        let others = all.split_off(count);
        whole.attempts = all;
        whole.attempts.extend(others.into_iter().filter(|one| one.verdict == Verdict::LikelySucceeded));
        let counts = |one: &&Attempt| !case.peers.iter().any(|peer| spoofed(one, *peer).is_some());
        whole.verdict = whole.attempts.iter().filter(counts).map(|attempt| attempt.verdict).max();
        if listed {
            self.listed_at = Some(Instant::now());
        }
        whole
    }

    /// What the peers themselves tried, and what names them.
    fn of_peers(
        &self,
        case: &Case,
        located: &Located,
        options: &Options<'_>,
        is_over: &dyn Fn() -> bool,
    ) -> LogEvidence {
        let mut whole = LogEvidence { missing: located.missing.clone(), ..LogEvidence::default() };
        for peer in &case.peers {
            let query = Query {
                peer: *peer,
                since: Some(case.since.minus(self.config.back)),
                bytes_max: u64::from(self.config.bytes_max_mib) << 20,
                is_over,
            };
            whole.add(search(&located.logs, &query, options));
            whole.add(located.journal.as_ref().map(|one| search_journal(one, &query, options)).unwrap_or_default());
        }
        whole
    }

    /// Tells detection, which may be behind; not at any price, as it may have ended.
    fn tell(&self, mut wake: Wake) {
        let until = Instant::now() + TELL_WITHIN;
        while let Err(TrySendError::Full(back)) = self.wake.try_send(wake) {
            if self.shared.stop.load(Ordering::Relaxed) || Instant::now() > until {
                tracing::warn!("detection is behind: what a log shows was not told to it");
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
            wake = back;
        }
    }

    /// Has the sensor list what is open: a connection to a peer that nobody lists is told when it ends.
    fn list_open(&self) {
        self.shared.sweep.store(true, Ordering::Relaxed);
        let until = Instant::now() + LIST_WITHIN;
        while self.shared.sweep.load(Ordering::Relaxed) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(LISTING);
    }
}

/// What anybody tried shortly before the application called out: who attacks and who is called are often two.
fn of_others(
    case: &Case,
    located: &Located,
    options: &Options<'_>,
    is_over: &dyn Fn() -> bool,
    whole: &mut LogEvidence,
) -> Vec<Attempt> {
    let outbound = case.connection.as_ref().filter(|one| one.direction == Direction::Outbound);
    let Some(connection) = outbound else { return Vec::new() };
    let window = Window { from: connection.opened.minus(BEFORE), to: connection.opened.plus(consequence::SLACK) };
    let found = tried(&located.logs, located.journal.as_ref(), window, options, is_over);
    whole.missing.extend(found.missing.into_iter().filter(|reason| !located.missing.contains(reason)));
    let is_same = |one: &Attempt| {
        let same = |known: &Attempt| (known.offset, &known.file, &known.rule) == (one.offset, &one.file, &one.rule);
        whole.attempts.iter().any(same)
    };
    found.attempts.into_iter().filter(|one| !is_same(one)).collect()
}

/// The attempts that detection is told: the gravest, of those the newest.
fn gravest<'a>(attempts: impl Iterator<Item = &'a Attempt>) -> impl Iterator<Item = &'a Attempt> {
    let mut all: Vec<&Attempt> = attempts.collect();
    all.sort_by_key(|one| std::cmp::Reverse((one.verdict, one.time)));
    all.into_iter().take(TOLD_MAX)
}

/// How long before a connection an attack may have caused it.
const BEFORE: Duration = Duration::from_secs(600);
/// As many as detection keeps of one server.
const TOLD_MAX: usize = 32;
/// The sensor looks at its orders between two batches; then it takes a moment.
const LIST_PAUSE: Duration = Duration::from_secs(5);
const TELL_WITHIN: Duration = Duration::from_secs(5);
const LIST_WITHIN: Duration = Duration::from_secs(1);
const LISTING: Duration = Duration::from_millis(200);
