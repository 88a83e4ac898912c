//! Who asked a program that is made with Gin for what?
//!
//! `[GIN] 2026/01/02 - 03:04:05 | 401 | 505.3µs | 192.0.2.7 | POST     "/client"`. [Gin: defaultLogFormatter]

use super::{LogFormat, leading_address};
use crate::entry::{Entry, Request, Said};
use crate::stamp::{self, Clock};

/// Gin's requests.
pub struct Gin;

impl LogFormat for Gin {
    fn name(&self) -> &'static str {
        "gin"
    }

    fn read<'l>(&self, text: &'l str, clock: &Clock) -> Option<Entry<'l>> {
        let mut parts = text.strip_prefix("[GIN] ")?.splitn(5, '|').map(str::trim);
        let (stamp, status, _took, peer, asked) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let (day, hour) = stamp.split_once(" - ")?;
        let time = stamp::value(&format!("{day} {hour}"), clock)?;
        let (method, target) = asked.split_once(char::is_whitespace)?;
        let target = target.trim().trim_matches('"');
        let request = Request {
            method: method.into(),
            target: target.into(),
            status: Some(status.parse().ok()?),
            ..Request::default()
        };
        let remote = leading_address(peer).map(|(address, _)| address);
        Some(Entry::new(Some(time), remote, Said::Request(Box::new(request))))
    }
}
