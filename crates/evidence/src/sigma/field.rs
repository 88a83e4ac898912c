//! What does an entry hold under the names that Sigma rules use?
//!
//! Requests are known by the names of W3C logs, records of the audit by their own, messages by `name=value` and JSON.
//! Names are compared without regard to case.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::net::IpAddr;

use super::source::Sort;
use crate::entry::{Entry, Request, Said};
use crate::log::audit;
use crate::log::fields::Fields;

/// Names of a request's parts, in small letters, and how each is taken out. A part that the log left out has no value.
const REQUEST: &[(&str, Take)] = &[
    ("cs-method", |request| text(&request.method)),
    ("cs-uri-stem", |request| text(path(request))),
    ("c-uri-stem", |request| text(path(request))),
    // Rules by this name ask for paths as often as for parameters: both count.
    ("cs-uri-query", |request| [query(request), text(&request.target)].concat()),
    ("c-uri-query", |request| [query(request), text(&request.target)].concat()),
    ("cs-uri", whole),
    ("c-uri", whole),
    ("c-uri-extension", extension),
    ("cs-uri-extension", extension),
    ("cs-host", host),
    ("r-dns", host),
    ("cs-user-agent", |request| text(&request.agent)),
    ("c-useragent", |request| text(&request.agent)),
    ("cs(user-agent)", |request| text(&request.agent)),
    ("cs-referer", |request| text(&request.referer)),
    ("cs-referrer", |request| text(&request.referer)),
    ("cs(referer)", |request| text(&request.referer)),
    ("cs-cookie", cookie),
    ("cs(cookie)", cookie),
    ("cs-username", |request| text(&request.user)),
    ("cs-body", |request| text(&request.body)),
    ("sc-status", |request| number(request.status.map(u64::from))),
    ("sc-bytes", |request| number(request.bytes)),
];

type Take = for<'r> fn(&'r Request<'r>) -> Vec<Cow<'r, str>>;

/// A field that some rule asks for, and how a request's is taken out.
#[derive(Debug)]
pub(super) struct Name {
    /// In small letters; of the whole line empty.
    pub text: String,
    take: Option<Take>,
}

impl Name {
    pub(super) fn of(text: &str) -> Self {
        let take = REQUEST.iter().find(|(known, _)| *known == text).map(|(_, take)| *take);
        Self { text: text.to_owned(), take }
    }
}

/// Names that every entry has, whatever it tells.
const PEER: &[&str] = &["c-ip", "src_ip", "sourceip", "source.ip"];
const TIME: &[&str] = &["date", "time", "timestamp"];
const USER: &[&str] = &["user", "user.name", "username"];
const MESSAGE: &[&str] = &["message", "msg"];

/// Whether the values of a field are made here, so that they need not stand in the line.
pub(super) fn is_made(name: &str) -> bool {
    PEER.contains(&name) || TIME.contains(&name) || matches!(name, "sc-status" | "sc-bytes")
}

/// Whether a value is put together of parts that stand apart in the line.
pub(super) fn is_composed(entry: &Entry<'_>) -> bool {
    matches!(&entry.said, Said::Request(request) if !request.host.is_empty())
}

/// Whether an entry of this kind may hold a field of this name.
#[cfg(feature = "sigma")]
pub(super) fn may_hold(sort: Sort, name: &str) -> bool {
    !sort.is_request()
        || REQUEST.iter().any(|(known, _)| *known == name)
        || PEER.contains(&name)
        || TIME.contains(&name)
}

/// The values that an entry holds under a name in small letters; none where it does not say.
pub(super) fn values<'e, 'l>(
    entry: &'e Entry<'_>,
    sort: Sort,
    named: &'e OnceCell<Fields<'l>>,
    line: &'l str,
    Name { text: name, take }: &'e Name,
) -> Vec<Cow<'e, str>> {
    let name = name.as_str();
    if let (Said::Request(request), Some(take)) = (&entry.said, take) {
        return take(request);
    }
    if PEER.contains(&name) {
        return entry.remote.map(|remote: IpAddr| Cow::Owned(remote.to_string())).into_iter().collect();
    }
    if TIME.contains(&name) {
        return entry.time.map(|time| Cow::Owned(time.to_string())).into_iter().collect();
    }
    if matches!(entry.said, Said::Request(_)) {
        return Vec::new();
    }
    let named = named.get_or_init(|| self::named(sort, line));
    let mut found: Vec<Cow<'e, str>> = named.all(name).map(Cow::Borrowed).collect();
    match &entry.said {
        _ if sort == Sort::Audit => {
            let decoded: Vec<Cow<'e, str>> =
                named.all(name).map(audit::plain).filter(|value| matches!(value, Cow::Owned(_))).collect();
            found.extend(decoded);
        }
        Said::LogIn(log_in) if USER.contains(&name) && !log_in.user.is_empty() => {
            found.push(Cow::Borrowed(&log_in.user));
        }
        Said::Text(message) if MESSAGE.contains(&name) => found.push(Cow::Borrowed(message)),
        _ => {}
    }
    found
}

/// The named values of a line that is no request.
pub(super) fn named(sort: Sort, line: &str) -> Fields<'_> {
    match sort {
        Sort::Request | Sort::Forwarded => Fields::default(),
        Sort::Message if line.trim_start().starts_with('{') => Fields::json(line).unwrap_or_default(),
        Sort::Message => Fields::pairs(line),
        Sort::Audit => {
            // What programs tell the audit stands in quotes, what is enriched behind a group separator.
            let plain = |c: char| matches!(c, '\'' | '\u{1d}');
            let mut fields = Fields::default();
            for part in line.split(plain) {
                fields.append(Fields::pairs(part));
            }
            fields
        }
    }
}

