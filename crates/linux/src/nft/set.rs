//! Which set does a block lie in, and as which key?

use std::net::IpAddr;

use ipnet::IpNet;

use crate::netlink::Message;

/// A set of our table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Set {
    pub(super) is_v6: bool,
    pub(super) kind: Kind,
}

/// What a set holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Single addresses.
    Hosts,
    /// Single addresses, each with a port.
    Ports,
    /// Networks of this length.
    Nets(u8),
}

/// Transport protocols that have ports where TCP has them: SCTP, DCCP, UDP, UDP-Lite.
pub(super) const WITH_PORTS: [u8; 5] = [6, 17, 33, 132, 136];
/// The set that holds them.
pub(super) const PROTOCOLS: &str = "protocols";

impl Set {
    /// Those that are always there.
    pub(super) const ALWAYS: [Self; 4] = [
        Self { is_v6: false, kind: Kind::Hosts },
        Self { is_v6: true, kind: Kind::Hosts },
        Self { is_v6: false, kind: Kind::Ports },
        Self { is_v6: true, kind: Kind::Ports },
    ];

    /// Where a block lies, if there is a set for its shape.
    pub(super) fn of(net: IpNet, port: u16) -> Option<Self> {
        let is_host = net.prefix_len() == net.max_prefix_len();
        let kind = match (is_host, port) {
            (true, 0) => Kind::Hosts,
            (true, _) => Kind::Ports,
            (false, 0) => Kind::Nets(net.prefix_len()),
            (false, _) => return None,
        };
        Some(Self { is_v6: net.addr().is_ipv6(), kind })
    }

    pub(super) fn name(self) -> String {
        let family = if self.is_v6 { 6 } else { 4 };
        match self.kind {
            Kind::Hosts => format!("hosts{family}"),
            Kind::Ports => format!("ports{family}"),
            Kind::Nets(length) => format!("nets{family}_{length}"),
        }
    }

    /// The set of this name, if it is one of ours.
    pub(super) fn named(name: &str) -> Option<Self> {
        if let Some(set) = Self::ALWAYS.into_iter().find(|set| set.name() == name) {
            return Some(set);
        }
        let (family, length) = name.strip_prefix("nets")?.split_once('_')?;
        let set = Self { is_v6: family == "6", kind: Kind::Nets(length.parse().ok()?) };
        let fits = u8::try_from(set.width() * 8).is_ok_and(|most| length.parse().is_ok_and(|length: u8| length < most));
        (fits && set.name() == name).then_some(set)
    }

    /// Bytes of an address.
    pub(super) fn width(self) -> usize {
        if self.is_v6 { 16 } else { 4 }
    }

    /// Bytes of a key: a port fills a register of four.
    pub(super) fn key_length(self) -> usize {
        self.width() + if self.kind == Kind::Ports { 4 } else { 0 }
    }

    /// Number of the key's type for `nft list` (datatypes of nftables, six bits each; the kernel does not look).
    fn key_type(self) -> u32 {
        let address = if self.is_v6 { 8 } else { 7 };
        if self.kind == Kind::Ports { address << 6 | 13 } else { address }
    }

    /// The mask that cuts an address down to its network.
    pub(super) fn mask(self) -> Option<Vec<u8>> {
        let Kind::Nets(length) = self.kind else { return None };
        let bits = |byte: usize| usize::from(length).saturating_sub(byte * 8).min(8);
        Some((0..self.width()).map(|byte| (0xff00u16 >> bits(byte)) as u8).collect())
    }

    pub(super) fn key(self, net: IpNet, port: u16) -> Vec<u8> {
        let mut key = match net.network() {
            IpAddr::V4(v4) => v4.octets().to_vec(),
            IpAddr::V6(v6) => v6.octets().to_vec(),
        };
        if self.kind == Kind::Ports {
            key.extend_from_slice(&port.to_be_bytes());
            key.extend_from_slice(&[0, 0]);
        }
        key
    }

