//! How is a plain list written, one entry a line?

use std::io::{self, Write};

use tripoint_model::{Observable, Timestamp};

use super::{Entry, ExportFormat};

/// The format.
pub(super) struct Txt;

impl ExportFormat for Txt {
    fn name(&self) -> &'static str {
        "txt"
    }

    fn takes(&self, _: &Observable) -> bool {
        true
    }

    fn write(&self, entries: &[&Entry], _: Timestamp, out: &mut dyn Write) -> io::Result<()> {
        entries.iter().try_for_each(|entry| writeln!(out, "{}", entry.observable))
    }
}
