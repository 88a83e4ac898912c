//! Who asked the reverse proxy Zoraxy for what?
//!
//! `2026/01/02 03:04:05 [2026-01-02 03:04:05.678901] [router:host] [origin:h.example] [client: 192.0.2.7] [useragent:
//! curl/8] GET /a 404`; the stamp in front is the standard logger's and may be absent. [Zoraxy: dynamicproxy logger]

use super::{LogFormat, leading_address};
use crate::entry::{Entry, Request, Said};
use crate::stamp::{self, Clock};

/// Zoraxy's requests.
pub struct Zoraxy;

impl LogFormat for Zoraxy {
    fn name(&self) -> &'static str {
        "zoraxy"
    }

    fn read<'l>(&self, text: &'l str, clock: &Clock) -> Option<Entry<'l>> {
        let (head, rest) = text.split_once("] [router:")?;
        let (_, day) = head.rsplit_once('[')?;
        let time = stamp::value(day, clock)?;
        let (_, rest) = rest.split_once("] [origin:")?;
        let (host, rest) = rest.split_once("] [client:")?;
        let (peer, rest) = rest.split_once("] [useragent:")?;
        // The last bracket: an agent may hold one, and what stands behind it must still be a request.
        let (agent, asked) = rest.rsplit_once("] ")?;
        let (asked, status) = asked.trim_end().rsplit_once(' ')?;
        let (method, target) = asked.split_once(' ')?;
        let request = Request {
            method: method.into(),
            target: target.into(),
            host: host.trim().into(),
            agent: agent.trim().into(),
            status: Some(status.parse().ok()?),
            ..Request::default()
        };
        let remote = leading_address(peer.trim()).map(|(address, _)| address);
        Some(Entry::new(Some(time), remote, Said::Request(Box::new(request))))
    }
}
