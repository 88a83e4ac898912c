//! Does a list of this name guard, or does it only say what its entries are?
//!
//! MISP's warning lists are made for analysts: many name what is no evidence, which is not the same as what must not
//! be blocked. The table is documented in `docs/reference/guard-lists.md`.

use super::Purpose;

/// Words in a list's name or title, and what it means then. The first that fits counts.
const TABLE: &[(&str, Purpose)] = &[
    ("sinkhole", Purpose::Sinkhole),
    ("rfc ", Purpose::Special),
    ("rfc1918", Purpose::Special),
    ("link local", Purpose::Special),
    ("linklocal", Purpose::Special),
    ("multicast", Purpose::Special),
    ("scanning", Purpose::Scanner),
    ("scanner", Purpose::Scanner),
    ("connection-attempt", Purpose::Scanner),
    ("check-host", Purpose::Scanner),
    ("xpanse", Purpose::Scanner),
    ("cloud sensors", Purpose::Scanner),
    ("vpn", Purpose::Hosting),
    ("tlds", Purpose::Suffix),
    ("dynamic dns", Purpose::Rented),
    ("dynamic-dns", Purpose::Rented),
    ("disposable", Purpose::Rented),
    ("link in bio", Purpose::Rented),
    ("living off trusted", Purpose::Rented),
    ("digitalside", Purpose::Rented),
    ("website from alexa", Purpose::Popular),
    ("websites from", Purpose::Popular),
    ("cloudflare radar", Purpose::Popular),
    ("most-used sites", Purpose::Popular),
    ("moz.com/top", Purpose::Popular),
];

/// What a list means. `category` and `matching` are MISP's words; a list about nothing that is seen on a network is
/// kept and matched with nothing.
pub(super) fn purpose(name: &str, title: &str, category: &str, matching: &[String]) -> Purpose {
    let on_network = |attribute: &String| {
        let mut parts = attribute.split('|');
        parts.any(|part| matches!(part, "ip" | "ip-src" | "ip-dst" | "domain" | "hostname" | "url" | "uri"))
    };
    if !matching.is_empty() && !matching.iter().any(on_network) {
        return Purpose::Other;
    }
    if category.eq_ignore_ascii_case("known") {
        return Purpose::Known;
    }
    let words = format!("{name} {title} ").to_lowercase();
    TABLE.iter().find(|(word, _)| words.contains(word)).map_or(Purpose::Guard, |(_, purpose)| *purpose)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_known_by_their_names_and_by_what_they_match() {
        let ip = ["ip-src".to_owned(), "domain|ip".to_owned()];
        for (name, title, purpose_expected) in [
            ("cloudflare", "List of known Cloudflare IP ranges", Purpose::Guard),
            ("cloudflare-top1k", "Top 1,000 domains from Cloudflare Radar", Purpose::Popular),
            ("mine", "List of known sinkholes", Purpose::Sinkhole),
            ("sinkholes", "", Purpose::Sinkhole),
            ("rfc5735", "List of RFC 5735 CIDR blocks", Purpose::Special),
            ("shodan-nt-scanning", "Shodan IP Ranges Used for Scanning", Purpose::Scanner),
            ("tlds", "TLDs as known by IANA", Purpose::Suffix),
        ] {
            assert_eq!(purpose(name, title, "", &ip), purpose_expected, "{name}");
        }
        assert_eq!(purpose("x", "x", "Known", &ip), Purpose::Known);
        assert_eq!(purpose("x", "x", "", &[]), Purpose::Guard);
        assert_eq!(purpose("x", "x", "", &["md5".to_owned(), "filename|md5".to_owned()]), Purpose::Other);
    }
}
