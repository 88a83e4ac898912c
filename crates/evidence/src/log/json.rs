//! What does a line of JSON say, whoever wrote it?
//!
//! Access logs of nginx (`escape=json`), Caddy, Traefik, Envoy and others are told by the fields of a request; log-ins
//! by the fields of `service::event`; anything else is the text of its message. Fields are found by the names that
//! programs commonly give them.

use super::access::asked_for;
use super::fields::Fields;
use super::{LogFormat, about, addresses, journald::Journald, leading_address, modsecurity};
use crate::entry::{Entry, Request, Said};
use crate::service::event;
use crate::stamp::{self, Clock};

/// Any JSON object.
pub struct Json;

impl LogFormat for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn read<'l>(&self, text: &'l str, clock: &Clock) -> Option<Entry<'l>> {
        let text = text.trim_start();
        if !text.starts_with('{')
            || text.starts_with("{\"log\":")
            || Journald::is_one(text)
            || modsecurity::is_json(text)
        {
            return None;
        }
        Some(entry(&Fields::json(text)?, text, clock))
    }
}

/// The entry that named values mean; `line` is what they were read from.
pub(super) fn entry(fields: &Fields<'_>, line: &str, clock: &Clock) -> Entry<'static> {
    let time = fields.first(TIME).and_then(|time| stamp::value(time, clock));
    let remote = fields.first(REMOTE).and_then(leading_address).map(|(address, _)| address);
    if let Some(mut told) = event::read(fields) {
        told.remote = told.remote.or(remote);
        return Entry::new(time, told.remote, told.said);
    }
    if let Some(request) = request(fields) {
        let mut entry = Entry::new(time, remote, Said::Request(Box::new(request)));
        entry.claimed = CLAIMED.iter().filter_map(|name| fields.get(name)).find_map(claim).unwrap_or_default();
        return entry;
    }
    match fields.first(MESSAGE) {
        Some(message) => about(time, remote, fields.first(PROGRAM).unwrap_or_default(), message).into_owned(),
        None => about(time, remote, "", line).into_owned(),
    }
}

/// The addresses of `X-Forwarded-For`, or of `Forwarded`'s `for=`.
pub(super) fn claim(value: &str) -> Option<Vec<std::net::IpAddr>> {
    if !value.contains("for=") {
        return addresses(value);
    }
    let parts = value.split([',', ';']).filter_map(|part| part.trim().strip_prefix("for="));
    let found: Vec<_> = parts.filter_map(|part| Some(leading_address(part.trim_matches('"'))?.0)).take(32).collect();
    (!found.is_empty()).then_some(found)
}

fn request(fields: &Fields<'_>) -> Option<Request<'static>> {
    let line = fields.first(LINE).filter(|line| line.contains(' ')).map(asked_for);
    let (method, target) = match &line {
        Some(asked) if !asked.method.is_empty() => (&*asked.method, &*asked.target),
        _ => (fields.first(METHOD)?, fields.first(TARGET)?),
    };
    let mut target = target.to_owned();
    if !target.contains('?')
        && let Some(query) = fields.first(QUERY)
    {
        target.push('?');
        target.push_str(query.trim_start_matches('?'));
    }
    let own = |names: &[&str]| fields.first(names).unwrap_or_default().to_owned().into();
    let mut headers = String::new();
    for (name, value) in HEADERS.iter().flat_map(|prefix| fields.under(prefix)) {
        let name = name.split('.').next().unwrap_or_default();
        if !SPOKEN_FOR.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            headers.push_str(&format!("{name}: {value}\n"));
        }
    }
    Some(Request {
        method: method.to_owned().into(),
        target: target.into(),
        status: fields.first(STATUS).and_then(|status| status.parse().ok()),
        bytes: fields.first(BYTES).and_then(|bytes| bytes.parse().ok()),
        host: own(HOST),
        referer: own(REFERER),
        agent: own(AGENT),
        user: own(USER),
        headers: headers.into(),
        body: own(BODY),
    })
}

const TIME: &[&str] = &[
    "time",
    "ts",
    "@timestamp",
    "timestamp",
    "time_iso8601",
    "time_local",
    "StartUTC",
    "start_time",
    "eventTime",
    "t.$date",
    "datetime",
    "date",
    "msec",
    "requestReceivedTimestamp",
];
const REMOTE: &[&str] = &[
    "remote_addr",
    "remote_ip",
    "ClientHost",
    "ClientAddr",
    "request.remote_ip",
    "request.remote_addr",
    "downstream_remote_address",
    "client_ip",
    "clientip",
    "client.ip",
    "remote",
    "remoteAddr",
    "remote_address",
    "source_ip",
    "src_ip",
    "sourceIPAddress",
    "addr.remote",
    "attr.remote",
    "ip",
    "client",
    "remoteIp",
    "ip_address",
    "ipAddress",
    "meta.remote_ip",
    "sourceIP",
    "httpRequest.remoteIp",
    "addr",
    "sourceIPs.0",
    "eventData.sourceIP",
    "source.ip",
];
const CLAIMED: &[&str] = &[
    "http_x_forwarded_for",
    "x_forwarded_for",
    "x-forwarded-for",
    "forwarded_for",
    "request.headers.X-Forwarded-For.0",
    "request_X-Forwarded-For",
    "headers.x-forwarded-for",
    "xff",
    "http_x_real_ip",
    "x_real_ip",
    "x-real-ip",
    "request.headers.X-Real-Ip.0",
    "request_X-Real-Ip",
    "http_forwarded",
    "forwarded",
    "request.headers.Forwarded.0",
];
const LINE: &[&str] = &["request", "request_line", "requestline"];
const METHOD: &[&str] = &[
    "method",
    "request_method",
    "RequestMethod",
    "request.method",
    "http.request.method",
    "httpRequest.requestMethod",
];
const TARGET: &[&str] = &[
    "request_uri",
    "uri",
    "RequestPath",
    "request.uri",
    "path",
    "x-envoy-origin-path",
    "url.original",
    "url",
    "target",
    "httpRequest.requestUrl",
    "request.path",
    "url.path",
];
const QUERY: &[&str] = &["args", "query_string", "query", "url.query"];
const STATUS: &[&str] = &[
    "status",
    "response_code",
    "DownstreamStatus",
    "status_code",
    "http.response.status_code",
    "code",
    "response",
    "httpRequest.status",
    "http_status",
];
const BYTES: &[&str] =
    &["body_bytes_sent", "bytes_sent", "DownstreamContentSize", "size", "bytes", "response_size", "responseSize"];
const HOST: &[&str] =
    &["host", "http_host", "RequestHost", "request.host", ":authority", "authority", "server_name", "vhost"];
const REFERER: &[&str] = &["http_referer", "referer", "referrer", "request.headers.Referer.0", "request_Referer"];
const AGENT: &[&str] = &[
    "http_user_agent",
    "user_agent",
    "user-agent",
    "request.headers.User-Agent.0",
    "request_User-Agent",
    "userAgent",
    "agent",
    "ua",
    "user_agent.original",
    "httpRequest.userAgent",
];
const USER: &[&str] = &["remote_user", "ClientUsername", "user_id", "user", "username"];
const BODY: &[&str] = &["request_body", "body", "request.body"];
const MESSAGE: &[&str] = &["message", "msg", "MESSAGE", "log", "event.original"];
const PROGRAM: &[&str] = &["program", "SYSLOG_IDENTIFIER", "process.name", "app", "ident"];
/// Where headers stand; Traefik writes `request_Name`.
const HEADERS: &[&str] = &["request.headers.", "headers.", "request_"];
/// What has a field of its own.
const SPOKEN_FOR: &[&str] = &[
    "User-Agent",
    "Referer",
    "Host",
    "X-Forwarded-For",
    "X-Real-Ip",
    "Forwarded",
    "uri",
    "method",
    "body",
    "time",
    "length",
    "id",
    "line",
    "urgency",
];
