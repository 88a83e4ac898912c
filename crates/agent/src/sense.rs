//! Which sensor runs here, and what of all that it sees concerns detection?

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant, SystemTime};

use tripoint_intel::Index;
use tripoint_linux::bpf::Counters;
use tripoint_model::{Direction, Protocol, Timestamp};
use tripoint_sensor::Seen;
use tripoint_sensor::bpf::BpfSensor;
use tripoint_sensor::diag::DiagSensor;

use crate::blocked_names::BlockedNames;
use crate::contacts::Inbox;
use crate::detect::Wake;
use crate::reached::Reached;
use crate::recent::Recent;

/// What the sensing thread shares with the rest.
#[derive(Default)]
pub struct Shared {
    /// Look through all open connections again (new indicators, or a ring overflowed).
    pub sweep: AtomicBool,
    /// Everything that was there before has been listed.
    pub started: AtomicBool,
    /// The first indicators, if there are any, are in force.
    pub matching: AtomicBool,
    /// End the thread.
    pub stop: AtomicBool,
    /// Cookies of connections that detection follows although the kernel did not match them.
    pub watched: Mutex<HashSet<u64>>,
    /// The indicators in force, where domain names are among them.
    pub names: Arc<RwLock<Option<Arc<Index>>>>,
    /// By which names addresses were reached, for exceptions that speak of names.
    pub reached: Arc<Reached>,
    /// What was begun and connected to in the last minutes, for who asks afterwards.
    pub recent: Arc<Recent>,
    /// Which names are blocked: an answer about one is for the responder.
    pub blocked: Arc<BlockedNames>,
    /// Records from the kernel that could not be read.
    pub unreadable: AtomicU64,
    /// Conversations that are gone without an end that was told or counted.
    pub unaccounted: AtomicU64,
    /// Connections that are not among the contacts told to the server, for want of room.
    pub uncounted: AtomicU64,
    /// Where connections are left to be counted, if they are wanted.
    pub inbox: std::sync::OnceLock<Inbox>,
    /// Connections seen, by direction and protocol: in/tcp, in/udp, out/tcp, out/udp.
    pub seen: [AtomicU64; 4],
}

impl Shared {
    fn count(&self, direction: Direction, protocol: Protocol) {
        let index = usize::from(direction == Direction::Outbound) * 2 + usize::from(protocol == Protocol::Udp);
        self.seen[index].fetch_add(1, Ordering::Relaxed);
    }

    fn is_watched(&self, cookie: u64) -> bool {
        self.watched.lock().is_ok_and(|watched| !watched.is_empty() && watched.contains(&cookie))
    }
}

/// After a loss open connections are listed anew, first after this, then after twice as long each time.
const SWEEP_PAUSE: Duration = Duration::from_secs(2);
const SWEEP_PAUSE_MAX: Duration = Duration::from_secs(60);

/// While names are blocked, records may wait no longer: whoever got an answer connects at once.
const ANSWER_POLL: Duration = Duration::from_millis(1);

/// How often begun, ended and living connections are compared.
const AUDIT_PAUSE: Duration = Duration::from_secs(10);