/// All parts of an entry that a peer chose, for rules that look at everything.
pub(super) fn parts<'e>(entry: &'e Entry<'_>) -> Vec<&'e Cow<'e, str>> {
    match &entry.said {
        Said::Request(request) => vec![
            &request.target,
            &request.referer,
            &request.agent,
            &request.host,
            &request.user,
            &request.headers,
            &request.body,
        ],
        Said::LogIn(log_in) => vec![&log_in.user],
        Said::Text(message) => vec![message],
    }
}

fn text(text: &str) -> Vec<Cow<'_, str>> {
    if text.is_empty() { Vec::new() } else { vec![Cow::Borrowed(text)] }
}

fn number(number: Option<u64>) -> Vec<Cow<'static, str>> {
    number.map(|number| Cow::Owned(number.to_string())).into_iter().collect()
}

fn path<'r>(request: &'r Request<'_>) -> &'r str {
    request.target.split(['?', '#']).next().unwrap_or(&request.target)
}

fn query<'r>(request: &'r Request<'r>) -> Vec<Cow<'r, str>> {
    request.target.split_once('?').map_or_else(Vec::new, |(_, query)| text(query))
}

/// The target, and the whole address where the host is known.
fn whole<'r>(request: &'r Request<'r>) -> Vec<Cow<'r, str>> {
    let mut found = text(&request.target);
    if request.target.starts_with('/') && !request.host.is_empty() {
        found.push(Cow::Owned(format!("http://{}{}", request.host, request.target)));
    }
    found
}

fn extension<'r>(request: &'r Request<'r>) -> Vec<Cow<'r, str>> {
    let name = path(request).rsplit('/').next().unwrap_or_default();
    name.rsplit_once('.').map_or_else(Vec::new, |(_, extension)| text(extension))
}

/// The host that was asked for; of a proxy's log that of the address.
fn host<'r>(request: &'r Request<'r>) -> Vec<Cow<'r, str>> {
    let of_target = request.target.split_once("://").map(|(_, rest)| rest.split(['/', '?']).next().unwrap_or(rest));
    let mut found = text(&request.host);
    found.extend(of_target.map(text).unwrap_or_default());
    // Without its port.
    let bare: Vec<Cow<'r, str>> = found
        .iter()
        .filter_map(|host| host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit())))
        .map(|(host, _)| Cow::Owned(host.to_owned()))
        .collect();
    found.extend(bare);
    found
}

fn cookie<'r>(request: &'r Request<'r>) -> Vec<Cow<'r, str>> {
    let is_cookie = |line: &&str| line.get(..7).is_some_and(|name| name.eq_ignore_ascii_case("cookie:"));
    request.headers.lines().filter(is_cookie).flat_map(|line| text(line[7..].trim())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::FORMATS;
    use crate::stamp::Clock;
    use tripoint_model::Timestamp;

    fn shown(line: &str, name: &str) -> String {
        let clock = Clock::at(Timestamp(0));
        let format = FORMATS.iter().find(|format| format.read(line, &clock).is_some()).unwrap();
        let entry = format.read(line, &clock).unwrap();
        let sort = Sort::of(&entry, format.name(), line);
        let (named, name) = (OnceCell::new(), Name::of(name));
        values(&entry, sort, &named, line, &name).join(" | ")
    }

    #[test]
    fn parts_stand_under_the_names_of_their_logs() {
        let request = r#"www.example:8080 203.0.113.9 - frank [10/Oct/2000:13:55:36 -0700] "GET /a/b.php?x=1 HTTP/1.1" 404 7 "-" "curl/8""#;
        let audit = r#"type=EXECVE msg=audit(1700000000.123:7): argc=3 a0="sh" a1="-c" a2=6361742078"#;
        let user = r#"type=SYSCALL msg=audit(1700000000.123:7): syscall=59 exe="/bin/sh" key="x"\1dSYSCALL=execve"#
            .replace(r"\1d", "\u{1d}");
        for (line, name, expected) in [
            (request, "cs-method", "GET"),
            (request, "cs-uri-stem", "/a/b.php"),
            (request, "cs-uri-query", "x=1 | /a/b.php?x=1"),
            (request, "c-uri", "/a/b.php?x=1 | http://www.example:8080/a/b.php?x=1"),
            (request, "c-uri-extension", "php"),
            (request, "cs-host", "www.example:8080 | www.example"),
            (request, "sc-status", "404"),
            (request, "cs-referer", ""),
            (request, "c-ip", "203.0.113.9"),
            (request, "cs-username", "frank"),
            (audit, "type", "EXECVE"),
            (audit, "a2", "6361742078 | cat x"),
            (&user, "syscall", "59 | execve"),
            ("Jan  2 03:04:05 host sudo: bob : TTY=pts/0 ; PWD=/ ; USER=#-1 ; COMMAND=/bin/sh", "user", "#-1"),
            ("Failed password for root from 203.0.113.9 port 22 ssh2", "c-ip", "203.0.113.9"),
        ] {
            assert_eq!(shown(line, name), expected, "{name} of {line}");
        }
    }
}
