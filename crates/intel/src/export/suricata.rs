//! How is a reputation list of Suricata written (`reputation-files`; category 1, score 1 to 127)?

use std::io::{self, Write};

use tripoint_model::{Observable, Timestamp};

use super::{Entry, ExportFormat, is_network, network, shown};

/// The format.
pub(super) struct Suricata;

impl ExportFormat for Suricata {
    fn name(&self) -> &'static str {
        "suricata"
    }

    fn takes(&self, observable: &Observable) -> bool {
        is_network(observable)
    }

    fn write(&self, entries: &[&Entry], _: Timestamp, out: &mut dyn Write) -> io::Result<()> {
        for (entry, net) in entries.iter().filter_map(|entry| Some((entry, network(&entry.observable)?))) {
            let score = (u16::from(entry.confidence) * 127 / 100).max(1);
            writeln!(out, "{},1,{score}", shown(net))?;
        }
        Ok(())
    }
}
