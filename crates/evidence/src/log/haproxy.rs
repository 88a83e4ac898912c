//! Who asked HAProxy for what?
//!
//! `192.0.2.7:4711 [02/Jan/2026:03:04:05.678] frontend backend/server 0/0/1/2/3 200 1234 - - ---- 1/1/0/0/0 0/0 {…}
//! "GET / HTTP/1.1"`: the HTTP log, mostly behind a syslog header. Captured headers stand in braces.
//! [HAProxy: Configuration Manual 8.2.3]

use super::access::asked_for;
use super::{LogFormat, json, leading_address};
use crate::entry::{Entry, Said};
use crate::stamp::{self, Clock};

/// HAProxy's HTTP log.
pub struct HaProxy;

impl LogFormat for HaProxy {
    fn name(&self) -> &'static str {
        "haproxy"
    }

    fn read<'l>(&self, text: &'l str, clock: &Clock) -> Option<Entry<'l>> {
        let (remote, rest) = leading_address(text)?;
        let (time, rest) = rest.trim_start().strip_prefix('[')?.split_once("] ")?;
        let time = stamp::clf(time, clock)?;
        let (head, line) = rest.split_once(" \"")?;
        let mut words = head.split_ascii_whitespace();
        let (_front, back, times) = (words.next()?, words.next()?, words.next()?);
        (back.contains('/') && times.contains('/')).then_some(())?;
        let (status, bytes) = (words.next()?, words.next()?);
        let mut request = asked_for(line.strip_suffix('"').unwrap_or(line));
        request.status = status.parse().ok();
        request.bytes = bytes.trim_start_matches('+').parse().ok();
        let mut entry = Entry::new(Some(time), Some(remote), Said::Text("".into()));
        // The first braces hold what was captured of the request.
        if let Some(captured) = crate::service::between(head, "{", "}") {
            entry.claimed = captured.split('|').find_map(json::claim).unwrap_or_default();
            request.headers = captured.replace('|', "\n").into();
        }
        entry.said = Said::Request(Box::new(request));
        Some(entry)
    }
}
