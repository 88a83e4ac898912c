//! Who asked a web server for what, in the Common Log Format and its relatives?
//!
//! `remote ident user [time] "request" status bytes`, with the virtual host before it or not, with `"referer" "agent"`
//! behind it or not, and further quoted fields, of which a list of addresses is the origin that headers claim (nginx
//! ships with such a line). [Apache: mod_log_config, nginx: ngx_http_log_module]

use std::borrow::Cow;

use super::{LogFormat, addresses, leading_address, traefik};
use crate::entry::{Entry, Request, Said};
use crate::stamp::{self, Clock};

/// Common, Combined and with virtual hosts.
pub struct Access;

impl LogFormat for Access {
    fn name(&self) -> &'static str {
        "access"
    }

    fn read<'l>(&self, text: &'l str, clock: &Clock) -> Option<Entry<'l>> {
        if traefik::is_one(text) { None } else { read(text, clock) }
    }
}

/// A line, whoever's words stand behind the usual fields.
pub(super) fn read<'l>(text: &'l str, clock: &Clock) -> Option<Entry<'l>> {
    let (head, rest) = text.split_once(" [")?;
    let (time, rest) = rest.split_once("] ")?;
    let time = stamp::clf(time, clock)?;
    let (asked, rest) = quoted(rest.trim_start())?;
    let mut request = asked_for(asked);
    let mut words = head.split(' ').filter(|word| !word.is_empty());
    let (first, second) = (words.next()?, words.next());
    let mut remote = whole_address(first);
    if remote.is_none()
        && let Some(found) = second.and_then(whole_address)
    {
        request.host = first.into();
        remote = Some(found);
        // `ident`, which nobody uses; without a virtual host it is the second word.
        let _ident = words.next();
    }
    // A name instead of an address, perhaps of a host before it; more is a line in a frame.
    if remote.is_none() && (head.contains("]: ") || head.split(' ').count() > 4) {
        return None;
    }
    request.user = words.next().filter(|user| *user != "-").unwrap_or_default().into();
    let mut rest = rest.trim_start();
    request.status = word(&mut rest).and_then(|word| word.parse().ok());
    request.bytes = word(&mut rest).and_then(|word| word.parse().ok());
    let mut entry = Entry::new(Some(time), remote, Said::Text("".into()));
    let mut fields = 0;
    while let Some((field, after)) = quoted(rest) {
        rest = after.trim_start();
        let field = if field == "-" { "" } else { field };
        match fields {
            0 => request.referer = field.into(),
            1 => request.agent = field.into(),
            _ => match addresses(field) {
                Some(list) if entry.claimed.is_empty() => entry.claimed = list,
                // Other headers that this server was told to write.
                _ if !field.is_empty() => {
                    let headers = request.headers.to_mut();
                    headers.push_str(field);
                    headers.push('\n');
                }
                _ => {}
            },
        }
        fields += 1;
        while !rest.is_empty() && !rest.starts_with('"') {
            let _ = word(&mut rest);
        }
    }
    entry.said = Said::Request(Box::new(request));
    Some(entry)
}

fn whole_address(word: &str) -> Option<std::net::IpAddr> {
    leading_address(word).filter(|(_, rest)| rest.is_empty()).map(|(address, _)| address)
}

/// The next word up to a blank.
fn word<'l>(rest: &mut &'l str) -> Option<&'l str> {
    let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
    *rest = after.trim_start();
    Some(word).filter(|word| !word.is_empty())
}

/// A text in quotes, as it stands: servers escape quotes in it by a backslash. A quote that never ends (the line was
/// cut) holds the rest.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('"')?;
    let bytes = inner.as_bytes();
    let mut from = 0;
    while let Some(found) = memchr::memchr2(b'"', b'\\', bytes.get(from..)?) {
        let at = from + found;
        if bytes[at] == b'"' {
            return Some((&inner[..at], &inner[at + 1..]));
        }
        from = at + 2;
        if from > bytes.len() {
            break;
        }
    }
    Some((inner, ""))
}

/// The parts of a request line. What is none (another protocol on the port) stands in the target whole.
pub(crate) fn asked_for(line: &str) -> Request<'_> {
    let mut request = Request::default();
    let is_method = |word: &str| {
        !word.is_empty()
            && word.len() <= 32
            && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_' || byte == b'-')
    };
    match line.split_once(' ') {
        Some((method, rest)) if is_method(method) => {
            request.method = method.into();
            let target = rest.rsplit_once(' ').filter(|(_, version)| version.starts_with("HTTP/"));
            request.target = Cow::Borrowed(target.map_or(rest, |(target, _)| target));
        }
        _ => request.target = Cow::Borrowed(if line == "-" { "" } else { line }),
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        let clock = Clock::at("2026-06-15T12:00:00Z".parse().unwrap());
        let Some(entry) = Access.read(line, &clock) else { return "-".into() };
        let Said::Request(request) = entry.said else { panic!("{line}") };
        let remote = entry.remote.map_or("?".to_owned(), |remote| remote.to_string());
        let Request { method, target, status, bytes, host, referer, agent, user, .. } = *request;
        format!("{remote} {method}|{target}|{status:?}|{bytes:?}|{host}|{referer}|{agent}|{user}|{:?}", entry.claimed)
    }

    #[test]
    fn the_line_and_its_relatives_are_read() {
        for (line, expected) in [
            (
                r#"203.0.113.9 - frank [10/Oct/2000:13:55:36 -0700] "GET /a.gif HTTP/1.0" 200 2326"#,
                "203.0.113.9 GET|/a.gif|Some(200)|Some(2326)||||frank|[]",
            ),
            (
                r#"www.example:443 2001:db8::9 - - [10/Oct/2000:13:55:36 -0700] "GET /a?b=\"c HTTP/1.1" 404 - "-" "curl/8 \"x\"" "198.51.100.7, 192.0.2.1""#,
                r#"2001:db8::9 GET|/a?b=\"c|Some(404)|None|www.example:443||curl/8 \"x\"||[198.51.100.7, 192.0.2.1]"#,
            ),
            (
                r#"203.0.113.9 - - [10/Oct/2000:13:55:36 -0700] "\x16\x03\x01" 400 150 "-" "-""#,
                r"203.0.113.9 |\x16\x03\x01|Some(400)|Some(150)|||||[]",
            ),
            (
                r#"gone.example - - [10/Oct/2000:13:55:36 -0700] "GET /with blank HTTP/1.1" 200 1"#,
                "? GET|/with blank|Some(200)|Some(1)|||||[]",
            ),
            (r#"203.0.113.9 - - [10/Oct/2000:13:55:36 -0700] "GET /cut"#, "203.0.113.9 GET|/cut|None|None|||||[]"),
            ("203.0.113.9 - - [today] \"GET / HTTP/1.1\" 200 1", "-"),
            ("Jan  2 03:04:05 host sshd[7]: x", "-"),
        ] {
            assert_eq!(shown(line), expected, "{line}");
        }
    }
}
