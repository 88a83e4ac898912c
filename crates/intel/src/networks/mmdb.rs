//! What does a file in MaxMind's database format say of each network?
//!
//! A search tree over address bits, a data section, and a map of metadata at the end. Read here, not
//! by a library, because a file may come from anywhere: each node is walked once, so that a tree that
//! leads back into itself ends, and each record is read once, whatever points to it.

mod record;

use std::collections::HashMap;
use std::rc::Rc;

use super::csv::Entry;
use record::{Decoder, Record};

/// Stands before the metadata.
const MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";
/// How far from the end the metadata may begin, by the format's definition.
const METADATA_BYTES_MAX: usize = 128 << 10;

/// Whether these bytes end like such a file.
pub(super) fn is_mmdb(bytes: &[u8]) -> bool {
    metadata_start(bytes).is_some()
}

fn metadata_start(bytes: &[u8]) -> Option<usize> {
    let from = bytes.len().saturating_sub(METADATA_BYTES_MAX);
    let found = bytes[from..].windows(MARKER.len()).rposition(|window| window == MARKER)?;
    Some(from + found + MARKER.len())
}

struct Tree<'b> {
    nodes: &'b [u8],
    data: Decoder<'b>,
    count: u32,
    node_bytes: usize,
}

/// Shows each network that has data: what it says, or why that cannot be used.
pub(super) fn each(bytes: &[u8], show: &mut dyn FnMut(Result<Entry, String>)) -> Result<(), String> {
    let start = metadata_start(bytes).ok_or("it has no metadata")?;
    let metadata = Decoder { bytes: &bytes[start..] }.metadata().ok_or("its metadata is damaged")?;
    let node_bytes = match metadata.record_size {
        24 => 6,
        28 => 7,
        32 => 8,
        other => return Err(format!("records of {other} bits are unknown")),
    };
    let bits = match metadata.ip_version {
        4 => 32,
        6 => 128,
        other => return Err(format!("addresses of version {other} are unknown")),
    };
    let tree_bytes = (metadata.node_count as usize).checked_mul(node_bytes).ok_or("its tree is too large")?;
    let nodes = bytes.get(..tree_bytes).ok_or("its tree is cut")?;
    let data_end = start - MARKER.len();
    // Sixteen zeros stand between the two.
    let data = bytes.get(tree_bytes + 16..data_end).ok_or("its data is cut")?;
    let tree = Tree { nodes, data: Decoder { bytes: data }, count: metadata.node_count, node_bytes };
    tree.walk(bits, show);
    Ok(())
}

impl Tree<'_> {
    fn walk(&self, bits: u8, show: &mut dyn FnMut(Result<Entry, String>)) {
        let mut seen = vec![false; self.count as usize];
        // Values that pointers show again and again must not cost more than the file's size explains.
        let mut budget = self.data.bytes.len() as u64 * 4 + 4096;
        let mut records: HashMap<u32, Rc<Result<Record, String>>> = HashMap::new();
        // The lower half first: IPv4 lies at its very beginning, and what leads there again is an alias.
        let mut waiting = vec![(0_u32, 0_u128, 0_u8)];
        while let Some((node, prefix, depth)) = waiting.pop() {
            if node < self.count {
                let first_time = !std::mem::replace(&mut seen[node as usize], true);
                if first_time && depth < bits {
                    let bit = 1 << (bits - 1 - depth);
                    waiting.push((self.child(node, 1), prefix | bit, depth + 1));
                    waiting.push((self.child(node, 0), prefix, depth + 1));
                }
                continue;
            }
            // The count itself means: nothing is known.
            let Some(offset) = (node - self.count).checked_sub(16) else { continue };
            let record =
                records.entry(offset).or_insert_with(|| Rc::new(self.data.record(offset as usize, &mut budget)));
            let hosts = 128 - u32::from(bits) + u32::from(depth);
            // No shift by 128: a tree of one leaf holds everything.
            let last = prefix | u128::MAX.checked_shr(hosts).unwrap_or(0);
            show(match &**record {
                Ok(record) => entry(bits, prefix, last, depth, record),
                Err(reason) => Err(reason.clone()),
            });
        }
    }

    fn child(&self, node: u32, right: usize) -> u32 {
        let at = node as usize * self.node_bytes;
        // `nodes` holds `count` nodes.
        let bytes = &self.nodes[at..at + self.node_bytes];
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
        match (self.node_bytes, right) {
            (7, 0) => u32::from(bytes[3] >> 4) << 24 | number(&bytes[..3]),
            (7, _) => u32::from(bytes[3] & 15) << 24 | number(&bytes[4..]),
            (width, 0) => number(&bytes[..width / 2]),
            (width, _) => number(&bytes[width / 2..]),
        }
    }
}

fn entry(bits: u8, first: u128, last: u128, depth: u8, record: &Record) -> Result<Entry, String> {
    if record.owner.is_none() && record.country.is_none() {
        return Err("it names no owner and no country".to_owned());
    }
    // IPv4 in a tree of IPv6 lies below ::/96.
    let family = if bits == 32 || (depth >= 96 && first >> 32 == 0) { 4 } else { 6 };
    Ok(Entry { family, first, last, owner: record.owner.clone(), country: record.country.clone() })
}
