//! How many proposals may wait for the one thread that acts?

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Far more than policy may do in a minute; about 4 MiB with their connections.
const WAITING_MAX: usize = 1_024;

/// Counts those that wait, so that a flood of alerts costs bounded memory.
#[derive(Clone, Debug, Default)]
pub struct Waiting(Arc<AtomicUsize>);

/// A place among those that wait; free again when it is dropped.
#[derive(Debug)]
pub struct Place(Arc<AtomicUsize>);

impl Waiting {
    /// A place, if there is one.
    pub fn place(&self) -> Option<Place> {
        let more = |waiting: usize| (waiting < WAITING_MAX).then_some(waiting + 1);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(Place(Arc::clone(&self.0)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_free_again() {
        let waiting = Waiting::default();
        let mut places: Vec<Place> = (0..10_000).map_while(|_| waiting.place()).collect();
        assert_eq!(places.len(), WAITING_MAX);
        assert!(waiting.place().is_none());
        places.truncate(1_000);
        assert!(waiting.place().is_some());
        drop(places);
        assert_eq!((0..10_000).map_while(|_| waiting.place()).collect::<Vec<_>>().len(), WAITING_MAX);
    }
}
