//! How is a response policy zone written, as BIND and Unbound load it?

use std::io::{self, Write};
use std::net::IpAddr;

use ipnet::IpNet;
use tripoint_model::{Observable, Timestamp};

use super::{Entry, ExportFormat, network};

/// The format: names and what is below them do not exist, nor do answers with listed addresses.
pub(super) struct Rpz;

impl ExportFormat for Rpz {
    fn name(&self) -> &'static str {
        "rpz"
    }

    fn takes(&self, observable: &Observable) -> bool {
        !matches!(observable, Observable::AddressPort(..))
    }

    fn write(&self, entries: &[&Entry], made: Timestamp, out: &mut dyn Write) -> io::Result<()> {
        // Serials grow with time and have 32 bits (RFC 1982).
        let serial = made.0.div_euclid(1_000_000).rem_euclid(1 << 32);
        writeln!(out, "$TTL 300\n@ SOA localhost. root.localhost. {serial} 3600 600 86400 300\n@ NS localhost.")?;
        for entry in entries {
            match &entry.observable {
                Observable::Domain(name) => writeln!(out, "{name} CNAME .\n*.{name} CNAME .")?,
                other => {
                    if let Some(net) = network(other) {
                        writeln!(out, "{} CNAME .", trigger(net))?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// `203.0.113.0/24` is `24.0.113.0.203.rpz-ip`; of IPv6 the longest run of zeros is `zz`.
fn trigger(net: IpNet) -> String {
    let mut labels: Vec<String> = match net.addr() {
        IpAddr::V4(address) => address.octets().iter().map(u8::to_string).collect(),
        IpAddr::V6(address) => words(&address.segments()),
    };
    labels.reverse();
    format!("{}.{}.rpz-ip", net.prefix_len(), labels.join("."))
}

fn words(segments: &[u16; 8]) -> Vec<String> {
    let runs = (0..8).map(|from| (segments.iter().skip(from).take_while(|word| **word == 0).count(), from));
    // Of equal runs the first.
    let (len, from) = runs.rev().max_by_key(|(len, _)| *len).unwrap_or_default();
    let mut out = Vec::new();
    for (at, word) in segments.iter().enumerate() {
        match at.checked_sub(from) {
            Some(0) if len > 1 => out.push("zz".to_owned()),
            Some(within) if len > 1 && within < len => {}
            _ => out.push(format!("{word:x}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_written_backwards() {
        for (net, expected) in [
            ("203.0.113.9/32", "32.9.113.0.203.rpz-ip"),
            ("203.0.113.0/24", "24.0.113.0.203.rpz-ip"),
            ("2001:db8::66/128", "128.66.zz.db8.2001.rpz-ip"),
            ("2001:db8::/32", "32.zz.db8.2001.rpz-ip"),
            ("2001:0:0:1:0:0:0:1/128", "128.1.zz.1.0.0.2001.rpz-ip"),
            ("2001:db8:1:2:3:4:5:6/128", "128.6.5.4.3.2.1.db8.2001.rpz-ip"),
        ] {
            assert_eq!(trigger(net.parse().expect("network")), expected);
        }
    }
}