/// Runs the kernel sensor until told to stop.
pub fn run_bpf(
    mut sensor: BpfSensor,
    counters: Arc<Mutex<Counters>>,
    poll: Duration,
    shared: &Shared,
    out: &SyncSender<Wake>,
) {
    let names = Arc::clone(&shared.names);
    sensor.want(Box::new(move |name| {
        names.read().is_ok_and(|index| index.as_ref().is_some_and(|index| index.is_listed_name(name)))
    }));
    match sensor.start() {
        Ok(seen) => forward(seen, true, shared, out),
        Err(error) => tracing::error!(%error, "what was open before the start could not be listed"),
    }
    shared.started.store(true, Ordering::Release);
    let mut losses = 0;
    let mut pause = SWEEP_PAUSE;
    let mut looked = Instant::now();
    let mut audited = Instant::now();
    let mut batch = Vec::new();
    while !shared.stop.load(Ordering::Relaxed) {
        let patience = if shared.blocked.is_empty() { poll } else { poll.min(ANSWER_POLL) };
        if let Err(error) = sensor.poll(patience, &mut batch) {
            tracing::error!(%error, "the kernel's records could not be read");
            std::thread::sleep(Duration::from_secs(1));
        }
        shared.unreadable.store(sensor.unreadable(), Ordering::Relaxed);
        forward(std::mem::take(&mut batch), false, shared, out);
        if looked.elapsed() >= pause {
            looked = Instant::now();
            let now = lost(&counters);
            // Both, whatever the first says.
            let worth_it = sensor.take_handed_over() | sensor.take_answered();
            // A flood must not make us walk all files of all processes again and again.
            pause = if now > losses || worth_it { (pause * 2).min(SWEEP_PAUSE_MAX) } else { SWEEP_PAUSE };
            if worth_it {
                shared.sweep.store(true, Ordering::Relaxed);
            }
            if now > losses {
                tracing::warn!(
                    records = now - losses,
                    "the kernel's rings overflowed; open connections are listed anew"
                );
                shared.sweep.store(true, Ordering::Relaxed);
                losses = now;
            }
        }
        if audited.elapsed() >= AUDIT_PAUSE {
            audited = Instant::now();
            match audit(&sensor, &counters) {
                Ok(gone) => _ = shared.unaccounted.fetch_max(gone, Ordering::Relaxed),
                Err(error) => tracing::debug!(%error, "the living connections could not be counted"),
            }
        }
        if shared.sweep.swap(false, Ordering::Relaxed) {
            match sensor.sweep() {
                Ok(seen) => forward(seen, true, shared, out),
                Err(error) => tracing::error!(%error, "open connections could not be listed"),
            }
        }
    }
}

/// Runs the polling sensor until told to stop.
pub fn run_diag(mut sensor: DiagSensor, shared: &Shared, out: &SyncSender<Wake>) {
    while !shared.stop.load(Ordering::Relaxed) {
        forward(sensor.poll(Timestamp::from_system(SystemTime::now())), true, shared, out);
        shared.started.store(true, Ordering::Release);
        std::thread::sleep(Duration::from_millis(250));
    }
}

/// Conversations that began, did not end and are not alive, by three counts that the kernel keeps
/// apart. What moves between the counts can only make the result smaller, so that it never accuses
/// wrongly, and in a quiet moment it is exact.
fn audit(sensor: &BpfSensor, counters: &Mutex<Counters>) -> std::io::Result<u64> {
    let read = |name: &str| {
        let counted = counters.lock().map(|counters| counters.read()).unwrap_or_default();
        counted.iter().find(|(known, _)| *known == name).map_or(0, |(_, count)| *count)
    };
    let begun = read("begun");
    let alive = sensor.alive()?;
    Ok(begun.saturating_sub(read("ended")).saturating_sub(alive))
}

fn lost(counters: &Mutex<Counters>) -> u64 {
    let Ok(counters) = counters.lock() else { return 0 };
    let of_connections =
        |name: &str| name.starts_with("lost_") && !matches!(name, "lost_dns" | "lost_process" | "lost_hello");
    counters.read().iter().filter(|(name, _)| of_connections(name)).map(|(_, count)| count).sum()
}

/// Passes on what concerns detection; the rest is only counted.
fn forward(seen: Vec<Seen>, candidates: bool, shared: &Shared, out: &SyncSender<Wake>) {
    let mut passed = Vec::new();
    shared.reached.take(&seen);
    shared.recent.take(&seen, candidates);
    if let Some(inbox) = shared.inbox.get() {
        inbox.leave(&seen);
    }
    shared.blocked.look(&seen);
    for one in seen {
        match &one {
            Seen::Connection { connection, matched, .. } => {
                if !connection.state.is_open() || *matched {
                    shared.count(connection.direction, connection.protocol);
                }
                if *matched || candidates || shared.is_watched(connection.id.cookie) {
                    passed.push(one);
                }
            }
            Seen::Started { .. } | Seen::Ended { .. } => passed.push(one),
            // Others are joined to their connections by the sensor.
            Seen::Resolved { missed: true, .. } => passed.push(one),
            Seen::Resolved { .. } => {}
        }
    }
    if !passed.is_empty() {
        // Waits when detection is behind: the kernel's rings are the buffer, and they count.
        let _ = out.send(Wake::Seen(passed));
    }
}
