//! What do the directives of Apache's `LogFormat` mean?
//!
//! Tomcat's `AccessLogValve` uses the same. [Apache: mod_log_config, Tomcat: Access Log Valve]

use super::{Field, PatternError, Piece};

/// `%h`, `%>s`, `%{Referer}i`, `%400,501{User-agent}i`; names of whole formats too.
pub(super) fn pieces(pattern: &str) -> Result<Vec<Piece>, PatternError> {
    let pattern = match pattern {
        "common" => r#"%h %l %u %t "%r" %s %b"#,
        "combined" => r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i""#,
        other => other,
    };
    let (mut pieces, mut text) = (Vec::new(), String::new());
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' => {
                let escaped = rest.chars().next();
                rest = escaped.map_or("", |c| &rest[c.len_utf8()..]);
                text.extend(escaped.map(|c| if c == 't' { '\t' } else { c }));
            }
            '%' if rest.starts_with('%') => {
                rest = &rest[1..];
                text.push('%');
            }
            '%' => {
                let (field, after) = directive(rest)?;
                rest = after;
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                if field == Field::Time {
                    // The brackets are a part of it.
                    pieces.extend([Piece::Text("[".into()), Piece::Field(field)]);
                    text.push(']');
                } else {
                    pieces.push(Piece::Field(field));
                }
            }
            c => text.push(c),
        }
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}

fn directive(text: &str) -> Result<(Field, &str), PatternError> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '!' | ',' | '<' | '>'));
    let (name, rest) = match rest.strip_prefix('{') {
        Some(inner) => inner.split_once('}').ok_or_else(|| PatternError::Open(format!("%{rest}")))?,
        None => ("", rest),
    };
    let letter = rest.chars().next().ok_or_else(|| PatternError::Open("%".into()))?;
    let after = &rest[letter.len_utf8()..];
    let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
    let field = match letter {
        'h' | 'a' => Field::Remote,
        't' if name.is_empty() => Field::Time,
        'r' => Field::Line,
        'm' => Field::Method,
        'U' => Field::Target,
        'q' => Field::Query,
        's' => Field::Status,
        'b' | 'B' | 'O' => Field::Bytes,
        'v' | 'V' => Field::Host,
        'u' => Field::User,
        'i' if is("Referer") => Field::Referer,
        'i' if is("User-Agent") => Field::Agent,
        'i' if is("Host") => Field::Host,
        'i' if ["X-Forwarded-For", "X-Real-IP", "Forwarded"].iter().any(|claim| is(claim)) => Field::Claimed,
        'i' => Field::Header(name.to_owned()),
        letter if letter.is_ascii_alphabetic() => Field::Passed,
        other => return Err(PatternError::Unknown(format!("%{other}"))),
    };
    Ok((field, after))
}
