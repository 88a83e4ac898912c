//! Which connections are told to the server, counted by application, peer and hour?
//!
//! Nothing here may hold matches up: the sensing thread hands over what it can without waiting, what finds no place is
//! counted, and the server is sent this only when nothing else is left to send.

mod open;
mod tally;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant, SystemTime};

use tripoint_api::agent::CONTACTS_MAX;
use tripoint_model::{Connection, Timestamp};
use tripoint_sensor::Seen;

use crate::sense::Shared;
use crate::uplink::Report;
pub use tally::Tally;

/// Batches of the sensor that may wait to be counted, and connections in them: ten seconds of a busy host, as long as a
/// look at all sockets may take there; some 10 MB.
const BATCHES_MAX: usize = 512;
const WAITING_MAX: usize = 10_000;
/// How often what was counted is told.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// How often it is looked what is open.
const LOOK_EVERY: Duration = Duration::from_secs(30);
const WAIT: Duration = Duration::from_millis(500);

type Batch = Vec<(Arc<Connection>, Timestamp)>;

/// Where the sensing thread leaves connections.
#[derive(Clone)]
pub struct Inbox {
    batches: SyncSender<Batch>,
    counts: Arc<Counts>,
}

/// What was left there.
pub struct Outbox {
    batches: Receiver<Batch>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    /// Connections that wait.
    waiting: AtomicUsize,
    /// Connections that found no place since that was last told.
    dropped: AtomicU64,
}

/// A way from the sensing thread to whoever counts.
pub fn channel() -> (Inbox, Outbox) {
    let (sender, batches) = sync_channel(BATCHES_MAX);
    let counts = Arc::new(Counts::default());
    (Inbox { batches: sender, counts: Arc::clone(&counts) }, Outbox { batches, counts })
}

impl Inbox {
    /// Leaves what the sensor saw, without ever waiting.
    pub fn leave(&self, seen: &[Seen]) {
        let batch: Batch = seen.iter().filter_map(connection).collect();
        let count = batch.len();
        if count == 0 {
            return;
        }
        // All that was open at the start comes as one.
        let waiting = self.counts.waiting.load(Ordering::Acquire);
        let room = waiting == 0 || waiting + count <= WAITING_MAX;
        if room {
            self.counts.waiting.fetch_add(count, Ordering::AcqRel);
        }
        if !room || matches!(self.batches.try_send(batch), Err(TrySendError::Full(_))) {
            if room {
                self.counts.waiting.fetch_sub(count, Ordering::AcqRel);
            }
            self.counts.dropped.fetch_add(count as u64, Ordering::Relaxed);
        }
    }
}

impl Outbox {
    /// What was left, as soon as there is something, within `wait`.
    fn next(&self, wait: Duration) -> Result<Batch, RecvTimeoutError> {
        let batch = self.batches.recv_timeout(wait)?;
        self.counts.waiting.fetch_sub(batch.len(), Ordering::AcqRel);
        Ok(batch)
    }
}

fn connection(seen: &Seen) -> Option<(Arc<Connection>, Timestamp)> {
    match seen {
        Seen::Connection { connection, at, .. } => Some((Arc::clone(connection), *at)),
        Seen::Started { .. } | Seen::Ended { .. } | Seen::Resolved { .. } => None,
    }
}

/// Counts until told to stop; only waits where nothing is `wanted`.
pub fn run(outbox: &Outbox, wanted: bool, shared: &Shared, reports: &tokio::sync::mpsc::UnboundedSender<Report>) {
    let mut tally = Tally::default();
    let mut told = Instant::now();
    let mut looked: Option<Instant> = None;
    while !shared.stop.load(Ordering::Relaxed) {
        match outbox.next(WAIT) {
            Ok(batch) => batch.iter().for_each(|(connection, at)| tally.take(connection, *at)),
            Err(RecvTimeoutError::Timeout) => {}
            // Nobody leaves anything: then nothing is wanted.
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(WAIT),
        }
        if !wanted {
            continue;
        }
        if looked.is_none_or(|at| at.elapsed() >= LOOK_EVERY) {
            looked = Some(Instant::now());
            open::look(&mut tally, now());
        }
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            tell(&mut tally, outbox, shared, reports);
        }
    }
    tell(&mut tally, outbox, shared, reports);
}

/// Hands on what was counted, in portions.
fn tell(tally: &mut Tally, outbox: &Outbox, shared: &Shared, reports: &tokio::sync::mpsc::UnboundedSender<Report>) {
    let (contacts, untold) = tally.tell();
    let mut dropped = untold + outbox.counts.dropped.swap(0, Ordering::Relaxed);
    shared.uncounted.fetch_add(dropped, Ordering::Relaxed);
    let mut contacts = contacts.into_iter().peekable();
    while contacts.peek().is_some() || dropped > 0 {
        let portion = contacts.by_ref().take(CONTACTS_MAX).collect();
        let _ = reports.send(Report::Contacts(portion, std::mem::take(&mut dropped)));
    }
}

fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

#[cfg(test)]
mod tests {
    use super::tally::tests::connection;
    use super::*;

    /// Promise: matches first. Where nobody counts, the sensing thread goes on at once, and what it left is accounted for.
    #[test]
    fn the_sensing_thread_never_waits_for_whoever_counts() {
        let (inbox, outbox) = channel();
        let began = Instant::now();
        let one = |cookie| Seen::Connection {
            connection: Arc::new(connection(cookie, "203.0.113.66:443")),
            matched: false,
            at: Timestamp(1),
        };
        for batch in 0..10_000 {
            inbox.leave(&[one(batch * 2), one(batch * 2 + 1)]);
        }
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        let mut counted = 0;
        while let Ok(batch) = outbox.next(Duration::ZERO) {
            counted += batch.len();
        }
        let dropped = outbox.counts.dropped.load(Ordering::Relaxed);
        assert_eq!((counted as u64 + dropped, counted <= WAITING_MAX, dropped > 0), (20_000, true, true));
        // There is room again, and one batch alone always has it: what was open at the start.
        let crowd: Vec<Seen> = (0..2 * WAITING_MAX as u64).map(one).collect();
        inbox.leave(&crowd);
        inbox.leave(&[one(1)]);
        assert_eq!(outbox.next(Duration::ZERO).unwrap().len(), 2 * WAITING_MAX);
        assert_eq!(outbox.counts.dropped.load(Ordering::Relaxed), dropped + 1);
    }
}
