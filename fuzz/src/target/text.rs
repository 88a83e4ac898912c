//! Do small texts keep their laws: package URLs, addresses, what is shown, what is hidden?

use std::str::FromStr;

use tripoint_model::address::{canonical, parse_address, parse_net};
use tripoint_model::text::{truncate, visible};
use tripoint_model::{Observable, Purl};
use tripoint_sensor::redact;

use super::Target;

/// Package URLs: what is written again is read again as the same.
pub const PURL: Target = Target { name: "purl", run: purl, seeds: || texts(PURLS) };
/// Addresses, networks, observables.
pub const ADDRESS: Target = Target { name: "address", run: address, seeds: || texts(ADDRESSES) };
/// Nothing that steers a terminal is shown.
pub const SHOWN: Target =
    Target { name: "shown", run: shown, seeds: || texts(&["plain", "\u{1b}[31mred\u{202e}\u{7}"]) };
/// Secrets in command lines: words separated by NUL.
pub const ARGV: Target = Target { name: "argv", run: argv, seeds: || texts(COMMANDS) };

fn purl(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(purl) = Purl::from_str(text) {
        let written = purl.to_string();
        let again = Purl::from_str(&written);
        assert_eq!(again.as_ref(), Ok(&purl), "{text:?} became {written:?}");
    }
}

fn address(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(address) = parse_address(text) {
        assert_eq!(canonical(address), address, "{text:?}");
    }
    if let Ok(net) = parse_net(text) {
        assert_eq!(net.trunc(), net, "{text:?}");
    }
    if let Ok(observable) = Observable::from_str(text) {
        let written = observable.to_string();
        assert_eq!(Observable::from_str(&written).as_ref(), Ok(&observable), "{text:?} became {written:?}");
    }
}

fn shown(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let shown = visible(&text);
    assert!(!shown.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{shown:?}");
    assert!(!shown.chars().any(|c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')), "{shown:?}");
    let (cut, _) = truncate(&text, data.len() / 2);
    assert!(text.starts_with(cut));
}

fn argv(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let words: Vec<String> = text.split('\0').map(str::to_owned).collect();
    let hidden = redact::argv(&words);
    assert_eq!(hidden.len(), words.len());
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

const PURLS: &[&str] = &[
    "pkg:deb/debian/openssl@3.0.11-1~deb12u2?arch=amd64&distro=debian-12",
    "pkg:npm/%40angular/core@12.0.0#sub/path",
    "pkg:golang/github.com/a/b@v1.0.0",
    "pkg:maven/org.apache/log4j@2.14.1?type=jar",
];
const ADDRESSES: &[&str] = &[
    "192.0.2.1",
    "::ffff:192.0.2.1",
    "2001:db8::1%eth0",
    "192.0.2.0/24",
    "192.0.2.1:443",
    "[2001:db8::1]:443",
    "example.org",
    "64:ff9b::192.0.2.1",
];
const COMMANDS: &[&str] = &[
    "mysql\0-u\0root\0-psecret\0--password=x",
    "curl\0-H\0Authorization: Bearer abc\0https://user:pw@example.org/?token=1&x=2",
    "sh\0-c\0PGPASSWORD=x psql --token y",
];
