//! How do networks become the table for IPv4?

use super::v4::{ALONE, BLOCK, INLINE_MAX, RANGE, V4Sections, WHOLE};
use super::{V4Table, WORDS};

/// The table's sections as little-endian bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct V4Parts {
    /// As in `V4Sections`.
    pub bitmap: Vec<u8>,
    /// As in `V4Sections`.
    pub rank: Vec<u8>,
    /// As in `V4Sections`.
    pub id_rank: Vec<u8>,
    /// As in `V4Sections`.
    pub nodes: Vec<u8>,
    /// As in `V4Sections`.
    pub ids: Vec<u8>,
    /// As in `V4Sections`.
    pub wide: Vec<u8>,
    /// As in `V4Sections`.
    pub blocks: Vec<u8>,
    /// As in `V4Sections`.
    pub crowds: Vec<u8>,
    /// As in `V4Sections`.
    pub crowded: Vec<u8>,
    /// As in `V4Sections`.
    pub starts: Vec<u8>,
}

/// One network: its first address, its prefix length, its number.
type Network = (u32, u8, u32);

/// Addresses, first and last, that one network holds and no narrower one.
type Span = (u64, u64, u32);

impl V4Parts {
    /// Builds the table of networks that are sorted by address and length, each once.
    pub fn build(networks: impl IntoIterator<Item = Network>) -> Self {
        let mut builder = Builder::new();
        spans(networks, &mut |span| builder.take(span));
        builder.finish()
    }

    /// The sections.
    pub fn sections(&self) -> V4Sections<'_> {
        V4Sections {
            bitmap: &self.bitmap,
            rank: &self.rank,
            id_rank: &self.id_rank,
            nodes: &self.nodes,
            ids: &self.ids,
            wide: &self.wide,
            blocks: &self.blocks,
            crowds: &self.crowds,
            crowded: &self.crowded,
            starts: &self.starts,
        }
    }

    /// The table over them.
    pub fn table(&self) -> Option<V4Table<'_>> {
        V4Table::over(&self.sections())
    }
}

/// Shows disjoint spans in order: each address with the narrowest network that holds it.
fn spans(networks: impl IntoIterator<Item = Network>, show: &mut dyn FnMut(Span)) {
    let mut open: Vec<(u64, u32)> = Vec::new();
    let mut next = 0;
    let mut close = |open: &mut Vec<(u64, u32)>, until: u64, next: &mut u64| {
        while let Some((last, number)) = open.pop_if(|(last, _)| *last < until) {
            if *next <= last {
                show((*next, last, number));
            }
            *next = (*next).max(last + 1);
        }
        if let Some((_, number)) = open.last().filter(|_| *next < until) {
            show((*next, until - 1, *number));
        }
    };
    for (address, length, number) in networks {
        let first = u64::from(address);
        close(&mut open, first, &mut next);
        next = first;
        open.push((first + (1_u64 << 32 >> length) - 1, number));
    }
    close(&mut open, 1 << 32, &mut next);
}

struct Builder {
    bitmap: Vec<u64>,
    id_rank: Vec<u32>,
    out: V4Parts,
    cell: Option<Cell>,
}

/// A /24 that is not covered whole.
struct Cell {
    number: u64,
    hosts: [u64; 4],
    starts: [u64; 4],
    ids: Vec<u32>,
    /// First and last host of the last span.
    span: (u64, u64),
    /// No two hosts share a number.
    alone: bool,
}

impl Builder {
    fn new() -> Self {
        Self { bitmap: vec![0; WORDS], id_rank: vec![0; WORDS], out: V4Parts::default(), cell: None }
    }

    fn take(&mut self, (first, last, number): Span) {
        let mut at = first;
        while at <= last {
            let cell_last = at | 0xff;
            if at & 0xff == 0 && last >= cell_last {
                self.flush();
                self.whole(at >> 8, number);
            } else {
                self.part(at, last.min(cell_last), number);
            }
            at = cell_last + 1;
        }
    }

