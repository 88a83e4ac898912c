//! Whom had an application met before, by address and by name?
//!
//! Whoever is called every minute is called whatever somebody sends. Kept apart from the connections, which are
//! forgotten sooner: else a peer would become a new one by its connection's end.

use std::collections::BTreeMap;
use std::time::Duration;

use tripoint_model::address::canonical;
use tripoint_model::{ApplicationKind, Connection, Direction, Process, ProcessKey, Timestamp};

/// Who met somebody: a process for itself and for all above it, or a unit or container whatever its processes are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Process(ProcessKey),
    Application(String),
}

#[derive(Clone, Copy, Debug)]
struct Times {
    first: Timestamp,
    last: Timestamp,
}

/// When each application first met each peer, at most `MEETINGS_MAX` of them: those met longest ago go first.
#[derive(Debug, Default)]
pub(crate) struct Met {
    times: BTreeMap<(Who, String), Times>,
}

impl Met {
    /// Notes that the connection was made; says whether somebody is known to have met somebody earlier than was known.
    pub(crate) fn note(&mut self, owner: &Process, connection: &Connection, names: &[String]) -> bool {
        if connection.direction != Direction::Outbound {
            return false;
        }
        let at = connection.opened;
        let mut changed = false;
        for who in all_of(owner) {
            for whom in peers(connection, names) {
                let times = self.times.entry((who.clone(), whom)).or_insert_with(|| {
                    changed = true;
                    Times { first: at, last: at }
                });
                changed |= at < times.first;
                *times = Times { first: times.first.min(at), last: times.last.max(at) };
            }
        }
        self.shed();
        changed
    }

    /// Whether the server, or what it began, had met the connection's peer before this time.
    pub(crate) fn before(
        &self,
        (server, owner): (&Process, &Process),
        connection: &Connection,
        names: &[String],
        time: Timestamp,
    ) -> bool {
        // Another worker of the same server is begun by the same master.
        let masters = server.ancestry.iter().filter(|one| one.exe == server.exe).filter_map(|one| one.key());
        let processes = [server.key, owner.key].into_iter().chain(masters).map(Who::Process);
        let all: Vec<Who> = processes.chain(shared(server)).chain(shared(owner)).collect();
        peers(connection, names).any(|whom| {
            let first = |who: &Who| self.times.get(&(who.clone(), whom.clone())).map(|times| times.first);
            all.iter().filter_map(first).any(|first| first < time)
        })
    }

    /// Forgets what was long ago.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        self.times.retain(|_, times| now.since(times.last) < KEPT);
    }

    fn shed(&mut self) {
        if self.times.len() <= MEETINGS_MAX {
            return;
        }
        // A tenth more than needed, so that the search is paid once for many arrivals.
        let mut lasts: Vec<Timestamp> = self.times.values().map(|times| times.last).collect();
        let cut = lasts.len() - MEETINGS_MAX + MEETINGS_MAX / 10;
        let (_, oldest, _) = lasts.select_nth_unstable(cut - 1);
        let oldest = *oldest;
        self.times.retain(|_, times| times.last > oldest);
    }
}

fn all_of(owner: &Process) -> impl Iterator<Item = Who> + use<'_> {
    let above = owner.ancestry.iter().take(ANCESTORS_MAX).filter_map(|one| one.key());
    std::iter::once(owner.key).chain(above).map(Who::Process).chain(shared(owner))
}

/// Everybody runs `/usr/bin/curl`: a program is no application of one purpose.
fn shared(process: &Process) -> Option<Who> {
    let application = process.application();
    (application.kind != ApplicationKind::Executable).then(|| Who::Application(application.key()))
}

fn peers<'a>(connection: &'a Connection, names: &'a [String]) -> impl Iterator<Item = String> + use<'a> {
    let names = connection.names().chain(names.iter().map(String::as_str)).map(str::to_ascii_lowercase);
    std::iter::once(canonical(connection.remote.ip()).to_string()).chain(names)
}

/// Some 150 bytes each.
const MEETINGS_MAX: usize = 32_768;
const ANCESTORS_MAX: usize = 4;
const KEPT: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use tripoint_model::testing;

    use super::*;

    fn process(pid: u32) -> Process {
        Process { key: ProcessKey { pid, start_ns: 1 }, exe: "/usr/bin/app".into(), ..Process::default() }
    }

    fn connection(remote: String, at: i64) -> Connection {
        Connection { opened: Timestamp::from_seconds(at), ..testing::connection(at.unsigned_abs(), &remote) }
    }

    #[test]
    fn memory_is_bounded_and_the_newest_stay() {
        let mut met = Met::default();
        let one = process(7);
        for n in 0..2 * MEETINGS_MAX as i64 {
            met.note(&one, &connection(format!("203.{}.{}.{}:80", n >> 16, (n >> 8) & 255, n & 255), n), &[]);
        }
        assert!(met.times.len() <= MEETINGS_MAX);
        let last = 2 * MEETINGS_MAX as i64 - 1;
        let newest = connection(format!("203.{}.{}.{}:80", last >> 16, (last >> 8) & 255, last & 255), last + 5);
        let time = Timestamp::from_seconds(last + 5);
        assert!(met.before((&one, &one), &newest, &[], time));
        assert!(!met.before((&process(8), &process(8)), &newest, &[], time), "another process is another");
        met.expire(Timestamp::from_seconds(last + 200_000));
        assert!(met.times.is_empty());
    }

    #[test]
    fn any_order_ends_in_the_same_first_time() {
        let (early, late) = (connection("203.0.113.5:80".into(), 10), connection("203.0.113.5:443".into(), 20));
        for pair in [[&early, &late], [&late, &early]] {
            let mut met = Met::default();
            let news: Vec<bool> = pair.iter().map(|one| met.note(&process(7), one, &["A.example".into()])).collect();
            assert_eq!(news, [true, pair[1].opened < pair[0].opened]);
            let other = connection("203.0.113.9:80".into(), 30);
            let at = |seconds| Timestamp::from_seconds(seconds);
            let before = |time| met.before((&process(7), &process(7)), &other, &["a.example".into()], time);
            assert!(before(at(11)) && !before(at(10)), "by its name");
        }
    }
}
