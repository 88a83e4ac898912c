//! Who may be at the door at once, and who gives way where it is full?
//!
//! A connection on which nothing is being answered gives way to a new one: whoever opens many and says little, or begins
//! bodies and does not end them (slowloris), shuts nobody out who asks something. Where all are too many, those of
//! whoever has the most go first, and of one source the oldest.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::behind::Proxies;
use crate::auth::tries::{customer_of, network_of};

/// Everybody who is connected over TCP.
#[derive(Debug)]
pub(crate) struct Crowd {
    most: usize,
    most_of_source: usize,
    /// Many come through each of them.
    proxies: Proxies,
    table: Mutex<Table>,
    next: AtomicU64,
    /// New ones that were sent away at once.
    pub(crate) refused: AtomicU64,
    /// Quiet ones that were ended for a new one.
    pub(crate) displaced: AtomicU64,
}

#[derive(Debug, Default)]
struct Table {
    /// By number: the oldest first.
    guests: BTreeMap<u64, (Sources, Arc<Guest>)>,
    of_source: HashMap<Source, usize>,
}

/// An address or network that connections are counted by, and how many bits of it count.
type Source = (IpAddr, u8);

/// Where a connection comes from: its address (of IPv6 its /64), and of IPv6 the /48 that one customer may have whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sources {
    near: Source,
    wide: Option<Source>,
}

impl Sources {
    fn of(address: IpAddr) -> Self {
        match network_of(address) {
            net @ IpAddr::V6(_) => Self { near: (net, 64), wide: Some((customer_of(net), 48)) },
            v4 => Self { near: (v4, 32), wide: None },
        }
    }

    fn all(self) -> impl Iterator<Item = Source> {
        std::iter::once(self.near).chain(self.wide)
    }
}

/// One connection.
#[derive(Debug, Default)]
pub(crate) struct Guest {
    /// Requests that are being answered.
    busy: AtomicU32,
    is_proxy: bool,
    leave: Notify,
}

/// Its place, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    crowd: Arc<Crowd>,
    number: u64,
    guest: Arc<Guest>,
}

impl Crowd {
    /// At most so many, and so many from one source that is no proxy.
    pub(crate) fn new(most: usize, most_of_source: usize, proxies: Proxies) -> Arc<Self> {
        Arc::new(Self {
            most: most.max(1),
            most_of_source: most_of_source.clamp(1, most.max(1)),
            proxies,
            table: Mutex::default(),
            next: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            displaced: AtomicU64::new(0),
        })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.table().guests.len()
    }

    /// Lets one in; `None` where everybody who could give way is being answered.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let (sources, is_proxy) = (Sources::of(address), self.proxies.has(address));
        let mut table = self.table();
        let is_room = sources.all().all(|source| {
            let most = if is_proxy { self.most } else { self.most_of(source) };
            table.count(source) < most || self.displace(&mut table, Some(source))
        });
        let is_room = is_room && (table.guests.len() < self.most || self.displace(&mut table, None));
        if !is_room {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let (number, guest) =
            (self.next.fetch_add(1, Ordering::Relaxed), Arc::new(Guest { is_proxy, ..Guest::default() }));
        table.guests.insert(number, (sources, Arc::clone(&guest)));
        for source in sources.all() {
            *table.of_source.entry(source).or_default() += 1;
        }
        drop(table);
        Some(Place { crowd: Arc::clone(self), number, guest })
    }

    /// A wide network has room for several sources, and leaves as much to all others.
    fn most_of(&self, (_, bits): Source) -> usize {
        if bits == 48 { self.most_of_source.max(self.most / 2) } else { self.most_of_source }
    }

    /// Ends a quiet one: of this source the oldest, else the oldest of whoever has the most.
    fn displace(&self, table: &mut Table, source: Option<Source>) -> bool {
        let is_of = |sources: &Sources| source.is_none_or(|source| sources.all().any(|of| of == source));
        let quiet = table.guests.iter().filter(|(_, (of, guest))| is_of(of) && guest.is_quiet());
        let found = match source {
            Some(_) => quiet.map(|(number, _)| *number).next(),
            None => quiet
                .take(LOOKED_AT)
                .max_by_key(|(number, (of, guest))| {
                    let has = if guest.is_proxy { 0 } else { table.count(of.near) };
                    (has, Reverse(**number))
                })
                .map(|(number, _)| *number),
        };
        let Some(number) = found else { return false };
        if let Some(guest) = table.remove(number) {
            guest.leave.notify_one();
        }
        self.displaced.fetch_add(1, Ordering::Relaxed);
        true
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn count(&self, source: Source) -> usize {
        self.of_source.get(&source).copied().unwrap_or(0)
    }

    fn remove(&mut self, number: u64) -> Option<Arc<Guest>> {
        let (sources, guest) = self.guests.remove(&number)?;
        for source in sources.all() {
            if let Some(count) = self.of_source.get_mut(&source) {
                *count -= 1;
                if *count == 0 {
                    self.of_source.remove(&source);
                }
            }
        }
        Some(guest)
    }
}

impl Guest {
    fn is_quiet(&self) -> bool {
        self.busy.load(Ordering::Relaxed) == 0
    }
}

impl Place {
    /// Completes when this one has to give way.
    pub(crate) async fn leave(&self) {
        self.guest.leave.notified().await;
    }

