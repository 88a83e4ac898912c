//! Which entries of a feed may not enter the index, whoever publishes them?

use std::net::IpAddr;

use ipnet::IpNet;
use tripoint_model::Observable;
use tripoint_model::address::special_range;

/// Shortest IPv4 prefix that a feed may list.
pub const V4_PREFIX_MIN: u8 = 8;
/// Shortest IPv6 prefix that a feed may list.
pub const V6_PREFIX_MIN: u8 = 16;

/// What is refused, and what is permitted all the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules<'a> {
    /// Entries inside one of these ranges are let in (`intel.permit_ranges`).
    pub permit_ranges: &'a [IpNet],
    /// This host's own addresses, canonical.
    pub own: &'a [IpAddr],
}

impl Rules<'_> {
    /// Why the entry is refused, in words; `None` when it may enter.
    pub fn refusal(&self, observable: &Observable) -> Option<String> {
        if let Observable::System(number) = observable {
            return reserved(*number).map(|what| format!("{observable} {what}"));
        }
        let net = observable.net()?;
        if self.permit_ranges.iter().any(|range| range.contains(&net)) {
            return None;
        }
        let shortest = if net.addr().is_ipv4() { V4_PREFIX_MIN } else { V6_PREFIX_MIN };
        let reason = if net.prefix_len() < shortest {
            format!("{observable} is wider than /{shortest}")
        } else if let Some(range) = special_range(&net) {
            let kind = article(range.name);
            if range.net == net {
                format!("{observable} is {kind} range")
            } else {
                format!("{observable} lies in {kind} range, {}", range.net)
            }
        } else if let IpNet::V6(v6) = net
            && v6.network().octets()[0] >> 5 != 1
        {
            format!("{observable} is outside the global unicast range 2000::/3")
        } else if let Some(own) = self.own.iter().find(|own| net.contains(*own)) {
            format!("{observable} covers this host's own address {own}")
        } else {
            return None;
        };
        Some(format!("{reason}; name it in intel.permit_ranges to allow it"))
    }
}

/// What is wrong with a number of an autonomous system that nobody on the internet has (IANA's registry). Those for
/// documentation are let through: no table gives them a network.
fn reserved(number: u32) -> Option<&'static str> {
    match number {
        0 | 65_535 | u32::MAX => Some("is reserved"),
        23_456 => Some("stands for numbers that old routers cannot write (RFC 6793)"),
        64_512..=65_534 | 4_200_000_000..=4_294_967_294 => Some("is for private use (RFC 6996): it is another's own"),
        _ => None,
    }
}

fn article(name: &str) -> String {
    let article = if name.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str, permit: &[&str]) -> Option<String> {
        let permit: Vec<IpNet> = permit.iter().map(|text| text.parse().unwrap()).collect();
        let own = ["198.18.0.1".parse().unwrap(), "5.6.7.8".parse().unwrap()];
        Rules { permit_ranges: &permit, own: &own }.refusal(&text.parse().unwrap())
    }

    #[test]
    fn poison_is_refused_in_words() {
        let full = refusal("203.0.113.0/24", &[]).unwrap();
        assert_eq!(full, "203.0.113.0/24 is a documentation range; name it in intel.permit_ranges to allow it");
        for (text, start) in [
            ("0.0.0.0/0", "0.0.0.0/0 is wider than /8"),
            ("128.0.0.0/1", "128.0.0.0/1 is wider than /8"),
            ("::ffff:0:0/96", "0.0.0.0/0 is wider than /8"),
            ("::ffff:10.1.2.3", "10.1.2.3 lies in a private range, 10.0.0.0/8"),
            ("64:ff9b::a9fe:a9fe", "169.254.169.254 lies in a link-local range"),
            ("100.64.0.0/16", "100.64.0.0/16 lies in a carrier-grade NAT range"),
            ("224.0.0.1", "224.0.0.1 lies in a multicast range"),
            ("127.0.0.1:80", "127.0.0.1:80 lies in a loopback range"),
            ("::/0", "::/0 is wider than /16"),
            ("fc00::/7", "fc00::/7 is wider than /16"),
            ("4000::/16", "4000::/16 is outside the global unicast range"),
            ("5.6.0.0/16", "5.6.0.0/16 covers this host's own address 5.6.7.8"),
        ] {
            let reason = refusal(text, &[]).unwrap();
            assert!(reason.starts_with(start), "{text}: {reason}");
        }
        for text in ["1.2.3.4", "6.0.0.0/9", "2a00::/16", "bad.example", "2002::1"] {
            assert_eq!(refusal(text, &[]), None, "{text}");
        }
    }

    #[test]
    fn numbers_that_nobody_has_are_refused() {
        for text in ["AS23456", "AS64512", "AS65534", "AS65535", "AS4200000000", "AS4294967295"] {
            assert!(refusal(text, &["0.0.0.0/0"]).is_some(), "{text}");
        }
        for text in ["AS1", "AS64500", "AS65536", "AS4199999999"] {
            assert_eq!(refusal(text, &[]), None, "{text}");
        }
    }

    #[test]
    fn a_permit_lets_in_what_it_contains_and_no_more() {
        assert_eq!(refusal("203.0.113.66", &["203.0.113.0/24"]), None);
        assert!(refusal("203.0.112.0/23", &["203.0.113.0/24"]).is_some());
    }
}
