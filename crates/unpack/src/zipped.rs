//! Which files lie inside this zip, and does its directory tell the truth?

mod checked;
mod directory;

use std::io::Read;

use flate2::read::DeflateDecoder;

use crate::archive::{Visit, damaged, name_trouble, tripped};
use crate::bounded::{Bounded, Meter, Packed};
use crate::error::UnpackError;
use crate::limits::{Limit, Limits};
use crate::source::ReadSeek;

use checked::Checked;
use directory::{Directory, Record, read_at, u16_at, u32_at};

/// Visits every file of a zip in the order of its directory.
pub(crate) fn entries(
    mut reader: Box<dyn ReadSeek + '_>,
    name: &str,
    limits: &Limits,
    meter: &Meter,
    visit: &mut Visit<'_>,
) -> Result<(), UnpackError> {
    let reader = &mut *reader;
    let broken = |reason: String| damaged(name, "zip", &reason);
    let directory = Directory::find(reader).map_err(broken)?;
    let starts = starts(reader, directory, name, limits)?;
    let mut records = directory.records();
    while let Some(record) = records.next(reader).map_err(broken)? {
        let entry = String::from_utf8_lossy(&record.name).into_owned();
        let refused = |reason| UnpackError::Refused { name: name.to_owned(), entry: entry.clone(), reason };
        let trouble = if record.flags & 1 == 1 { Some("it is encrypted") } else { name_trouble(&entry) };
        if let Some(reason) = trouble {
            return Err(refused(reason));
        }
        if !record.is_file {
            continue;
        }
        let after = starts.partition_point(|start| *start <= record.local);
        let end = starts.get(after).copied().unwrap_or(directory.start);
        open(reader, &record, end).map_err(refused)?;
        let packed = Packed::Known(record.packed);
        let content: &mut dyn Read = match record.method {
            STORED => &mut reader.take(record.packed),
            DEFLATED => &mut DeflateDecoder::new(reader.take(record.packed)),
            _ => return Err(refused("it is compressed by a method that is not read here")),
        };
        let mut bounded = Bounded::new(Checked::new(content, record.size, record.crc), limits, meter, packed);
        let flow = visit(&entry, &mut bounded);
        tripped(name, &entry, meter)?;
        if flow.is_break() {
            return Ok(());
        }
    }
    Ok(())
}

/// Where the entries begin, sorted. Refused when there are too many, when the directory does not have as many as
/// it states, or when two lie in the same bytes: a bomb lets many entries share one piece of compressed data.
fn starts(
    reader: &mut dyn ReadSeek,
    directory: Directory,
    name: &str,
    limits: &Limits,
) -> Result<Vec<u64>, UnpackError> {
    let broken = |reason: String| damaged(name, "zip", &reason);
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    let mut records = directory.records();
    while let Some(record) = records.next(reader).map_err(broken)? {
        if ranges.len() as u64 >= limits.entries_max {
            let limit = Limit::Entries(limits.entries_max);
            return Err(UnpackError::TooBig { name: name.to_owned(), entry: String::new(), limit });
        }
        let least = LOCAL_BYTES + record.name.len() as u64;
        let end = record.local.checked_add(least).and_then(|end| end.checked_add(record.packed));
        ranges.push((record.local, end.ok_or_else(|| broken("an entry has no end".to_owned()))?));
    }
    // Writers without 64-bit records let the count begin anew at 65,536.
    if ranges.len() as u64 != directory.stated && ranges.len() as u64 & 0xffff != directory.stated {
        return Err(broken(format!("its directory has {} entries and states {}", ranges.len(), directory.stated)));
    }
    ranges.sort_unstable();
    let beyond = ranges.last().is_some_and(|(_, end)| *end > directory.start);
    if beyond || ranges.windows(2).any(|pair| matches!(pair, [(_, end), (next, _)] if end > next)) {
        return Err(broken("entries overlap".to_owned()));
    }
    Ok(ranges.into_iter().map(|(start, _)| start).collect())
}

/// Goes to an entry's content, which has to end before `end`, and compares its own header with the directory:
/// who reads the one must not see another file than who reads the other.
fn open(reader: &mut dyn ReadSeek, record: &Record, end: u64) -> Result<(), &'static str> {
    const DISAGREE: &str = "its header and the directory disagree";
    let named = LOCAL_BYTES + record.name.len() as u64;
    let head = read_at(reader, record.local, named).map_err(|_| "its header is cut")?;
    if !head.starts_with(b"PK\x03\x04") {
        return Err("its header is none");
    }
    let (name, extra) = (usize::from(u16_at(&head, 26)), u16_at(&head, 28));
    // Sizes may also stand behind the content, or in 64 bits.
    let streamed = u16_at(&head, 6) & 8 != 0;
    let same = |at: usize, stated: u64| {
        let own = u32_at(&head, at);
        streamed || own == u32::MAX || u64::from(own) == stated
    };
    if name != record.name.len()
        || !head.ends_with(&record.name)
        || u16_at(&head, 8) != record.method
        || !same(18, record.packed)
        || !same(22, record.size)
    {
        return Err(DISAGREE);
    }
    if u16_at(&head, 6) & 1 == 1 {
        return Err("it is encrypted");
    }
    let content = record.local + named + u64::from(extra);
    if content.checked_add(record.packed).is_none_or(|own_end| own_end > end) {
        return Err("its content overlaps with what comes after it");
    }
    // Within what is read already: the content mostly lies in the same buffer.
    reader.seek_relative(i64::from(extra)).map_err(|_| "its content cannot be reached")
}

/// Of an entry's own header, without name and extra field.
const LOCAL_BYTES: u64 = 30;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
