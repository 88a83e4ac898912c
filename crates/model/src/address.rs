//! Which address is meant, in its one canonical form, and is it a special one?

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Folds IPv4-mapped (`::ffff:0:0/96`, RFC 4291) and NAT64 well-known (`64:ff9b::/96`, RFC 6052)
/// forms to the IPv4 address they carry; every other address is returned as it is.
pub fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => embedded_v4(v6).map_or(address, IpAddr::V4),
    }
}

/// The network in canonical form: a mapped or NAT64 prefix of 96 bits or more becomes IPv4.
pub fn canonical_net(net: IpNet) -> IpNet {
    match net {
        IpNet::V6(v6) if v6.prefix_len() >= 96 => match embedded_v4(v6.addr()) {
            Some(v4) => Ipv4Net::new(v4, v6.prefix_len() - 96).map_or(net, |net| IpNet::V4(net.trunc())),
            None => IpNet::V6(v6.trunc()),
        },
        other => other.trunc(),
    }
}

fn embedded_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = v6.segments();
    let mapped = segments[..6] == [0, 0, 0, 0, 0, 0xffff];
    let nat64 = segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0];
    (mapped || nat64).then(|| {
        let [.., a, b, c, d] = v6.octets();
        Ipv4Addr::new(a, b, c, d)
    })
}

/// Why text is not an address.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address: {0:?}")]
pub struct AddressError(pub String);

/// Reads one address in canonical form. Accepts brackets (`[::1]`) and surrounding blanks;
/// refuses zone ids, leading zeros and short forms such as `127.1`, whose meaning differs between systems.
pub fn parse_address(text: &str) -> Result<IpAddr, AddressError> {
    let trimmed = text.trim();
    let bare = trimmed.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(trimmed);
    bare.parse().map(canonical).map_err(|_| AddressError(trimmed.chars().take(64).collect()))
}

/// Reads an address or a network (`a.b.c.d/n`), host bits cleared, in canonical form.
pub fn parse_net(text: &str) -> Result<IpNet, AddressError> {
    let trimmed = text.trim();
    let bad = || AddressError(trimmed.chars().take(64).collect());
    let Some((address, length)) = trimmed.split_once('/') else {
        return parse_address(trimmed).map(IpNet::from);
    };
    // `/08` and `/+8` mean different things to different readers: refuse them.
    if length.is_empty() || !length.bytes().all(|b| b.is_ascii_digit()) || (length.len() > 1 && length.starts_with('0'))
    {
        return Err(bad());
    }
    let address: IpAddr = address.trim().parse().map_err(|_| bad())?;
    let net = IpNet::new(address, length.parse().map_err(|_| bad())?).map_err(|_| bad())?;
    Ok(canonical_net(net))
}

/// A special-purpose range and its name (IANA special-purpose address registries, RFC 6890).
pub struct SpecialRange {
    /// What people call it, in lower case.
    pub name: &'static str,
    /// The range.
    pub net: IpNet,
}

const fn v4(name: &'static str, a: u8, b: u8, c: u8, d: u8, length: u8) -> SpecialRange {
    SpecialRange { name, net: IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)) }
}

const fn v6(name: &'static str, address: Ipv6Addr, length: u8) -> SpecialRange {
    SpecialRange { name, net: IpNet::V6(Ipv6Net::new_assert(address, length)) }
}

