//! How is a chain of drops written for `iptables-restore --noflush` (or `ip6tables-restore`)?

use std::io::{self, Write};

use tripoint_model::{AppliesTo, Observable, Timestamp};

use super::{Entry, ExportFormat, network, of_family, shown};

/// The format of one family; rules jump to the chain `TRIPOINT` themselves.
pub(super) struct Iptables {
    pub(super) name: &'static str,
    pub(super) is_v6: bool,
}

impl ExportFormat for Iptables {
    fn name(&self) -> &'static str {
        self.name
    }

    fn takes(&self, observable: &Observable) -> bool {
        network(observable).is_some_and(|net| net.network().is_ipv6() == self.is_v6)
    }

    fn write(&self, entries: &[&Entry], _: Timestamp, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "*filter\n:TRIPOINT - [0:0]")?;
        for (entry, net) in of_family(entries, self.is_v6) {
            if entry.direction != AppliesTo::Out {
                writeln!(out, "-A TRIPOINT -s {} -j DROP", shown(net))?;
            }
            if entry.direction != AppliesTo::In {
                writeln!(out, "-A TRIPOINT -d {} -j DROP", shown(net))?;
            }
        }
        writeln!(out, "COMMIT")
    }
}
