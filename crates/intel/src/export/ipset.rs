//! How are two sets written for `ipset restore`?

use std::io::{self, Write};

use tripoint_model::{Observable, Timestamp};

use super::{Entry, ExportFormat, is_network, of_family, shown};

/// The format.
pub(super) struct IpSet;

impl ExportFormat for IpSet {
    fn name(&self) -> &'static str {
        "ipset"
    }

    fn takes(&self, observable: &Observable) -> bool {
        is_network(observable)
    }

    fn write(&self, entries: &[&Entry], _: Timestamp, out: &mut dyn Write) -> io::Result<()> {
        for (name, family, is_v6) in [("tripoint4", "inet", false), ("tripoint6", "inet6", true)] {
            let found: Vec<_> = of_family(entries, is_v6).collect();
            let room = found.len().next_power_of_two().max(65_536);
            writeln!(out, "create {name} hash:net family {family} maxelem {room} -exist")?;
            writeln!(out, "flush {name}")?;
            for (_, net) in found {
                writeln!(out, "add {name} {} -exist", shown(net))?;
            }
        }
        Ok(())
    }
}
