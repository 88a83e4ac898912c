//! What did a program tell the system's log?
//!
//! RFC 3164 as daemons write it to files (`Jan  2 03:04:05 host program[7]: message`), with a year or an RFC 3339 stamp
//! as newer ones do, and RFC 5424 (`<34>1 2026-… host program 7 id [data] message`).

use super::{LogFormat, java};
use crate::entry::Entry;
use crate::stamp::{self, Clock};

/// Both RFCs.
pub struct Syslog;

impl LogFormat for Syslog {
    fn name(&self) -> &'static str {
        "syslog"
    }

    fn is_frame(&self) -> bool {
        true
    }

    fn read<'l>(&self, text: &'l str, clock: &Clock) -> Option<Entry<'l>> {
        let text = priority(text);
        let (time, program, message) =
            if let Some(rest) = text.strip_prefix("1 ") { newer(rest, clock)? } else { older(text, clock)? };
        Some(super::inner(Some(time), program, message, clock))
    }
}

/// Without `<34>`.
fn priority(text: &str) -> &str {
    let inner = text.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    match inner {
        Some((number, rest)) if number.len() <= 3 && number.bytes().all(|byte| byte.is_ascii_digit()) => rest,
        _ => text,
    }
}

type Parts<'l> = (tripoint_model::Timestamp, &'l str, &'l str);

fn older<'l>(text: &'l str, clock: &Clock) -> Option<Parts<'l>> {
    let (time, rest) = stamp::leading(text, clock)?;
    let (host, rest) = rest.split_once(' ')?;
    // A level where the host should stand: a Java program's line.
    if !is_name(host) || java::is_level(host) {
        return None;
    }
    let (program, message) = tag(rest.trim_start())?;
    Some((time, program, message))
}

/// `program[7]: ` or `program: `.
pub(super) fn tag(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| c == '[' || c == ':' || c.is_whitespace())?;
    let (program, rest) = text.split_at(end);
    let rest = match rest.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?.1,
        None => rest,
    };
    let message = rest.strip_prefix(':')?;
    is_name(program).then(|| (program, message.strip_prefix(' ').unwrap_or(message)))
}

fn newer<'l>(text: &'l str, clock: &Clock) -> Option<Parts<'l>> {
    let (time, rest) = stamp::leading(text, clock)?;
    let mut parts = rest.splitn(5, ' ');
    let (_host, program, _pid, _id) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let rest = parts.next()?;
    let message = match rest.strip_prefix('-') {
        Some(rest) => rest,
        None => data_end(rest)?,
    };
    let message = message.trim_start();
    Some((time, program, message.strip_prefix('\u{feff}').unwrap_or(message)))
}

/// What follows `[id name="value \"]\""][…]`.
fn data_end(text: &str) -> Option<&str> {
    let (mut is_quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if is_quoted => escaped = true,
            b'"' => is_quoted = !is_quoted,
            b']' if !is_quoted && text.as_bytes().get(at + 1) != Some(&b'[') => return text.get(at + 1..),
            _ => {}
        }
    }
    None
}

fn is_name(word: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./@()".contains(&byte);
    !word.is_empty() && word.len() <= 255 && word.bytes().all(|byte| is_part(byte) || byte == b':')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Said;

    #[test]
    fn both_forms_give_program_and_message() {
        let clock = Clock::at("2026-06-15T12:00:00Z".parse().unwrap());
        for line in [
            "Jan  2 03:04:05 host tool[7]: all is well",
            "<13>Jan  2 03:04:05 host tool: all is well",
            "2026-01-02T03:04:05.000000+00:00 host tool[7]: all is well",
            "<34>1 2026-01-02T03:04:05Z host tool 7 ID47 [x@1 a=\"] \\\" b\"][y] all is well",
            "<34>1 2026-01-02T03:04:05Z host tool - - - \u{feff}all is well",
        ] {
            let entry = Syslog.read(line, &clock).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(entry.time, "2026-01-02T03:04:05Z".parse().ok(), "{line}");
            assert_eq!(entry.said, Said::Text("all is well".into()), "{line}");
        }
        for line in ["", "Jan  2 03:04:05", "Jan  2 03:04:05 host", "<34>1 x", "2026-01-02 03:04:05 [error] 7#7: *1 x"]
        {
            assert!(Syslog.read(line, &clock).is_none(), "{line}");
        }
    }
}
