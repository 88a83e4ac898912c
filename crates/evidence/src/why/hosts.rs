//! Which names does the hosts file that the process sees give the peer?

use std::io::Read;
use std::net::IpAddr;
use std::path::Path;

use tripoint_model::address::canonical;
use tripoint_model::why::{NameSource, Why, WhyName};

use super::{Question, Subject};
use crate::locate::opened::open_in;

const BYTES_MAX: u64 = 1 << 20;
const NAMES_MAX: usize = 16;

pub(super) fn add(question: &Question<'_>, subject: &Subject, why: &mut Why) {
    let Ok(file) = open_in(&subject.root, Path::new("/etc/hosts")) else { return };
    let mut bytes = Vec::new();
    if file.take(BYTES_MAX).read_to_end(&mut bytes).is_err() {
        return;
    }
    let peer = canonical(question.peer);
    let text = String::from_utf8_lossy(&bytes);
    for name in names(&text, peer) {
        let known = |known: &WhyName| known.name == name && known.how == NameSource::HostsFile;
        if why.names.len() < NAMES_MAX && !why.names.iter().any(known) {
            let answers = vec![peer.to_string()];
            why.names.push(WhyName { name, how: NameSource::HostsFile, asker: None, at: None, answers });
        }
    }
}

/// Names of an address [hosts(5)]; those that every host gives itself say nothing.
fn names(text: &str, peer: IpAddr) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_ascii_whitespace();
        let address = words.next().and_then(|word| word.parse::<IpAddr>().ok()).map(canonical);
        if address == Some(peer) {
            found.extend(words.map(|word| word.trim_end_matches('.').to_ascii_lowercase()));
        }
    }
    found.retain(|name| !name.starts_with("localhost") && !name.starts_with("ip6-"));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_other_addresses_name_nothing() {
        let text =
            "127.0.0.1 localhost\n203.0.113.9\tDB.example db # spare 203.0.113.9 x\n203.0.113.90 no\n#203.0.113.9 no\n";
        assert_eq!(names(text, "203.0.113.9".parse().unwrap()), ["db.example", "db"]);
        assert!(names(text, "127.0.0.1".parse().unwrap()).is_empty());
    }
}
