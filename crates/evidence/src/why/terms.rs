//! In which writings can configuration name a peer?
//!
//! Plain, and as programs write it down: URL-encoded, base64, hex, as one number, reversed, every form of IPv6.

use std::net::IpAddr;
use std::ops::Range;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// What is searched for.
pub(super) struct Terms {
    needles: Vec<Needle>,
    /// Over the needles whose case does not matter, then over the others; with their numbers.
    finders: Vec<(AhoCorasick, Vec<usize>)>,
}

struct Needle {
    value: String,
    written: &'static str,
    text: String,
    edge: Edge,
}

/// Which bytes beside a needle would make another thing of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    Name,
    Dotted,
    Colons,
    Digits,
    Hex,
    Free,
}

/// Something found in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    pub value: String,
    pub written: &'static str,
    pub range: Range<usize>,
}

/// Names that are searched for; more are answers to a wildcard.
const NAMES_MAX: usize = 16;

impl Terms {
    /// Of these names and this address. Names without a dot mean too many things to be searched for.
    pub fn of(names: &[&str], peer: IpAddr) -> Self {
        let mut needles = Vec::new();
        for name in names.iter().filter(|name| name.contains('.') && name.len() >= 4).take(NAMES_MAX) {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            add(&mut needles, &name, "plain", name.clone(), Edge::Name);
            encodings(&mut needles, &name);
        }
        let value = peer.to_string();
        for (written, text, edge) in forms(peer) {
            if written == "plain" {
                add(&mut needles, &value, written, text.clone(), edge);
                encodings(&mut needles, &text);
            } else {
                add(&mut needles, &value, written, text, edge);
            }
        }
        let finder = |wanted: bool| {
            let numbers: Vec<usize> =
                (0..needles.len()).filter(|n| (needles[*n].written == "base64") == wanted).collect();
            let texts = numbers.iter().map(|n| needles[*n].text.as_bytes());
            let built = AhoCorasick::builder().ascii_case_insensitive(!wanted).build(texts);
            built.ok().map(|built| (built, numbers))
        };
        let finders = [false, true].into_iter().filter_map(finder).collect();
        Self { needles, finders }
    }

    /// The best that a line holds: plain before encoded, names before addresses.
    pub fn find(&self, line: &str) -> Option<Hit> {
        self.all(line)
            .min_by_key(|(number, range)| (self.needles[*number].written != "plain", *number, range.start))
            .map(|(number, range)| {
                let needle = &self.needles[number];
                Hit { value: needle.value.clone(), written: needle.written, range }
            })
    }

    /// Where a line says it in plain words.
    pub fn plain(&self, line: &str) -> Vec<Range<usize>> {
        let is_plain = |number: &usize| self.needles[*number].written == "plain";
        self.all(line).filter(|(number, _)| is_plain(number)).map(|(_, range)| range).collect()
    }

    fn all<'a>(&'a self, line: &'a str) -> impl Iterator<Item = (usize, Range<usize>)> + 'a {
        self.finders.iter().flat_map(move |(finder, numbers)| {
            let found = finder.find_overlapping_iter(line);
            found
                .map(|found| (numbers[found.pattern().as_usize()], found.range()))
                .filter(|(number, range)| stands_alone(line.as_bytes(), range, self.needles[*number].edge))
        })
    }
}

fn add(needles: &mut Vec<Needle>, value: &str, written: &'static str, text: String, edge: Edge) {
    if !needles.iter().any(|known| known.text == text) {
        needles.push(Needle { value: value.to_owned(), written, text, edge });
    }
}

/// How an address is written as such.
fn forms(peer: IpAddr) -> Vec<(&'static str, String, Edge)> {
    match peer {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            let number = u32::from(v4);
            vec![
                ("plain", v4.to_string(), Edge::Dotted),
                ("reversed", format!("{d}.{c}.{b}.{a}"), Edge::Dotted),
                ("number", number.to_string(), Edge::Digits),
                ("hex", format!("0x{number:08x}"), Edge::Hex),
                ("hex", format!("\\x{a:02x}\\x{b:02x}\\x{c:02x}\\x{d:02x}"), Edge::Free),
                ("hex", format!("0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}"), Edge::Hex),
            ]
        }
        IpAddr::V6(v6) => {
            let parts = v6.segments();
            let join = |parts: &[String]| parts.join(":");
            let whole: Vec<String> = parts.iter().map(|part| format!("{part:x}")).collect();
            let padded: Vec<String> = parts.iter().map(|part| format!("{part:04x}")).collect();
            let nibbles: Vec<String> = padded.concat().chars().rev().map(String::from).collect();
            vec![
                ("plain", v6.to_string(), Edge::Colons),
                ("plain", join(&whole), Edge::Colons),
                ("plain", join(&padded), Edge::Colons),
                ("reversed", nibbles.join("."), Edge::Hex),
                ("hex", padded.concat(), Edge::Hex),
            ]
        }
    }
}

