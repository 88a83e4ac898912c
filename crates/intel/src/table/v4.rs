//! Which IPv4 network holds an address? The layout, and one question at a time.
//!
//! A bitmap has a bit for each /24 in which anything is listed; `rank` counts the bits before each word, which leads
//! to the node of the /24. A node's high byte is its kind:
//!
//! | kind | low 24 bits | |
//! |---|---|---|
//! | 1 to 3 | so many host bytes, the last repeated | each host has a number of its own |
//! | `RANGE` | first host, last host | one network inside the /24 |
//! | `WHOLE` | place in `wide` | one network that covers the /24 |
//! | `BLOCK` | place in `blocks` | anything else: a bit for each listed host |
//!
//! The numbers of hosts and ranges lie in `ids` in the order of nodes; `id_rank` counts them before each word, and the
//! nodes between are in the same line of cache. A block knows where its numbers begin; where several hosts share one,
//! `starts` has the bits at which a new number begins. Nodes and blocks are what the kernel's programs read, too.

use super::{NONE, WORDS, Words32, Words64, word32, word64};

/// Kind of a node that points to a block.
pub const BLOCK: u32 = 0;
/// Kind of a node that holds one range of hosts.
pub const RANGE: u32 = 4;
/// Kind of a node that is listed as a whole.
pub const WHOLE: u32 = 255;
/// Most hosts that a node holds itself.
pub const INLINE_MAX: u32 = 3;

/// What is not the kind.
pub(super) const LOW: u32 = 0x00ff_ffff;
/// In place of a place in `starts`: every listed host has a number of its own.
pub(super) const ALONE: u32 = u32::MAX;

/// The sections of an image that answer for IPv4.
#[derive(Clone, Copy, Debug)]
pub struct V4Table<'a> {
    pub(super) bitmap: &'a [[u8; 8]; WORDS],
    pub(super) rank: &'a [[u8; 4]; WORDS],
    pub(super) id_rank: &'a [[u8; 4]; WORDS],
    pub(super) nodes: Words32<'a>,
    pub(super) ids: Words32<'a>,
    pub(super) wide: Words32<'a>,
    pub(super) blocks: &'a [[u8; 32]],
    /// For each block: where in `crowded` its numbers begin, and its place in `starts`.
    pub(super) crowds: Words64<'a>,
    pub(super) crowded: Words32<'a>,
    pub(super) starts: &'a [[u8; 32]],
}

/// The bytes of the sections, each as an image holds it.
#[derive(Clone, Copy, Debug)]
pub struct V4Sections<'a> {
    /// `u64` for each 64 networks of /24.
    pub bitmap: &'a [u8],
    /// `u32` for each word: set bits before it.
    pub rank: &'a [u8],
    /// `u32` for each word: `ids` before it.
    pub id_rank: &'a [u8],
    /// `u32` for each set bit.
    pub nodes: &'a [u8],
    /// `u32` for each host or range in a node.
    pub ids: &'a [u8],
    /// `u32` for each network of /24 and wider.
    pub wide: &'a [u8],
    /// 32 bytes for each block.
    pub blocks: &'a [u8],
    /// 8 bytes for each block.
    pub crowds: &'a [u8],
    /// `u32` for each number in a block.
    pub crowded: &'a [u8],
    /// 32 bytes for each block in which hosts share numbers.
    pub starts: &'a [u8],
}

impl<'a> V4Table<'a> {
    /// The table over these sections; `None` when one has an impossible length.
    pub fn over(sections: &V4Sections<'a>) -> Option<Self> {
        fn all<const N: usize>(bytes: &[u8]) -> Option<&[[u8; N]]> {
            let (words, rest) = bytes.as_chunks();
            rest.is_empty().then_some(words)
        }
        Some(Self {
            bitmap: all(sections.bitmap)?.try_into().ok()?,
            rank: all(sections.rank)?.try_into().ok()?,
            id_rank: all(sections.id_rank)?.try_into().ok()?,
            nodes: all(sections.nodes)?,
            ids: all(sections.ids)?,
            wide: all(sections.wide)?,
            blocks: all(sections.blocks)?,
            crowds: all(sections.crowds)?,
            crowded: all(sections.crowded)?,
            starts: all(sections.starts)?,
        })
    }

    /// Whether a listed network holds the address.
    pub fn contains(&self, address: u32) -> bool {
        self.node_of(address).is_some_and(|at| self.holds(word32(self.nodes, at), address & 0xff))
    }

    /// The number of the narrowest listed network that holds the address; `NONE` when there is none.
    pub fn find(&self, address: u32) -> u32 {
        self.node_of(address).map_or(NONE, |at| self.number(at, address))
    }

