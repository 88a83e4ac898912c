//! How severe does a record of OSV's schema, or one of its parts, call what it speaks of?

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::listed::{Items, Text, Unread};
use super::super::{Advisory, document, is_cve};
use super::CVES_MAX;
use crate::severity;

#[derive(Deserialize)]
struct RawSeverity {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    score: String,
}

/// Where publishers put a word for the severity.
#[derive(Default, Deserialize)]
struct Words<'a> {
    #[serde(borrow, default)]
    severity: Option<&'a RawValue>,
    #[serde(borrow, default)]
    urgency: Option<&'a RawValue>,
    #[serde(borrow, default)]
    ubuntu_priority: Option<&'a RawValue>,
    /// A vector, alone or with its score.
    #[serde(borrow, default)]
    cvss: Option<&'a RawValue>,
    #[serde(borrow, default)]
    cves: Items<'a>,
}

#[derive(Deserialize)]
struct Scored {
    #[serde(alias = "vectorString")]
    vector: String,
}

/// `GHSA-…` is published by `ghsa`, `CVE-…` by `nvd`.
pub(super) fn publisher(id: &str) -> String {
    match id.split('-').next().unwrap_or("osv") {
        "CVE" => "nvd".to_owned(),
        "" => "osv".to_owned(),
        prefix => prefix.to_ascii_lowercase(),
    }
}

pub(super) fn rate(source: &str, list: Items<'_>, advisory: &mut Advisory, unread: &mut Unread) {
    let mut beyond = Unread::default();
    list.usable("severity", unread, |at, RawSeverity { kind, score }| {
        if score.is_empty() {
            return;
        }
        if at >= SEVERITIES_MAX || score.len() > SCORE_BYTES_MAX {
            return beyond.note("severity", "more or longer scores than anybody gives");
        }
        let tenths = severity::base_tenths(&score).or_else(|| severity::plain_tenths(&score));
        advisory.cvss_tenths = advisory.cvss_tenths.max(tenths);
        let key = match kind.as_str() {
            "CVSS_V4" => format!("{source}_cvss_v4"),
            "CVSS_V2" => format!("{source}_cvss_v2"),
            "Ubuntu" => "ubuntu".to_owned(),
            _ => source.to_owned(),
        };
        advisory.severity.entry(key).or_insert(score);
    });
    unread.add(beyond);
}

pub(super) fn word(source: &str, value: Option<&RawValue>, advisory: &mut Advisory, unread: &mut Unread) {
    // What else stands there is each publisher's own: of another shape it has no words for us.
    let words: Words<'_> = value.and_then(|value| serde_json::from_str(value.get()).ok()).unwrap_or_default();
    let vector = |value: &RawValue| {
        let alone = serde_json::from_str::<String>(value.get());
        alone.or_else(|_| serde_json::from_str::<Scored>(value.get()).map(|scored| scored.vector)).ok()
    };
    if let Some(vector) = words.cvss.and_then(vector) {
        document::rate(advisory, source, &vector);
    }
    words.cves.usable("cves", unread, |_, Text(cve)| {
        if let Err(at) = advisory.cves.binary_search_by(|known| known.as_str().cmp(&cve))
            && is_cve(&cve)
            && advisory.cves.len() < CVES_MAX
        {
            advisory.cves.insert(at, cve.into_owned());
        }
    });
    // One that is no text must not hide the others, nor the CVEs.
    let text = |value: Option<&RawValue>| value.and_then(|value| serde_json::from_str::<String>(value.get()).ok());
    let word = text(words.severity).or_else(|| text(words.urgency)).or_else(|| text(words.ubuntu_priority));
    if let Some(word) = word.filter(|word| !word.is_empty() && word.len() <= 32) {
        advisory.severity.entry(source.to_owned()).or_insert(word.to_lowercase());
    }
}

const SCORE_BYTES_MAX: usize = 256;
const SEVERITIES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_severity_that_is_no_text_hides_nothing() {
        let (mut advisory, mut unread) = (Advisory::default(), Unread::default());
        let json = r#"{"severity":7.5,"urgency":"HIGH","cves":["CVE-2026-1","x",8,"CVE-2026-2"]}"#;
        let value: &RawValue = serde_json::from_str(json).expect("a value");
        word("demo", Some(value), &mut advisory, &mut unread);
        assert_eq!(advisory.cves, ["CVE-2026-1", "CVE-2026-2"]);
        assert_eq!(advisory.severity.get("demo").map(String::as_str), Some("high"));
        assert!(unread.reason().is_some_and(|reason| reason.starts_with("cves: ")));
    }
}
