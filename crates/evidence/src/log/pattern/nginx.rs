//! What do the variables of nginx's `log_format` mean?
//!
//! [nginx: ngx_http_core_module, ngx_http_log_module, Embedded Variables]

use super::{Field, PatternError, Piece};

/// `$name` and `${name}`, text between. Variables that tell nothing here are passed over.
pub(super) fn pieces(pattern: &str) -> Result<Vec<Piece>, PatternError> {
    let mut pieces = Vec::new();
    let mut rest = pattern;
    while let Some(at) = rest.find('$') {
        if at > 0 {
            pieces.push(Piece::Text(rest[..at].to_owned()));
        }
        rest = &rest[at + 1..];
        let name;
        if let Some(inner) = rest.strip_prefix('{') {
            let end = inner.find('}').ok_or_else(|| PatternError::Open(format!("${{{inner}")))?;
            (name, rest) = (&inner[..end], &inner[end + 1..]);
        } else {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            (name, rest) = rest.split_at(end);
        }
        // Behind the real-ip module this is the proxy's address; the client's has a variable of its own.
        let is_proxys = name == "realip_remote_addr" && pattern.contains("$remote_addr");
        pieces.push(Piece::Field(if is_proxys { Field::Passed } else { field(name) }));
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

fn field(name: &str) -> Field {
    match name {
        "remote_addr" | "realip_remote_addr" => Field::Remote,
        "time_local" | "time_iso8601" | "msec" => Field::Time,
        "request" => Field::Line,
        "request_method" => Field::Method,
        "request_uri" | "uri" | "document_uri" => Field::Target,
        "args" | "query_string" => Field::Query,
        "status" => Field::Status,
        "body_bytes_sent" | "bytes_sent" => Field::Bytes,
        "host" | "http_host" | "server_name" => Field::Host,
        "http_referer" => Field::Referer,
        "http_user_agent" => Field::Agent,
        "remote_user" => Field::User,
        "request_body" => Field::Body,
        "http_x_forwarded_for"
        | "proxy_add_x_forwarded_for"
        | "http_x_real_ip"
        | "http_forwarded"
        | "proxy_protocol_addr" => Field::Claimed,
        other => match other.strip_prefix("http_").or_else(|| other.strip_prefix("cookie_")) {
            Some(header) => Field::Header(header.replace('_', "-")),
            None => Field::Passed,
        },
    }
}
