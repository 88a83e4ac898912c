//! How are address lists of RouterOS written (`/import file-name=FILE`)?

use std::io::{self, Write};

use tripoint_model::{Observable, Timestamp};

use super::{Entry, ExportFormat, is_network, of_family, shown};

/// The format.
pub(super) struct MikroTik;

impl ExportFormat for MikroTik {
    fn name(&self) -> &'static str {
        "mikrotik"
    }

    fn takes(&self, observable: &Observable) -> bool {
        is_network(observable)
    }

    fn write(&self, entries: &[&Entry], _: Timestamp, out: &mut dyn Write) -> io::Result<()> {
        for (menu, is_v6) in [("/ip firewall address-list", false), ("/ipv6 firewall address-list", true)] {
            writeln!(out, "{menu}")?;
            writeln!(out, "remove [find where list=tripoint]")?;
            for (entry, net) in of_family(entries, is_v6) {
                let comment = entry.category.as_str();
                writeln!(out, "add list=tripoint address={} comment={comment}", shown(net))?;
            }
        }
        Ok(())
    }
}
