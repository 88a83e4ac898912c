//! How do ranges that overlap, in any order, become a table that is searched?

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io::{self, Write};

use tripoint_model::Timestamp;

use super::Kind;
use super::layer::{HEADER_BYTES, MAGIC, VERSION, width};

/// Most ranges of one table: twice the largest that is published.
pub(super) const RANGES_MAX: usize = 4_000_000;
/// Most owners of one table; there are some 120,000 autonomous systems.
pub(super) const OWNERS_MAX: usize = 1_000_000;
/// Longest name, bytes.
pub(super) const NAME_BYTES_MAX: usize = 128;

/// A range as it was read.
struct Given {
    first: u128,
    last: u128,
    owner: u32,
}

/// A part of the address space with one owner.
struct Piece {
    first: u128,
    last: u128,
    given: usize,
}

/// A table in the making.
pub(super) struct Draft {
    pub kind: Kind,
    pub family: u8,
    given: Vec<Given>,
    owners: HashMap<(u32, Box<str>), u32>,
}

impl Draft {
    pub fn new(kind: Kind, family: u8) -> Self {
        Self { kind, family, given: Vec::new(), owners: HashMap::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.given.is_empty()
    }

    /// Adds a range with `first <= last`; says why it has no room.
    pub fn add(&mut self, first: u128, last: u128, number: u32, text: &str) -> Result<(), String> {
        if self.given.len() >= RANGES_MAX {
            return Err(format!("more than {RANGES_MAX} ranges of one kind"));
        }
        let (text, _) = tripoint_model::text::truncate(text.trim(), NAME_BYTES_MAX);
        let known = self.owners.get(&(number, Box::from(text))).copied();
        let owner = match known {
            Some(owner) => owner,
            None if self.owners.len() >= OWNERS_MAX => return Err(format!("more than {OWNERS_MAX} owners")),
            None => {
                // Below OWNERS_MAX.
                let owner = self.owners.len() as u32;
                self.owners.insert((number, Box::from(text)), owner);
                owner
            }
        };
        self.given.push(Given { first, last, owner });
        Ok(())
    }

    /// The table's bytes.
    pub fn write(mut self, imported: Timestamp, source: &str, out: &mut dyn Write) -> io::Result<()> {
        // Stable: of two ranges that are the same, the one that was read later counts.
        self.given.sort_by_key(|given| given.first);
        let pieces = pieces(&self.given);
        let mut owners: Vec<(u32, (u32, Box<str>))> = self.owners.into_iter().map(|(name, at)| (at, name)).collect();
        owners.sort_unstable_by_key(|(at, _)| *at);
        let texts: usize = owners.iter().map(|(_, (_, text))| text.len()).sum();
        let mut out = Checked { out, crc: crc32fast::Hasher::new() };
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend(MAGIC);
        header.extend(VERSION.to_le_bytes());
        header.extend([self.kind as u8, self.family, 0, 0]);
        header.extend(imported.0.to_le_bytes());
        // Bounded by the constants above; names of files by the caller.
        for count in [pieces.len(), owners.len(), texts, source.len()] {
            header.extend((count as u32).to_le_bytes());
        }
        out.put(&header)?;
        let width = width(self.family);
        pieces.iter().try_for_each(|piece| out.put(&piece.first.to_le_bytes()[..width]))?;
        pieces.iter().try_for_each(|piece| out.put(&piece.last.to_le_bytes()[..width]))?;
        pieces.iter().try_for_each(|piece| out.put(&self.given[piece.given].owner.to_le_bytes()))?;
        let mut offset = 0_u32;
        for (_, (number, text)) in &owners {
            for value in [*number, offset, text.len() as u32] {
                out.put(&value.to_le_bytes())?;
            }
            offset += text.len() as u32;
        }
        owners.iter().try_for_each(|(_, (_, text))| out.put(text.as_bytes()))?;
        out.put(source.as_bytes())?;
        let crc = out.crc.finalize();
        out.out.write_all(&crc.to_le_bytes())
    }
}

struct Checked<'o> {
    out: &'o mut dyn Write,
    crc: crc32fast::Hasher,
}

impl Checked<'_> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.crc.update(bytes);
        self.out.write_all(bytes)
    }
}

