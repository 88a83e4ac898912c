//! Who asks the provider at this moment, and who waits for a place?
//!
//! Each question holds a thread for as long as the provider takes. A source has a few places, so that strangers who begin
//! many sign-ins keep each other waiting first.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::auth::tries::customer_of;

/// The places there are.
#[derive(Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    of_source: Arc<Mutex<HashMap<IpAddr, Arc<Semaphore>>>>,
    patience: Duration,
}

/// One of them, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    source: IpAddr,
    own: Option<OwnedSemaphorePermit>,
    _of_all: Option<OwnedSemaphorePermit>,
    of_source: Arc<Mutex<HashMap<IpAddr, Arc<Semaphore>>>>,
}

impl Default for Places {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(AT_ONCE)), of_source: Arc::default(), patience: PATIENCE }
    }
}

impl Places {
    /// Waits a while for a place; `None` where none became free.
    pub(super) async fn take(&self, source: IpAddr) -> Option<Place> {
        let source = customer_of(source);
        let own =
            Arc::clone(table(&self.of_source).entry(source).or_insert_with(|| Arc::new(Semaphore::new(OF_SOURCE))));
        // From here on it is given back however this ends.
        let mut place = Place { source, own: None, _of_all: None, of_source: Arc::clone(&self.of_source) };
        let both = async {
            place.own = own.acquire_owned().await.ok();
            place._of_all = Arc::clone(&self.all).acquire_owned().await.ok();
        };
        let in_time = tokio::time::timeout(self.patience, both).await.is_ok();
        in_time.then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = table(&self.of_source);
        drop(self.own.take());
        // Nobody else of this source has a place or waits for one: those who do hold it too.
        if table.get(&self.source).is_some_and(|own| Arc::strong_count(own) == 1) {
            table.remove(&self.source);
        }
    }
}

fn table(of: &Mutex<HashMap<IpAddr, Arc<Semaphore>>>) -> MutexGuard<'_, HashMap<IpAddr, Arc<Semaphore>>> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Each may take as long as the fetcher's bound.
const AT_ONCE: usize = 8;
const OF_SOURCE: usize = 2;
/// A person waits so long for a page.
const PATIENCE: Duration = Duration::from_secs(8);

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u8) -> IpAddr {
        [192, 0, 2, n].into()
    }

    #[tokio::test]
    async fn strangers_hold_up_each_other_and_whoever_waits_gets_a_place() {
        let places = Arc::new(Places { patience: Duration::from_millis(500), ..Places::default() });
        let held: Vec<_> = [places.take(address(1)).await.unwrap(), places.take(address(1)).await.unwrap()].into();
        assert!(places.take(address(1)).await.is_none(), "of one source two at once");
        assert!(places.take(address(2)).await.is_some(), "another's is free");
        let mut all = held;
        for n in 3..6 {
            all.push(places.take(address(n)).await.unwrap());
            all.push(places.take(address(n)).await.unwrap());
        }
        let waiting = tokio::spawn({
            let places = Arc::clone(&places);
            async move { places.take(address(9)).await.is_some() }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        all.pop();
        assert!(waiting.await.unwrap(), "a place became free in time");
        drop(all);
        assert!(table(&places.of_source).is_empty(), "nothing is left of who left");
    }
}
