//! How often may somebody try to sign in?
//!
//! Who fails waits, twice as long each time. What others failed makes nobody wait who has not failed: a stranger cannot
//! shut an account's owner out. It only makes the first wait come sooner, for everybody who fails at that name.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Counts failures of the last hour.
#[derive(Debug, Default)]
pub(crate) struct Tries(Mutex<HashMap<Key, Count>>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// Whoever sits there, at any name.
    Source(IpAddr),
    /// Whoever sits there, at this name.
    Pair(IpAddr, String),
    /// Everybody, at this name.
    Name(String),
    /// Whoever has signed in, by what proves it.
    Known(String),
}

#[derive(Clone, Copy, Debug)]
struct Count {
    failures: u32,
    last: Instant,
}

impl Tries {
    /// Lets somebody try to sign in, or says how long to wait. It counts as failed until `succeeded`, so that many tries
    /// at once are no way around.
    pub(crate) fn begin(&self, source: IpAddr, name: &str, now: Instant) -> Result<(), Duration> {
        let [by_name, by_pair, by_source] = keys(source, name);
        let mut table = self.table();
        let tried_by_many = count(&table, &by_name, now).is_some_and(|count| count.failures >= MANY);
        let free_pair = if tried_by_many { FREE_PAIR_TRIED } else { FREE_PAIR };
        // Everybody on this host, and whoever comes through a proxy or a tunnel there, has one address: what one of
        // them failed says nothing about the others.
        let alone = (!is_own(source)).then_some((by_source, FREE_SOURCE));
        let limited = [Some((by_pair, free_pair)), alone];
        attempt(&mut table, limited.into_iter().flatten(), now)?;
        note(&mut table, by_name, now);
        Ok(())
    }

    /// The same for somebody who has signed in already, and proves again who is there: nobody else's failures count.
    pub(crate) fn begin_known(&self, proof: &str, now: Instant) -> Result<(), Duration> {
        attempt(&mut self.table(), [(Key::Known(proof.to_owned()), FREE_PAIR)].into_iter(), now)
    }

    /// The try was good after all. What the source failed at other names stays.
    pub(crate) fn succeeded(&self, source: IpAddr, name: &str) {
        let [by_name, by_pair, by_source] = keys(source, name);
        let mut table = self.table();
        table.remove(&by_pair);
        for key in [by_source, by_name] {
            if let Some(count) = table.get_mut(&key) {
                count.failures = count.failures.saturating_sub(1);
            }
        }
    }

    /// The same.
    pub(crate) fn succeeded_known(&self, proof: &str) {
        self.table().remove(&Key::Known(proof.to_owned()));
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Key, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// By name, by both, by source.
fn keys(source: IpAddr, name: &str) -> [Key; 3] {
    // Whoever is on this host has all of its addresses.
    let source = if is_own(source) { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { network_of(source) };
    let name: String = name.chars().take(NAME_KEPT).collect();
    [Key::Name(name.clone()), Key::Pair(source, name), Key::Source(source)]
}

/// Counts a try at each of these, unless one of them has to wait.
fn attempt(
    table: &mut HashMap<Key, Count>,
    limited: impl Iterator<Item = (Key, u32)>,
    now: Instant,
) -> Result<(), Duration> {
    let limited: Vec<(Key, u32)> = limited.collect();
    let waits = limited.iter().filter_map(|(key, free)| {
        let count = count(table, key, now)?;
        let until = count.last + wait(count.failures.saturating_sub(*free));
        until.checked_duration_since(now).filter(|left| !left.is_zero())
    });
    if let Some(longest) = waits.max() {
        return Err(longest);
    }
    limited.into_iter().for_each(|(key, _)| note(table, key, now));
    Ok(())
}

fn count(table: &HashMap<Key, Count>, key: &Key, now: Instant) -> Option<Count> {
    table.get(key).filter(|count| now.duration_since(count.last) < FORGOTTEN).copied()
}

fn note(table: &mut HashMap<Key, Count>, key: Key, now: Instant) {
    let failures = count(table, &key, now).map_or(0, |count| count.failures);
    make_room(table, &key, now);
    table.insert(key, Count { failures: failures.saturating_add(1), last: now });
}

fn is_own(source: IpAddr) -> bool {
    source.to_canonical().is_loopback()
}

/// Nothing for none too many, then 1, 2, 4 … seconds.
fn wait(too_many: u32) -> Duration {
    match too_many {
        0 => Duration::ZERO,
        n => Duration::from_secs(1 << (n - 1).min(10)).min(WAIT_MAX),
    }
}

/// Where the table is full, what is forgotten anyhow goes, else the older half.
fn make_room(table: &mut HashMap<Key, Count>, key: &Key, now: Instant) {
    if table.len() < KEYS_MAX || table.contains_key(key) {
        return;
    }
    table.retain(|_, count| now.duration_since(count.last) < FORGOTTEN);
    if table.len() >= KEYS_MAX {
        let mut times: Vec<Instant> = table.values().map(|count| count.last).collect();
        times.sort_unstable();
        let middle = times[times.len() / 2];
        table.retain(|_, count| count.last > middle);
    }
}

/// Who has one address of IPv6 has them all, up to the network.
pub(crate) fn network_of(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        v4 => v4,
    }
}

/// The network that one customer may have whole, of IPv6; of IPv4 the address.
pub(crate) fn customer_of(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 80 << 80).into()),
        v4 => v4,
    }
}