/// Cuts ranges, sorted by their first address, so that none overlap: of those that hold an address
/// the narrowest has it, of equally wide ones the last.
fn pieces(given: &[Given]) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::with_capacity(given.len());
    let mut active: BinaryHeap<(Reverse<u128>, usize)> = BinaryHeap::new();
    let mut next = 0;
    let mut cursor = 0;
    loop {
        while active.peek().is_some_and(|(_, at)| given[*at].last < cursor) {
            active.pop();
        }
        let upcoming = given.get(next).map(|given| given.first);
        let Some(&(_, top)) = active.peek() else {
            let Some(first) = upcoming else { return pieces };
            cursor = first;
            enter(given, &mut next, cursor, &mut active);
            continue;
        };
        let end = given[top].last;
        match upcoming.filter(|first| *first <= end) {
            Some(first) => {
                // Everything that begins up to the cursor has entered: `first` lies after it.
                put(&mut pieces, cursor, first - 1, top);
                cursor = first;
                enter(given, &mut next, cursor, &mut active);
            }
            None => {
                put(&mut pieces, cursor, end, top);
                let Some(after) = end.checked_add(1) else { return pieces };
                cursor = after;
            }
        }
    }
}

fn enter(given: &[Given], next: &mut usize, cursor: u128, active: &mut BinaryHeap<(Reverse<u128>, usize)>) {
    while let Some(range) = given.get(*next).filter(|range| range.first <= cursor) {
        active.push((Reverse(range.last - range.first), *next));
        *next += 1;
    }
}

fn put(pieces: &mut Vec<Piece>, first: u128, last: u128, given: usize) {
    match pieces.last_mut() {
        Some(piece) if piece.given == given && piece.last.checked_add(1) == Some(first) => piece.last = last,
        _ => pieces.push(Piece { first, last, given }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::layer::Layer;
    use super::*;

    fn table(ranges: &[(u128, u128)], family: u8) -> Layer {
        let mut draft = Draft::new(Kind::Owners, family);
        for (number, (first, last)) in (1..).zip(ranges) {
            draft.add(*first, *last, number, "name").unwrap();
        }
        let mut bytes = Vec::new();
        draft.write(Timestamp(7), "file", &mut bytes).unwrap();
        Layer::open(bytes, Kind::Owners, family).unwrap()
    }

    proptest! {
        /// Fails when a cut is off by one, or when a wider range beats a narrower one.
        #[test]
        fn the_narrowest_range_has_the_address(
            ends in proptest::collection::vec((0_u128..64, 0_u128..64), 0..24),
            top in any::<bool>(),
        ) {
            // At the upper end too, where adding one overflows.
            let (family, shift) = if top { (6, u128::MAX - 63) } else { (4, 0) };
            let ranges: Vec<_> =
                ends.iter().map(|(a, b)| (shift + a.min(b), shift + a.max(b))).collect();
            let table = table(&ranges, family);
            for key in (0..64).map(|key| shift + key) {
                let holding = (1_u32..).zip(&ranges).filter(|(_, (first, last))| (*first..=*last).contains(&key));
                let expected = holding.min_by_key(|(number, (first, last))| (last - first, Reverse((*first, *number))));
                let found = table.find(key);
                prop_assert_eq!(found.as_ref().map(|hit| ranges[hit.number as usize - 1].1 - ranges[hit.number as usize - 1].0), expected.map(|(_, (first, last))| last - first));
                if let Some(hit) = found {
                    prop_assert!(hit.first <= key && key <= hit.last && hit.text == "name");
                }
            }
        }
    }

    #[test]
    fn no_damage_goes_unseen() {
        let mut draft = Draft::new(Kind::Countries, 4);
        draft.add(1, 9, 0, "AU").unwrap();
        let mut bytes = Vec::new();
        draft.write(Timestamp(7), "file", &mut bytes).unwrap();
        assert!(Layer::open(bytes.clone(), Kind::Owners, 4).is_err());
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert!(Layer::open(flipped, Kind::Countries, 4).is_err(), "byte {at}");
            assert!(Layer::open(bytes[..at].to_vec(), Kind::Countries, 4).is_err(), "cut at {at}");
        }
    }
}
