//! Which threads does the agent have, and what flows between them? All on this page.
//!
//! ```text
//!  kernel ──rings──▶ sense ──Seen──▶ detect ──Alert──▶ uplink ──HTTP──▶ server
//!                     └─▶ contacts ──Contact────────────┘   ▲
//!                                       │ └─Case─▶ investigate ◀─Order── uplink
//!                                       │ ◀─Tried──────┘
//!                                    ▲  ▲ │ └─Policy─▶ respond ◀─Order── uplink
//!  data folder ──images──▶ content ──┘  │ └─Request─▶ findings
//!        ▲                              └──Findings──────┘
//!        └─images─ pull ◀─images, deltas─ server, where the folder is not its own
//! ```
//! Each arrow is one channel. The one into `detect` is bounded: when detection falls behind, the
//! kernel's rings fill, and they count what they lose. The one into `contacts` drops what it has no
//! room for, counted. The others carry only what detection makes.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use tripoint_api::agent::AgentIdentity;
use tripoint_correlator::Correlator;
use tripoint_linux::capability;
use tripoint_model::Timestamp;

use crate::config::Config;
use crate::contacts;
use crate::content::{Content, Loaded};
use crate::detect::{Detector, Doors, Wake};
use crate::eyes::{self, Eyes};
use crate::findings::{Findings, Request};
use crate::firewall::Ladder;
use crate::hash;
use crate::health::{Health, Opened};
use crate::investigate::{self, Investigate};
use crate::place::Place;
use crate::pull::{Pull, socket};
use crate::respond::{Ask, Respond};
use crate::rules::Rules;
use crate::sense::Shared;
use crate::uplink::{self, Report, Uplink};

/// Batches of the sensor that may wait for detection.
const SEEN_MAX: usize = 1024;

/// Runs the agent until `stop` is set. `ready` is called once everything senses.
pub fn run(place: &Place, config: &Config, stop: &AtomicBool, ready: impl FnOnce()) -> anyhow::Result<()> {
    let host = Some(&config.agent.host).filter(|host| !host.is_empty()).cloned().unwrap_or_else(capability::host_name);
    let loaded = Arc::new(Mutex::new(Loaded::default()));
    let rules = Arc::new(Rules::of(&config.evidence, place.data()));
    let mut content = content(place, config, &host, &loaded, &rules);
    let first_index = content.first_index();
    let Eyes { kernel, set, firewall, counters, account, missing, kernel_map_bytes } =
        eyes::open(config, first_index.as_ref().map(|(index, _)| &**index), &place.kernel_name())?;
    let shared = Arc::new(Shared::default());
    let (wake, wakes) = mpsc::sync_channel(SEEN_MAX);
    let (ask, asks) = mpsc::channel();
    let (request, requests) = mpsc::channel();
    let (case, cases) = mpsc::sync_channel(investigate::WAITING_MAX);
    let (report, reports) = tokio::sync::mpsc::unbounded_channel();
    let uplink = Uplink::open(socket(place, config), place, identity(&host)).context("open the spools")?;
    let ladder = Ladder::over(firewall, place.data());
    let mut respond = Respond::open(&place.ledger(), ladder, config, wake.clone(), report.clone())
        .context("open the ledger of actions")?;
    respond.know(&host, &shared, &ask, kernel.is_some() && config.sensor.dns);
    let opened =
        Opened { by_programs: kernel.is_some(), missing, counters: counters.clone(), account, kernel_map_bytes };
    let health = Health::new(opened, respond.blocking(), config, place.data(), loaded, Arc::clone(&shared));
    let doors = Doors {
        reports: report.clone(),
        findings: request.clone(),
        actions: ask.clone(),
        cases: case.clone(),
        shared: shared.clone(),
    };
    let weights = config.correlator.weights().context("correlator.weights")?;
    let mut detector = Detector::new(Correlator::new(&host, weights), &host, set, config, doors);
    let orders = uplink::Doors { actions: ask.clone(), cases: case.clone(), findings: request.clone() };
    let (hash, hashes) = mpsc::channel();
    let mut findings = Findings::open(wake.clone(), hash, config.inventory.every).context("read the packages")?;

    match first_index {
        Some((index, number)) => wake.send(Wake::Index(index, number)).context("detection")?,
        None => shared.matching.store(true, Ordering::Release),
    }
    thread::scope(|scope| -> anyhow::Result<()> {
        let threads = [
            named("uplink", scope, move || report_end(uplink.run(reports, orders)))?,
            named("respond", scope, move || respond.run(&asks))?,
            named("investigate", scope, {
                let (wake, shared) = (wake.clone(), Arc::clone(&shared));
                let investigate = Investigate::new(config.evidence.clone(), rules, report.clone(), wake, shared);
                move || investigate.run(&cases)
            })?,
            named("detect", scope, move || detector.run(&wakes))?,
            named("findings", scope, move || findings.run(&requests))?,
            named("hash", scope, hash::worker(hashes, wake.clone()))?,
            named("content", scope, {
                let (wake, request, shared) = (wake.clone(), request.clone(), Arc::clone(&shared));
                move || content.run(&shared.stop, &wake, &request)
            })?,
            named("sense", scope, {
                let (wake, shared, poll) = (wake.clone(), Arc::clone(&shared), config.sensor.poll);
                move || eyes::look(kernel, counters, poll, &shared, &wake)
            })?,
            count_contacts(scope, config, &shared, &report)?,
        ];
        wait_until_sensing(&shared, stop);
        ready();
        supervise(stop, &threads, &health, &report);
        last_words(threads, &shared);
        let _ = (wake.send(Wake::Stop), ask.send(Ask::Stop), request.send(Request::Stop));
        let _ = (report.send(Report::Stop), case.send(investigate::Ask::Stop));
        Ok(())
    })
}

