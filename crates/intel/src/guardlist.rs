//! Is this address shared infrastructure that no list should get blocked by itself?
//!
//! A small built-in set of public resolvers; lists that a user loads come later.

use std::net::IpAddr;

use ipnet::IpNet;
use tripoint_model::GuardHit;

/// Well-known public DNS resolvers, as their operators publish them.
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

/// Every guard list that holds the address (canonical).
pub fn hits(address: IpAddr) -> Vec<GuardHit> {
    let listed = PUBLIC_DNS.iter().filter(|text| text.parse() == Ok(address));
    listed.map(|range| GuardHit { list: "public-dns".to_owned(), range: (*range).to_owned() }).collect()
}

/// Whether a guard list holds the network or a part of it.
pub fn guards(net: IpNet) -> bool {
    PUBLIC_DNS.iter().any(|text| text.parse().is_ok_and(|address: IpAddr| net.contains(&address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_an_address_and_is_found() {
        for text in PUBLIC_DNS {
            let address = text.parse().unwrap();
            assert_eq!(hits(address).len(), 1, "{text}");
        }
        assert!(hits("203.0.113.9".parse().unwrap()).is_empty());
    }
}