    /// One more request has begun; it is over when this is dropped.
    pub(crate) fn asked(&self) -> Arc<Asked> {
        Arc::new(Asked {
            guest: Arc::clone(&self.guest),
            is_answered: AtomicBool::new(false),
            is_known: AtomicBool::new(false),
        })
    }
}

/// A request. Its connection is busy with it once it is whole, or once it is known who asks: a stranger who does not end
/// what it says gives way.
#[derive(Debug)]
pub(crate) struct Asked {
    guest: Arc<Guest>,
    is_answered: AtomicBool,
    is_known: AtomicBool,
}

impl Asked {
    /// It is whole.
    pub(crate) fn whole(&self) {
        if !self.is_answered.swap(true, Ordering::Relaxed) {
            self.guest.busy.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Somebody known asks it.
    pub(crate) fn known(&self) {
        self.is_known.store(true, Ordering::Relaxed);
        self.whole();
    }

    pub(super) fn is_known(&self) -> bool {
        self.is_known.load(Ordering::Relaxed)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if self.is_answered.load(Ordering::Relaxed) {
            self.guest.busy.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Whoever gave way is out of the table already.
        self.crowd.table().remove(self.number);
    }
}

/// So many quiet ones are compared; the oldest of them are those of whoever came to stay.
const LOOKED_AT: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(most: usize, most_of_source: usize) -> Arc<Crowd> {
        Crowd::new(most, most_of_source, Proxies::default())
    }

    fn answered(place: &Place) -> Arc<Asked> {
        let asked = place.asked();
        asked.whole();
        asked
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_oldest_quiet_one_of_a_source_gives_way_and_who_is_answered_never() {
        let crowd = crowd(10, 3);
        let source = address("192.0.2.1");
        let first = crowd.admit(source).unwrap();
        let first_one = answered(&first);
        let second = crowd.admit(source).unwrap();
        let third = crowd.admit(source).unwrap();
        let fourth = crowd.admit(source).unwrap();
        assert_eq!((crowd.count(), crowd.displaced.load(Ordering::Relaxed)), (3, 1));
        // The second was told, and its leaving frees nothing twice.
        drop(second);
        assert_eq!(crowd.count(), 3);
        let (_b, _c) = (answered(&third), answered(&fourth));
        assert!(crowd.admit(source).is_none(), "all are answered");
        assert!(crowd.admit(address("192.0.2.2")).is_some(), "others have their own room");
        drop(first_one);
        assert!(crowd.admit(source).is_some(), "the first is quiet now");
    }

    #[test]
    fn it_is_bounded_by_all_and_neighbours_of_one_network_count_together() {
        let crowd = crowd(4, 2);
        let mut places = Vec::new();
        for number in 0..100_u32 {
            places.extend(crowd.admit(IpAddr::V4((0xc000_0200 + number).into())));
            assert!(crowd.count() <= 4);
        }
        drop(places);
        assert!(crowd.count() == 0 && crowd.table().of_source.is_empty());
        let six: Vec<_> = (0..5).filter_map(|n| crowd.admit(address(&format!("2001:db8::{n}")))).collect();
        assert_eq!((six.len(), crowd.count()), (5, 2));
    }

    #[tokio::test]
    async fn who_has_to_leave_is_told_also_when_it_listens_later() {
        let crowd = crowd(1, 1);
        let first = crowd.admit(address("192.0.2.1")).unwrap();
        let _second = crowd.admit(address("192.0.2.1")).unwrap();
        first.leave().await;
    }

    #[test]
    fn who_does_not_end_what_it_says_is_quiet_and_who_is_known_is_not() {
        let crowd = crowd(2, 2);
        let source = address("192.0.2.1");
        let (slow, known) = (crowd.admit(source).unwrap(), crowd.admit(source).unwrap());
        let (unended, of_known) = (slow.asked(), known.asked());
        of_known.known();
        let new = crowd.admit(source).expect("the slow one gives way");
        drop((slow, unended));
        let _answered = answered(&new);
        assert!(crowd.admit(source).is_none(), "the known one and the new one stay");
        drop(of_known);
        assert!(crowd.admit(source).is_some());
    }

    #[test]
    fn whoever_has_the_most_gives_way_first_and_a_proxy_last() {
        let crowd = Crowd::new(10, 8, Proxies::new(&["127.0.0.1/32".parse().unwrap()]));
        let single = crowd.admit(address("192.0.2.1")).unwrap();
        let many: Vec<_> = (0..3).map(|_| crowd.admit(address("192.0.2.2")).unwrap()).collect();
        let proxy: Vec<_> = (0..6).map(|_| crowd.admit(address("127.0.0.1")).unwrap()).collect();
        let counts = || {
            let table = crowd.table();
            ["192.0.2.1", "192.0.2.2", "127.0.0.1"].map(|of| table.count((address(of), 32)))
        };
        let _one = crowd.admit(address("192.0.2.3")).unwrap();
        assert_eq!(counts(), [1, 2, 6]);
        let _more: Vec<_> = (4..8).map(|n| crowd.admit(address(&format!("192.0.2.{n}"))).unwrap()).collect();
        assert_eq!(counts()[2], 6, "all of the proxy's stay");
        drop((single, many, proxy));
    }

    #[test]
    fn all_networks_of_one_customer_are_bounded_together() {
        let crowd = crowd(100, 10);
        let mut places = Vec::new();
        for net in 0..100_u32 {
            places.extend((0..2).map(|n| crowd.admit(address(&format!("2001:db8:1:{net:x}::{n}"))).unwrap()));
        }
        assert_eq!(crowd.count(), 50, "half is left for others");
        let _other = crowd.admit(address("2001:db8:2::1")).unwrap();
        assert_eq!(crowd.count(), 51);
        drop(places);
        assert_eq!((crowd.count(), crowd.table().of_source.len()), (1, 2));
    }
}
