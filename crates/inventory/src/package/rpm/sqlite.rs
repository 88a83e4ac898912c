//! Which blobs lie in the table `Packages` of an SQLite file (`rpmdb.sqlite`)?
//!
//! Follows sqlite.org's "Database File Format". Only what a scan of one table needs: B-tree pages,
//! records, overflow pages, and the pages that the write-ahead log already has newer. Each page of
//! the tree is visited once, so loops end.

use std::collections::{HashMap, HashSet};
use std::fs::File;

use super::Visit;
use super::store::{Store, u16_at, u32_at};

/// Shows every blob, by the row of its package.
pub(super) fn blobs(file: &File, journal: Option<&File>, visit: &mut Visit<'_>) -> Result<(), String> {
    let mut tables = Tables::open(file, journal)?;
    let mut root = None;
    tables.scan(1, &mut |_, record| {
        let record = record.unwrap_or_default();
        let columns = columns(&record).unwrap_or_default();
        let text = |at: usize| columns.get(at).and_then(|(_, range)| record.get(range.clone()));
        if text(0) == Some(b"table") && text(1) == Some(b"Packages") {
            root = text(3).map(|bytes| bytes.iter().fold(0_u64, |value, byte| (value << 8) | u64::from(*byte)));
        }
    })?;
    let root = root.and_then(|root| u32::try_from(root).ok()).ok_or("it has no table Packages")?;
    tables.scan(root, &mut |row, record| {
        visit(row, record.and_then(|record| second_column(record).ok_or_else(|| "a row without a blob".to_owned())))
    })
}

/// The bytes of the second column (the first is the row's number).
fn second_column(mut record: Vec<u8>) -> Option<Vec<u8>> {
    let (kind, range) = columns(&record)?.into_iter().nth(1)?;
    if kind < 12 || kind % 2 != 0 || range.end > record.len() {
        return None;
    }
    record.truncate(range.end);
    record.drain(..range.start);
    Some(record)
}

type Columns = Vec<(u64, std::ops::Range<usize>)>;

/// Kind and place of the first columns of a record.
fn columns(record: &[u8]) -> Option<Columns> {
    let (head, mut at) = varint(record, 0)?;
    let mut place = usize::try_from(head).ok()?;
    let head = place;
    let mut out = Vec::new();
    while at < head && out.len() < COLUMNS_MAX {
        let (kind, next) = varint(record, at)?;
        at = next;
        let size = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            _ => kind.checked_sub(12)? / 2,
        };
        let end = place.checked_add(usize::try_from(size).ok()?)?;
        out.push((kind, place..end));
        place = end;
    }
    Some(out)
}

/// A number of one to nine bytes, and where it ends.
fn varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for step in 0..9 {
        let byte = *bytes.get(at + step)?;
        if step == 8 {
            return Some(((value << 8) | u64::from(byte), at + 9));
        }
        value = (value << 7) | u64::from(byte & 0x7f);
        if byte < 0x80 {
            return Some((value, at + step + 1));
        }
    }
    None
}

struct Tables<'f> {
    store: Store<'f>,
    page_bytes: usize,
    /// Bytes of a page that hold data.
    usable: usize,
    /// Pages that are newer in the log, and the log.
    newer: HashMap<u32, u64>,
    log: Option<Store<'f>>,
    seen: HashSet<u32>,
}

impl<'f> Tables<'f> {
    fn open(file: &'f File, journal: Option<&'f File>) -> Result<Self, String> {
        let store = Store::new(file)?;
        let head = store.bytes(0, 100)?;
        if !head.starts_with(b"SQLite format 3\0") {
            return Err("not an SQLite database".to_owned());
        }
        let page_bytes = match u16_at(&head, 16, true) {
            Some(1) => 65_536,
            other => usize::from(other.unwrap_or_default()),
        };
        let reserved = usize::from(head.get(20).copied().unwrap_or_default());
        if !page_bytes.is_power_of_two() || page_bytes < 512 || page_bytes < 480 + reserved {
            return Err(format!("pages of {page_bytes} bytes with {reserved} reserved"));
        }
        let mut tables = Self {
            store,
            page_bytes,
            usable: page_bytes - reserved,
            newer: HashMap::new(),
            log: None,
            seen: HashSet::new(),
        };
        if let Some(log) = journal.and_then(|journal| Store::new(journal).ok()) {
            tables.newer = super::wal::pages(&log, page_bytes);
            tables.log = Some(log);
        }
        Ok(tables)
    }

