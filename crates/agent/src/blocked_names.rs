//! Which names are blocked, and which of the answers seen are news about them?

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tripoint_model::{Target, Timestamp};
use tripoint_sensor::Seen;

use crate::respond::Ask;

/// The same address for the same name is told again after this, so that what is still answered stays needed.
const AGAIN: Duration = Duration::from_secs(30);
/// Addresses that are remembered as told. Beyond that all are told again: the responder has caps of its own.
const TOLD_MAX: usize = 4_096;
/// Addresses of one answer; the reader of answers takes no more records either.
const ADDRESSES_MAX: usize = 64;

/// Where a blocked name leads, by an answer that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAnswer {
    /// The block that it is about.
    pub name: Target,
    /// The addresses of the answer that are news.
    pub addresses: Vec<IpAddr>,
    /// Whoever got the answer may use them at least until then.
    pub needed_until: Timestamp,
    /// When the kernel saw the answer.
    pub at: Timestamp,
}

/// Shared between the sensing thread, which looks, and the responder, which says what to look for.
#[derive(Default)]
pub struct BlockedNames {
    door: OnceLock<Sender<Ask>>,
    any: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    names: Vec<Target>,
    told: HashMap<(usize, IpAddr), Timestamp>,
}

impl BlockedNames {
    /// Where news goes.
    pub fn tell(&self, door: Sender<Ask>) {
        let _ = self.door.set(door);
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        !self.any.load(Ordering::Relaxed)
    }

    /// These are blocked from now on, and no others.
    pub fn set(&self, names: Vec<Target>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.names != names {
            self.any.store(!names.is_empty(), Ordering::Relaxed);
            *state = State { names, told: HashMap::new() };
        }
    }

    /// Looks for answers about blocked names and passes on what is new in them.
    pub fn look(&self, seen: &[Seen]) {
        if self.is_empty() || !seen.iter().any(|one| matches!(one, Seen::Resolved { .. })) {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let news: Vec<NameAnswer> = seen.iter().flat_map(|one| state.news(one)).collect();
        if let Some(door) = self.door.get().filter(|_| !news.is_empty()) {
            let _ = door.send(Ask::Answered(news));
        }
    }
}

impl State {
    fn news(&mut self, seen: &Seen) -> Vec<NameAnswer> {
        let Seen::Resolved { name, aliases, addresses, ttl_s, at, .. } = seen else { return Vec::new() };
        let Self { names, told } = self;
        let mut news = Vec::new();
        for (number, target) in names.iter().enumerate() {
            if !std::iter::once(name).chain(aliases).any(|name| target.names(name)) {
                continue;
            }
            if told.len() > TOLD_MAX {
                told.clear();
            }
            let mut new = |address: &IpAddr| {
                let known = told.get(&(number, *address)).is_some_and(|last| at.since(*last) < AGAIN);
                if !known {
                    told.insert((number, *address), *at);
                }
                !known
            };
            let addresses: Vec<IpAddr> =
                addresses.iter().take(ADDRESSES_MAX).copied().filter(|address| new(address)).collect();
            if !addresses.is_empty() {
                let needed_until = at.plus(Duration::from_secs((*ttl_s).into()));
                news.push(NameAnswer { name: target.clone(), addresses, needed_until, at: *at });
            }
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn answer(name: &str, aliases: &[&str], last: u8, second: i64) -> Seen {
        Seen::Resolved {
            name: name.into(),
            aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
            addresses: vec![[203, 0, 113, last].into()],
            ttl_s: 60,
            netns: 1,
            at: Timestamp::from_seconds(second),
            missed: false,
        }
    }

    #[test]
    fn answers_about_blocked_names_are_told_once_and_by_every_name_of_the_chain() {
        let blocked = BlockedNames::default();
        let (door, asks) = mpsc::channel();
        blocked.tell(door);
        let told = || -> Vec<NameAnswer> {
            let answers = |ask| if let Ask::Answered(answers) = ask { answers } else { Vec::new() };
            asks.try_iter().flat_map(answers).collect()
        };
        blocked.look(&[answer("c2.bad.example", &[], 7, 1)]);
        assert_eq!(told(), [], "nothing is blocked");
        let names: Vec<Target> = ["c2.bad.example", "*.evil.example"].map(|name| name.parse().unwrap()).to_vec();
        blocked.set(names.clone());
        blocked.look(&[answer("c2.bad.example", &[], 7, 1), answer("www.good.example", &["cdn.good.example"], 8, 1)]);
        let told_of = told();
        assert_eq!((told_of.len(), &told_of[0].name), (1, &names[0]));
        assert_eq!(told_of[0].needed_until, Timestamp::from_seconds(61));
        blocked.look(&[answer("c2.bad.example", &[], 7, 2), answer("c2.bad.example", &[], 9, 2)]);
        assert_eq!(told()[0].addresses, ["203.0.113.9".parse::<IpAddr>().unwrap()], "only what is new");
        blocked.look(&[answer("www.shop.example", &["a.evil.example", "x.example"], 7, 2)]);
        assert_eq!(told()[0].name, names[1]);
        blocked.look(&[answer("c2.bad.example", &[], 7, 31)]);
        assert_eq!(told().len(), 1, "still answered: still needed");
        blocked.set(Vec::new());
        blocked.look(&[answer("c2.bad.example", &[], 10, 40)]);
        assert_eq!(told(), []);
    }

    #[test]
    fn a_flood_of_answers_is_remembered_in_bounds() {
        let blocked = BlockedNames::default();
        blocked.set(vec!["*.flux.example".parse().unwrap()]);
        for number in 0..20_000u32 {
            let Seen::Resolved { name, aliases, ttl_s, netns, at, missed, .. } = answer("a.flux.example", &[], 0, 1)
            else {
                unreachable!()
            };
            let addresses = vec![IpAddr::from(number.to_be_bytes())];
            blocked.look(&[Seen::Resolved { name, aliases, addresses, ttl_s, netns, at, missed }]);
        }
        assert!(blocked.state.lock().unwrap().told.len() <= TOLD_MAX + 1);
    }
}
