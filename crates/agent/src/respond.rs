//! Who wants what done, may it be done, and was it? The one thread that touches the firewall.

mod exceptions;
mod follow;
mod overrule;
pub mod probe;
mod proposals;
mod propose;
mod quarantine;
mod second;
mod standing;
mod waiting;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender};
use std::time::{Duration, Instant, SystemTime};

use tripoint_api::agent::{Answer, LedgerEntry, Order};
use tripoint_intel::Index;
use tripoint_model::{
    Action, AlertId, Connection, Cut, Exception, IndicatorLookup, Outcome, OutcomeState, Plan, Target, Timestamp,
};
use tripoint_responder::{Firewall, Guard, LedgerError, Reconciled, Responder, plan};

use crate::blocked_names::{BlockedNames, NameAnswer};
use crate::config::{self, Config};
use crate::detect::Wake;
use crate::sense::Shared;
use crate::uplink::Report;
use crate::wall::WallClock;
use crate::{live, protected};
use probe::Probe;
use proposals::Proposals;
pub use propose::Proposal;
use quarantine::Quarantine;
pub use waiting::{Place, Waiting};

/// How often ledger and kernel are compared.
const RECONCILE_EVERY: Duration = Duration::from_secs(5);
/// What must stay reachable changes seldom; before something new is done it is computed anew when older than this.
const PROTECTED_AGE: Duration = Duration::from_secs(2);
/// The same for looking after what stands already.
const PROTECTED_AGE_STANDING: Duration = Duration::from_secs(30);

/// Outcomes of one order with a line each in the log.
const LINES_MAX: usize = 100;

/// Everything that can wake the responder.
pub enum Ask {
    /// An order from the server, with its number.
    Order(u64, Box<Order>),
    /// Policy proposes to cut a peer off.
    Policy(Box<Proposal>),
    /// Every exception that is in force, as the server knows them.
    Exceptions(Vec<Exception>),
    /// A name server answered about blocked names.
    Answered(Vec<NameAnswer>),
    /// New indicators, whose guard lists count.
    Index(Arc<Index>),
    /// The end.
    Stop,
}

/// What blocks on this host.
#[derive(Clone, Copy, Debug)]
pub struct Blocking {
    /// The mechanism's name.
    pub mechanism: &'static str,
    /// What its blocks do not refuse.
    pub gaps: &'static [&'static str],
}

/// Keeps ledger, guard and firewall together.
pub struct Respond {
    responder: Responder,
    guard: Guard,
    computed: Option<Instant>,
    /// Where exceptions are kept for the time when the server is away.
    exceptions_file: PathBuf,
    /// Whether the exceptions in force are known; before that policy may do nothing.
    exceptions_known: bool,
    /// Whether the server has told them since we were started.
    exceptions_asked: bool,
    clock: WallClock,
    detector: SyncSender<Wake>,
    reports: tokio::sync::mpsc::UnboundedSender<Report>,
    /// What must still work behind an automatic block, and who was let go because it did not.
    probe: Option<Probe>,
    quarantine: Quarantine,
    /// What waits for a second person, and which actions do.
    proposals: Proposals,
    response: config::Response,
    /// Which rule stood in policy's way last, by alert and peer, so that it is told once.
    refused: BTreeMap<(AlertId, Target), String>,
    /// The folder of this instance.
    data: PathBuf,
    /// Which names the sensing thread looks for in answers.
    blocked: Arc<BlockedNames>,
}

impl Respond {
    /// Opens the ledger and makes the kernel equal to it.
    pub fn open(
        ledger: &Path,
        firewall: Box<dyn Firewall>,
        config: &Config,
        detector: SyncSender<Wake>,
        reports: tokio::sync::mpsc::UnboundedSender<Report>,
    ) -> Result<Self, LedgerError> {
        let (responder, report) = Responder::open(ledger, firewall)?;
        tracing::info!(blocks = report.wanted, mechanism = responder.mechanism(), "ledger of actions opened");
        if report.torn_bytes > 0 {
            let bytes = report.torn_bytes;
            tracing::warn!(bytes, "the end of the ledger was cut: an interrupted write, or damage to the newest lines");
        }
        for damage in &report.damage {
            tracing::error!(damage, "the ledger is damaged; blocks that it does not know are left to their time");
        }
        let guard = protected::guard(config);
        let exceptions_file = ledger.with_file_name("exceptions.json");
        let kept = exceptions::read(&exceptions_file);
        let exceptions_known = kept.is_some();
        let clock = WallClock::open(&ledger.with_file_name("clocks.json"));
        let mut respond = Self {
            responder,
            guard,
            computed: None,
            exceptions_file,
            exceptions_known,
            exceptions_asked: false,
            clock,
            detector,
            reports,
            probe: config.response.probe.clone(),
            quarantine: Quarantine::open(&ledger.with_file_name("quarantine.json")),
            proposals: Proposals::open(&ledger.with_file_name("proposals.json")),
            response: config.response.clone(),
            refused: BTreeMap::new(),
            data: ledger.ancestors().nth(2).unwrap_or(ledger).to_owned(),
            blocked: Arc::default(),
        };
        respond.guard.exceptions = kept.unwrap_or_default();
        Ok(respond)
    }

