//! How is an external dynamic list of addresses written, as Palo Alto Networks reads it?

use std::io::{self, Write};

use tripoint_model::{Observable, Timestamp};

use super::{Entry, ExportFormat, is_network};

/// The format.
pub(super) struct Edl;

impl ExportFormat for Edl {
    fn name(&self) -> &'static str {
        "edl"
    }

    fn takes(&self, observable: &Observable) -> bool {
        is_network(observable)
    }

    fn write(&self, entries: &[&Entry], _: Timestamp, out: &mut dyn Write) -> io::Result<()> {
        entries.iter().try_for_each(|entry| writeln!(out, "{}", entry.observable))
    }
}
