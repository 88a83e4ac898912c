//! What went wrong in Apache, and for whom?
//!
//! `[Wed Oct 11 14:32:52.1 2026] [core:error] [pid 7:tid 8] [client 192.0.2.7:4711] AH00126: message`; older ones have
//! neither module nor process. [Apache: ErrorLogFormat]

use super::access::asked_for;
use super::{LogFormat, leading_address};
use crate::entry::{Entry, LogIn, Outcome, Request, Said};
use crate::service::between;
use crate::stamp::{self, Clock};

/// Apache's error log.
pub struct ApacheError;

impl LogFormat for ApacheError {
    fn name(&self) -> &'static str {
        "apache-error"
    }

    fn read<'l>(&self, text: &'l str, clock: &Clock) -> Option<Entry<'l>> {
        text.starts_with('[').then_some(())?;
        let (time, mut rest) = stamp::leading(text, clock)?;
        let (mut remote, mut marks) = (None, 0);
        while let Some((mark, after)) = rest.strip_prefix('[').and_then(closed) {
            if let Some(client) = mark.strip_prefix("client ").or_else(|| mark.strip_prefix("remote ")) {
                // The address ends with its bracket, an IPv6 one with a port behind it too.
                remote = leading_address(client).map(|(address, _)| address);
            }
            rest = after.trim_start();
            marks += 1;
            if remote.is_some() || marks == 5 {
                break;
            }
        }
        let is_one = marks >= 2 && (text.as_bytes()[1].is_ascii_alphabetic() || text.contains("] [pid "))
            || marks == 1 && LEVELS.iter().any(|level| text.contains(level));
        is_one.then(|| Entry::new(Some(time), remote, said(rest)))
    }
}

/// The inside of a bracket and what follows; an IPv6 address in it has brackets of its own.
fn closed(inner: &str) -> Option<(&str, &str)> {
    inner.split_once("] ").or_else(|| inner.split_once(']'))
}

fn said(message: &str) -> Said<'_> {
    let bare = match message.split_once(": ") {
        Some((code, rest)) if code.len() == 7 && code.starts_with("AH") => rest,
        _ => message,
    };
    if let Some((_, rest)) = bare.split_once("Invalid URI in request ") {
        let mut request = asked_for(rest.trim_end());
        request.status = Some(400);
        return Said::Request(Box::new(request));
    }
    if let Some(path) = between(bare, "invalid URI path (", ")") {
        let request = Request { target: path.into(), status: Some(400), ..Request::default() };
        return Said::Request(Box::new(request));
    }
    for start in MISSING {
        if let Some((_, path)) = bare.split_once(start) {
            let path = path.split(", referer: ").next().unwrap_or(path);
            return Said::Request(Box::new(Request { target: path.into(), status: Some(404), ..Request::default() }));
        }
    }
    for (mark, outcome) in REFUSED {
        let Some(at) = bare.find(mark) else { continue };
        let head = &bare[..at];
        let user = head.strip_prefix("user ").or_else(|| between(bare, "user `", "'"));
        let user = user.or_else(|| between(bare, "user ", ":")).or_else(|| between(bare, "user \"", "\""));
        let user = user.unwrap_or_default().trim_end_matches([':', ' ']);
        return Said::LogIn(LogIn { service: "apache", user: user.into(), outcome: *outcome });
    }
    match crate::service::row::read(bare) {
        Some(told) => told.said,
        None => Said::Text(message.into()),
    }
}

const LEVELS: &[&str] = &["[error]", "[warn]", "[notice]", "[info]", "[crit]", "[alert]", "[emerg]", "[debug]"];

/// Behind these stands the file that was asked for.
const MISSING: &[&str] = &["File does not exist: ", "script not found or unable to stat: "];

/// How mod_auth_basic, mod_auth_digest and mod_authz tell of a refused log-in.
const REFUSED: &[(&str, Outcome)] = &[
    (": authentication failure for ", Outcome::Failed),
    (": Password Mismatch", Outcome::Failed),
    ("password mismatch: ", Outcome::Failed),
    (" not found: ", Outcome::UnknownUser),
    ("' not found", Outcome::UnknownUser),
    (" in realm `", Outcome::UnknownUser),
    ("client denied by server configuration: ", Outcome::Refused),
    ("client used wrong authentication scheme", Outcome::Failed),
    ("invalid nonce ", Outcome::Failed),
    ("realm mismatch - got `", Outcome::Failed),
    ("unknown algorithm `", Outcome::Failed),
    ("invalid qop `", Outcome::Failed),
    ("Login denied for user ", Outcome::Failed),
    ("Could not retrieve user ", Outcome::UnknownUser),
];
