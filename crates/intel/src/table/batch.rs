//! How are many addresses looked up at once?
//!
//! In stages over some hundred addresses: whose /24 has anything, where are the nodes, which hold the address, and the
//! numbers of those. No stage waits for its own reads, and the processor's widest vectors do the first, where it has them.

use super::v4::{is_inline, matching, place};
use super::{NONE, V4Table, word32};

/// Addresses in a stage: what is noted of them stays in the nearest cache.
const STAGE: usize = 512;

/// What is known of the addresses of a stage.
struct Stage {
    /// Those that are still in question, by their place.
    rows: [u16; STAGE],
    /// Their nodes.
    nodes: [u32; STAGE],
}

impl V4Table<'_> {
    /// The number for each address, as `find` gives it. `out` is as long as `addresses`.
    pub fn find_all(&self, addresses: &[u32], out: &mut [u32]) {
        pulp::Arch::new().dispatch(|| self.find_staged(addresses, out));
    }

    /// Appends the places of the addresses that a listed network holds, in order.
    pub fn hits(&self, addresses: &[u32], rows: &mut Vec<u32>) {
        pulp::Arch::new().dispatch(|| self.hits_staged(addresses, rows));
    }

    /// Where in `ids` the number of a host is that its node holds itself.
    #[inline(always)]
    fn place_in_ids(&self, at: usize, address: u32) -> Option<usize> {
        let node = word32(self.nodes, at);
        let within = (matching(node, address & 0xff).trailing_zeros() >> 3) as usize;
        is_inline(node).then(|| self.ids_before(at, address) + within)
    }

    #[inline(always)]
    fn find_staged(&self, addresses: &[u32], out: &mut [u32]) {
        let (stages, rest) = addresses.as_chunks::<STAGE>();
        let (outs, rest_out) = out.as_chunks_mut::<STAGE>();
        let mut stage = Stage { rows: [0; STAGE], nodes: [0; STAGE] };
        for (asked, out) in stages.iter().zip(outs) {
            *out = [NONE; STAGE];
            let count = stage.nodes_of(self, asked);
            let count = stage.keep_holders(self, asked, count);
            let count = stage.places_of(self, asked, count, out);
            for at in 0..count {
                let place = stage.nodes[at % STAGE] as usize;
                out[usize::from(stage.rows[at % STAGE]) % STAGE] = word32(self.ids, place);
            }
        }
        for (address, out) in rest.iter().zip(rest_out) {
            *out = self.find(*address);
        }
    }

    #[inline(always)]
    fn hits_staged(&self, addresses: &[u32], rows: &mut Vec<u32>) {
        let (stages, rest) = addresses.as_chunks::<STAGE>();
        let mut stage = Stage { rows: [0; STAGE], nodes: [0; STAGE] };
        let mut base = 0;
        for asked in stages {
            let count = stage.nodes_of(self, asked);
            let count = stage.keep_holders(self, asked, count);
            rows.extend(stage.rows.iter().take(count).map(|row| base + u32::from(*row)));
            base += STAGE as u32;
        }
        rows.extend(rest.iter().zip(base..).filter(|(address, _)| self.contains(**address)).map(|(_, row)| row));
    }
}

impl Stage {
    /// Keeps those whose /24 has anything, with their nodes; says how many.
    #[inline(always)]
    fn nodes_of(&mut self, table: &V4Table<'_>, asked: &[u32; STAGE]) -> usize {
        let mut count = 0;
        for (part, addresses) in asked.as_chunks::<64>().0.iter().enumerate() {
            let mut met = met(table, addresses);
            while met != 0 {
                self.rows[count % STAGE] = (part * 64) as u16 + met.trailing_zeros() as u16;
                count += 1;
                met &= met - 1;
            }
        }
        for at in 0..count {
            let address = asked[usize::from(self.rows[at % STAGE]) % STAGE];
            let (word, bit) = place(address);
            let bits = u64::from_le_bytes(table.bitmap[word]);
            self.nodes[at % STAGE] = table.node_in(word, bit, bits) as u32;
        }
        count
    }

    /// Keeps those whose node holds them; says how many. Without a branch: one in ten would be foretold wrongly.
    #[inline(always)]
    fn keep_holders(&mut self, table: &V4Table<'_>, asked: &[u32; STAGE], count: usize) -> usize {
        let mut kept = 0;
        for at in 0..count {
            let (row, node) = (self.rows[at % STAGE], self.nodes[at % STAGE]);
            let address = asked[usize::from(row) % STAGE];
            let holds = table.holds(word32(table.nodes, node as usize), address & 0xff);
            self.rows[kept % STAGE] = row;
            self.nodes[kept % STAGE] = node;
            kept += usize::from(holds);
        }
        kept
    }

    /// Turns the nodes of single hosts into places in `ids` and says how many those are; the numbers of all others,
    /// which are few, go to `out` at once.
    #[inline(always)]
    fn places_of(&mut self, table: &V4Table<'_>, asked: &[u32; STAGE], count: usize, out: &mut [u32; STAGE]) -> usize {
        let mut kept = 0;
        for at in 0..count {
            let (row, node) = (self.rows[at % STAGE], self.nodes[at % STAGE] as usize);
            let place = usize::from(row) % STAGE;
            match table.place_in_ids(node, asked[place]) {
                Some(found) => {
                    self.rows[kept % STAGE] = row;
                    self.nodes[kept % STAGE] = found as u32;
                    kept += 1;
                }
                None => out[place] = table.number(node, asked[place]),
            }
        }
        kept
    }
}

/// A bit for each address whose /24 has anything listed.
#[inline(always)]
fn met(table: &V4Table<'_>, addresses: &[u32; 64]) -> u64 {
    let mut met = 0;
    for (at, address) in addresses.iter().enumerate() {
        let (word, bit) = place(*address);
        met |= ((u64::from_le_bytes(table.bitmap[word]) >> bit) & 1) << at;
    }
    met
}
