//! What does a grok pattern mean, as far as one is needed for a log that no format here knows?
//!
//! `%{IP:remote} said %{DATA:target}`: types are not checked, as a value ends where the next text begins. Fields that
//! tell something are those of `field`; others are passed over. [Logstash: grok filter]

use super::{Field, PatternError, Piece};

/// `%{TYPE}` and `%{TYPE:field}`, text between, `\` before what stands for itself.
pub(super) fn pieces(pattern: &str) -> Result<Vec<Piece>, PatternError> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        if let Some(inner) = rest.strip_prefix("%{") {
            let (name, after) = inner.split_once('}').ok_or_else(|| PatternError::Open(rest.into()))?;
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
            }
            let (kind, field_name) = name.split_once(':').unwrap_or((name, ""));
            if kind.is_empty() || !kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err(PatternError::Unknown(name.into()));
            }
            pieces.push(Piece::Field(field(field_name)));
            rest = after;
            continue;
        }
        rest = &rest[c.len_utf8()..];
        if c != '\\' {
            text.push(c);
        } else if let Some(escaped) = rest.chars().next() {
            text.push(escaped);
            rest = &rest[escaped.len_utf8()..];
        }
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}

fn field(name: &str) -> Field {
    match name {
        "time" | "timestamp" => Field::Time,
        "remote" | "clientip" | "client_ip" | "remote_addr" => Field::Remote,
        "claimed" | "forwarded" => Field::Claimed,
        "request" => Field::Line,
        "method" | "verb" => Field::Method,
        "target" | "path" | "uri" => Field::Target,
        "query" => Field::Query,
        "status" | "response" => Field::Status,
        "bytes" => Field::Bytes,
        "host" => Field::Host,
        "referer" | "referrer" => Field::Referer,
        "agent" => Field::Agent,
        "user" => Field::User,
        "body" => Field::Body,
        "message" => Field::Message,
        "failed_user" => Field::FailedUser,
        other => match other.strip_prefix("header_") {
            Some(header) => Field::Header(header.replace('_', "-")),
            None => Field::Passed,
        },
    }
}
