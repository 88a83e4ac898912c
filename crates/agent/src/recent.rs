//! What did the host's processes begin, and where did they connect to, in the last minutes?
//!
//! Kept for who asks afterwards: an attack is read from a log seconds after it happened. Bounded in all, and for each
//! process apart, so that a busy one takes no place from the others; the oldest go first.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tripoint_linux::clock::BootClock;
use tripoint_model::{ApplicationKind, Connection, Direction, Process, ProcessKey, Timestamp};
use tripoint_sensor::Seen;

/// Programs that are remembered, some kilobyte each; of one parent the first and the last of so many.
const BEGUN_MAX: usize = 4096;
const BEGUN_BY_ONE_MAX: usize = 32;
/// Peers that are remembered; of one process so many.
const PEERS_MAX: usize = 8192;
const PEERS_OF_ONE_MAX: usize = 64;
/// Nothing older is needed.
const KEPT: Duration = Duration::from_secs(1800);
/// Generations below a process that are followed, and processes of them.
const DEPTH_MAX: usize = 8;
const BELOW_MAX: usize = 256;

/// A program that was begun.
#[derive(Clone, Debug)]
pub struct Begun {
    /// The process, with its program.
    pub process: Arc<Process>,
    /// When.
    pub at: Timestamp,
}

/// A peer that a process connected to.
#[derive(Clone, Debug)]
pub struct Met {
    /// When first.
    pub first: Timestamp,
    /// The first connection that was opened at that time, in its newest state.
    pub connection: Arc<Connection>,
    /// When that state was told.
    pub at: Timestamp,
    /// When it was last told of a new connection.
    used: Timestamp,
    /// Since when it waits to be forgotten.
    noted: Timestamp,
}

/// What is remembered.
#[derive(Default)]
pub struct Recent {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// By the parent's process id.
    begun: HashMap<u32, VecDeque<Begun>>,
    begun_order: VecDeque<(Timestamp, u32)>,
    met: HashMap<ProcessKey, HashMap<SocketAddr, Met>>,
    met_order: VecDeque<(Timestamp, ProcessKey, SocketAddr)>,
}

impl Recent {
    /// Takes what the sensor saw; `is_listing`: what it found there, which began before.
    pub fn take(&self, seen: &[Seen], is_listing: bool) {
        let Ok(mut kept) = self.kept.lock() else { return };
        let clock = is_listing.then(BootClock::new);
        for one in seen {
            match one {
                Seen::Started { process, at, .. } if clock.is_some() => {
                    let begun = clock.map_or(*at, |clock| clock.wall(process.key.start_ns));
                    kept.begun(process, begun.min(*at));
                }
                Seen::Started { process, at, .. } => kept.begun(process, *at),
                Seen::Connection { connection, at, .. } => kept.met(connection, *at),
                Seen::Ended { .. } | Seen::Resolved { .. } => {}
            }
        }
    }

    /// The programs begun below a process, nearest first, each after its parent.
    pub fn below(&self, server: &Process) -> Vec<Begun> {
        let Ok(kept) = self.kept.lock() else { return Vec::new() };
        let mut found: Vec<Begun> = Vec::new();
        let mut seen: HashSet<u32> = HashSet::from([server.key.pid]);
        let mut row = vec![server.key];
        for _ in 0..DEPTH_MAX {
            let mut next = Vec::new();
            for parent in row {
                let begun = kept.begun.get(&parent.pid).into_iter().flatten();
                // A process id that was used before is another's.
                for one in begun.filter(|one| one.process.key.start_ns >= parent.start_ns) {
                    found.push(one.clone());
                    if seen.insert(one.process.key.pid) && found.len() < BELOW_MAX {
                        next.push(one.process.key);
                    }
                }
            }
            row = next;
        }
        found.truncate(BELOW_MAX);
        found
    }

    /// Whom these processes, or copies of them that began no program, connected to.
    pub fn met_by(&self, keys: &HashSet<ProcessKey>) -> Vec<Met> {
        let pids: HashSet<u32> = keys.iter().map(|key| key.pid).collect();
        self.met_of(|key, owner| keys.contains(&key) || pids.contains(&owner.parent))
    }

    /// Whom other processes of the same unit, container or server connected to.
    pub fn met_beside(&self, server: &Process) -> Vec<Met> {
        let application = server.application();
        let is_shared = application.kind != ApplicationKind::Executable;
        self.met_of(|key, owner| {
            let is_worker = owner.parent == server.parent && owner.parent > 1 && owner.exe == server.exe;
            key != server.key && (is_worker || (is_shared && owner.application() == application))
        })
    }

