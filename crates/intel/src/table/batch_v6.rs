//! How are many IPv6 addresses looked up at once?
//!
//! As for IPv4: which classes can have a group of the address, which slot it would be in, which record it begins with,
//! and only for those few whose group is there the search within it.

use super::v6::{CLASSES, head, key};
use super::{NONE, V6Table};

/// Addresses in a stage.
const STAGE: usize = 256;
/// Each can be in question for every class.
const OPEN: usize = STAGE * CLASSES.len();

struct Stage {
    heads: [u64; STAGE],
    /// Row and class of what is still in question.
    open: [(u16, u16); OPEN],
    /// Slots, then records.
    places: [u32; OPEN],
}

impl V6Table<'_> {
    /// The place for each address, as `find` gives it. `out` is as long as `addresses`.
    pub fn find_all(&self, addresses: &[u128], out: &mut [u32]) {
        pulp::Arch::new().dispatch(|| self.find_staged(addresses, out));
    }

    #[inline(always)]
    fn find_staged(&self, addresses: &[u128], out: &mut [u32]) {
        let mut stage = Stage { heads: [0; STAGE], open: [(0, 0); OPEN], places: [0; OPEN] };
        for (addresses, out) in addresses.chunks(STAGE).zip(out.chunks_mut(STAGE)) {
            out.fill(NONE);
            let count = stage.may_have(self, addresses);
            let count = stage.in_slots(self, count);
            stage.settle(self, count, addresses, out);
        }
    }
}

impl Stage {
    /// Notes the classes that can have a group of each address; says how many.
    #[inline(always)]
    fn may_have(&mut self, table: &V6Table<'_>, addresses: &[u128]) -> usize {
        for (head_of, address) in self.heads.iter_mut().zip(addresses) {
            *head_of = head(*address);
        }
        let mut count = 0;
        for class in (0..CLASSES.len()).filter(|class| table.classes[*class].lengths != 0) {
            for (part, heads) in self.heads.as_chunks::<64>().0.iter().enumerate() {
                let mut met = 0_u64;
                for (at, head) in heads.iter().enumerate() {
                    met |= u64::from(table.may_have(class, *head)) << at;
                }
                while met != 0 {
                    let row = part * 64 + met.trailing_zeros() as usize;
                    if row < addresses.len() {
                        self.open[count % OPEN] = (row as u16, class as u16);
                        count += 1;
                    }
                    met &= met - 1;
                }
            }
        }
        count
    }

    /// Keeps those in whose slot anything is, with the record that it names; says how many.
    #[inline(always)]
    fn in_slots(&mut self, table: &V6Table<'_>, count: usize) -> usize {
        for at in 0..count {
            let (row, class) = self.open[at % OPEN];
            self.places[at % OPEN] = table.slot(usize::from(class), self.heads[usize::from(row) % STAGE]);
        }
        let mut kept = 0;
        for at in 0..count {
            let (row, class) = self.open[at % OPEN];
            let record = table.slot_at(usize::from(class), self.places[at % OPEN]);
            self.open[kept % OPEN] = (row, class);
            self.places[kept % OPEN] = record.map_or(NONE, |record| record as u32);
            kept += usize::from(record.is_some());
        }
        kept
    }

    /// Searches the groups. Classes come with the narrowest networks first.
    #[inline(always)]
    fn settle(&mut self, table: &V6Table<'_>, count: usize, addresses: &[u128], out: &mut [u32]) {
        for at in 0..count {
            let (row, class) = (usize::from(self.open[at % OPEN].0), usize::from(self.open[at % OPEN].1));
            let (record, head, bits) = (self.places[at % OPEN] as usize, self.heads[row % STAGE], CLASSES[class]);
            let is_first = table.head_of(record).is_some_and(|found| key(found, bits) == key(head, bits));
            let group = if is_first { Some(record) } else { table.group(class, head) };
            if let (NONE, Some(group)) = (out[row], group) {
                out[row] = table.narrowest(class, group, addresses[row]).unwrap_or(NONE);
            }
        }
    }
}
