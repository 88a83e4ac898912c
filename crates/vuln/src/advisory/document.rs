//! How is a publisher's file taken in without letting its size decide how much memory that costs?

use std::cell::Cell;
use std::fmt;
use std::io::{BufRead, BufReader, Read};

use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use tripoint_model::text::truncate;

use super::listed::record;
use super::{Advisory, Authority, Sink, is_cve};
use crate::severity;

/// The whole document, up to `max` bytes; refused otherwise.
pub(super) fn whole(file: &str, input: &mut dyn BufRead, max: u64, out: &mut dyn Sink) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Err(error) = input.take(max + 1).read_to_end(&mut bytes) {
        out.refuse(file, 1, format!("cannot be read: {error}"));
        return None;
    }
    if bytes.len() as u64 > max {
        out.refuse(file, 1, format!("a document of more than {} MiB", max >> 20));
        return None;
    }
    bytes.shrink_to_fit();
    Some(bytes)
}

/// Parses the document, or refuses it as not being `what`.
pub(super) fn parse<'b, T: serde::Deserialize<'b>>(
    file: &str,
    bytes: &'b [u8],
    what: &str,
    out: &mut dyn Sink,
) -> Option<T> {
    record(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes))
        .map_err(|error| out.refuse(file, error.line() as u64, format!("not {what}: {error}")))
        .ok()
}

/// Shows each member of one large object without holding the others. What breaks off is refused.
pub(super) fn members(
    file: &str,
    input: &mut dyn BufRead,
    what: &str,
    out: &mut dyn Sink,
    mut each: impl FnMut(String, &RawValue, &mut dyn Sink),
) {
    let left = Cell::new(MEMBER_BYTES_MAX);
    let metered = BufReader::new(Metered::new(input, &left));
    let visitor = Members { out: &mut *out, each: &mut each, left: &left };
    if let Err(error) = serde_json::Deserializer::from_reader(metered).deserialize_map(visitor) {
        out.refuse(file, error.line() as u64, format!("not {what}: {error}"));
    }
}

/// Ends where one member alone goes on for too long.
pub(super) struct Metered<'m> {
    input: &'m mut dyn BufRead,
    left: &'m Cell<usize>,
}

impl<'m> Metered<'m> {
    pub(super) fn new(input: &'m mut dyn BufRead, left: &'m Cell<usize>) -> Self {
        Self { input, left }
    }
}

impl Read for Metered<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.left.get() == 0 {
            return Err(std::io::Error::other("one part is too long"));
        }
        let len = out.len().min(self.left.get());
        let read = self.input.read(out.get_mut(..len).unwrap_or_default())?;
        self.left.set(self.left.get() - read);
        Ok(read)
    }
}

struct Members<'m> {
    left: &'m Cell<usize>,
    out: &'m mut dyn Sink,
    each: &'m mut dyn FnMut(String, &RawValue, &mut dyn Sink),
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let value: Box<RawValue> = map.next_value()?;
            (self.each)(key, &value, self.out);
            self.left.set(MEMBER_BYTES_MAX);
        }
        Ok(())
    }
}

/// Reads a part of a document; nothing when it is of another shape.
pub(super) fn lenient<T: DeserializeOwned + Default>(value: Option<&RawValue>) -> T {
    value.and_then(|value| serde_json::from_str(value.get()).ok()).unwrap_or_default()
}

/// Whether the first bytes hold a text.
pub(super) fn has(head: &[u8], text: &str) -> bool {
    head.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Whether the first bytes begin a JSON object or array.
pub(super) fn is_json(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    head.trim_ascii_start().first().is_some_and(|byte| matches!(byte, b'{' | b'['))
}

/// Why an id cannot be one.
pub(super) fn id(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.is_empty() || text.len() > ID_BYTES_MAX || text.chars().any(char::is_control) {
        return Err("the id is missing, empty, too long or has control characters");
    }
    Ok(text.to_owned())
}

/// Why a name or version cannot be one.
pub(super) fn word(text: &str, what: &'static str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.len() > NAME_BYTES_MAX || text.chars().any(char::is_control) {
        return Err(format!("{what} is missing, empty, too long or has control characters"));
    }
    Ok(text.to_owned())
}

/// An advisory that names nothing yet. CVE ids are picked from `ids` and its own.
pub(super) fn advisory<'i>(
    own: String,
    ids: impl IntoIterator<Item = &'i str>,
    summary: &str,
    authority: Authority,
) -> Advisory {
    let mut cves: Vec<String> = ids.into_iter().filter_map(cve_of).chain(cve_of(&own)).collect();
    cves.sort();
    cves.dedup();
    cves.truncate(CVES_MAX);
    let summary = truncate(summary.trim(), SUMMARY_BYTES_MAX).0.to_owned();
    Advisory { id: own, cves, summary, authority, ..Advisory::default() }
}

/// The CVE that an id names: itself, or what stands behind a distribution's prefix.
pub(super) fn cve_of(id: &str) -> Option<String> {
    let id = id.trim();
    let bare = CVE_PREFIXES.iter().find_map(|prefix| id.strip_prefix(prefix)).unwrap_or(id);
    is_cve(bare).then(|| bare.to_owned())
}

/// Notes a severity: a CVSS vector, a number or a word.
pub(super) fn rate(advisory: &mut Advisory, source: &str, value: &str) {
    let value = value.trim();
    if value.is_empty() || value.len() > SCORE_BYTES_MAX || value.chars().any(char::is_control) {
        return;
    }
    advisory.cvss_tenths = advisory.cvss_tenths.max(tenths(value));
    let is_vector = value.contains('/') || value.contains(':');
    let value = if is_vector { value.to_owned() } else { value.to_lowercase() };
    advisory.severity.entry(source.to_owned()).or_insert(value);
}

/// The base score of a vector or number.
pub(super) fn tenths(value: &str) -> Option<u8> {
    severity::base_tenths(value).or_else(|| severity::plain_tenths(value))
}

/// Debian's tracker has 80 MB, half of that for the kernel.
const MEMBER_BYTES_MAX: usize = 256 << 20;
/// Distributions that give a CVE an id of their own.
const CVE_PREFIXES: &[&str] = &["UBUNTU-", "DEBIAN-", "ALPINE-", "CGA-", "SUSE-", "BELL-", "ECHO-"];
pub(super) const ID_BYTES_MAX: usize = 200;
pub(super) const NAME_BYTES_MAX: usize = 512;
const SUMMARY_BYTES_MAX: usize = 300;
const SCORE_BYTES_MAX: usize = 256;
/// A kernel update names hundreds.
const CVES_MAX: usize = 5000;
