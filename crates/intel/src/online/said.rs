//! What of an answer is kept, whoever gave it?

use serde::{Deserialize, Serialize};
use tripoint_model::Timestamp;
use tripoint_model::text::truncate;

use super::OnlineVerdict;

/// A service's answer in the words that all have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Its judgement.
    pub verdict: OnlineVerdict,
    /// How bad, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<u8>,
    /// How many reported it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reports: Option<u64>,
    /// When it was last seen or reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
    /// What it is called.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// Tags that are kept.
const TAGS_MAX: usize = 32;
/// Longest tag, bytes.
const TAG_BYTES_MAX: usize = 80;

/// Strangers' words, each once and bounded.
pub(super) fn tags(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for word in words {
        let (word, _) = truncate(word.trim(), TAG_BYTES_MAX);
        if !word.is_empty() && tags.iter().all(|tag| tag != word) {
            tags.push(word.to_owned());
        }
        if tags.len() == TAGS_MAX {
            break;
        }
    }
    tags
}

/// A moment as services write it: RFC 3339, without a zone, or a day alone.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    [text.to_owned(), format!("{text}Z"), format!("{text}T00:00:00Z")].iter().find_map(|text| text.parse().ok())
}

/// Reads an answer of the documented shape.
pub(super) fn json<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, String> {
    let start = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if start == Some(&b'<') {
        return Err("it answered with a web page".to_owned());
    }
    serde_json::from_slice(body).map_err(|error| format!("its answer is not of the documented shape: {error}"))
}
