//! What went wrong in nginx, and for whom?
//!
//! `2026/01/02 03:04:05 [error] 7#7: *1 message, client: 192.0.2.7, server: _, request: "GET / HTTP/1.1", host: "x"`.
//! What clients sent stands in the message and in the request, so the client is looked for where nginx writes it.
//! [nginx: ngx_http_log_error]

use super::access::asked_for;
use super::{LogFormat, leading_address};
use crate::entry::{Entry, LogIn, Outcome, Said};
use crate::stamp::{self, Clock};

/// nginx's error log.
pub struct NginxError;

impl LogFormat for NginxError {
    fn name(&self) -> &'static str {
        "nginx-error"
    }

    fn read<'l>(&self, text: &'l str, clock: &Clock) -> Option<Entry<'l>> {
        (text.as_bytes().get(4) == Some(&b'/')).then_some(())?;
        let (time, rest) = stamp::leading(text, clock)?;
        let (level, rest) = rest.strip_prefix('[')?.split_once("] ")?;
        level.bytes().all(|byte| byte.is_ascii_lowercase()).then_some(())?;
        let (process, rest) = rest.split_once(": ")?;
        process.contains('#').then_some(())?;
        let message = rest.strip_prefix('*').and_then(|rest| Some(rest.split_once(' ')?.1)).unwrap_or(rest);
        Some(told(time, message))
    }
}

fn told(time: tripoint_model::Timestamp, message: &str) -> Entry<'_> {
    // A user may be called `x": password mismatch, client: 192.0.2.1, …`: the last one is nginx's.
    for (mark, outcome) in MARKS {
        let Some(found) = message.rfind(mark) else { continue };
        let Some((_, client)) = message[found..].split_once(", client: ") else { continue };
        let Some((remote, _)) = leading_address(client) else { continue };
        if !(message.starts_with("user \"") || message.starts_with("PAM: user ")) {
            continue;
        }
        let quote = if message.starts_with("PAM") { '\'' } else { '"' };
        let user = message[..found].split_once(quote).map_or("", |(_, user)| user.trim_end_matches(quote));
        let log_in = LogIn { service: "nginx", user: user.into(), outcome: *outcome };
        return Entry::new(Some(time), Some(remote), Said::LogIn(log_in));
    }
    let remote = message.split_once(", client: ").and_then(|(_, client)| leading_address(client));
    let mut entry = Entry::new(time.into(), remote.map(|(address, _)| address), Said::Text(message.into()));
    if MODSECURITY.iter().any(|mark| message.contains(mark)) {
        return entry;
    }
    // What was asked for is what the rules are to see, where nginx refused it.
    if let Some((_, request)) = message.split_once(", request: \"")
        && let Some((line, rest)) = request.split_once('"')
        && message.contains("access forbidden by rule")
    {
        let mut request = asked_for(line);
        request.status = Some(403);
        request.host = crate::service::between(rest, "host: \"", "\"").unwrap_or_default().into();
        entry.said = Said::Request(Box::new(request));
    }
    entry
}

const MODSECURITY: &[&str] = &["ModSecurity: "];

/// How a refused log-in is told, behind the user's name.
const MARKS: &[(&str, Outcome)] = &[
    ("\": password mismatch", Outcome::Failed),
    ("\" was not found in \"", Outcome::UnknownUser),
    ("' - not authenticated: ", Outcome::Failed),
];
