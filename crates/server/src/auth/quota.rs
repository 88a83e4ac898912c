//! How much may somebody ask, and who pays for what strangers try?
//!
//! Whoever is known has an allowance of its own, whatever others do. Whoever is not is counted by where it sits: when
//! that is used up, it is refused before anything is looked up, unless it shows what opened a moment ago. So a flood of
//! bad requests costs next to nothing and shuts out nobody who is known, also nobody at the same address; neither does
//! it keep a browser from signing in that has done so before.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::tries::network_of;

/// Counts requests over TCP.
#[derive(Debug)]
pub(crate) struct Quota {
    per_caller: u32,
    per_stranger: u32,
    table: Mutex<HashMap<Key, Instant>>,
    /// Hashes of what was shown and opened, and until when that counts.
    good: Mutex<HashMap<String, Instant>>,
    /// Requests that were refused: of callers who are known, and of strangers.
    pub(crate) callers_refused: AtomicU64,
    pub(crate) strangers_refused: AtomicU64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// Somebody known, by the hash of what it shows.
    Caller(String),
    /// Whoever sits there and shows nothing that opens.
    Stranger(IpAddr),
    /// Whoever sits there and asks what anybody may.
    Anybody(IpAddr),
    /// Whoever sits there and asks whether the server is alive.
    Alive(IpAddr),
    /// A browser that has signed in before, by the hash of what says so.
    Browser(String),
    /// Whoever sits there and is refused in a way that is written down; all of them.
    Told(Option<IpAddr>),
}

/// What is known of a request before anything is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// What it shows opened a moment ago; it has been counted.
    Good,
    /// Nothing.
    New,
}

/// Who asks what anybody may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    /// Whoever sits there.
    Anybody(IpAddr),
    /// The same, whether the server is alive: whoever keeps it running does so without end.
    Alive(IpAddr),
    /// A browser that has signed in before.
    Browser(String),
}

impl Quota {
    /// Requests a minute of whoever is known, and of one address for all others; 0: without bound.
    pub(crate) fn new(per_caller: u32, per_stranger: u32) -> Self {
        let (table, good) = (Mutex::default(), Mutex::default());
        let (callers_refused, strangers_refused) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { per_caller, per_stranger, table, good, callers_refused, strangers_refused }
    }

    /// What was shown opened, for the first time in a while: it counts as good from now on, and this is one more.
    pub(crate) fn known(&self, shown: &str, now: Instant) -> Result<(), Duration> {
        self.good(shown, now);
        let taken = self.take(Key::Caller(shown.to_owned()), self.per_caller, now);
        taken.inspect_err(|_| count(&self.callers_refused))
    }

    /// Who shows what has this hash is known for a while: it opened, or was just given.
    pub(crate) fn good(&self, shown: &str, now: Instant) {
        let mut good = lock(&self.good);
        make_room(&mut good, shown, now);
        good.insert(shown.to_owned(), now + GOOD_FOR);
    }

    /// Whether somebody at this address may be looked up, who shows what has this hash. Whoever is known and asks too
    /// much is refused here: looking it up costs what others need.
    pub(crate) fn may_try(&self, source: IpAddr, shown: Option<&str>, now: Instant) -> Result<Standing, Duration> {
        if let Some(shown) = shown.filter(|shown| lock(&self.good).get(*shown).is_some_and(|until| *until > now)) {
            return self.known(shown, now).map(|()| Standing::Good);
        }
        let key = Key::Stranger(network_of(source));
        let free = self.wait(lock(&self.table).get(&key).copied(), self.per_stranger, now);
        free.map(|_| Standing::New).inspect_err(|_| count(&self.strangers_refused))
    }

    /// What was shown opened nothing.
    pub(crate) fn failed(&self, source: IpAddr, shown: Option<&str>, now: Instant) {
        if let Some(shown) = shown {
            lock(&self.good).remove(shown);
        }
        // Whoever had nothing left was refused before.
        let _ = self.take(Key::Stranger(network_of(source)), self.per_stranger, now);
    }

    /// One more that anybody may ask, or how long to wait.
    pub(crate) fn anybody(&self, who: Asker, now: Instant) -> Result<(), Duration> {
        let key = match who {
            Asker::Anybody(source) => Key::Anybody(network_of(source)),
            Asker::Alive(source) => Key::Alive(network_of(source)),
            Asker::Browser(hash) => Key::Browser(hash),
        };
        self.take(key, self.per_stranger, now).inspect_err(|_| count(&self.strangers_refused))
    }

    /// Whether one more refusal of somebody there is written down: strangers could fill log and audit with nonsense.
    pub(crate) fn is_told(&self, source: IpAddr, now: Instant) -> bool {
        self.take(Key::Told(Some(network_of(source))), TOLD_OF_SOURCE, now).is_ok()
            && self.take(Key::Told(None), TOLD_OF_ALL, now).is_ok()
    }

    fn take(&self, key: Key, per_minute: u32, now: Instant) -> Result<(), Duration> {
        let mut table = lock(&self.table);
        let next = self.wait(table.get(&key).copied(), per_minute, now)?;
        if per_minute > 0 {
            make_room(&mut table, &key, now);
            table.insert(key, next);
        }
        Ok(())
    }

