//! How does each program write its log?
//!
//! A format is one file and one line in `FORMATS`; its fixtures lie in `fixtures/log/<name>/`. Formats that are frames
//! for other programs' messages (syslog, the journal) hand the message to `service`.

mod access;
mod apache_error;
pub(crate) mod audit;
mod couchdb;
mod cri;
mod docker;
pub(crate) mod fields;
mod gin;
mod haproxy;
mod java;
mod journal_export;
mod journald;
mod json;
mod logfmt;
mod modsecurity;
mod mysql;
mod nginx_error;
pub mod pattern;
mod plain;
mod postgresql;
mod prefixed;
mod raw_http;
mod redis;
mod syslog;
mod traefik;
mod zoraxy;

use std::net::IpAddr;

use tripoint_model::Timestamp;

use crate::entry::{Entry, Said};
use crate::service;
use crate::stamp::Clock;

/// Every format, in the order in which they are tried on a line that is not like the one before.
pub const FORMATS: &[&dyn LogFormat] = &[
    &access::Access,
    &traefik::Traefik,
    &docker::Docker,
    &journald::Journald,
    &journal_export::JournalExport,
    &modsecurity::ModSecurity,
    &json::Json,
    &logfmt::Logfmt,
    &nginx_error::NginxError,
    &apache_error::ApacheError,
    &audit::Audit,
    &haproxy::HaProxy,
    &cri::Cri,
    &mysql::MySql,
    &postgresql::PostgreSql,
    &redis::Redis,
    &couchdb::CouchDb,
    &gin::Gin,
    &zoraxy::Zoraxy,
    &syslog::Syslog,
    &java::Java,
    &raw_http::RawHttp,
    &prefixed::Prefixed,
    &plain::Plain,
];

/// How one program writes its log.
pub trait LogFormat: Sync {
    /// The name used on the command line, kebab-case, and of its fixture folder.
    fn name(&self) -> &'static str;
    /// Reads one entry; nothing where the text is in another format.
    fn read<'l>(&self, text: &'l str, clock: &Clock) -> Option<Entry<'l>>;
    /// Whether it holds lines of other programs, which are read by the other formats.
    fn is_frame(&self) -> bool {
        false
    }
    /// Whether a line begins an entry of several lines, which is read when it is whole.
    fn begins(&self, line: &str) -> bool {
        let _ = line;
        false
    }
    /// Whether `line` goes on with the entry that is `so_far`.
    fn continues(&self, so_far: &str, line: &str) -> bool {
        let _ = (so_far, line);
        false
    }
}

/// The format called `name`.
pub fn format(name: &str) -> Option<&'static dyn LogFormat> {
    FORMATS.iter().copied().find(|format| format.name() == name)
}

/// An entry of what a frame held: read by the first format that is no frame. A stamp of its own beats the frame's.
pub(crate) fn inner<'l>(time: Option<Timestamp>, program: &str, text: &'l str, clock: &Clock) -> Entry<'l> {
    if service::knows(program) {
        return service::entry(time, program, text);
    }
    let known = FORMATS.iter().filter(|format| !format.is_frame() && format.name() != "plain");
    let mut entry = match known.filter_map(|format| format.read(text, clock)).next() {
        Some(entry) => entry,
        None if program.is_empty() => return plain::Plain.read_as(time, text, clock),
        None => return service::entry(time, program, text),
    };
    entry.time = entry.time.or(time);
    entry
}

/// What a message says of itself, where it stands in a frame that knows time and peer.
pub(crate) fn about<'l>(time: Option<Timestamp>, remote: Option<IpAddr>, program: &str, message: &'l str) -> Entry<'l> {
    let mut entry = service::entry(time, program, message);
    if remote.is_some() && (entry.remote.is_none() || matches!(entry.said, Said::Text(_))) {
        entry.remote = remote;
    }
    entry
}

/// The address that a text begins with, also in brackets or with a port behind it; and what follows.
pub(crate) fn leading_address(text: &str) -> Option<(IpAddr, &str)> {
    let bracketed = text.starts_with('[');
    let inner = if bracketed { &text[1..] } else { text };
    let is_part = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' | b':' | b'.');
    let end = inner.bytes().take(ADDRESS_BYTES_MAX + 1).take_while(|byte| is_part(*byte)).count();
    if end > ADDRESS_BYTES_MAX {
        return None;
    }
    let (word, rest) = inner.split_at(end);
    let rest = if bracketed { rest.strip_prefix(']')? } else { rest };
    // A zone is nothing to the address itself.
    let rest = match rest.strip_prefix('%') {
        Some(zone) => zone.trim_start_matches(|c: char| c.is_ascii_alphanumeric()),
        None => rest,
    };
    let address = word.parse::<IpAddr>().ok().or_else(|| {
        // What ends a sentence or a clause, and `203.0.113.9:4711`.
        let word = word.trim_end_matches(['.', ':']);
        let (host, port) = word.rsplit_once(':').unwrap_or((word, ""));
        port.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
        host.parse::<IpAddr>().ok()
    })?;
    Some((address.to_canonical(), rest))
}

/// Longest address with a port; what goes on beyond is none, and is not looked at again and again.
const ADDRESS_BYTES_MAX: usize = 54;

/// Whether what follows an address could be a part of the same word.
fn ends_word(rest: &str) -> bool {
    !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// The addresses of a header such as `X-Forwarded-For`; nothing unless every part is one.
pub(crate) fn addresses(list: &str) -> Option<Vec<IpAddr>> {
    let parts: Option<Vec<IpAddr>> = list
        .split(',')
        .take(ADDRESSES_MAX)
        .map(|part| leading_address(part.trim()).filter(|(_, rest)| rest.is_empty()).map(|(address, _)| address))
        .collect();
    parts.filter(|parts| !parts.is_empty())
}

const ADDRESSES_MAX: usize = 32;

/// The address of the peer that a message in words names: behind a telling word, else the first one in it.
pub(crate) fn peer_in(text: &str) -> Option<IpAddr> {
    let mut first = None;
    let mut after_word = true;
    let mut previous = "";
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let Some(c) = rest.chars().next() else { break };
        let starts = after_word && (c.is_ascii_hexdigit() || c == '[' || c == ':');
        if starts && let Some((address, after)) = leading_address(rest).filter(|(_, after)| ends_word(after)) {
            if PEER_WORDS.iter().any(|word| previous.eq_ignore_ascii_case(word)) {
                return Some(address);
            }
            first = first.or(Some(address));
            at = text.len() - after.len();
            after_word = true;
            continue;
        }
        if starts && c.is_ascii_digit() {
            // A version, a time: no part of it is an address.
            let is_part = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':');
            at += rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            after_word = false;
            continue;
        }
        let word_end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        if word_end == 0 {
            at += c.len_utf8();
        } else {
            previous = &rest[..word_end];
            at += word_end;
        }
        after_word = word_end == 0;
    }
    first
}

/// Words behind which programs write who was at the other end.
const PEER_WORDS: &[&str] = &[
    "from",
    "client",
    "rhost",
    "rip",
    "ip",
    "remote",
    "src",
    "remote_addr",
    "remote_ip",
    "addr",
    "peer",
    "host",
    "clientip",
    "client_ip",
    "source",
    "address",
    "clientaddr",
    "remoteip",
    "SRC",
];

#[cfg(test)]
mod tests;
