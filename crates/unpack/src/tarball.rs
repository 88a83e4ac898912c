//! Which files lie inside this tar?

use std::io::Read;

use tar::{Archive, EntryType};

use crate::archive::{Visit, damaged, name_trouble, tripped};
use crate::bounded::{Bounded, Meter, Packed};
use crate::error::UnpackError;
use crate::limits::{Limit, Limits};

/// Longest extension header (GNU long name, POSIX records), bytes.
const EXTENSION_MAX: u64 = 64 << 10;

/// Visits every regular file of a tar stream, in order. Links, devices and sparse files are passed
/// over: they hold nothing that could be read without a file system.
pub(crate) fn entries(
    reader: impl Read,
    name: &str,
    limits: &Limits,
    meter: &Meter,
    visit: &mut Visit<'_>,
) -> Result<(), UnpackError> {
    let mut archive = Archive::new(reader);
    // The stream itself is already metered when it is compressed; this one counts what is shown.
    let inner = Meter::default();
    let mut last = String::new();
    let mut count = 0_u64;
    let mut long_name: Option<Vec<u8>> = None;
    let broken = |entry: &str, reason: &str| match tripped(name, entry, meter) {
        Err(limit) => limit,
        Ok(()) => damaged(name, "tar", &format!("after {entry:?}: {reason}")),
    };
    // Raw: the library would read extension headers of any length into memory.
    let raw = archive.entries().map_err(|error| broken("", &error.to_string()))?.raw(true);
    for entry in raw {
        let mut entry = entry.map_err(|error| broken(&last, &error.to_string()))?;
        count += 1;
        if count > limits.entries_max {
            let limit = Limit::Entries(limits.entries_max);
            return Err(UnpackError::TooBig { name: name.to_owned(), entry: last, limit });
        }
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::GNULongName | EntryType::XHeader) {
            let found = extension(&mut entry, kind).map_err(|reason| broken(&last, &reason))?;
            long_name = found.name.or(long_name);
            continue;
        }
        let own_name = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
        if !matches!(kind, EntryType::Regular | EntryType::Continuous) {
            continue;
        }
        let path = String::from_utf8_lossy(&own_name).into_owned();
        let path = path.strip_prefix("./").unwrap_or(&path).to_owned();
        if let Some(reason) = name_trouble(&path) {
            return Err(UnpackError::Refused { name: name.to_owned(), entry: path, reason });
        }
        let mut bounded = Bounded::new(&mut entry, limits, &inner, Packed::Stored);
        let flow = visit(&path, &mut bounded);
        tripped(name, &path, &inner)?;
        tripped(name, &path, meter)?;
        if flow.is_break() {
            break;
        }
        last = path;
    }
    Ok(())
}

/// What an extension header says about the entry after it.
#[derive(Debug, Default)]
pub(crate) struct Extension {
    /// Its name.
    pub name: Option<Vec<u8>>,
    /// Where it leads.
    pub link: Option<Vec<u8>>,
}

/// Reads a GNU long name, a GNU long link or POSIX records.
pub(crate) fn extension(entry: &mut impl Read, kind: EntryType) -> Result<Extension, String> {
    let mut bytes = Vec::new();
    entry.take(EXTENSION_MAX + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > EXTENSION_MAX {
        return Err(format!("an extension header is longer than {EXTENSION_MAX} bytes"));
    }
    let mut out = Extension::default();
    if kind != EntryType::XHeader {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        bytes.truncate(end);
        let place = if kind == EntryType::GNULongLink { &mut out.link } else { &mut out.name };
        *place = Some(bytes);
        return Ok(out);
    }
    for record in tar::PaxExtensions::new(&bytes) {
        let record = record.map_err(|error| error.to_string())?;
        match record.key_bytes() {
            b"path" => out.name = Some(record.value_bytes().to_vec()),
            b"linkpath" => out.link = Some(record.value_bytes().to_vec()),
            // Two sizes for one entry mean two readings of the archive.
            b"size" => return Err("an entry states its size twice".to_owned()),
            _ => {}
        }
    }
    Ok(out)
}