    /// When the next would be due if requests came evenly, after one now (GCRA); or how long to wait: a minute's worth
    /// may come at once.
    fn wait(&self, due: Option<Instant>, per_minute: u32, now: Instant) -> Result<Instant, Duration> {
        if per_minute == 0 {
            return Ok(now);
        }
        let next = due.unwrap_or(now).max(now) + MINUTE / per_minute;
        match next.checked_duration_since(now + MINUTE).filter(|early| !early.is_zero()) {
            Some(early) => Err(early),
            None => Ok(next),
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn lock<T>(table: &Mutex<T>) -> MutexGuard<'_, T> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where a table of moments is full, what is past goes, else the earlier half.
fn make_room<K, Q>(table: &mut HashMap<K, Instant>, key: &Q, now: Instant)
where
    K: Hash + Eq + std::borrow::Borrow<Q>,
    Q: Hash + Eq + ?Sized,
{
    if table.len() < KEYS_MAX || table.contains_key(key) {
        return;
    }
    table.retain(|_, until| *until > now);
    if table.len() >= KEYS_MAX {
        let mut times: Vec<Instant> = table.values().copied().collect();
        times.sort_unstable();
        let middle = times[times.len() / 2];
        table.retain(|_, until| *until > middle);
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const GOOD_FOR: Duration = Duration::from_secs(15 * 60);
/// Refusals that are written down, a minute. People err less often.
const TOLD_OF_SOURCE: u32 = 10;
const TOLD_OF_ALL: u32 = 100;
/// Some 4 MB.
const KEYS_MAX: usize = 30_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_minutes_worth_may_come_at_once_and_then_evenly() {
        let (quota, now) = (Quota::new(60, 10), Instant::now());
        let served = |now: Instant| (0..1_000).filter(|_| quota.known("ada", now).is_ok()).count();
        assert_eq!((served(now), served(now)), (60, 0));
        assert_eq!(quota.known("ada", now), Err(Duration::from_secs(1)));
        assert_eq!(served(now + Duration::from_secs(10)), 10);
        assert_eq!(served(now + Duration::from_secs(3600)), 60);
        assert_eq!(quota.known("bob", now), Ok(()), "of its own");
        assert!(quota.callers_refused.load(Ordering::Relaxed) > 900);
        let unbound = Quota::new(0, 0);
        assert!(
            (0..100_000)
                .all(|_| unbound.known("ada", now).is_ok()
                    && unbound.anybody(Asker::Anybody(address("::1")), now).is_ok())
        );
    }

    #[test]
    fn strangers_pay_by_where_they_sit_and_who_is_known_there_is_let_through() {
        let (quota, now) = (Quota::new(100, 10), Instant::now());
        let (here, there) = (address("192.0.2.1"), address("192.0.2.2"));
        quota.known("good", now).unwrap();
        let mut tried = 0;
        for number in 0..1_000 {
            let shown = format!("bad{number}");
            if quota.may_try(here, Some(&shown), now).is_ok() {
                quota.failed(here, Some(&shown), now);
                tried += 1;
            }
        }
        assert_eq!(tried, 10);
        assert_eq!(quota.may_try(here, Some("good"), now), Ok(Standing::Good), "what opened a moment ago");
        quota.good("given", now);
        assert_eq!(quota.may_try(here, Some("given"), now), Ok(Standing::Good), "a new session");
        assert!(quota.may_try(here, None, now).is_err());
        assert_eq!(quota.may_try(there, Some("new"), now), Ok(Standing::New), "who sits elsewhere");
        assert!(quota.may_try(here, Some("good"), now + GOOD_FOR).is_ok(), "by then there is room again");
        // What was taken back opens no way around.
        quota.failed(here, Some("good"), now);
        assert!(quota.may_try(here, Some("good"), now).is_err());
        assert_eq!(quota.anybody(Asker::Anybody(here), now), Ok(()), "what anybody may ask is counted apart");
        while quota.anybody(Asker::Anybody(here), now).is_ok() {}
        assert_eq!(quota.anybody(Asker::Alive(here), now), Ok(()), "whether it is alive too");
        assert_eq!(quota.anybody(Asker::Browser("mark".into()), now), Ok(()), "and a browser that is known");
    }

    #[test]
    fn who_is_known_and_asks_too_much_is_not_looked_up() {
        let (quota, now) = (Quota::new(5, 10), Instant::now());
        let here = address("192.0.2.1");
        quota.known("leaked", now).unwrap();
        let looked_up = (0..1_000).filter(|_| quota.may_try(here, Some("leaked"), now).is_ok()).count();
        assert_eq!(looked_up, 4);
    }

    #[test]
    fn refusals_are_written_down_in_bounds() {
        let (quota, now) = (Quota::new(0, 0), Instant::now());
        let told = |source: IpAddr| (0..1_000).filter(|_| quota.is_told(source, now)).count();
        assert_eq!(told(address("192.0.2.1")), 10);
        assert_eq!((2..200).map(|n| told(address(&format!("192.0.2.{n}")))).sum::<usize>(), 90);
    }

    #[test]
    fn the_tables_are_bounded_whoever_comes() {
        let (quota, now) = (Quota::new(1, 1), Instant::now());
        for number in 0..100_000_u32 {
            let name = format!("n{number}");
            let _ = quota.known(&name, now + Duration::from_millis(number.into()));
            quota.failed(IpAddr::V4(number.into()), None, now);
        }
        assert!(lock(&quota.table).len() <= KEYS_MAX && lock(&quota.good).len() <= KEYS_MAX);
        assert!(lock(&quota.good).contains_key("n99999"), "the newest are known");
    }
}