    fn page(&self, number: u32) -> Result<Vec<u8>, String> {
        if let (Some(offset), Some(log)) = (self.newer.get(&number), &self.log) {
            return log.bytes(*offset, self.page_bytes);
        }
        let index = number.checked_sub(1).ok_or("a link to page 0")?;
        self.store.bytes(u64::from(index) * self.page_bytes as u64, self.page_bytes)
    }

    /// Shows every record of the table whose B-tree begins at a page.
    fn scan(&mut self, root: u32, visit: &mut Visit<'_>) -> Result<(), String> {
        self.seen = HashSet::from([root]);
        let mut open = vec![root];
        while let Some(number) = open.pop() {
            match self.page(number) {
                Ok(page) => self.cells(number, &page, &mut open, visit),
                Err(reason) => visit(u64::from(number), Err(reason)),
            }
        }
        Ok(())
    }

    fn cells(&mut self, number: u32, page: &[u8], open: &mut Vec<u32>, visit: &mut Visit<'_>) {
        // The first page begins with the file's own header.
        let head = if number == 1 { 100 } else { 0 };
        let count = usize::from(u16_at(page, head + 3, true).unwrap_or_default());
        let kind = page.get(head).copied().unwrap_or_default();
        let cells_at = head + if kind == INTERIOR { 12 } else { 8 };
        if kind != INTERIOR && kind != LEAF {
            return visit(u64::from(number), Err(format!("page {number} belongs to no table")));
        }
        let mut children = Vec::new();
        for at in 0..count {
            let Some(cell) = u16_at(page, cells_at + 2 * at, true).map(usize::from) else {
                visit(u64::from(number), Err(format!("page {number} has more cells than room")));
                break;
            };
            if kind == INTERIOR {
                children.extend(u32_at(page, cell, true));
            } else {
                let (row, record) = self.record(page, cell);
                visit(row, record);
            }
        }
        if kind == INTERIOR {
            children.extend(u32_at(page, head + 8, true));
        }
        for child in children.into_iter().rev() {
            if self.seen.insert(child) {
                open.push(child);
            } else {
                visit(u64::from(child), Err(format!("page {child} is linked twice")));
            }
        }
    }

    fn record(&mut self, page: &[u8], cell: usize) -> (u64, Result<Vec<u8>, String>) {
        let heads = varint(page, cell).and_then(|(size, at)| varint(page, at).map(|(row, at)| (size, row, at)));
        let Some((size, row, at)) = heads else { return (0, Err("a cell beyond its page".to_owned())) };
        (row, self.payload(page, at, size))
    }

    fn payload(&mut self, page: &[u8], at: usize, size: u64) -> Result<Vec<u8>, String> {
        let size = self.store.spend(size)?;
        let local = self.local_bytes(size);
        let end = at.checked_add(local).ok_or("a cell beyond its page")?;
        let mut out = page.get(at..end).ok_or("a cell beyond its page")?.to_vec();
        let mut next = if local < size { u32_at(page, end, true).unwrap_or_default() } else { 0 };
        while out.len() < size {
            let page = self.page(next)?;
            let part = page.get(4..self.usable).ok_or("an overflow page without room")?;
            out.extend_from_slice(part.get(..size - out.len()).unwrap_or(part));
            next = u32_at(&page, 0, true).unwrap_or_default();
        }
        Ok(out)
    }

    /// How much of a payload lies on the leaf itself ("Cell payload overflow pages").
    fn local_bytes(&self, size: usize) -> usize {
        let max = self.usable - 35;
        if size <= max {
            return size;
        }
        let min = (self.usable - 12) * 32 / 255 - 23;
        let wanted = min + (size - min) % (self.usable - 4);
        if wanted <= max { wanted } else { min }
    }
}

const INTERIOR: u8 = 0x05;
const LEAF: u8 = 0x0d;
const COLUMNS_MAX: usize = 8;
