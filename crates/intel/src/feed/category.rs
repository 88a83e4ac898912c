//! Which of our categories does a publisher's own word mean?

use tripoint_model::Category;

/// Words that name a category when a publisher's text contains them; the first that fits counts.
const WORDS: &[(&str, Category)] = &[
    ("sinkhole", Category::Sinkhole),
    ("c2", Category::C2),
    ("c&c", Category::C2),
    ("botnet_cc", Category::C2),
    ("botnet cc", Category::C2),
    ("command", Category::C2),
    ("botnet", Category::Botnet),
    ("phish", Category::Phishing),
    ("brute", Category::BruteForce),
    ("scan", Category::Scanner),
    ("probe", Category::Scanner),
    ("recon", Category::Scanner),
    ("miner", Category::Mining),
    ("mining", Category::Mining),
    ("proxy", Category::Proxy),
    ("vpn", Category::Proxy),
    ("anonym", Category::Proxy),
    ("tor exit", Category::Tor),
    ("tor-exit", Category::Tor),
    ("spam", Category::Spam),
    ("hijack", Category::Hijacked),
    ("payload", Category::MalwareHost),
    ("malware", Category::MalwareHost),
    ("dropper", Category::MalwareHost),
    ("skimming", Category::MalwareHost),
    ("exploit", Category::Exploit),
    ("intrusion", Category::Exploit),
    ("attack", Category::Exploit),
    ("cve-", Category::Exploit),
];

/// Our category for a publisher's word or phrase; `None` when it says nothing we know.
pub fn category_of(text: &str) -> Option<Category> {
    let text = text.trim().to_ascii_lowercase();
    Category::parse(&text).or_else(|| WORDS.iter().find(|(word, _)| text.contains(word)).map(|(_, category)| *category))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishers_words_are_understood() {
        for (text, expected) in [
            ("brute-force", Some(Category::BruteForce)),
            ("recon", Some(Category::Scanner)),
            ("cc_skimming", Some(Category::MalwareHost)),
            ("botnet_cc", Some(Category::C2)),
            ("Botnet node", Some(Category::Botnet)),
            ("payload_delivery", Some(Category::MalwareHost)),
            ("Tor", Some(Category::Tor)),
            ("monitor", None),
            ("", None),
        ] {
            assert_eq!(category_of(text), expected, "{text}");
        }
    }
}
