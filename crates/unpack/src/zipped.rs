//! Which files lie inside this zip, and does its directory tell the truth?

use std::io::SeekFrom;
use std::ops::ControlFlow;

use zip::ZipArchive;
use zip::result::ZipError;

use crate::archive::{Visit, damaged, io_error, name_trouble, tripped};
use crate::bounded::{Bounded, Meter, Packed};
use crate::error::UnpackError;
use crate::limits::{Limit, Limits};
use crate::source::ReadSeek;

/// Visits every file of a zip in the order of its directory.
pub(crate) fn entries(
    mut reader: Box<dyn ReadSeek + '_>,
    name: &str,
    limits: &Limits,
    meter: &Meter,
    visit: &mut Visit<'_>,
) -> Result<(), UnpackError> {
    // The zip library reads the whole directory at once: bound it first.
    let claimed = directory_bytes(&mut *reader).map_err(|source| io_error(name, source))?;
    let too_many = || UnpackError::TooBig {
        name: name.to_owned(),
        entry: String::new(),
        limit: Limit::Entries(limits.entries_max),
    };
    if claimed > limits.entries_max.saturating_mul(DIRECTORY_ENTRY_BYTES_MAX) {
        return Err(too_many());
    }
    let mut archive = ZipArchive::new(reader).map_err(|error| zip_error(name, error))?;
    if archive.len() as u64 > limits.entries_max {
        return Err(too_many());
    }
    // A bomb lets many entries share one piece of compressed data.
    if archive.has_overlapping_entries().map_err(|error| zip_error(name, error))? {
        return Err(damaged(name, "zip", "entries overlap"));
    }
    for index in 0..archive.len() {
        if entry(&mut archive, index, name, limits, meter, visit)?.is_break() {
            break;
        }
    }
    Ok(())
}

fn entry(
    archive: &mut ZipArchive<Box<dyn ReadSeek + '_>>,
    index: usize,
    name: &str,
    limits: &Limits,
    meter: &Meter,
    visit: &mut Visit<'_>,
) -> Result<ControlFlow<()>, UnpackError> {
    let raw = archive.by_index_raw(index).map_err(|error| zip_error(name, error))?;
    let entry = String::from_utf8_lossy(raw.name_raw()).into_owned();
    let (encrypted, is_file, packed) = (raw.encrypted(), raw.is_file(), raw.compressed_size());
    drop(raw);
    let trouble = if encrypted { Some("it is encrypted") } else { name_trouble(&entry) };
    if let Some(reason) = trouble {
        return Err(UnpackError::Refused { name: name.to_owned(), entry, reason });
    }
    if !is_file {
        return Ok(ControlFlow::Continue(()));
    }
    let file = archive.by_index(index).map_err(|error| zip_error(name, error))?;
    let mut bounded = Bounded::new(file, limits, meter, Packed::Known(packed));
    let flow = visit(&entry, &mut bounded);
    tripped(name, &entry, meter)?;
    Ok(flow)
}

/// Fixed part of a directory entry is 46 bytes; the rest is name, extra field and comment.
const DIRECTORY_ENTRY_BYTES_MAX: u64 = 512;

/// The size of the central directory as the last end record states it, in bytes (APPNOTE 4.3.16).
/// A 64-bit archive, or none found, gives the file's own size, which bounds it too.
fn directory_bytes(reader: &mut (dyn ReadSeek + '_)) -> std::io::Result<u64> {
    let size = reader.seek(SeekFrom::End(0))?;
    let tail_start = size.saturating_sub(END_RECORD_REACH);
    reader.seek(SeekFrom::Start(tail_start))?;
    let mut tail = Vec::new();
    std::io::Read::read_to_end(reader, &mut tail)?;
    reader.seek(SeekFrom::Start(0))?;
    let stated = tail
        .windows(22)
        .rposition(|window| window.starts_with(b"PK\x05\x06"))
        .and_then(|at| tail.get(at + 12..at + 16))
        .map(|bytes| u64::from(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])));
    Ok(stated.filter(|bytes| *bytes != u64::from(u32::MAX)).unwrap_or(size).min(size))
}

/// End record and its longest comment.
const END_RECORD_REACH: u64 = 22 + 65_535;

fn zip_error(name: &str, error: ZipError) -> UnpackError {
    match error {
        ZipError::Io(source) if source.kind() != std::io::ErrorKind::UnexpectedEof => io_error(name, source),
        other => damaged(name, "zip", &other.to_string()),
    }
}
