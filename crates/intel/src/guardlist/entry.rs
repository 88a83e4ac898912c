//! What does one entry of a list of this type name, and in which form is it kept?

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use tripoint_model::Observable;
use tripoint_model::address::{parse_net, special_range};

use super::pattern;
use crate::rules::{V4_PREFIX_MIN, V6_PREFIX_MIN};

/// How the entries of a list are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Addresses and networks.
    Cidr,
    /// Names, and every name below them.
    Hostname,
    /// Whole texts. What is below a name is not meant: `.azurewebsites.net` stands on such lists, where strangers rent.
    String,
    /// Parts of texts.
    Substring,
    /// Patterns.
    Regex,
    /// One a line, an address, network or name with the names below it.
    Plain,
}

/// What a kept entry is compared with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place<'e> {
    /// Addresses.
    Net(IpNet),
    /// A name, and the names below it where true.
    Name(&'e str, bool),
    /// Nothing that the image answers.
    Nowhere,
}

impl Kind {
    /// The types of MISP's format.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "cidr" => Self::Cidr,
            "hostname" => Self::Hostname,
            "string" => Self::String,
            "substring" => Self::Substring,
            "regex" => Self::Regex,
            _ => return None,
        })
    }

    /// The form in which an entry is kept, or why it cannot be used.
    pub(super) fn kept(self, text: &str) -> Result<String, String> {
        let text = text.trim();
        let longest = if self == Self::Regex { pattern::PATTERN_BYTES_MAX } else { ENTRY_BYTES_MAX };
        if text.is_empty() {
            return Err("an entry without text".into());
        }
        if text.len() > longest {
            return Err(format!("longer than {longest} bytes"));
        }
        if text.chars().any(char::is_control) {
            return Err(format!("holds control characters: {:.64?}", text));
        }
        match self {
            Self::Cidr => network(text),
            Self::Hostname => name(text),
            Self::Plain if looks_like_address(text) => network(text),
            Self::Plain => name(text),
            Self::String => Ok(string(text)),
            Self::Substring => Ok(text.to_lowercase()),
            Self::Regex => pattern::compile(text).map(|_| text.to_owned()),
        }
    }

    /// Where a kept entry counts.
    pub(super) fn place(self, kept: &str) -> Place<'_> {
        let net = |text: &str| parse_net(text).map_or(Place::Nowhere, Place::Net);
        match self {
            Self::Cidr => net(kept),
            Self::Hostname => Place::Name(kept, true),
            Self::Plain if looks_like_address(kept) => net(kept),
            Self::Plain => Place::Name(kept, true),
            Self::String if is_name(kept) => Place::Name(kept, false),
            Self::String if looks_like_address(kept) => net(kept),
            Self::String => Place::Nowhere,
            Self::Substring | Self::Regex => Place::Nowhere,
        }
    }
}

/// Whether somebody who writes this means an address or a network.
fn looks_like_address(text: &str) -> bool {
    text.contains([':', '/']) || text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

fn network(text: &str) -> Result<String, String> {
    let net = parse_net(text).map_err(|error| error.to_string())?;
    let shortest = if net.addr().is_ipv4() { V4_PREFIX_MIN } else { V6_PREFIX_MIN };
    // One line must not take the whole internet out of blocking; the wide ranges of RFCs are not the internet.
    if net.prefix_len() < shortest && !special_range(&net).is_some_and(|range| range.net.contains(&net)) {
        return Err(format!("{net} is wider than /{shortest}"));
    }
    Ok(Observable::from_net(net).to_string())
}

/// A name without the dots around it. A single label would hold all names of a country.
fn name(text: &str) -> Result<String, String> {
    match text.trim_matches('.').parse() {
        Ok(Observable::Domain(name)) => Ok(name),
        _ => Err(format!("not a domain name of two labels or more: {:.64?}", text)),
    }
}

fn is_name(text: &str) -> bool {
    matches!(text.parse(), Ok(Observable::Domain(name)) if name == text)
}

/// Names and addresses in their one form; other texts in lower case, as MISP compares them.
fn string(text: &str) -> String {
    match text.trim_start_matches('.').parse() {
        Ok(Observable::Domain(name)) => name,
        Ok(Observable::Address(address)) => address.to_string(),
        _ => text.to_lowercase(),
    }
}

/// Longest entry that is kept.
const ENTRY_BYTES_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_keeps_its_own() {
        for (kind, text, kept) in [
            (Kind::Cidr, " 203.0.113.7/32 ", "203.0.113.7"),
            (Kind::Cidr, "203.0.113.7/24", "203.0.113.0/24"),
            (Kind::Cidr, "::ffff:203.0.113.7", "203.0.113.7"),
            (Kind::Cidr, "FE80::/10", "fe80::/10"),
            (Kind::Cidr, "240.0.0.0/4", "240.0.0.0/4"),
            (Kind::Hostname, ".Shop.EXAMPLE.", "shop.example"),
            (Kind::Plain, "2001:DB8::/32", "2001:db8::/32"),
            (Kind::Plain, "shop.example", "shop.example"),
            (Kind::String, ".Shop.Example", "shop.example"),
            (Kind::String, "D41D8CD98F00B204E9800998ECF8427E", "d41d8cd98f00b204e9800998ecf8427e"),
            (Kind::Substring, "Shop", "shop"),
            (Kind::Regex, "/^shop[0-9]+/i", "/^shop[0-9]+/i"),
        ] {
            assert_eq!(kind.kept(text).as_deref(), Ok(kept), "{text}");
            assert_eq!(kind.kept(kept).as_deref(), Ok(kept), "{kept} again");
        }
        for (kind, text) in [
            (Kind::Cidr, "0.0.0.0/0"),
            (Kind::Cidr, "::/0"),
            (Kind::Cidr, "shop.example"),
            (Kind::Cidr, "203.0.113.1-203.0.113.9"),
            (Kind::Hostname, "com"),
            (Kind::Hostname, "203.0.113.7"),
            (Kind::Plain, "203.0.113"),
            (Kind::String, " "),
            (Kind::Substring, "a\u{7}b"),
            (Kind::Regex, "/(?=a)b/"),
        ] {
            assert!(kind.kept(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_kept_entry_finds_its_place() {
        assert_eq!(Kind::Cidr.place("203.0.113.0/24"), Place::Net("203.0.113.0/24".parse().unwrap()));
        assert_eq!(Kind::Hostname.place("shop.example"), Place::Name("shop.example", true));
        assert_eq!(Kind::String.place("shop.example"), Place::Name("shop.example", false));
        assert_eq!(Kind::String.place("203.0.113.7"), Place::Net("203.0.113.7/32".parse().unwrap()));
        assert_eq!(Kind::String.place("shop.example/path"), Place::Nowhere);
        assert_eq!(Kind::Substring.place("shop.example"), Place::Nowhere);
    }
}
