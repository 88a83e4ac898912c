//! Which blobs lie in an rpm "ndb" database (`Packages.db`)?
//!
//! Format of rpm's `lib/backend/ndb/rpmpkg.c`, all numbers little-endian: a header of 32 bytes,
//! then slots of 16 bytes in the first pages (magic, package, place and length in blocks of 16
//! bytes); each blob has a head of 16 bytes (magic, package, generation, length) and a tail.

use std::fs::File;

use super::Visit;
use super::store::{Store, u32_at};

/// Shows every blob, by the number of its package.
pub(super) fn blobs(file: &File, _journal: Option<&File>, visit: &mut Visit<'_>) -> Result<(), String> {
    let mut store = Store::new(file)?;
    let head = store.bytes(0, HEADER_BYTES)?;
    if !head.starts_with(b"RpmP") {
        return Err("not an ndb database: it does not begin with RpmP".to_owned());
    }
    if word(&head, 4) != 0 {
        return Err(format!("ndb version {}; 0 is read", word(&head, 4)));
    }
    let pages = u64::from(word(&head, 12));
    let slots_end = pages.saturating_mul(PAGE_BYTES).min(store.size());
    let mut at = HEADER_BYTES as u64;
    while at + SLOT_BYTES as u64 <= slots_end {
        let slot = store.bytes(at, SLOT_BYTES)?;
        if !slot.starts_with(b"Slot") {
            return Err(format!("no slot at {at}, where the slots of {pages} pages should be"));
        }
        at += SLOT_BYTES as u64;
        let (package, block) = (word(&slot, 4), word(&slot, 8));
        // A free slot leads nowhere.
        if block != 0 {
            let blob = blob(&mut store, package, block, word(&slot, 12));
            visit(u64::from(package), blob);
        }
    }
    Ok(())
}

fn blob(store: &mut Store<'_>, package: u32, block: u32, blocks: u32) -> Result<Vec<u8>, String> {
    let offset = u64::from(block) * BLOCK_BYTES;
    let head = store.bytes(offset, BLOB_HEAD_BYTES)?;
    if !head.starts_with(b"BlbS") || word(&head, 4) != package {
        return Err(format!("no blob of package {package} at {offset}"));
    }
    let length = u64::from(word(&head, 12));
    if length + (BLOB_HEAD_BYTES + BLOB_TAIL_BYTES) as u64 > u64::from(blocks) * BLOCK_BYTES {
        return Err(format!("the blob of package {package} claims {length} bytes, more than its {blocks} blocks"));
    }
    let count = store.spend(length)?;
    store.bytes(offset + BLOB_HEAD_BYTES as u64, count)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32_at(bytes, at, false).unwrap_or_default()
}

const HEADER_BYTES: usize = 32;
const SLOT_BYTES: usize = 16;
const PAGE_BYTES: u64 = 4096;
const BLOCK_BYTES: u64 = 16;
const BLOB_HEAD_BYTES: usize = 16;
const BLOB_TAIL_BYTES: usize = 12;
