//! Who may be at the door at once, and who gives way where it is full?
//!
//! A connection on which nothing is being answered gives way to a new one, the oldest first: whoever opens many and says
//! little (slowloris) shuts nobody out who asks something.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::auth::tries::network_of;

/// Everybody who is connected over TCP.
#[derive(Debug)]
pub(crate) struct Crowd {
    most: usize,
    most_of_source: usize,
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
    guests: BTreeMap<u64, (IpAddr, Arc<Guest>)>,
    of_source: HashMap<IpAddr, usize>,
}

/// One connection.
#[derive(Debug, Default)]
pub(crate) struct Guest {
    /// Requests that are being answered.
    busy: AtomicU32,
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
    /// At most so many, and so many from one source.
    pub(crate) fn new(most: usize, most_of_source: usize) -> Arc<Self> {
        Arc::new(Self {
            most: most.max(1),
            most_of_source: most_of_source.clamp(1, most.max(1)),
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
    pub(crate) fn admit(self: &Arc<Self>, source: IpAddr) -> Option<Place> {
        let source = network_of(source);
        let mut table = self.table();
        let is_room = table.of_source.get(&source).copied().unwrap_or(0) < self.most_of_source
            || self.displace(&mut table, Some(source));
        let is_room = is_room && (table.guests.len() < self.most || self.displace(&mut table, None));
        if !is_room {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let (number, guest) = (self.next.fetch_add(1, Ordering::Relaxed), Arc::new(Guest::default()));
        table.guests.insert(number, (source, Arc::clone(&guest)));
        *table.of_source.entry(source).or_default() += 1;
        drop(table);
        Some(Place { crowd: Arc::clone(self), number, guest })
    }

    /// Ends the oldest quiet one, of this source or of all.
    fn displace(&self, table: &mut Table, source: Option<IpAddr>) -> bool {
        let quiet = |(of, guest): &(IpAddr, Arc<Guest>)| {
            source.is_none_or(|source| source == *of) && guest.busy.load(Ordering::Relaxed) == 0
        };
        let Some(number) = table.guests.iter().find(|(_, guest)| quiet(guest)).map(|(number, _)| *number) else {
            return false;
        };
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
    fn remove(&mut self, number: u64) -> Option<Arc<Guest>> {
        let (source, guest) = self.guests.remove(&number)?;
        if let Some(count) = self.of_source.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.of_source.remove(&source);
            }
        }
        Some(guest)
    }
}

impl Place {
    /// Completes when this one has to give way.
    pub(crate) async fn leave(&self) {
        self.guest.leave.notified().await;
    }

    /// One more request is being answered, until this is dropped.
    pub(crate) fn busy(&self) -> Busy {
        self.guest.busy.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(&self.guest))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Whoever gave way is out of the table already.
        self.crowd.table().remove(self.number);
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Guest>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_oldest_quiet_one_of_a_source_gives_way_and_who_is_answered_never() {
        let crowd = Crowd::new(10, 3);
        let source = address("192.0.2.1");
        let first = crowd.admit(source).unwrap();
        let answered = first.busy();
        let second = crowd.admit(source).unwrap();
        let third = crowd.admit(source).unwrap();
        let fourth = crowd.admit(source).unwrap();
        assert_eq!((crowd.count(), crowd.displaced.load(Ordering::Relaxed)), (3, 1));
        // The second was told, and its leaving frees nothing twice.
        drop(second);
        assert_eq!(crowd.count(), 3);
        let (_b, _c) = (third.busy(), fourth.busy());
        assert!(crowd.admit(source).is_none(), "all are answered");
        assert!(crowd.admit(address("192.0.2.2")).is_some(), "others have their own room");
        drop(answered);
        assert!(crowd.admit(source).is_some(), "the first is quiet now");
    }

    #[test]
    fn it_is_bounded_by_all_and_neighbours_of_one_network_count_together() {
        let crowd = Crowd::new(4, 2);
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
        let crowd = Crowd::new(1, 1);
        let first = crowd.admit(address("192.0.2.1")).unwrap();
        let _second = crowd.admit(address("192.0.2.1")).unwrap();
        first.leave().await;
    }
}
