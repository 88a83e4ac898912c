//! Who asked Traefik for what, in its Common Log Format?
//!
//! The combined line, then a number, the router, the server that answered, and how long it took: `12 "router@file"
//! "http://192.0.2.7:80" 3ms`. Those are Traefik's own words, not the client's. [Traefik: access logs]

use super::{LogFormat, access};
use crate::entry::{Entry, Said};
use crate::stamp::Clock;

/// Traefik's lines.
pub struct Traefik;

impl LogFormat for Traefik {
    fn name(&self) -> &'static str {
        "traefik"
    }

    fn read<'l>(&self, text: &'l str, clock: &Clock) -> Option<Entry<'l>> {
        is_one(text).then_some(())?;
        let mut entry = access::read(text, clock)?;
        if let Said::Request(request) = &mut entry.said {
            request.headers = "".into();
        }
        Some(entry)
    }
}

/// Whether a line ends with how long it took.
pub(super) fn is_one(text: &str) -> bool {
    let took = text.strip_suffix("ms").and_then(|rest| rest.rsplit_once("\" "));
    took.is_some_and(|(_, took)| !took.is_empty() && took.bytes().all(|byte| byte.is_ascii_digit()))
}
