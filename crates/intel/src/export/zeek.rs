//! How is a file of Zeek's intelligence framework written?

use std::io::{self, Write};

use tripoint_model::{Observable, Timestamp};

use super::{Entry, ExportFormat};

/// The format.
pub(super) struct Zeek;

impl ExportFormat for Zeek {
    fn name(&self) -> &'static str {
        "zeek"
    }

    fn takes(&self, observable: &Observable) -> bool {
        !matches!(observable, Observable::AddressPort(..))
    }

    fn write(&self, entries: &[&Entry], _: Timestamp, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc")?;
        for entry in entries {
            let kind = match entry.observable {
                Observable::Network(_) => "Intel::SUBNET",
                Observable::Domain(_) => "Intel::DOMAIN",
                _ => "Intel::ADDR",
            };
            let (source, about) = (entry.feeds.join(","), entry.category.as_str());
            writeln!(out, "{}\t{kind}\t{source}\t{about}, {} %", entry.observable, entry.confidence)?;
        }
        Ok(())
    }
}
