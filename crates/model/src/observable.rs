//! What kind of thing can be seen on the network and be called bad?

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::address::{AddressError, parse_address, parse_net};

/// A typed thing that can be seen. Addresses are always canonical (`address::canonical`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Observable {
    /// One address.
    Address(IpAddr),
    /// A network of more than one address, host bits clear.
    Network(IpNet),
    /// One address, one port.
    AddressPort(IpAddr, u16),
    /// A domain name, lower case, without the final dot.
    Domain(String),
    /// An autonomous system by its number. Nothing is seen of it but its addresses: feeds name it, claims name networks.
    System(u32),
}

impl Observable {
    /// An address or a network, whichever `net` is.
    pub fn from_net(net: IpNet) -> Self {
        if net.prefix_len() == net.max_prefix_len() { Self::Address(net.addr()) } else { Self::Network(net) }
    }

    /// The network this observable covers; `None` for a domain and for an autonomous system.
    pub fn net(&self) -> Option<IpNet> {
        match self {
            Self::Address(address) | Self::AddressPort(address, _) => Some(IpNet::from(*address)),
            Self::Network(net) => Some(*net),
            Self::Domain(_) | Self::System(_) => None,
        }
    }

    /// The port, where the observable names one.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::AddressPort(_, port) => Some(*port),
            _ => None,
        }
    }

    /// Whether a peer at `address`:`port` is what this observable describes.
    pub fn matches(&self, address: IpAddr, port: u16) -> bool {
        match self {
            Self::Address(own) => *own == address,
            Self::Network(net) => net.contains(&address),
            Self::AddressPort(own, own_port) => *own == address && *own_port == port,
            Self::Domain(_) | Self::System(_) => false,
        }
    }
}

impl fmt::Display for Observable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Network(net) => write!(f, "{net}"),
            Self::AddressPort(IpAddr::V4(address), port) => write!(f, "{address}:{port}"),
            Self::AddressPort(IpAddr::V6(address), port) => write!(f, "[{address}]:{port}"),
            Self::Domain(name) => f.write_str(name),
            Self::System(number) => write!(f, "AS{number}"),
        }
    }
}

/// Text that is no observable.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address, network, address:port or domain: {0:?}")]
pub struct ObservableError(pub String);

impl From<AddressError> for ObservableError {
    fn from(error: AddressError) -> Self {
        Self(error.0)
    }
}

impl FromStr for Observable {
    type Err = ObservableError;

    fn from_str(text: &str) -> Result<Self, ObservableError> {
        let text = text.trim();
        if text.contains('/') {
            return Ok(Self::from_net(parse_net(text)?));
        }
        if let Ok(address) = parse_address(text) {
            return Ok(Self::Address(address));
        }
        if let Some((host, port)) = text.rsplit_once(':')
            && let Ok(address) = parse_address(host)
            && (address.is_ipv4() || host.starts_with('['))
            && let Ok(port) = port.parse()
        {
            return Ok(Self::AddressPort(address, port));
        }
        if let Some(number) = system(text) {
            return Ok(Self::System(number));
        }
        domain(text).map(Self::Domain).ok_or_else(|| ObservableError(text.chars().take(64).collect()))
    }
}

/// `AS64500`, as registries write it (RFC 5396, asplain).
fn system(text: &str) -> Option<u32> {
    let (mark, digits) = text.split_at_checked(2)?;
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    (mark.eq_ignore_ascii_case("AS") && is_plain).then(|| digits.parse().ok())?
}

/// A name with at least one dot whose last label is not a number (RFC 1123 letters, plus `_`).
fn domain(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let label_ok = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = name.rsplit('.').next()?;
    let ok = name.len() <= 253
        && name.contains('.')
        && name.split('.').all(label_ok)
        && !last.bytes().all(|b| b.is_ascii_digit());
    ok.then(|| name.to_ascii_lowercase())
}

impl Serialize for Observable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Observable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_back() {
        for (text, written) in [
            ("203.0.113.66", "203.0.113.66"),
            ("203.0.113.66/32", "203.0.113.66"),
            ("203.0.113.0/24", "203.0.113.0/24"),
            ("203.0.113.66:443", "203.0.113.66:443"),
            ("[2001:db8::66]:443", "[2001:db8::66]:443"),
            ("Bad.Example.COM.", "bad.example.com"),
            ("as64500", "AS64500"),
            ("AS4294967295", "AS4294967295"),
            ("as64500.example", "as64500.example"),
        ] {
            let observable: Observable = text.parse().unwrap();
            assert_eq!(observable.to_string(), written);
            assert_eq!(written.parse::<Observable>().unwrap(), observable);
        }
        for text in [
            "",
            "localhost",
            "1.2.3.4.5",
            "a..b",
            "203.0.113.66:99999",
            "-a.example",
            "AS",
            "AS0",
            "AS1.5",
            "AS4294967296",
            "AS-1",
            "64500",
        ] {
            assert!(text.parse::<Observable>().is_err(), "{text}");
        }
    }
}
