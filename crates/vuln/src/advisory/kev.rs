//! How is CISA's catalogue of known exploited vulnerabilities read (JSON or CSV)?

use std::borrow::Cow;
use std::io::{BufRead, Read};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::listed::{self, Required};
use super::{AdvisoryFormat, Sink, Statement, is_cve};

/// `known_exploited_vulnerabilities.json`.
pub(super) struct Kev;

#[derive(Deserialize)]
struct Catalogue<'a> {
    #[serde(borrow)]
    vulnerabilities: Required<'a>,
    #[serde(rename = "dateReleased", default, borrow)]
    released: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "cveID")]
    cve: String,
    #[serde(rename = "dateAdded", default)]
    added: Option<String>,
}

impl AdvisoryFormat for Kev {
    fn name(&self) -> &'static str {
        "kev"
    }

    fn recognises(&self, _file: &str, head: &[u8]) -> bool {
        let has = |key: &str| head.windows(key.len()).any(|window| window == key.as_bytes());
        if head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).starts_with(b"cveID,") {
            return true;
        }
        head.trim_ascii_start().starts_with(b"{") && (has("\"catalogVersion\"") || has("\"cveID\""))
    }

    fn read(&self, file: &str, input: &mut dyn BufRead, out: &mut dyn Sink) {
        let mut bytes = Vec::new();
        if let Err(error) = input.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes) {
            return out.refuse(file, 1, format!("cannot be read: {error}"));
        }
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return out.refuse(file, 1, "a catalogue of more than 32 MiB".to_owned());
        }
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return read_lines(file, &bytes, out);
        }
        let catalogue: Catalogue<'_> = match listed::record(&bytes) {
            Ok(catalogue) => catalogue,
            Err(error) => {
                return out.refuse(file, error.line() as u64, format!("not a KEV catalogue: {error}"));
            }
        };
        catalogue.released.iter().for_each(|time| out.published(time));
        let walked =
            catalogue.vulnerabilities.0.each(|at, entry: &RawValue| match serde_json::from_str::<Entry>(entry.get()) {
                Ok(entry) if is_cve(&entry.cve) => {
                    let added = entry.added.filter(|date| date.len() <= 32).unwrap_or_default();
                    out.accept(Statement::Exploited(entry.cve, added));
                }
                Ok(_) => out.refuse(file, at as u64 + 1, "cveID is not a CVE id".to_owned()),
                Err(error) => out.refuse(file, at as u64 + 1, format!("not an entry of the catalogue: {error}")),
            });
        if let Err(error) = walked {
            out.refuse(file, 1, format!("not a KEV catalogue: {error}"));
        }
    }
}

/// Of a CSV line only the id and the fifth field count; quoted fields may hold commas and lines.
fn read_lines(file: &str, bytes: &[u8], out: &mut dyn Sink) {
    let mut line = 1;
    let mut rest = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    while !rest.is_empty() {
        let begun = line;
        let (mut quoted, mut fields, mut end) = (false, vec![Vec::new()], rest.len());
        for (at, byte) in rest.iter().enumerate() {
            line += u64::from(*byte == b'\n');
            match byte {
                b'"' => quoted = !quoted,
                b'\n' if !quoted => {
                    end = at + 1;
                    break;
                }
                b',' if !quoted && fields.len() < FIELDS_MAX => fields.push(Vec::new()),
                byte => fields
                    .last_mut()
                    .filter(|field| field.len() < FIELD_BYTES_MAX)
                    .into_iter()
                    .for_each(|f| f.push(*byte)),
            }
        }
        rest = rest.get(end..).unwrap_or_default();
        let field = |at: usize| fields.get(at).map(|field| String::from_utf8_lossy(field)).unwrap_or_default();
        match field(0).trim() {
            "" | "cveID" => {}
            id if is_cve(id) => {
                let added = Some(field(4).into_owned()).filter(|date| date.len() <= 32).unwrap_or_default();
                out.accept(Statement::Exploited(id.to_owned(), added));
            }
            _ => out.refuse(file, begun, "the first field is not a CVE id".to_owned()),
        }
    }
}

const FIELDS_MAX: usize = 32;
/// More than an id or a date has.
const FIELD_BYTES_MAX: usize = 64;
/// The catalogue has 1.7 MB in 2026.
const FILE_BYTES_MAX: u64 = 32 << 20;