/// Ranges that no feed may list and nothing may block unless the configuration names them.
pub static SPECIAL_RANGES: &[SpecialRange] = &[
    v4("this network", 0, 0, 0, 0, 8),
    v4("private", 10, 0, 0, 0, 8),
    v4("carrier-grade NAT", 100, 64, 0, 0, 10),
    v4("loopback", 127, 0, 0, 0, 8),
    v4("link-local", 169, 254, 0, 0, 16),
    v4("private", 172, 16, 0, 0, 12),
    v4("protocol assignments", 192, 0, 0, 0, 24),
    v4("documentation", 192, 0, 2, 0, 24),
    v4("private", 192, 168, 0, 0, 16),
    v4("benchmarking", 198, 18, 0, 0, 15),
    v4("documentation", 198, 51, 100, 0, 24),
    v4("documentation", 203, 0, 113, 0, 24),
    v4("multicast", 224, 0, 0, 0, 4),
    v4("reserved", 240, 0, 0, 0, 4),
    v6("unspecified", Ipv6Addr::UNSPECIFIED, 128),
    v6("loopback", Ipv6Addr::LOCALHOST, 128),
    v6("discard", Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64),
    v6("documentation", Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    v6("private", Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
    v6("link-local", Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    v6("multicast", Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
];

/// Whether a special range of IPv4 shares its first byte with any of these addresses: most of the address space does not,
/// and lists are asked about by the million.
static SPECIAL_FIRST_BYTES: LazyLock<[bool; 256]> = LazyLock::new(|| {
    let mut out = [false; 256];
    for range in SPECIAL_RANGES {
        if let IpNet::V4(net) = range.net {
            let (first, last) = (net.network().octets()[0], net.broadcast().octets()[0]);
            out[usize::from(first)..=usize::from(last)].fill(true);
        }
    }
    out
});

/// The special range that `net` lies in, contains or overlaps, if any.
pub fn special_range(net: &IpNet) -> Option<&'static SpecialRange> {
    if let IpNet::V4(v4) = net
        && v4.prefix_len() >= 8
        && !SPECIAL_FIRST_BYTES[usize::from(v4.network().octets()[0])]
    {
        return None;
    }
    SPECIAL_RANGES.iter().find(|range| overlaps(&range.net, net))
}

/// Whether it is an address of this host or of networks near it: loopback, private, link-local and the like.
/// Documentation and benchmarking ranges stand for the world.
pub fn is_local(address: IpAddr) -> bool {
    let range = special_range(&IpNet::from(canonical(address)));
    range.is_some_and(|range| !matches!(range.name, "documentation" | "benchmarking"))
}

/// Whether two networks share an address.
pub fn overlaps(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_one_form() {
        for (text, expected) in [
            ("203.0.113.9", "203.0.113.9"),
            (" 203.0.113.9\r", "203.0.113.9"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("::FFFF:cb00:7109", "203.0.113.9"),
            ("64:ff9b::203.0.113.9", "203.0.113.9"),
            ("[2001:DB8:0:0::1]", "2001:db8::1"),
        ] {
            assert_eq!(parse_address(text).unwrap().to_string(), expected, "{text}");
        }
        for text in ["127.1", "0x7f.1", "01.2.3.4", "fe80::1%eth0", "1.2.3", "", "٢٠٣.0.113.9"] {
            assert!(parse_address(text).is_err(), "{text}");
        }
    }

    /// `\\u{hex}` stands for a character.
    fn unescape(text: &str) -> String {
        let mut parts = text.split("\\u{");
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (hex, rest) = part.split_once('}').unwrap();
            out.push(u32::from_str_radix(hex, 16).ok().and_then(char::from_u32).unwrap());
            out.push_str(rest);
        }
        out
    }

    #[test]
    fn every_spelling_has_the_one_meaning_or_none() {
        let table = include_str!("../fixtures/address-spellings.tsv");
        let lines: Vec<_> = table.lines().skip(1).map(|line| line.split_once('\t').unwrap()).collect();
        assert!(lines.len() >= 400, "{}", lines.len());
        let wrong: Vec<String> = lines
            .into_iter()
            .filter_map(|(spelling, expected)| {
                let found = parse_address(&unescape(spelling)).map_or("refused".to_owned(), |a| a.to_string());
                (found != expected).then(|| format!("{spelling}: {found}, not {expected}"))
            })
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn networks_are_truncated_and_folded() {
        for (text, expected) in [
            ("203.0.113.9/24", "203.0.113.0/24"),
            ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("203.0.113.9", "203.0.113.9/32"),
        ] {
            assert_eq!(parse_net(text).unwrap().to_string(), expected, "{text}");
        }
        for text in ["10.0.0.0/08", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "/8"] {
            assert!(parse_net(text).is_err(), "{text}");
        }
    }

    #[test]
    fn special_ranges_overlap_both_ways() {
        let name = |text: &str| special_range(&parse_net(text).unwrap()).map(|r| r.name);
        assert_eq!(name("10.1.2.3"), Some("private"));
        assert_eq!(name("0.0.0.0/0"), Some("this network"));
        assert_eq!(name("8.8.8.8"), None);
        assert_eq!(name("2001:db8::66"), Some("documentation"));
    }
}
