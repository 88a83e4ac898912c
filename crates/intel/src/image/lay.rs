//! How do sorted records become the bytes of an image?
//!
//! Whoever builds an image from claims and whoever builds it from another image and a delta end here, so that both
//! give the same bytes.

use std::io::{self, Write};

use tripoint_model::Timestamp;

use super::{ALIGN, HEADER_BYTES, HELD, MAGIC, SECTIONS, Section, TABLE_ENTRY_BYTES, V4_BYTES, V6_BYTES, VERSION};
use crate::kernel_set::filters_v6;
use crate::table::{V4Parts, V6Parts};

/// A claim on a network: first address, prefix length, port, detail.
pub(crate) type Net<A> = (A, u8, Option<u16>, u32);

/// What an image says, before there are tables: sections as `Section` describes them, and records in their order,
/// each once.
pub(crate) struct Records {
    pub texts: Vec<u8>,
    pub feeds: Vec<u8>,
    pub details: Vec<u8>,
    pub v4: Vec<Net<u32>>,
    pub v6: Vec<Net<u128>>,
    pub names: Vec<u8>,
    pub guard_lists: Vec<u8>,
    pub guard_nets4: Vec<u8>,
    pub guard_nets6: Vec<u8>,
    pub guard_names: Vec<u8>,
}

/// Every section of an image that is to be written.
pub(crate) struct Laid([Vec<u8>; SECTIONS.len()]);

impl Records {
    /// Builds the tables; `v6` builds the one for IPv6.
    pub fn lay(self, v6: impl FnOnce(&[[u8; V6_BYTES]]) -> V6Parts) -> Laid {
        let lengths = self.v4.iter().fold(0_u64, |used, (_, length, ..)| used | 1 << length);
        let table = V4Parts::build(numbered(&self.v4));
        let [filter32, filter48] = filters_v6(self.v6.iter().map(|(address, length, ..)| (*address, *length)));
        let v4: Vec<[u8; V4_BYTES]> = self.v4.iter().map(v4_record).collect();
        drop(self.v4);
        let records_v6: Vec<[u8; V6_BYTES]> = self.v6.iter().map(v6_record).collect();
        drop(self.v6);
        let table_v6 = v6(&records_v6);
        Laid([
            self.texts,
            self.feeds,
            self.details,
            v4.into_flattened(),
            records_v6.into_flattened(),
            self.names,
            lengths.to_le_bytes().to_vec(),
            table.bitmap,
            table.rank,
            table.nodes,
            table.blocks,
            table.id_rank,
            table.ids,
            table.wide,
            table.crowds,
            table.crowded,
            table.starts,
            table_v6.classes,
            table_v6.filters,
            table_v6.slots,
            filter32,
            filter48,
            self.guard_lists,
            self.guard_nets4,
            self.guard_nets6,
            self.guard_names,
        ])
    }
}

impl Laid {
    /// The image in memory.
    #[cfg(feature = "feeds")]
    pub fn bytes(&self, built: Timestamp) -> Vec<u8> {
        let mut image = Vec::new();
        // Memory takes whatever is written.
        let _ = self.write(built, &mut image);
        image
    }

    /// How long the image will be.
    pub fn length(&self) -> usize {
        self.0.iter().fold(TABLE_END + 4, |end, part| end.next_multiple_of(ALIGN) + part.len())
    }

    /// Writes the image.
    pub fn write(&self, built: Timestamp, out: &mut dyn Write) -> io::Result<()> {
        let mut end = TABLE_END + 4;
        let mut head = Vec::with_capacity(end);
        head.extend_from_slice(&MAGIC);
        head.extend_from_slice(&VERSION.to_le_bytes());
        head.extend_from_slice(&(SECTIONS.len() as u32).to_le_bytes());
        head.extend_from_slice(&(self.length() as u64).to_le_bytes());
        head.extend_from_slice(&built.0.to_le_bytes());
        for (section, part) in SECTIONS.iter().zip(&self.0) {
            debug_assert_eq!(part.len() % Section::shape(*section).0, 0);
            let start = end.next_multiple_of(ALIGN);
            end = start + part.len();
            head.extend_from_slice(&(*section as u32).to_le_bytes());
            head.extend_from_slice(&crc32fast::hash(part).to_le_bytes());
            head.extend_from_slice(&(start as u64).to_le_bytes());
            head.extend_from_slice(&(part.len() as u64).to_le_bytes());
        }
        head.extend_from_slice(&crc32fast::hash(&head).to_le_bytes());
        out.write_all(&head)?;
        let mut at = head.len();
        for part in &self.0 {
            let start = at.next_multiple_of(ALIGN);
            out.write_all(&[0; ALIGN][..start - at])?;
            out.write_all(part)?;
            at = start + part.len();
        }
        Ok(())
    }
}

/// Where the table of sections ends.
const TABLE_END: usize = HEADER_BYTES + SECTIONS.len() * TABLE_ENTRY_BYTES;

/// Each network once, numbered by its first record; `HELD` where a wider listed network holds it.
fn numbered(records: &[Net<u32>]) -> Vec<(u32, u8, u32)> {
    let mut out: Vec<(u32, u8, u32)> = Vec::with_capacity(records.len());
    let mut open: Vec<u64> = Vec::new();
    for (at, (address, length, ..)) in records.iter().enumerate() {
        if out.last().is_some_and(|(known, of, _)| (known, of) == (address, length)) {
            continue;
        }
        while open.pop_if(|last| *last < u64::from(*address)).is_some() {}
        let held = if open.is_empty() { 0 } else { HELD };
        // Sections are addressed by a u32: fewer records than 2^31 fit.
        out.push((*address, *length, at as u32 | held));
        open.push(u64::from(*address) + (1_u64 << 32 >> length) - 1);
    }
    out
}

fn v4_record((address, length, port, detail): &Net<u32>) -> [u8; V4_BYTES] {
    let mut bytes = [0; V4_BYTES];
    bytes[..4].copy_from_slice(&address.to_le_bytes());
    bytes[4..].copy_from_slice(&tail(*length, *port, *detail));
    bytes
}

fn v6_record((address, length, port, detail): &Net<u128>) -> [u8; V6_BYTES] {
    let mut bytes = [0; V6_BYTES];
    bytes[..16].copy_from_slice(&address.to_le_bytes());
    bytes[16..].copy_from_slice(&tail(*length, *port, *detail));
    bytes
}

/// What follows the address in a record of either family.
fn tail(length: u8, port: Option<u16>, detail: u32) -> [u8; 8] {
    let [p0, p1] = port.unwrap_or(0).to_le_bytes();
    let [d0, d1, d2, d3] = detail.to_le_bytes();
    [p0, p1, length, u8::from(port.is_some()), d0, d1, d2, d3]
}