const FREE_SOURCE: u32 = 10;
const FREE_PAIR: u32 = 4;
const FREE_PAIR_TRIED: u32 = 1;
/// Failures at one name that no person makes.
const MANY: u32 = 20;
const WAIT_MAX: Duration = Duration::from_secs(15 * 60);
const FORGOTTEN: Duration = Duration::from_secs(3600);
/// Some 5 MB.
const KEYS_MAX: usize = 30_000;
const NAME_KEPT: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn who_fails_waits_twice_as_long_each_time_and_a_success_ends_it() {
        let (tries, start) = (Tries::default(), Instant::now());
        let source = address("192.0.2.1");
        for _ in 0..=FREE_PAIR {
            assert_eq!(tries.begin(source, "ada", start), Ok(()));
        }
        let mut now = start;
        for seconds in [1, 2, 4, 8, 16] {
            assert_eq!(tries.begin(source, "ada", now), Err(Duration::from_secs(seconds)));
            now += Duration::from_secs(seconds);
            assert_eq!(tries.begin(source, "ada", now), Ok(()), "after {seconds}");
        }
        tries.succeeded(source, "ada");
        let mut longest = Duration::ZERO;
        for _ in 0..100 {
            if let Err(wait) = tries.begin(source, "bob", now) {
                longest = longest.max(wait);
                now += wait;
            }
        }
        assert_eq!(longest, WAIT_MAX);
        assert_eq!(tries.begin(source, "bob", now + FORGOTTEN), Ok(()));
    }

    #[test]
    fn strangers_shut_nobody_out_and_do_not_get_more_tries_by_being_many() {
        let (tries, now) = (Tries::default(), Instant::now());
        let mut let_through = 0;
        for number in 0..1_000_u32 {
            for _ in 0..10 {
                let source = IpAddr::V4((0xc633_6400 + number).into());
                let_through += u32::from(tries.begin(source, "ada", now).is_ok());
            }
        }
        assert!(let_through < 2_100, "{let_through}");
        assert_eq!(tries.begin(address("203.0.113.9"), "ada", now), Ok(()), "the owner");
    }

    #[test]
    fn on_one_host_nobody_is_shut_out_by_what_others_failed_and_no_address_is_a_fresh_start() {
        let (tries, now) = (Tries::default(), Instant::now());
        for number in 0..500 {
            let _ = tries.begin(address("127.0.0.1"), &format!("n{number}"), now);
        }
        assert_eq!(tries.begin(address("127.0.0.1"), "ada", now), Ok(()));
        let tried = |n: &u32| tries.begin(address(&format!("127.0.0.{n}")), "bob", now).is_ok();
        assert_eq!((1..100).filter(tried).count() as u32, FREE_PAIR + 1);
        // Who is signed in is asked by its own failures only.
        for _ in 0..=FREE_PAIR {
            assert_eq!(tries.begin_known("a session", now), Ok(()));
        }
        assert!(tries.begin_known("a session", now).is_err() && tries.begin_known("another", now).is_ok());
        tries.succeeded_known("a session");
        assert_eq!(tries.begin_known("a session", now), Ok(()));
    }

    #[test]
    fn many_at_once_and_neighbours_in_one_network_count_together() {
        let (tries, now) = (Tries::default(), Instant::now());
        let one = |n: u32| tries.begin(address(&format!("2001:db8::{n:x}")), "ada", now).is_ok();
        assert_eq!((0..100).filter(|n| one(*n)).count() as u32, FREE_PAIR + 1);
    }

    #[test]
    fn the_table_is_bounded() {
        let (tries, mut now) = (Tries::default(), Instant::now());
        for number in 0..40_000_u32 {
            now += Duration::from_millis(1);
            let _ = tries.begin(IpAddr::V4(number.into()), &format!("n{number}"), now);
        }
        assert!(tries.table().len() <= KEYS_MAX);
        assert!(tries.table().contains_key(&Key::Name("n39999".into())), "the newest are known");
    }
}
