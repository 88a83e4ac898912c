//! Which addresses, networks and gateways are this host's own?

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::netlink::{DUMP, Message, Netlink, attributes};

const GET_ADDRESS: u16 = 22;
const GET_ROUTE: u16 = 26;

/// What a host must never cut off, as its routing tables tell it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Addresses of our interfaces.
    pub addresses: BTreeSet<IpAddr>,
    /// Networks that our interfaces are in.
    pub networks: BTreeSet<IpNet>,
    /// Gateways of every table.
    pub gateways: BTreeSet<IpAddr>,
}

/// Reads them in the namespace of the calling thread.
pub fn surroundings() -> io::Result<Surroundings> {
    let mut found = Surroundings::default();
    let mut netlink = Netlink::open(libc::NETLINK_ROUTE)?;
    netlink.ask(Message::new(GET_ADDRESS, DUMP, &[0; 8]), &mut |_, payload| {
        let Some((head, rest)) = payload.split_at_checked(8) else { return };
        for (kind, value) in attributes(rest) {
            // IFA_ADDRESS is the peer on point-to-point links, IFA_LOCAL is ours there.
            let (1 | 2, Some(address)) = (kind, address(value)) else { continue };
            found.addresses.insert(address);
            if let Ok(net) = IpNet::new(address, head[1]) {
                found.networks.insert(net.trunc());
            }
        }
    })?;
    netlink.ask(Message::new(GET_ROUTE, DUMP, &[0; 12]), &mut |_, payload| {
        let Some((_, rest)) = payload.split_at_checked(12) else { return };
        for (kind, value) in attributes(rest) {
            match kind {
                5 => found.gateways.extend(address(value)),
                // RTA_VIA: family, then the address.
                18 => found.gateways.extend(value.get(2..).and_then(address)),
                9 => found.gateways.extend(multipath(value)),
                _ => {}
            }
        }
    })?;
    Ok(found)
}

/// Gateways of a route with several next hops (`RTA_MULTIPATH`: a list of `struct rtnexthop`).
fn multipath(mut value: &[u8]) -> Vec<IpAddr> {
    let mut gateways = Vec::new();
    while let Some((head, _)) = value.split_first_chunk::<8>() {
        let length = usize::from(u16::from_ne_bytes([head[0], head[1]]));
        let Some(hop) = value.get(8..length) else { break };
        gateways.extend(attributes(hop).filter(|(kind, _)| *kind == 5).filter_map(|(_, v)| address(v)));
        value = value.get(length.next_multiple_of(4)..).unwrap_or(&[]);
    }
    gateways
}

fn address(value: &[u8]) -> Option<IpAddr> {
    match value.len() {
        4 => Some(IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(value).ok()?))),
        16 => Some(IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(value).ok()?))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Links;
    use crate::netns::NetNs;

    #[test]
    fn finds_addresses_and_gateways() {
        let Ok(namespace) = NetNs::create() else {
            println!("skipped: no right to make network namespaces");
            return;
        };
        let found = namespace
            .run(|| {
                let mut links = Links::open().unwrap();
                links.up("lo").unwrap();
                links.address("lo", "203.0.113.5/24".parse().unwrap()).unwrap();
                links.route("198.51.100.0/24".parse().unwrap(), "203.0.113.1".parse().unwrap()).unwrap();
                surroundings().unwrap()
            })
            .unwrap();
        assert!(found.addresses.contains(&"203.0.113.5".parse().unwrap()));
        assert!(found.networks.contains(&"203.0.113.0/24".parse().unwrap()));
        assert!(found.gateways.contains(&"203.0.113.1".parse().unwrap()));
    }
}