fn content(place: &Place, config: &Config, host: &str, loaded: &Arc<Mutex<Loaded>>, rules: &Arc<Rules>) -> Content {
    Content::new(place.data(), Arc::clone(loaded), Pull::wanted(place, config, host, loaded), Arc::clone(rules))
}

fn identity(host: &str) -> AgentIdentity {
    AgentIdentity {
        host: host.to_owned(),
        boot_id: capability::boot_id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: Timestamp::from_system(SystemTime::now()),
    }
}

/// Until what was there before is listed and the first indicators are in the kernel; a connection
/// after that is caught as it opens.
fn wait_until_sensing(shared: &Shared, stop: &AtomicBool) {
    let until = Instant::now() + Duration::from_secs(20);
    let done = || shared.started.load(Ordering::Acquire) && shared.matching.load(Ordering::Acquire);
    while !done() && !stop.load(Ordering::Relaxed) && Instant::now() < until {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Reports health until told to stop, or until a thread ended that should not have.
fn supervise(
    stop: &AtomicBool,
    threads: &[thread::ScopedJoinHandle<'_, ()>],
    health: &Health,
    report: &tokio::sync::mpsc::UnboundedSender<Report>,
) {
    let mut rounds = 0u32;
    while !stop.load(Ordering::Relaxed) {
        if threads.iter().any(thread::ScopedJoinHandle::is_finished) {
            tracing::error!("a thread of the agent ended; the agent ends to be started anew");
            return;
        }
        if rounds.is_multiple_of(20) {
            let _ = report.send(Report::Health(Box::new(health.report())));
        }
        rounds = rounds.wrapping_add(1);
        thread::sleep(Duration::from_millis(100));
    }
}

fn named<'scope>(
    name: &str,
    scope: &'scope thread::Scope<'scope, '_>,
    work: impl FnOnce() + Send + 'scope,
) -> anyhow::Result<thread::ScopedJoinHandle<'scope, ()>> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn_scoped(scope, work)
        .with_context(|| format!("start thread {name}"))
}

/// Counts connections for the server, where that is wanted.
fn count_contacts<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    config: &Config,
    shared: &Arc<Shared>,
    report: &tokio::sync::mpsc::UnboundedSender<Report>,
) -> anyhow::Result<thread::ScopedJoinHandle<'scope, ()>> {
    let (inbox, connections) = contacts::channel();
    let (shared, report, wanted) = (Arc::clone(shared), report.clone(), config.sensor.contacts);
    if wanted {
        let _ = shared.inbox.set(inbox);
    }
    named("contacts", scope, move || contacts::run(&connections, wanted, &shared, &report))
}

/// Ends what looks around; what was counted until then is still told.
fn last_words<const N: usize>(threads: [thread::ScopedJoinHandle<'_, ()>; N], shared: &Shared) {
    shared.stop.store(true, Ordering::Relaxed);
    let counting = threads.into_iter().find(|thread| thread.thread().name() == Some("contacts"));
    let _ = counting.map(thread::ScopedJoinHandle::join);
}

fn report_end(result: anyhow::Result<()>) {
    if let Err(error) = result {
        tracing::error!(error = format!("{error:#}"), "the connection to the server cannot be kept");
    }
}

/// Makes the folders that the agent writes to, readable by nobody else.
pub fn prepare(place: &Place) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let folder: &Path = &place.data().join("agent");
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("create {}", folder.display()))
}
