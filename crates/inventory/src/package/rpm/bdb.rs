//! Which blobs lie in a Berkeley DB hash (`Packages`)?
//!
//! Format of Berkeley DB's `db_page.h`, versions 8 to 10 of the hash, in either byte order. Every
//! page of a hash is looked at, so neither buckets nor chains between them need be believed: an
//! item lies on the page itself or on a chain of overflow pages.

use std::fs::File;

use super::Visit;
use super::store::{Store, u16_at, u32_at};

/// Shows every blob, by the number of its page.
pub(super) fn blobs(file: &File, _journal: Option<&File>, visit: &mut Visit<'_>) -> Result<(), String> {
    let mut store = Store::new(file)?;
    let meta = store.bytes(0, META_BYTES)?;
    let big = match u32_at(&meta, 12, true) {
        Some(HASH_MAGIC) => true,
        _ if u32_at(&meta, 12, false) == Some(HASH_MAGIC) => false,
        _ => return Err("not a Berkeley DB hash".to_owned()),
    };
    let page_bytes = u32_at(&meta, 20, big).unwrap_or_default();
    if !page_bytes.is_power_of_two() || !(512..=65_536).contains(&page_bytes) {
        return Err(format!("pages of {page_bytes} bytes; 512 to 65536 are read"));
    }
    if meta.get(24).is_some_and(|algorithm| *algorithm != 0) {
        return Err("the database is encrypted".to_owned());
    }
    let pages = Pages { bytes: page_bytes as usize, big };
    let last = store.size() / u64::from(page_bytes);
    for number in 1..last {
        let page = pages.read(&store, number)?;
        if matches!(page.get(TYPE_AT), Some(&(HASH_UNSORTED | HASH))) {
            pages.items(&mut store, number, &page, visit);
        }
    }
    Ok(())
}

struct Pages {
    bytes: usize,
    big: bool,
}

impl Pages {
    fn read(&self, store: &Store<'_>, number: u64) -> Result<Vec<u8>, String> {
        store.bytes(number.saturating_mul(self.bytes as u64), self.bytes)
    }

    /// Keys and values take turns; the items grow from the end of the page towards its index.
    fn items(&self, store: &mut Store<'_>, number: u64, page: &[u8], visit: &mut Visit<'_>) {
        let count = usize::from(u16_at(page, ENTRIES_AT, self.big).unwrap_or_default());
        let place = |at: usize| u16_at(page, PAGE_HEAD_BYTES + 2 * at, self.big).map(usize::from);
        for value in (1..count).step_by(2) {
            let (Some(begin), Some(end)) = (place(value), place(value - 1)) else {
                return visit(number, Err("a page with more items than it has room for".to_owned()));
            };
            let Some(item) = page.get(begin..end) else {
                visit(number, Err("an item beyond its page".to_owned()));
                continue;
            };
            match self.value(store, item) {
                // The database's own record: the next number to give away.
                Ok(value) if value.len() <= 4 => {}
                other => visit(number, other),
            }
        }
    }

    fn value(&self, store: &mut Store<'_>, item: &[u8]) -> Result<Vec<u8>, String> {
        match item.first() {
            Some(&KEYDATA) => Ok(item.get(1..).unwrap_or_default().to_vec()),
            Some(&OFFPAGE) => {
                let (Some(first), Some(length)) = (u32_at(item, 4, self.big), u32_at(item, 8, self.big)) else {
                    return Err("an item without a place".to_owned());
                };
                self.overflow(store, first, length)
            }
            other => Err(format!("an item of unknown kind {other:?}")),
        }
    }

    fn overflow(&self, store: &mut Store<'_>, first: u32, length: u32) -> Result<Vec<u8>, String> {
        let length = store.spend(u64::from(length))?;
        let mut out: Vec<u8> = Vec::new();
        let mut next = first;
        // All pages of a chain but the last are full: a chain of near-empty ones is a trap.
        for _ in 0..length / (self.bytes - PAGE_HEAD_BYTES) + 1 {
            if out.len() == length {
                break;
            }
            let page = self.read(store, u64::from(next))?;
            if next == 0 || page.get(TYPE_AT) != Some(&OVERFLOW) {
                return Err(format!("a chain of overflow pages leads to page {next}, which is none"));
            }
            let used = usize::from(u16_at(&page, OFFSET_AT, self.big).unwrap_or_default());
            let part = page.get(PAGE_HEAD_BYTES..PAGE_HEAD_BYTES + used).filter(|part| !part.is_empty());
            let part = part.ok_or_else(|| format!("overflow page {next} has no usable length"))?;
            out.extend_from_slice(part.get(..length - out.len()).unwrap_or(part));
            next = u32_at(&page, NEXT_AT, self.big).unwrap_or_default();
        }
        if out.len() < length {
            return Err(format!("a chain of overflow pages ends after {} of {length} bytes", out.len()));
        }
        Ok(out)
    }
}

const META_BYTES: usize = 512;
const HASH_MAGIC: u32 = 0x0006_1561;
const PAGE_HEAD_BYTES: usize = 26;
const NEXT_AT: usize = 16;
const ENTRIES_AT: usize = 20;
const OFFSET_AT: usize = 22;
const TYPE_AT: usize = 25;
const HASH_UNSORTED: u8 = 2;
const OVERFLOW: u8 = 7;
const HASH: u8 = 13;
const KEYDATA: u8 = 1;
const OFFPAGE: u8 = 3;