/// How programs hide a text in another.
fn encodings(needles: &mut Vec<Needle>, text: &str) {
    let every = |start: &str| text.bytes().map(|byte| format!("{start}{byte:02x}")).collect::<String>();
    let is_free = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let special: String =
        text.chars().map(|c| if is_free(c) { c.to_string() } else { format!("%{:02x}", u32::from(c)) }).collect();
    add(needles, text, "url-encoded", special, Edge::Name);
    add(needles, text, "url-encoded", every("%"), Edge::Free);
    add(needles, text, "hex", every("\\x"), Edge::Free);
    add(needles, text, "hex", every(""), Edge::Hex);
    // A text may begin at any of three places in base64; what its neighbours have a part in is left out.
    for before in 0..3 {
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(text.as_bytes());
        let encoded = STANDARD_NO_PAD.encode(&bytes);
        let start = [0, 2, 3][before];
        let end = bytes.len() / 3 * 4;
        if end.saturating_sub(start) >= BASE64_LEAST {
            add(needles, text, "base64", encoded[start..end].to_owned(), Edge::Free);
        }
    }
}

/// Shorter ones turn up by chance.
const BASE64_LEAST: usize = 8;

fn stands_alone(line: &[u8], range: &Range<usize>, edge: Edge) -> bool {
    let before = |back: usize| range.start.checked_sub(back).and_then(|at| line.get(at)).copied().unwrap_or(b' ');
    let after = |on: usize| line.get(range.end + on).copied().unwrap_or(b' ');
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    match edge {
        Edge::Free => true,
        Edge::Name => {
            let wild = before(1) == b'.' && before(2) == b'*';
            let goes_on = is_name(after(0)) || (after(0) == b'.' && is_name(after(1)));
            let ends = !goes_on;
            // In `\nname` and `%2Fname` a letter stands before it, and yet it begins.
            let escaped = before(2) == b'\\' || (before(3) == b'%' && before(2).is_ascii_hexdigit());
            ends && (wild || escaped || (!is_name(before(1)) && before(1) != b'.'))
        }
        Edge::Dotted => {
            let escaped = before(2) == b'\\' || (before(3) == b'%' && before(2).is_ascii_hexdigit());
            let begins = escaped || !(is_name(before(1)) && before(1) != b'-' || before(1) == b'.');
            begins && !after(0).is_ascii_alphanumeric() && !(after(0) == b'.' && after(1).is_ascii_digit())
        }
        Edge::Colons => {
            let part = |byte: u8| byte.is_ascii_hexdigit() || byte == b':';
            !part(before(1)) && !part(after(0)) && before(1) != b'.'
        }
        Edge::Digits => {
            let part = |byte: u8| is_name(byte) || byte == b'.';
            !part(before(1)) && !part(after(0))
        }
        Edge::Hex => !before(1).is_ascii_alphanumeric() && !after(0).is_ascii_hexdigit(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Option<(String, &'static str)> {
        let terms = Terms::of(&["api.bad.example", "db"], "203.0.113.9".parse().unwrap());
        terms.find(line).map(|hit| (hit.value, hit.written))
    }

    #[test]
    fn an_address_is_found_in_every_writing() {
        for (line, written) in [
            ("server 203.0.113.9:443;", "plain"),
            ("PROXY=http://203.0.113.9/", "plain"),
            ("\"::ffff:203.0.113.9\"", "plain"),
            ("u=http%3A%2F%2F203%2e0%2e113%2e9", "url-encoded"),
            ("%32%30%33%2e%30%2e%31%31%33%2e%39", "url-encoded"),
            ("c2 = \"MjAzLjAuMTEzLjk=\"", "base64"),
            ("aHR0cDovLzIwMy4wLjExMy45L3g=", "base64"),
            ("ip = 0xcb007109", "hex"),
            ("3230332e302e3131332e39", "hex"),
            ("\\xcb\\x00\\x71\\x09", "hex"),
            ("ping 3405803785", "number"),
            ("9.113.0.203.in-addr.arpa", "reversed"),
        ] {
            assert_eq!(found(line), Some(("203.0.113.9".to_owned(), written)), "{line}");
        }
    }

    #[test]
    fn names_are_found_whole_and_before_addresses() {
        let name = |written| Some(("api.bad.example".to_owned(), written));
        assert_eq!(found("https://API.bad.example/v1"), name("plain"));
        assert_eq!(found("x 203.0.113.9 *.api.bad.example."), name("plain"));
        assert_eq!(found("YXBpLmJhZC5leGFtcGxl"), name("base64"));
        for other in ["www.api.bad.example", "api.bad.example.org", "xapi.bad.example", "api.bad.examples", "db"] {
            assert_eq!(found(other), None, "{other}");
        }
    }

    #[test]
    fn neighbours_are_other_addresses() {
        for other in ["1203.0.113.9", "203.0.113.90", "203.0.113.9.1", "1.203.0.113.9", "v203.0.113.9", "34058037850"] {
            assert_eq!(found(other), None, "{other}");
        }
        let terms = Terms::of(&[], "2001:db8::9".parse().unwrap());
        for line in [
            "[2001:db8::9]:443",
            "2001:0DB8:0:0:0:0:0:9 x".replace("0DB8", "DB8").as_str(),
            "2001:0db8:0000:0000:0000:0000:0000:0009",
        ] {
            assert!(terms.find(line).is_some(), "{line}");
        }
        assert!(terms.find("2001:db8::99").is_none() && terms.find("1:2001:db8::9").is_none());
    }

    proptest::proptest! {
        #[test]
        fn base64_is_found_at_every_place(before in "[a-z]{0,7}", after in "[a-z]{0,7}") {
            let line = STANDARD_NO_PAD.encode(format!("{before}http://203.0.113.9/{after}"));
            assert_eq!(found(&line), Some(("203.0.113.9".to_owned(), "base64")));
        }

        #[test]
        fn no_line_panics(line in ".{0,100}") {
            let _ = found(&line);
        }
    }
}