    fn whole(&mut self, cell: u64, number: u32) {
        let (known, _) = self.out.wide.as_chunks::<4>();
        if known.last() != Some(&number.to_le_bytes()) {
            put(&mut self.out.wide, number);
        }
        // There are no more /24s than 24 bits count.
        let place = (self.out.wide.len() / 4 - 1) as u32;
        self.push(cell, WHOLE << 24 | place, 0);
    }

    fn part(&mut self, first: u64, last: u64, number: u32) {
        if self.cell.as_ref().is_some_and(|cell| cell.number != first >> 8) {
            self.flush();
        }
        let cell = self.cell.get_or_insert_with(|| Cell {
            number: first >> 8,
            hosts: [0; 4],
            starts: [0; 4],
            ids: Vec::new(),
            span: (0, 0),
            alone: true,
        });
        let (first, last) = (first & 0xff, last & 0xff);
        for host in first..=last {
            cell.hosts[(host >> 6) as usize] |= 1 << (host & 63);
        }
        cell.starts[(first >> 6) as usize] |= 1 << (first & 63);
        cell.ids.push(number);
        cell.span = (first, last);
        cell.alone &= first == last;
    }

    fn flush(&mut self) {
        let Some(cell) = self.cell.take() else { return };
        // At most 256.
        let count = cell.ids.len() as u32;
        if cell.alone && count <= INLINE_MAX {
            cell.ids.iter().for_each(|number| put(&mut self.out.ids, *number));
            self.push(cell.number, count << 24 | inline(&cell.hosts), count);
        } else if count == 1 {
            put(&mut self.out.ids, cell.ids[0]);
            let (first, last) = cell.span;
            self.push(cell.number, RANGE << 24 | (last << 8 | first) as u32, 1);
        } else {
            let block = (self.out.blocks.len() / 32) as u32;
            self.block(&cell);
            self.push(cell.number, BLOCK << 24 | block, 0);
        }
    }

    fn block(&mut self, cell: &Cell) {
        let out = &mut self.out;
        put(&mut out.crowds, (out.crowded.len() / 4) as u32);
        put(&mut out.crowds, if cell.alone { ALONE } else { (out.starts.len() / 32) as u32 });
        cell.ids.iter().for_each(|number| put(&mut out.crowded, *number));
        cell.hosts.iter().for_each(|word| out.blocks.extend_from_slice(&word.to_le_bytes()));
        if !cell.alone {
            cell.starts.iter().for_each(|word| out.starts.extend_from_slice(&word.to_le_bytes()));
        }
    }

    /// The node of the next cell, and how many of `ids` are its.
    fn push(&mut self, cell: u64, node: u32, ids: u32) {
        let word = (cell >> 6) as usize;
        self.bitmap[word] |= 1 << (cell & 63);
        self.id_rank[word] += ids;
        put(&mut self.out.nodes, node);
    }

    fn finish(mut self) -> V4Parts {
        self.flush();
        let (mut nodes, mut ids) = (0, 0);
        for (bits, own) in self.bitmap.iter().zip(&self.id_rank) {
            self.out.bitmap.extend_from_slice(&bits.to_le_bytes());
            put(&mut self.out.rank, nodes);
            put(&mut self.out.id_rank, ids);
            nodes += bits.count_ones();
            ids += own;
        }
        self.out
    }
}

/// Up to three hosts, the last repeated so that all bytes can be compared.
fn inline(hosts: &[u64; 4]) -> u32 {
    let listed = (0..256_u32).filter(|host| hosts[(host >> 6) as usize] >> (host & 63) & 1 == 1);
    let listed: Vec<u32> = listed.collect();
    (0..3).map(|at| listed.get(at).or(listed.last()).copied().unwrap_or(0) << (8 * at)).sum()
}

fn put(out: &mut Vec<u8>, word: u32) {
    out.extend_from_slice(&word.to_le_bytes());
}
