//! How is a variable written for nginx that is 1 for listed clients (`include FILE;`, then `if ($tripoint_listed)`)?

use std::io::{self, Write};

use tripoint_model::{Observable, Timestamp};

use super::{Entry, ExportFormat, is_network, network};

/// The format.
pub(super) struct Nginx;

impl ExportFormat for Nginx {
    fn name(&self) -> &'static str {
        "nginx"
    }

    fn takes(&self, observable: &Observable) -> bool {
        is_network(observable)
    }

    fn write(&self, entries: &[&Entry], _: Timestamp, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "geo $tripoint_listed {{\n    default 0;")?;
        for (_, net) in entries.iter().filter_map(|entry| Some((entry, network(&entry.observable)?))) {
            writeln!(out, "    {net} 1;")?;
        }
        writeln!(out, "}}")
    }
}
