//! Which files lie inside this tar?

use std::io::Read;

use tar::{Archive, EntryType};

use crate::archive::{Visit, damaged, name_trouble, tripped};
use crate::bounded::{Bounded, Meter, Packed};
use crate::error::UnpackError;
use crate::limits::{Limit, Limits};
use crate::said::Said;

/// Visits every regular file of a tar stream, in order. Links and devices are passed over:
/// they hold nothing that could be read without a file system.
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
    let mut said = Said::default();
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
        if said.hear(kind, &mut entry).map_err(|reason| broken(&last, &reason))? {
            continue;
        }
        let own = said.entry(entry.header()).map_err(|reason| broken(&last, &reason))?;
        let path = String::from_utf8_lossy(&own.name).into_owned();
        if own.sparse {
            let reason = "it is a sparse file";
            return Err(UnpackError::Refused { name: name.to_owned(), entry: path, reason });
        }
        if !matches!(kind, EntryType::Regular | EntryType::Continuous) {
            continue;
        }
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
