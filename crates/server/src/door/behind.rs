//! Who is behind a proxy that is believed?
//!
//! All that come through a proxy have its address: without its word they would be counted as one, and what one of them
//! tries would make the others wait.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

use crate::access::Peer;

/// Whose word is taken for where a request comes from; nobody's unless configured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies(Arc<[IpNet]>);

impl Proxies {
    /// These addresses and networks.
    pub(crate) fn new(of: &[IpNet]) -> Self {
        Self(of.into())
    }

    /// Whether it is one.
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|net| net.contains(&address))
    }

    /// Who asks. Where a program of this host relays for somebody whom nothing names that is believed, it is somebody
    /// else than this host.
    pub(super) fn peer(&self, connected: SocketAddr, headers: &HeaderMap) -> Peer {
        let source = self.source(connected, headers);
        let is_relayed = || RELAYED.iter().any(|name| headers.contains_key(*name));
        if source == connected && connected.ip().to_canonical().is_loopback() && is_relayed() {
            return Peer::Relayed(connected);
        }
        Peer::Network(source)
    }

    /// From where a request comes: each proxy adds at the end whom it heard, so the last that is no proxy is who asks.
    /// Whatever stands before it was written by strangers.
    fn source(&self, connected: SocketAddr, headers: &HeaderMap) -> SocketAddr {
        if !self.has(connected.ip()) {
            return connected;
        }
        let lines = headers.get_all(FORWARDED_FOR).iter().map(|value| value.to_str().unwrap_or_default());
        let lines: Vec<&str> = lines.collect();
        let hops = lines.iter().rev().flat_map(|line| line.rsplit(',')).take(HOPS_MAX);
        let mut source = connected;
        for hop in hops {
            // What cannot be read is nobody's word.
            let Some(address) = address(hop.trim()) else { break };
            source = SocketAddr::new(address, 0);
            if !self.has(address) {
                break;
            }
        }
        source
    }
}

/// An address, perhaps with the port that some proxies add.
fn address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|hop| hop.ip()));
    address.map(|address| address.to_canonical())
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// What proxies add, and no browser.
const RELAYED: &[&str] = &["forwarded", "x-forwarded-for", "x-real-ip", "via"];
const HOPS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_who_is_no_proxy_asks_and_strangers_words_count_for_nothing() {
        let proxies = Proxies::new(&["127.0.0.0/8".parse().unwrap(), "2001:db8:1::/48".parse().unwrap()]);
        for (connected, said, source) in [
            ("127.0.0.1:7", &["198.51.100.7"][..], "198.51.100.7"),
            ("[::ffff:127.0.0.1]:7", &["198.51.100.7"], "198.51.100.7"),
            ("127.0.0.1:7", &["198.51.100.7, 203.0.113.9"], "203.0.113.9"),
            ("127.0.0.1:7", &["198.51.100.7", "203.0.113.9"], "203.0.113.9"),
            ("127.0.0.1:7", &["203.0.113.9, 2001:db8:1::2,127.0.0.9"], "203.0.113.9"),
            ("[2001:db8:1::5]:7", &["[2001:db8:2::1]:443"], "2001:db8:2::1"),
            ("127.0.0.1:7", &["203.0.113.9:1234"], "203.0.113.9"),
            // Nobody's word, or none.
            ("127.0.0.1:7", &["203.0.113.9, unknown"], "127.0.0.1"),
            ("127.0.0.1:7", &["203.0.113.9, \u{e9}"], "127.0.0.1"),
            ("127.0.0.1:7", &[""], "127.0.0.1"),
            ("127.0.0.1:7", &[], "127.0.0.1"),
            ("192.0.2.1:7", &["198.51.100.7"], "192.0.2.1"),
        ] {
            let mut headers = HeaderMap::new();
            for line in said {
                headers.append(FORWARDED_FOR, axum::http::HeaderValue::from_bytes(line.as_bytes()).unwrap());
            }
            let found = proxies.source(connected.parse().unwrap(), &headers).ip();
            assert_eq!(found, source.parse::<IpAddr>().unwrap(), "{connected} {said:?}");
        }
        let nobody = Proxies::default();
        let mut headers = HeaderMap::new();
        headers.append(FORWARDED_FOR, "198.51.100.7".parse().unwrap());
        let connected: SocketAddr = "127.0.0.1:7".parse().unwrap();
        assert_eq!(nobody.source(connected, &headers), connected);
    }

    #[test]
    fn who_is_relayed_by_a_stranger_of_this_host_does_not_sit_here() {
        let (nobody, here) = (Proxies::default(), Proxies::new(&["127.0.0.1/32".parse().unwrap()]));
        let asked = |proxies: &Proxies, connected: &str, name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            if !name.is_empty() {
                headers.append(name, value.parse().unwrap());
            }
            proxies.peer(connected.parse().unwrap(), &headers)
        };
        let relayed = |connected: &str| Peer::Relayed(connected.parse().unwrap());
        let network = |address: &str| Peer::Network(address.parse().unwrap());
        for name in ["forwarded", "x-forwarded-for", "x-real-ip", "via"] {
            assert_eq!(asked(&nobody, "127.0.0.1:7", name, "127.0.0.1"), relayed("127.0.0.1:7"), "{name}");
        }
        assert_eq!(asked(&nobody, "[::ffff:127.0.0.1]:7", "forwarded", "for=_x"), relayed("[::ffff:127.0.0.1]:7"));
        assert_eq!(asked(&nobody, "127.0.0.1:7", "", ""), network("127.0.0.1:7"));
        assert_eq!(asked(&nobody, "192.0.2.1:7", "x-forwarded-for", "127.0.0.1"), network("192.0.2.1:7"));
        // Whose word is taken, and whose cannot be read.
        assert_eq!(asked(&here, "127.0.0.1:7", "x-forwarded-for", "198.51.100.7"), network("198.51.100.7:0"));
        assert_eq!(asked(&here, "127.0.0.1:7", "x-forwarded-for", "127.0.0.1"), network("127.0.0.1:0"));
        assert_eq!(asked(&here, "127.0.0.1:7", "x-forwarded-for", "unknown"), relayed("127.0.0.1:7"));
    }
}