    fn met_of(&self, is_wanted: impl Fn(ProcessKey, &Process) -> bool) -> Vec<Met> {
        let Ok(kept) = self.kept.lock() else { return Vec::new() };
        let is_of = |key: &ProcessKey, met: &HashMap<SocketAddr, Met>| {
            let owner = met.values().next().and_then(|met| met.connection.process.as_ref());
            owner.is_some_and(|owner| is_wanted(*key, owner))
        };
        let of = kept.met.iter().filter(|(key, met)| is_of(key, met));
        let mut found: Vec<Met> = of.flat_map(|(_, met)| met.values().cloned()).collect();
        found.sort_by_key(|met| (met.first, met.connection.remote));
        found
    }
}

impl Kept {
    fn begun(&mut self, process: &Arc<Process>, at: Timestamp) {
        if process.parent == 0 {
            return;
        }
        let of_parent = self.begun.entry(process.parent).or_default();
        if of_parent.len() >= BEGUN_BY_ONE_MAX {
            // Half of the oldest stay: who begins many things in a row must not wash the first away.
            of_parent.remove(BEGUN_BY_ONE_MAX / 2);
        }
        of_parent.push_back(Begun { process: Arc::clone(process), at });
        self.begun_order.push_back((at, process.parent));
        while self.begun_order.len() > BEGUN_MAX
            || self.begun_order.front().is_some_and(|(first, _)| at.since(*first) > KEPT)
        {
            let Some((first, parent)) = self.begun_order.pop_front() else { return };
            if let Some(of_parent) = self.begun.get_mut(&parent) {
                while of_parent.front().is_some_and(|one| one.at <= first) {
                    of_parent.pop_front();
                }
                if of_parent.is_empty() {
                    self.begun.remove(&parent);
                }
            }
        }
    }

    fn met(&mut self, connection: &Arc<Connection>, at: Timestamp) {
        let Some(process) = &connection.process else { return };
        let remote = connection.remote;
        // Whoever asks for a name has not gone anywhere yet.
        let is_asking = remote.port() == 53 || remote.port() == 0;
        if connection.direction != Direction::Outbound || is_asking || remote.ip().is_loopback() {
            return;
        }
        let of_process = self.met.entry(process.key).or_default();
        if let Some(known) = of_process.get_mut(&remote) {
            if known.connection.id != connection.id {
                (known.first, known.used) = (known.first.min(connection.opened), known.used.max(at));
            }
            // Each peer with its first connection: what it was at first is what has to be explained.
            if known.connection.id == connection.id && known.at <= at {
                (known.connection, known.at) = (Arc::clone(connection), at);
            }
            return;
        }
        if of_process.len() >= PEERS_OF_ONE_MAX {
            // Whom it calls every minute was met before, whatever comes between.
            let oldest = of_process.iter().min_by_key(|(_, met)| (met.used, met.first)).map(|(remote, _)| *remote);
            oldest.and_then(|oldest| of_process.remove(&oldest));
        }
        let met = Met { first: connection.opened, connection: Arc::clone(connection), at, used: at, noted: at };
        of_process.insert(remote, met);
        self.met_order.push_back((at, process.key, remote));
        while self.met_order.len() > PEERS_MAX
            || self.met_order.front().is_some_and(|(first, ..)| at.since(*first) > KEPT)
        {
            let Some((noted, key, remote)) = self.met_order.pop_front() else { return };
            if let Some(of_process) = self.met.get_mut(&key) {
                // One that was met again since waits once more.
                if let Some(met) = of_process.get_mut(&remote).filter(|met| met.noted == noted && met.used > noted) {
                    met.noted = at.max(met.used);
                    self.met_order.push_back((met.noted, key, remote));
                    continue;
                }
                // One that was forgotten meanwhile and met again stays until its own turn.
                of_process.retain(|known, met| *known != remote || met.noted > noted);
                if of_process.is_empty() {
                    self.met.remove(&key);
                }
            }
        }
    }
}

#[cfg(test)]
pub mod staged;

#[cfg(test)]
mod tests {
    use super::staged::process;
    use super::*;

