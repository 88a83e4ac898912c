//! What did ModSecurity write down of a request?
//!
//! The serial audit log: sections between `--id-A--` and `--id-Z--`, of which A names the client, B holds the request's
//! head, C its body, F the answer's head. And the JSON form, which holds the same. [ModSecurity: Audit Log Format]

use super::access::asked_for;
use super::fields::Fields;
use super::{LogFormat, leading_address, raw_http};
use crate::entry::{Entry, Said};
use crate::stamp::{self, Clock};

/// Both forms.
pub struct ModSecurity;

impl LogFormat for ModSecurity {
    fn name(&self) -> &'static str {
        "modsecurity"
    }

    fn begins(&self, line: &str) -> bool {
        section(line) == Some('A')
    }

    fn continues(&self, so_far: &str, line: &str) -> bool {
        let last = so_far.rsplit('\n').next().unwrap_or_default();
        section(last) != Some('Z') && section(line) != Some('A')
    }

    fn read<'l>(&self, text: &'l str, clock: &Clock) -> Option<Entry<'l>> {
        if is_json(text) {
            return transaction(&Fields::json(text)?, clock);
        }
        self.begins(text.lines().next()?).then_some(())?;
        serial(text, clock)
    }
}

/// The letter of a line that begins a section.
fn section(line: &str) -> Option<char> {
    let (id, letter) = line.trim_end().strip_prefix("--")?.strip_suffix("--")?.rsplit_once('-')?;
    let mut letters = letter.chars();
    let is_one =
        letter.len() == 1 && (4..=40).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    letters.next().filter(|letter| is_one && letter.is_ascii_uppercase())
}

/// Whether a line looks like the JSON form.
pub(super) fn is_json(text: &str) -> bool {
    text.starts_with("{\"transaction\"") || text.starts_with("{ \"transaction\"")
}

fn serial<'l>(text: &'l str, clock: &Clock) -> Option<Entry<'l>> {
    let mut parts: [&str; 26] = [""; 26];
    let (mut current, mut start, mut at) = (None, 0, 0);
    for line in text.split_inclusive('\n').chain([""]) {
        let found = section(line);
        if found.is_some() || line.is_empty() {
            if let Some(letter) = current {
                let slot = &mut parts[letter as usize - 'A' as usize];
                // A body may hold what looks like another section; the first of each kind is ModSecurity's.
                *slot = if slot.is_empty() { &text[start..at] } else { *slot };
            }
            current = found;
            start = at + line.len();
        }
        at += line.len();
    }
    let part = |letter: u8| parts[(letter - b'A') as usize];
    let (time, rest) = part(b'A').strip_prefix('[')?.split_once("] ")?;
    let remote = rest.split(' ').nth(1).and_then(leading_address).map(|(address, _)| address);
    let (line, head) = part(b'B').split_once('\n').unwrap_or((part(b'B'), ""));
    let mut entry = raw_http::request(asked_for(line.trim_end()), head.trim_end());
    if let Said::Request(request) = &mut entry.said {
        request.body = part(b'C').trim_end().into();
        request.status = part(b'F').split(' ').nth(1).and_then(|status| status.trim().parse().ok());
    }
    entry.time = stamp::clf(time, clock);
    entry.remote = remote;
    Some(entry)
}

fn transaction(fields: &Fields<'_>, clock: &Clock) -> Option<Entry<'static>> {
    let line = match fields.first(&["request.request_line"]) {
        Some(line) => line.to_owned(),
        None => format!(
            "{} {} HTTP/1.1",
            fields.first(&["transaction.request.method"])?,
            fields.first(&["transaction.request.uri"])?
        ),
    };
    let mut rest = String::new();
    for (name, value) in ["transaction.request.headers.", "request.headers."].iter().flat_map(|at| fields.under(at)) {
        rest.push_str(&format!("{name}: {}\n", value.replace(['\n', '\r'], " ")));
    }
    let mut entry = raw_http::request(asked_for(&line), &rest).into_owned();
    let own = |names: &[&str]| fields.first(names).unwrap_or_default().to_owned();
    if let Said::Request(request) = &mut entry.said {
        request.body = own(&["transaction.request.body", "request.body.0", "request.body"]).into();
        request.status =
            fields.first(&["transaction.response.http_code", "response.status"]).and_then(|status| status.parse().ok());
    }
    let remote = fields.first(&["transaction.client_ip", "transaction.remote_address"]).and_then(leading_address);
    entry.remote = remote.map(|(address, _)| address);
    let time = fields.first(&["transaction.time_stamp", "transaction.time"]);
    entry.time = time.and_then(|time| stamp::value(time, clock));
    Some(entry)
}
