//! What was asked for, where a file holds whole requests?
//!
//! A request line, headers, an empty line and the body, one request after another, as proxies and tests keep them. Who
//! sent them is not in them; whom headers name is a claim.

use super::access::{Access, asked_for};
use super::{LogFormat, json, syslog::Syslog};
use crate::entry::{Entry, Request, Said};
use crate::stamp::Clock;

/// Whole requests.
pub struct RawHttp;

impl LogFormat for RawHttp {
    fn name(&self) -> &'static str {
        "http"
    }

    fn begins(&self, line: &str) -> bool {
        is_request_line(line)
    }

    /// A line of another log ends the request, so that nobody hides what follows behind a request line of their own.
    fn continues(&self, _so_far: &str, line: &str) -> bool {
        let clock = Clock::at(tripoint_model::Timestamp(0));
        let is_log = || Access.read(line, &clock).is_some() || Syslog.read(line, &clock).is_some();
        !is_request_line(line) && !is_log()
    }

    fn read<'l>(&self, text: &'l str, _clock: &Clock) -> Option<Entry<'l>> {
        let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
        is_request_line(line).then_some(())?;
        Some(request(asked_for(line.trim_end()), rest))
    }
}

/// The entry of a request line with what stands behind it.
pub(super) fn request<'l>(mut request: Request<'l>, rest: &'l str) -> Entry<'l> {
    let (head, body) = match rest.strip_prefix('\n') {
        Some(body) => ("", body),
        None => rest.split_once("\n\n").unwrap_or((rest, "")),
    };
    request.body = body.into();
    let mut claimed = Vec::new();
    let mut headers = String::new();
    for line in head.lines() {
        let (name, value) = line.split_once(':').map_or((line, ""), |(name, value)| (name.trim(), value.trim()));
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        match () {
            () if is("host") => request.host = value.into(),
            () if is("referer") => request.referer = value.into(),
            () if is("user-agent") => request.agent = value.into(),
            () => {
                if CLAIMS.iter().any(|claim| is(claim)) && claimed.is_empty() {
                    claimed = json::claim(value).unwrap_or_default();
                }
                headers.push_str(line.trim_end());
                headers.push('\n');
            }
        }
    }
    request.headers = headers.into();
    let mut entry = Entry::new(None, None, Said::Request(Box::new(request)));
    entry.claimed = claimed;
    entry
}

const CLAIMS: &[&str] = &["x-forwarded-for", "forwarded", "x-real-ip"];

/// `METHOD target HTTP/1.1`.
fn is_request_line(line: &str) -> bool {
    let line = line.trim_end();
    let Some((method, rest)) = line.split_once(' ') else { return false };
    let version = rest.rsplit_once(' ').map_or("", |(_, version)| version);
    version.starts_with("HTTP/")
        && version.len() <= 9
        && (3..=20).contains(&method.len())
        && method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-' || byte == b'_')
}
