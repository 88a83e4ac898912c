//! What is remembered of whom, when peers are more than fit?

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use foldhash::fast::RandomState;

/// Something about each peer, for at most `PEERS_MAX` of them: the one seen longest ago goes first.
pub(super) struct Peers<K, T> {
    known: HashMap<K, (u64, T), RandomState>,
    order: BTreeMap<u64, K>,
    next: u64,
    forgotten: u64,
}

/// Peers of one kind of series: with what is kept of each, some ten MiB.
const PEERS_MAX: usize = 20_000;

impl<K, T> Default for Peers<K, T> {
    fn default() -> Self {
        Self { known: HashMap::default(), order: BTreeMap::new(), next: 0, forgotten: 0 }
    }
}

impl<K: Hash + Eq + Clone, T: Default> Peers<K, T> {
    /// What is known of a peer, which is the one seen last from now on.
    pub(super) fn of(&mut self, peer: &K) -> &mut T {
        self.next += 1;
        if let Some((seen, _)) = self.known.get(peer) {
            self.order.remove(seen);
        } else if self.known.len() >= PEERS_MAX
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.known.remove(&oldest);
            self.forgotten += 1;
        }
        self.order.insert(self.next, peer.clone());
        let entry = self.known.entry(peer.clone()).or_default();
        entry.0 = self.next;
        &mut entry.1
    }

    /// Peers that were forgotten for want of room.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// What is known of a peer that was seen before.
    pub(super) fn known(&mut self, peer: &K) -> Option<&mut T> {
        self.known.get_mut(peer).map(|(_, known)| known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_seen_longest_ago_is_forgotten() {
        let mut peers: Peers<u32, u32> = Peers::default();
        *peers.of(&0) = 7;
        *peers.of(&1) = 8;
        for peer in 2..PEERS_MAX as u32 {
            peers.of(&peer);
        }
        assert_eq!(*peers.of(&0), 7);
        peers.of(&u32::MAX);
        assert_eq!((*peers.of(&0), *peers.of(&1)), (7, 0));
        assert_eq!(peers.forgotten(), 2, "one for each of the two that came beyond the room");
        assert_eq!((peers.known.len(), peers.order.len()), (PEERS_MAX, PEERS_MAX));
    }
}
