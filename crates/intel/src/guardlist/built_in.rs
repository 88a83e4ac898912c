//! Which shared infrastructure is so well known that it is guarded without any list?
//!
//! Only addresses that their operators publish and keep for years. What this host itself depends on (its own
//! addresses, gateways, resolvers, time servers) is the responder's to protect, not a list's.

/// The built-in lists: name, what it holds, addresses.
pub const BUILT_IN: &[(&str, &str, &[&str])] = &[
    ("public-dns", "public resolvers, as their operators publish them", PUBLIC_DNS),
    ("root-servers", "the root servers of the DNS (IANA root hints)", ROOT_SERVERS),
    ("public-ntp", "time.cloudflare.com, as its operator publishes it", PUBLIC_NTP),
];

const PUBLIC_DNS: &[&str] = &[
    "1.1.1.1",
    "1.0.0.1",
    "2606:4700:4700::1111",
    "2606:4700:4700::1001",
    "8.8.8.8",
    "8.8.4.4",
    "2001:4860:4860::8888",
    "2001:4860:4860::8844",
    "9.9.9.9",
    "149.112.112.112",
    "2620:fe::fe",
    "2620:fe::9",
    "208.67.222.222",
    "208.67.220.220",
    "2620:119:35::35",
    "2620:119:53::53",
    "94.140.14.14",
    "94.140.15.15",
    "2a10:50c0::ad1:ff",
    "2a10:50c0::ad2:ff",
    "76.76.2.0",
    "76.76.10.0",
    "64.6.64.6",
    "64.6.65.6",
];

const ROOT_SERVERS: &[&str] = &[
    "198.41.0.4",
    "2001:503:ba3e::2:30",
    "170.247.170.2",
    "2801:1b8:10::b",
    "192.33.4.12",
    "2001:500:2::c",
    "199.7.91.13",
    "2001:500:2d::d",
    "192.203.230.10",
    "2001:500:a8::e",
    "192.5.5.241",
    "2001:500:2f::f",
    "192.112.36.4",
    "2001:500:12::d0d",
    "198.97.190.53",
    "2001:500:1::53",
    "192.36.148.17",
    "2001:7fe::53",
    "192.58.128.30",
    "2001:503:c27::2:30",
    "193.0.14.129",
    "2001:7fd::1",
    "199.7.83.42",
    "2001:500:9f::42",
    "202.12.27.33",
    "2001:dc3::35",
];

const PUBLIC_NTP: &[&str] = &["162.159.200.1", "162.159.200.123", "2606:4700:f1::1", "2606:4700:f1::123"];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn every_entry_is_a_canonical_address_and_stands_once() {
        for (name, _, entries) in BUILT_IN {
            let parsed: BTreeSet<IpAddr> = entries.iter().map(|text| text.parse().unwrap()).collect();
            assert_eq!(parsed.len(), entries.len(), "{name}");
            for text in *entries {
                assert_eq!(text.parse::<IpAddr>().unwrap().to_string(), *text);
            }
        }
        assert_eq!(ROOT_SERVERS.len(), 26);
    }
}