    /// Tells the guard what exceptions and blocks may speak of: this host by name, and names by which peers were
    /// reached; `answers`: whether those of name servers are seen here.
    pub fn know(&mut self, host: &str, shared: &Shared, ask: &Sender<Ask>, answers: bool) {
        shared.blocked.tell(ask.clone());
        host.clone_into(&mut self.guard.host);
        self.guard.names = Some(shared.reached.clone());
        self.guard.answers = answers;
        self.blocked = Arc::clone(&shared.blocked);
    }

    /// The mechanism in force.
    pub fn blocking(&self) -> Blocking {
        Blocking { mechanism: self.responder.mechanism(), gaps: self.responder.gaps() }
    }

    /// Answers until told to stop.
    pub fn run(&mut self, asks: &Receiver<Ask>) {
        for exception in self.guard.exceptions.clone() {
            let _ = self.detector.send(Wake::AddException(exception));
        }
        self.reconcile();
        self.resume_agreed();
        let mut reconciled = Instant::now();
        loop {
            match asks.recv_timeout(RECONCILE_EVERY) {
                Ok(Ask::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(ask) => {
                    self.take(ask);
                    self.watch_names();
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if reconciled.elapsed() >= RECONCILE_EVERY {
                self.reconcile();
                reconciled = Instant::now();
            }
        }
    }

    fn take(&mut self, ask: Ask) {
        match ask {
            Ask::Order(number, order) => {
                let answer = self.order(*order);
                let _ = self.reports.send(Report::Answer(number, answer));
            }
            Ask::Policy(proposal) => self.propose(&proposal),
            Ask::Answered(answers) => self.follow(&answers),
            Ask::Exceptions(exceptions) => self.know_exceptions(exceptions),
            Ask::Index(index) => self.guard.lookup = Some(index as Arc<dyn IndicatorLookup>),
            Ask::Stop => {}
        }
    }

    fn order(&mut self, order: Order) -> Answer {
        match order {
            Order::Act { id, actions, dry_run, consent } => match self.under_consent(actions, consent.as_deref()) {
                Ok(actions) if dry_run => self.act(&actions, true),
                Ok(actions) => self.act_or_wait(&id, &actions),
                Err(refusal) => Answer { refused: vec![refusal], ..Answer::default() },
            },
            Order::Approve { id, by } => self.approve(&id, &by),
            Order::Reject { id, by, reason } => self.reject(&id, &by, reason),
            Order::Confirm { id, by, consent } => self.confirm(&id, &by, &consent),
            Order::AddException { exception } => self.add_exception(exception),
            Order::RemoveException { id } => self.remove_exception(&id),
            Order::ReleaseAll => self.release_all(),
            Order::Standing => {
                Answer { proposed: self.proposals.all(), ..standing::answer(&mut self.responder, now()) }
            }
            Order::WouldLift { exception } => standing::excepted(&mut self.responder, &self.guard, &exception, now()),
            Order::ContentChanged => Answer::default(),
            // What looks into alerts has more to do than it can.
            Order::Investigate { .. } => {
                Answer { error: Some("too many alerts wait to be looked into".into()), ..Answer::default() }
            }
        }
    }

    /// Does it, or has it wait for a second person.
    fn act_or_wait(&mut self, origin: &str, actions: &[Action]) -> Answer {
        let Some(why) = self.response.waits(actions) else { return self.act(actions, false) };
        let moment = now();
        let plan = self.planned(actions, moment);
        if plan.plan.is_empty() {
            return Answer { refused: plan.refused, ..Answer::default() };
        }
        self.wait(origin, why, actions, &plan, moment)
    }

    fn planned(&mut self, actions: &[Action], moment: Timestamp) -> Plan {
        let targets: Vec<Target> = actions.iter().map(|action| action.target.clone()).collect();
        let live = live::connections_with(&self.with_led(targets));
        self.prepare(moment, PROTECTED_AGE);
        plan(actions, &self.guard, &live, moment)
    }

    fn act(&mut self, actions: &[Action], only_say: bool) -> Answer {
        let moment = now();
        let plan = self.planned(actions, moment);
        let outcomes =
            if only_say { self.responder.foretell(&plan, moment) } else { self.responder.execute(&plan, now()) };
        if !only_say {
            self.tell(&plan, &outcomes);
        }
        Answer { plan: plan.plan, refused: plan.refused, outcomes, ..Answer::default() }
    }

    fn tell(&mut self, plan: &Plan, outcomes: &[Outcome]) {
        log(outcomes);
        for (planned, outcome) in plan.plan.iter().zip(outcomes) {
            self.say(planned.cause.clone(), outcome.clone());
        }
        self.tell_ended();
    }

    /// Tells detection and the server what became of an action.
    fn say(&self, cause: Option<AlertId>, outcome: Outcome) {
        let _ = self.detector.send(Wake::Outcome(cause.clone(), outcome.clone()));
        let _ = self.reports.send(Report::Outcome(cause, outcome));
    }

    /// A line for the server's audit.
    fn note(&self, id: &str, state: &str, detail: String) {
        let entry = LedgerEntry { at: now(), id: id.to_owned(), state: state.to_owned(), detail };
        let _ = self.reports.send(Report::Ledger(entry));
    }

    fn release_all(&mut self) -> Answer {
        let moment = now();
        let outcomes = self.responder.release_all(moment);
        self.tell_ended();
        Answer { outcomes, ..Answer::default() }
    }

    /// Blocks that have ended, for the alerts that caused them.
    fn tell_ended(&mut self) {
        for (alert, outcome) in self.responder.take_ended() {
            self.say(alert, outcome);
        }
    }

    /// Brings the guard up to date before it is asked.
    fn prepare(&mut self, moment: Timestamp, age: Duration) {
        if self.computed.is_none_or(|at| at.elapsed() > age) {
            self.guard.protected = protected::compute(&[]);
            self.computed = Some(Instant::now());
        }
        self.guard.usage = self.responder.usage(moment);
        self.guard.exceptions.retain(|exception| exception.expires > moment);
        if self.guard.protected.is_some() {
            self.responder.admit(&self.guard.admitted());
        }
    }

    fn reconcile(&mut self) {
        let back = self.clock.look();
        let moment = now();
        if !back.is_zero() {
            tracing::warn!(?back, "the wall clock went back; blocks end when they would have ended");
            self.proposals.set_back(back);
            if let Err(error) = self.responder.set_back(back, moment) {
                tracing::error!(%error, "the ledger could not follow the wall clock");
            }
        }
        self.expire_proposals();
        // Looking around costs a walk over all sockets: only while there is something to protect from.
        if !self.responder.active(moment).is_empty() {
            self.prepare(moment, PROTECTED_AGE_STANDING);
        }
        let done = self.responder.reconcile(&self.guard, moment);
        if !done.is_quiet() {
            tracing::warn!(?done, "kernel and ledger differed");
        }
        for entry in drift(&done, moment) {
            let _ = self.reports.send(Report::Ledger(entry));
        }
        self.tell_ended();
        self.watch_names();
    }
}

pub(crate) fn cut(connection: &Connection) -> Cut {
    let process = connection.process.as_ref();
    Cut {
        connection: connection.id,
        protocol: connection.protocol,
        local: connection.local,
        remote: connection.remote,
        netns: connection.netns,
        pid: process.map_or(0, |process| process.key.pid),
        application: process.map(|process| process.application().name).unwrap_or_default(),
    }
}

/// One line each of what a person can read; of more, those that failed and how many there were. The ledger has each.
fn log(outcomes: &[Outcome]) {
    let is_told = |outcome: &&Outcome| outcomes.len() <= LINES_MAX || outcome.state == OutcomeState::Failed;
    for outcome in outcomes.iter().filter(is_told).take(LINES_MAX) {
        tracing::info!(action = outcome.action.as_str(), target = %outcome.target, mechanism = outcome.mechanism, state = ?outcome.state, verified = outcome.verified, "action");
    }
    if outcomes.len() > LINES_MAX {
        let failed = outcomes.iter().filter(|outcome| outcome.state == OutcomeState::Failed).count();
        let verified = outcomes.iter().filter(|outcome| outcome.verified).count();
        tracing::info!(actions = outcomes.len(), failed, verified, "actions");
    }
}

/// What the comparison changed, one line each.
fn drift(done: &Reconciled, at: Timestamp) -> Vec<LedgerEntry> {
    let line = |id: String, state: &str, detail: String| LedgerEntry { at, id, state: state.to_owned(), detail };
    let targets = [
        ("restored", &done.restored),
        ("corrected", &done.corrected),
        ("removed", &done.removed),
        ("expired", &done.expired),
    ];
    let repairs = done.repairs.iter().map(|word| line("mechanism".to_owned(), "repaired", word.clone()));
    let of_targets = targets.into_iter().flat_map(|(state, all)| all.iter().map(move |target| (state, target)));
    of_targets.map(|(state, target)| line(target.to_string(), state, String::new())).chain(repairs).collect()
}

fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

#[cfg(test)]
mod second_tests;
