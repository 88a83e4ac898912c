//! How is a table of pf written (`table <bad> persist file FILE`)?

use std::io::{self, Write};

use tripoint_model::{Observable, Timestamp};

use super::{Entry, ExportFormat, is_network};

/// The format.
pub(super) struct Pf;

impl ExportFormat for Pf {
    fn name(&self) -> &'static str {
        "pf"
    }

    fn takes(&self, observable: &Observable) -> bool {
        is_network(observable)
    }

    fn write(&self, entries: &[&Entry], _: Timestamp, out: &mut dyn Write) -> io::Result<()> {
        entries.iter().try_for_each(|entry| writeln!(out, "{}", entry.observable))
    }
}
