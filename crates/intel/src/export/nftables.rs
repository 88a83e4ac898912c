//! How is a table of its own written for `nft -f`, with sets that rules can ask?

use std::io::{self, Write};

use tripoint_model::{Observable, Timestamp};

use super::{Entry, ExportFormat, of_family, shown};

/// The format.
pub(super) struct NfTables;

impl ExportFormat for NfTables {
    fn name(&self) -> &'static str {
        "nftables"
    }

    fn takes(&self, observable: &Observable) -> bool {
        !matches!(observable, Observable::Domain(_))
    }

    fn write(&self, entries: &[&Entry], _: Timestamp, out: &mut dyn Write) -> io::Result<()> {
        // Replaced as one: no packet meets half a set.
        writeln!(
            out,
            "table inet tripoint_export {{}}\ndelete table inet tripoint_export\ntable inet tripoint_export {{"
        )?;
        for (name, kind, is_v6) in [("bad4", "ipv4_addr", false), ("bad6", "ipv6_addr", true)] {
            let texts: Vec<String> = of_family(entries, is_v6).map(|(_, net)| shown(net)).collect();
            set(out, name, kind, "flags interval; auto-merge", &texts)?;
        }
        for (name, kind, is_v6) in [("bad4_port", "ipv4_addr", false), ("bad6_port", "ipv6_addr", true)] {
            let texts: Vec<String> = entries.iter().filter_map(|entry| with_port(&entry.observable, is_v6)).collect();
            set(out, name, &format!("{kind} . inet_service"), "", &texts)?;
        }
        writeln!(out, "}}")
    }
}

fn with_port(observable: &Observable, is_v6: bool) -> Option<String> {
    match observable {
        Observable::AddressPort(address, port) if address.is_ipv6() == is_v6 => Some(format!("{address} . {port}")),
        _ => None,
    }
}

fn set(out: &mut dyn Write, name: &str, kind: &str, flags: &str, elements: &[String]) -> io::Result<()> {
    writeln!(out, "\tset {name} {{\n\t\ttype {kind}")?;
    if !flags.is_empty() {
        writeln!(out, "\t\t{flags}")?;
    }
    if !elements.is_empty() {
        writeln!(out, "\t\telements = {{")?;
        for element in elements {
            writeln!(out, "\t\t\t{element},")?;
        }
        writeln!(out, "\t\t}}")?;
    }
    writeln!(out, "\t}}")
}
