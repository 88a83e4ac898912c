//! How is data that others published read for a test?

#![allow(dead_code, reason = "each test uses a part")]

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use tripoint_evidence::attempt;
use tripoint_evidence::entry::{Entry, Request, Said};
use tripoint_evidence::log;
use tripoint_evidence::pack::rule::Rule;
use tripoint_evidence::stamp::Clock;
use tripoint_model::Timestamp;

/// A file of the data, unpacked: each entry's name and bytes. Nothing, and a line that says so, where there is no data.
pub fn unpacked(name: &str) -> Option<Vec<(String, Vec<u8>)>> {
    let Some(root) = std::env::var_os("TRIPOINT_TEST_DATA") else {
        println!("skipped: TRIPOINT_TEST_DATA is not set");
        return None;
    };
    let path: PathBuf = Path::new(&root).join(name);
    let mut entries = Vec::new();
    let limits = tripoint_unpack::Limits::default();
    tripoint_unpack::entries(
        tripoint_unpack::Source::Path(&path),
        name,
        &limits,
        &mut |entry, input: &mut dyn Read| {
            let mut bytes = Vec::new();
            input.read_to_end(&mut bytes).unwrap();
            entries.push((entry.to_owned(), bytes));
            std::ops::ControlFlow::Continue(())
        },
    )
    .unwrap();
    entries.sort();
    Some(entries)
}

/// A request by its parts: `target`, header lines, body.
pub fn request(method: &str, target: &str, headers: &[(String, String)], body: &str) -> Request<'static> {
    let mut request = Request {
        method: method.to_owned().into(),
        target: target.to_owned().into(),
        body: body.to_owned().into(),
        ..Request::default()
    };
    for (name, value) in headers {
        match name.to_ascii_lowercase().as_str() {
            "host" => request.host = value.clone().into(),
            "referer" => request.referer = value.clone().into(),
            "user-agent" => request.agent = value.clone().into(),
            _ => {
                let headers = request.headers.to_mut();
                headers.push_str(name);
                headers.push_str(": ");
                headers.push_str(value);
                headers.push('\n');
            }
        }
    }
    request
}

/// The rules that match a whole request.
pub fn found(request: Request<'static>) -> Vec<&'static Rule> {
    attempt::pack().matching(&Entry::new(None, None, Said::Request(Box::new(request))))
}

/// The rules that match a line of a log.
pub fn found_in_line(line: &str) -> Vec<&'static Rule> {
    let clock = Clock::at(Timestamp(0));
    let entry = log::FORMATS.iter().find_map(|format| format.read(line, &clock)).unwrap();
    let pack = attempt::pack();
    let found = pack.matching(&entry);
    assert!(found.is_empty() || pack.may_match(&entry, &mut String::new()), "{line}");
    found
}

/// A request as a line of an access log, with what servers escape escaped.
pub fn access_line(method: &str, target: &str, referer: &str, agent: &str) -> String {
    let escaped = |text: &str| {
        let mut out = String::new();
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                c if c.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
                c => out.push(c),
            }
        }
        if out.is_empty() { "-".to_owned() } else { out }
    };
    format!(
        "203.0.113.9 - - [10/Oct/2025:13:55:36 +0000] \"{method} {} HTTP/1.1\" 403 12 \"{}\" \"{}\"",
        escaped(target),
        escaped(referer),
        escaped(agent)
    )
}

/// Text as it stands in a query.
pub fn in_query(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) => out.push(char::from(b)),
            b => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}

/// The names of rules.
pub fn ids(rules: &[&Rule]) -> BTreeSet<String> {
    rules.iter().map(|rule| format!("{}:{}", rule.family, rule.id)).collect()
}
