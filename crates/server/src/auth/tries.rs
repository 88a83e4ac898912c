//! How often may somebody try to sign in?
//!
//! Who fails waits, twice as long each time. What others failed makes nobody wait who has not failed: a stranger cannot
//! shut an account's owner out. It only makes the first wait come sooner, for everybody who fails at that name.

use std::collections::HashMap;
use std::net::IpAddr;
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
}

#[derive(Clone, Copy, Debug)]
struct Count {
    failures: u32,
    last: Instant,
}

impl Tries {
    /// Lets somebody try, or says how long to wait. It counts as failed until `succeeded`, so that many tries at once
    /// are no way around.
    pub(crate) fn begin(&self, source: IpAddr, name: &str, now: Instant) -> Result<(), Duration> {
        let source = network_of(source);
        let name: String = name.chars().take(NAME_KEPT).collect();
        let mut table = self.table();
        let count = |table: &HashMap<Key, Count>, key: &Key| {
            table.get(key).filter(|count| now.duration_since(count.last) < FORGOTTEN).copied()
        };
        let keys = [Key::Source(source), Key::Pair(source, name.clone()), Key::Name(name)];
        let tried_by_many = count(&table, &keys[2]).is_some_and(|count| count.failures >= MANY);
        let free = [FREE_SOURCE, if tried_by_many { FREE_PAIR_TRIED } else { FREE_PAIR }];
        let waits = keys.iter().zip(free).filter_map(|(key, free)| {
            let count = count(&table, key)?;
            let until = count.last + wait(count.failures.saturating_sub(free));
            until.checked_duration_since(now).filter(|left| !left.is_zero())
        });
        if let Some(longest) = waits.max() {
            return Err(longest);
        }
        for key in keys {
            let failures = count(&table, &key).map_or(0, |count| count.failures);
            make_room(&mut table, &key, now);
            table.insert(key, Count { failures: failures.saturating_add(1), last: now });
        }
        Ok(())
    }

    /// The try was good after all. What the source failed at other names stays.
    pub(crate) fn succeeded(&self, source: IpAddr, name: &str) {
        let source = network_of(source);
        let name: String = name.chars().take(NAME_KEPT).collect();
        let mut table = self.table();
        table.remove(&Key::Pair(source, name.clone()));
        for key in [Key::Source(source), Key::Name(name)] {
            if let Some(count) = table.get_mut(&key) {
                count.failures = count.failures.saturating_sub(1);
            }
        }
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Key, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