    /// The place of the address's node.
    #[inline(always)]
    fn node_of(&self, address: u32) -> Option<usize> {
        let (word, bit) = place(address);
        let bits = u64::from_le_bytes(self.bitmap[word]);
        ((bits >> bit) & 1 == 1).then(|| self.node_in(word, bit, bits))
    }

    #[inline(always)]
    pub(super) fn node_in(&self, word: usize, bit: u32, bits: u64) -> usize {
        (u32::from_le_bytes(self.rank[word]) + (bits & ((1 << bit) - 1)).count_ones()) as usize
    }

    #[inline(always)]
    pub(super) fn holds(&self, node: u32, host: u32) -> bool {
        if is_inline(node) { matching(node, host) != 0 } else { self.holds_otherwise(node, host) }
    }

    fn holds_otherwise(&self, node: u32, host: u32) -> bool {
        match node >> 24 {
            RANGE => (node & 0xff..=node >> 8 & 0xff).contains(&host),
            WHOLE => true,
            _ => self.blocks.get((node & LOW) as usize).is_some_and(|block| has(block, host)),
        }
    }

    /// The number that a node has for the address.
    #[inline(always)]
    pub(super) fn number(&self, at: usize, address: u32) -> u32 {
        let (node, host) = (word32(self.nodes, at), address & 0xff);
        if !is_inline(node) {
            return self.number_otherwise(at, node, address);
        }
        match matching(node, host) {
            0 => NONE,
            matching => word32(self.ids, self.ids_before(at, address) + (matching.trailing_zeros() >> 3) as usize),
        }
    }

    fn number_otherwise(&self, at: usize, node: u32, address: u32) -> u32 {
        let host = address & 0xff;
        match node >> 24 {
            WHOLE => word32(self.wide, (node & LOW) as usize),
            RANGE if self.holds_otherwise(node, host) => word32(self.ids, self.ids_before(at, address)),
            RANGE => NONE,
            _ => self.number_in_block((node & LOW) as usize, host),
        }
    }

    fn number_in_block(&self, at: usize, host: u32) -> u32 {
        let Some(block) = self.blocks.get(at).filter(|block| has(block, host)) else { return NONE };
        let crowd = word64(self.crowds, at);
        // The low half is where its numbers begin, the high half its place in `starts`.
        let (first, starts) = (crowd as u32, (crowd >> 32) as u32);
        let begins = if starts == ALONE { Some(block) } else { self.starts.get(starts as usize) };
        let ordinal = begins.map_or(0, |begins| up_to(begins, host));
        word32(self.crowded, (first + ordinal).saturating_sub(1) as usize)
    }

    /// How many of `ids` belong to nodes before this one.
    #[inline(always)]
    pub(super) fn ids_before(&self, at: usize, address: u32) -> usize {
        let (word, _) = place(address);
        let first = u32::from_le_bytes(self.rank[word]) as usize;
        let own: u32 = self.nodes.get(first..at).unwrap_or_default().iter().map(count).sum();
        (u32::from_le_bytes(self.id_rank[word]) + own) as usize
    }
}

/// The word and the bit of an address's /24.
#[inline(always)]
pub(super) fn place(address: u32) -> (usize, u32) {
    ((address >> 14) as usize, (address >> 8) & 63)
}

#[inline(always)]
pub(super) fn is_inline(node: u32) -> bool {
    node.wrapping_sub(1 << 24) < INLINE_MAX << 24
}

/// Bit 7 of each of the node's host bytes that is this host; the lowest set one is right, others may be wrong.
#[inline(always)]
pub(super) fn matching(node: u32, host: u32) -> u32 {
    let differs = (node & LOW) ^ (host * 0x01_0101);
    differs.wrapping_sub(0x01_0101) & !differs & 0x80_8080
}

/// How many of `ids` are a node's.
#[inline(always)]
fn count(node: &[u8; 4]) -> u32 {
    let kind = u32::from_le_bytes(*node) >> 24;
    if kind > RANGE {
        0
    } else if kind == RANGE {
        1
    } else {
        kind
    }
}

fn has(block: &[u8; 32], host: u32) -> bool {
    (block[(host >> 3) as usize & 31] >> (host & 7)) & 1 == 1
}

/// Set bits up to and with that of the host.
fn up_to(block: &[u8; 32], host: u32) -> u32 {
    let (words, _) = block.as_chunks::<8>();
    let last = (host >> 6) as usize;
    let ones = |at: usize| words.get(at).map_or(0, |word| u64::from_le_bytes(*word));
    let before: u32 = (0..last).map(|at| ones(at).count_ones()).sum();
    before + (ones(last) & (u64::MAX >> (63 - (host & 63)))).count_ones()
}
