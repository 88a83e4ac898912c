//! Who asked CouchDB for what?
//!
//! `[notice] 2026-01-02T03:04:05.678901Z node <0.1.0> 0a1b2c host 192.0.2.7 user GET /path 404 ok 1`.
//! [CouchDB: chttpd:log_request]

use super::{LogFormat, leading_address};
use crate::entry::{Entry, Request, Said};
use crate::stamp::{self, Clock};

/// CouchDB's requests.
pub struct CouchDb;

impl LogFormat for CouchDb {
    fn name(&self) -> &'static str {
        "couchdb"
    }

    fn read<'l>(&self, text: &'l str, clock: &Clock) -> Option<Entry<'l>> {
        let (time, rest) = stamp::leading(text.strip_prefix("[notice] ")?, clock)?;
        let mut words = rest.split(' ');
        let (_node, process, _nonce, host, peer, user) =
            (words.next()?, words.next()?, words.next()?, words.next()?, words.next()?, words.next()?);
        process.starts_with('<').then_some(())?;
        let (remote, _) = leading_address(peer)?;
        let (method, target, status) = (words.next()?, words.next()?, words.next()?);
        let request = Request {
            method: method.into(),
            target: target.into(),
            status: Some(status.parse().ok()?),
            host: host.into(),
            user: if user == "undefined" { "".into() } else { user.into() },
            ..Request::default()
        };
        Some(Entry::new(Some(time), Some(remote), Said::Request(Box::new(request))))
    }
}
