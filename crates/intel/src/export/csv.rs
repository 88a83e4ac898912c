//! How is a table with everything known written (RFC 4180)?

use std::io::{self, Write};

use tripoint_model::{Observable, Timestamp};

use super::{Entry, ExportFormat};

/// The format.
pub(super) struct Csv;

impl ExportFormat for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn takes(&self, _: &Observable) -> bool {
        true
    }

    fn write(&self, entries: &[&Entry], _: Timestamp, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "indicator,category,direction,confidence,feeds,first_seen,last_seen,valid_until")?;
        for entry in entries {
            let when = |time: Option<Timestamp>| time.map_or(String::new(), |time| time.to_string());
            let [first, last, until] = [entry.first_seen, entry.last_seen, entry.valid_until].map(when);
            // Names of feeds hold neither commas nor quotes.
            let (feeds, sure) = (entry.feeds.join(" "), entry.confidence);
            let (category, direction) = (entry.category.as_str(), entry.direction.as_str());
            writeln!(out, "{},{category},{direction},{sure},{feeds},{first},{last},{until}", entry.observable)?;
        }
        Ok(())
    }
}