    fn started(pid: u32, parent: u32, start_ns: u64, at: i64) -> Seen {
        let process = process(pid, parent, &format!("/bin/p{pid}"), start_ns);
        Seen::Started { process, at: Timestamp::from_seconds(at), found: false }
    }

    fn connected(owner: &Arc<Process>, cookie: u64, remote: &str, at: i64) -> Seen {
        staged::connected(owner, cookie, remote, None, Timestamp::from_seconds(at))
    }

    fn portal(pid: u32, parent: u32, start_ns: u64) -> Arc<Process> {
        process(pid, parent, "/usr/sbin/portal", start_ns)
    }

    fn pids(found: &[Begun]) -> Vec<u32> {
        found.iter().map(|one| one.process.key.pid).collect()
    }

    #[test]
    fn what_descends_from_a_server_is_found_and_what_had_its_number_before_is_not() {
        let recent = Recent::default();
        let server = portal(10, 1, 100);
        recent.take(
            &[
                started(11, 10, 50, 1),
                started(12, 10, 200, 2),
                started(13, 12, 300, 3),
                started(13, 12, 300, 4),
                started(14, 99, 400, 5),
            ],
            false,
        );
        assert_eq!(pids(&recent.below(&server)), [12, 13, 13]);
        let keys: HashSet<ProcessKey> = [server.key, portal(13, 12, 300).key].into();
        let copy = portal(15, 10, 500);
        recent.take(
            &[
                connected(&server, 1, "203.0.113.5:80", 6),
                connected(&copy, 2, "203.0.113.6:80", 7),
                connected(&portal(14, 99, 400), 3, "203.0.113.7:80", 8),
                connected(&server, 4, "127.0.0.1:80", 9),
                connected(&server, 5, "203.0.113.5:80", 10),
            ],
            false,
        );
        let met: Vec<(String, i64)> = recent
            .met_by(&keys)
            .iter()
            .map(|met| (met.connection.remote.to_string(), met.first.0 / 1_000_000))
            .collect();
        assert_eq!(met, [("203.0.113.5:80".to_owned(), 6), ("203.0.113.6:80".to_owned(), 7)]);
    }

    #[test]
    fn memory_is_bounded_and_a_busy_process_takes_no_others_place() {
        let recent = Recent::default();
        recent.take(&[started(11, 10, 200, 0)], false);
        let busy: Vec<Seen> = (0..2000).map(|n| started(1000 + n, 20, 200, i64::from(n / 100))).collect();
        recent.take(&busy, false);
        assert_eq!(pids(&recent.below(&portal(10, 1, 100))), [11]);
        let of_busy = pids(&recent.below(&portal(20, 1, 100)));
        assert_eq!((of_busy.len(), of_busy[0], of_busy[31]), (BEGUN_BY_ONE_MAX, 1000, 2999));
        let server = portal(10, 1, 100);
        let crowd: Vec<Seen> =
            (0..500).map(|n| connected(&server, n, &format!("203.0.113.{}:{}", n % 250, 1000 + n), n as i64)).collect();
        recent.take(&crowd, false);
        let met = recent.met_by(&[server.key].into());
        assert_eq!((met.len(), met[63].first), (PEERS_OF_ONE_MAX, Timestamp::from_seconds(499)));
        recent.take(&[started(12, 30, 200, 1801), connected(&portal(30, 1, 1), 9, "203.0.113.1:1", 5000)], false);
        assert!(recent.below(&server).is_empty() && recent.met_by(&[server.key].into()).is_empty(), "half an hour old");
    }

    #[test]
    fn whom_a_process_calls_all_the_time_stays_met() {
        let recent = Recent::default();
        let server = portal(10, 1, 100);
        for minute in 0..120_i64 {
            let at = minute * 60;
            let other = format!("203.0.113.{}:{}", 1 + minute % 250, 1000 + minute);
            recent.take(
                &[
                    connected(&server, 10_000 + minute.unsigned_abs(), "192.0.2.80:443", at),
                    connected(&server, minute.unsigned_abs(), &other, at + 1),
                ],
                false,
            );
        }
        let met = recent.met_by(&[server.key].into());
        let cdn: Vec<_> = met.iter().filter(|met| met.connection.remote.port() == 443).map(|met| met.first).collect();
        assert_eq!(cdn, [Timestamp::from_seconds(0)], "in every half hour it was met again");
        assert!(met.len() < PEERS_OF_ONE_MAX, "what was not is forgotten: {}", met.len());
    }
}
