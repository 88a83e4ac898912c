//! How is CISA's catalogue of known exploited vulnerabilities read (JSON)?

use std::io::{BufRead, Read};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{AdvisoryFormat, Sink, Statement, is_cve};

/// `known_exploited_vulnerabilities.json`.
pub(super) struct Kev;

#[derive(Deserialize)]
struct Catalogue<'a> {
    #[serde(borrow)]
    vulnerabilities: Vec<&'a RawValue>,
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
        let catalogue: Catalogue<'_> = match serde_json::from_slice(&bytes) {
            Ok(catalogue) => catalogue,
            Err(error) => {
                return out.refuse(file, error.line() as u64, format!("not a KEV catalogue: {error}"));
            }
        };
        for (at, entry) in catalogue.vulnerabilities.iter().enumerate() {
            match serde_json::from_str::<Entry>(entry.get()) {
                Ok(entry) if is_cve(&entry.cve) => {
                    let added = entry.added.filter(|date| date.len() <= 32).unwrap_or_default();
                    out.accept(Statement::Exploited(entry.cve, added));
                }
                Ok(_) => out.refuse(file, at as u64 + 1, "cveID is not a CVE id".to_owned()),
                Err(error) => out.refuse(file, at as u64 + 1, format!("not an entry of the catalogue: {error}")),
            }
        }
    }
}

/// The catalogue has 1.7 MB in 2026.
const FILE_BYTES_MAX: u64 = 32 << 20;
