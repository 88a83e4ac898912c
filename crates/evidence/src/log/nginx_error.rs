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
        // Where it writes to the system's log its own name comes first.
        let text = match text.split_once("nginx: ") {
            Some((head, rest)) if head.len() < 64 && !head.contains(['[', '"']) => rest,
            _ => text,
        };
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
    let is_user = message.starts_with("user \"") || message.starts_with("PAM: user ");
    let marks = MARKS.iter().filter(|_| is_user).filter_map(|(mark, outcome)| Some((message.rfind(mark)?, outcome)));
    if let Some((found, outcome)) = marks.max_by_key(|(found, _)| *found)
        && let Some((_, client)) = message[found..].split_once(", client: ")
        && let Some((remote, _)) = leading_address(client)
    {
        let quote = if message.starts_with("PAM") { '\'' } else { '"' };
        let user = message[..found].split_once(quote).map_or("", |(_, user)| user.trim_end_matches(quote));
        let log_in = LogIn { service: "nginx", user: user.into(), outcome: *outcome };
        return Entry::new(Some(time), Some(remote), Said::LogIn(log_in));
    }
    let remote = message.split_once(", client: ").and_then(|(_, client)| leading_address(client));
    let mut entry = Entry::new(time.into(), remote.map(|(address, _)| address), Said::Text(message.into()));
    if message.starts_with("SSL_") && message.contains(" failed (SSL: ") {
        entry.said = Said::LogIn(LogIn { service: "nginx", user: "TLS".into(), outcome: Outcome::Refused });
        return entry;
    }
    // What was asked for is what the rules are to see, where nginx refused it.
    if let Some((_, request)) = message.split_once(", request: \"")
        && let Some((line, rest)) = request.split_once('"')
        && let Some((_, status)) = REFUSED.iter().find(|(mark, _)| message.contains(mark))
    {
        let mut request = asked_for(line);
        request.status = Some(*status);
        request.host = crate::service::between(rest, "host: \"", "\"").unwrap_or_default().into();
        entry.said = Said::Request(Box::new(request));
    }
    entry
}

/// What nginx says of a request that it did not serve, and with which status it answered.
const REFUSED: &[(&str, u16)] = &[
    ("access forbidden by rule, client", 403),
    ("\" is forbidden, client", 403),
    ("\" failed (2: No such file or directory), client", 404),
    ("\" is not found (2: No such file or directory), client", 404),
    ("client sent invalid ", 400),
];

/// How a refused log-in is told, behind the user's name.
const MARKS: &[(&str, Outcome)] = &[
    ("\": password mismatch", Outcome::Failed),
    ("\" was not found in \"", Outcome::UnknownUser),
    ("\": was not found in \"", Outcome::UnknownUser),
    ("' - not authenticated: ", Outcome::Failed),
];
