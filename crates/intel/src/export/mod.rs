//! How is what is known handed to other programs?
//!
//! A format is one file and one line in `FORMATS`.

mod csv;
mod edl;
mod haproxy;
mod ipset;
mod iptables;
mod mikrotik;
mod misp;
mod nftables;
mod nginx;
mod pf;
mod rpz;
mod stix;
mod suricata;
mod txt;
mod verdicts;
mod zeek;

use std::io::{self, Write};

use ipnet::IpNet;
use tripoint_model::{Observable, Timestamp};

pub use verdicts::{Entry, Verdicts, Wish, verdicts};

/// Every format, by name.
pub const FORMATS: &[&dyn ExportFormat] = &[
    &csv::Csv,
    &edl::Edl,
    &haproxy::HaProxy,
    &iptables::Iptables { name: "iptables", is_v6: false },
    &iptables::Iptables { name: "ip6tables", is_v6: true },
    &ipset::IpSet,
    &mikrotik::MikroTik,
    &misp::Misp,
    &nftables::NfTables,
    &nginx::Nginx,
    &pf::Pf,
    &rpz::Rpz,
    &stix::Stix,
    &suricata::Suricata,
    &txt::Txt,
    &zeek::Zeek,
];

/// How one program wants to be told.
pub trait ExportFormat: Sync {
    /// The name on the command line.
    fn name(&self) -> &'static str;
    /// Whether the format can say this; what it cannot say is left out and counted.
    fn takes(&self, observable: &Observable) -> bool;
    /// Writes the entries, each of which it takes, in their order.
    fn write(&self, entries: &[&Entry], made: Timestamp, out: &mut dyn Write) -> io::Result<()>;
}

/// Writes the verdicts as `format`; gives how many it cannot say.
pub fn write(
    format: &dyn ExportFormat,
    verdicts: &Verdicts,
    made: Timestamp,
    out: &mut dyn Write,
) -> io::Result<usize> {
    let entries: Vec<&Entry> = verdicts.entries.iter().filter(|entry| format.takes(&entry.observable)).collect();
    format.write(&entries, made, out)?;
    Ok(verdicts.entries.len() - entries.len())
}

/// Addresses and networks; what names a port says less than the whole address.
fn is_network(observable: &Observable) -> bool {
    network(observable).is_some()
}

fn network(observable: &Observable) -> Option<IpNet> {
    match observable {
        Observable::Address(_) | Observable::Network(_) => observable.net(),
        Observable::AddressPort(..) | Observable::Domain(_) | Observable::System(_) => None,
    }
}

/// The networks of one family.
fn of_family<'e>(entries: &[&'e Entry], is_v6: bool) -> impl Iterator<Item = (&'e Entry, IpNet)> {
    let found = entries.iter().filter_map(|entry| Some((*entry, network(&entry.observable)?)));
    found.filter(move |(_, net)| net.network().is_ipv6() == is_v6).collect::<Vec<_>>().into_iter()
}

/// An address without a length, a network with one.
fn shown(net: IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
}

#[cfg(test)]
mod tests;