    /// The network and port of a key.
    pub(super) fn read(self, key: &[u8]) -> Option<(IpNet, u16)> {
        let (address, rest) = key.split_at_checked(self.width())?;
        let address: IpAddr = match self.is_v6 {
            false => <[u8; 4]>::try_from(address).ok()?.into(),
            true => <[u8; 16]>::try_from(address).ok()?.into(),
        };
        let port = match self.kind {
            Kind::Ports => u16::from_be_bytes(*rest.first_chunk::<2>()?),
            _ => 0,
        };
        let net = match self.kind {
            Kind::Nets(length) => IpNet::new(address, length).ok()?,
            _ => IpNet::from(address),
        };
        Some((net, port))
    }

    /// The message that makes the set.
    pub(super) fn create(self, table: &str, id: u32) -> Message {
        const TIMEOUT: u32 = 0x10;
        let key_length = u32::try_from(self.key_length()).unwrap_or(0);
        new_set(table, &self.name(), id, TIMEOUT, self.key_type(), key_length)
    }
}

/// The message that makes the set of protocols, and the one that fills it.
pub(super) fn create_protocols(table: &str, id: u32) -> [Message; 2] {
    const INET_PROTO: u32 = 12;
    let elements = |mut message: Message| {
        for protocol in WITH_PORTS {
            message = message.nested(1, |element| element.nested(1, |key| key.attribute(1, &[protocol])));
        }
        message
    };
    let fill = super::layout::message(super::layout::NEW_ELEMENTS, super::layout::CREATE)
        .text(1, table)
        .text(2, PROTOCOLS)
        .nested(3, elements);
    [new_set(table, PROTOCOLS, id, 0, INET_PROTO, 1), fill]
}

/// `NFTA_SET_*` of linux/netfilter/nf_tables.h.
fn new_set(table: &str, name: &str, id: u32, flags: u32, key_type: u32, key_length: u32) -> Message {
    super::layout::message(super::layout::NEW_SET, super::layout::CREATE)
        .text(1, table)
        .text(2, name)
        .attribute(3, &flags.to_be_bytes())
        .attribute(4, &key_type.to_be_bytes())
        .attribute(5, &key_length.to_be_bytes())
        .attribute(10, &id.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_has_a_set_and_comes_back_from_its_key() {
        for (net, port, name) in [
            ("203.0.113.7/32", 0, "hosts4"),
            ("2001:db8::7/128", 0, "hosts6"),
            ("203.0.113.7/32", 443, "ports4"),
            ("2001:db8::7/128", 65535, "ports6"),
            ("203.0.113.128/25", 0, "nets4_25"),
            ("0.0.0.0/0", 0, "nets4_0"),
            ("2001:db8:1::/48", 0, "nets6_48"),
        ] {
            let net: IpNet = net.parse().unwrap();
            let set = Set::of(net, port).unwrap();
            assert_eq!(set.name(), name);
            assert_eq!(Set::named(name), Some(set));
            let key = set.key(net, port);
            assert_eq!(key.len(), set.key_length());
            assert_eq!(set.read(&key), Some((net, port)));
        }
        assert_eq!(Set::of("203.0.113.0/24".parse().unwrap(), 80), None);
        for stranger in
            ["hosts", "nets4_32", "nets4_33", "nets4_+5", "nets4_025", "nets5_24", "nets6_128", "protocols", ""]
        {
            assert_eq!(Set::named(stranger), None, "{stranger}");
        }
    }

    #[test]
    fn masks_have_as_many_bits_as_their_length() {
        for length in 0..128u8 {
            let mask = Set { is_v6: true, kind: Kind::Nets(length) }.mask().unwrap();
            let bits = u128::from_be_bytes(mask.try_into().unwrap());
            assert_eq!((bits.leading_ones(), bits.count_ones()), (u32::from(length), u32::from(length)));
        }
        assert_eq!(Set { is_v6: false, kind: Kind::Nets(25) }.mask().unwrap(), [255, 255, 255, 128]);
        assert_eq!(Set { is_v6: false, kind: Kind::Hosts }.mask(), None);
    }
}
