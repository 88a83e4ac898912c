//! How do compiled rules travel to a host?
//!
//! One file: eight bytes that name it, a version, a checksum and the length of what follows, which is JSON of what the
//! evaluator takes. It is read within bounds, checked against them again, and refused whole where anything is wrong.

use serde::{Deserialize, Serialize};
use tripoint_model::Timestamp;

use super::engine::{Sigma, SigmaError};
use super::rule::{Correlation, SigmaRule};
use crate::attempt;
use crate::pack::rule::Rule;
use crate::pack::{Pack, PackError};

/// What a rule image holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// When it was made.
    pub built: Timestamp,
    /// Rules as Tripoint writes them.
    pub rules: Vec<Rule>,
    /// Sigma rules.
    pub sigma: Vec<SigmaRule>,
    /// What several of their matches show together.
    pub correlations: Vec<Correlation>,
}

/// Why bytes are no rule image that can be used.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// Something else entirely.
    #[error("not a rule image (`tripoint evidence rules compile` makes one)")]
    Foreign,
    /// Written by another version of the program.
    #[error("the rule image has layout version {0}; this program reads version {VERSION}: compile it again")]
    Version(u32),
    /// Larger than any.
    #[error("the rule image has more than {BYTES_MAX} bytes")]
    TooLarge,
    /// Cut short or with bytes added.
    #[error("the rule image should hold {stated} bytes and holds {found}")]
    Length {
        /// What its header states.
        stated: u64,
        /// What there is.
        found: u64,
    },
    /// Other bytes than were written.
    #[error("the rule image is damaged: its checksum is wrong")]
    Damaged,
    /// The bytes that were written, and no rules.
    #[error("the rule image is none: {0}")]
    Content(String),
    /// A rule that breaks a bound.
    #[error(transparent)]
    Sigma(#[from] SigmaError),
    /// A rule that cannot be used.
    #[error(transparent)]
    Rule(#[from] PackError),
}

/// What a rule image begins with.
pub const MAGIC: &[u8; 8] = b"TRIRULES";
/// Its layout; any other is refused.
pub const VERSION: u32 = 1;
/// Bytes of an image: what is used here of SigmaHQ's 821 rules takes 200 KiB.
pub const BYTES_MAX: usize = 8 << 20;
/// Rules as Tripoint writes them.
const OWN_RULES_MAX: usize = 10_000;
const HEADER_BYTES: usize = 24;

impl Image {
    /// The bytes of the file.
    pub fn write(&self) -> Result<Vec<u8>, ImageError> {
        let body = serde_json::to_vec(self).map_err(|error| ImageError::Content(error.to_string()))?;
        if body.len() + HEADER_BYTES > BYTES_MAX {
            return Err(ImageError::TooLarge);
        }
        let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(crc32fast::hash(&body).to_le_bytes());
        bytes.extend((body.len() as u64).to_le_bytes());
        bytes.extend(body);
        Ok(bytes)
    }

    /// Whether bytes claim to be an image.
    pub fn is_one(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// Reads what `write` wrote.
    pub fn read(bytes: &[u8]) -> Result<Self, ImageError> {
        if !Self::is_one(bytes) {
            return Err(ImageError::Foreign);
        }
        if bytes.len() > BYTES_MAX {
            return Err(ImageError::TooLarge);
        }
        let four = |at: usize| bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map(u32::from_le_bytes);
        let eight = bytes.get(16..HEADER_BYTES).and_then(|eight| eight.try_into().ok()).map(u64::from_le_bytes);
        let cut = ImageError::Length { stated: HEADER_BYTES as u64, found: bytes.len() as u64 };
        let (Some(version), Some(checksum), Some(stated)) = (four(8), four(12), eight) else { return Err(cut) };
        if version != VERSION {
            return Err(ImageError::Version(version));
        }
        let body = &bytes[HEADER_BYTES..];
        if body.len() as u64 != stated {
            return Err(ImageError::Length { stated, found: body.len() as u64 });
        }
        if crc32fast::hash(body) != checksum {
            return Err(ImageError::Damaged);
        }
        serde_json::from_slice(body).map_err(|error| ImageError::Content(error.to_string()))
    }

    /// The rules, beside those that come with Tripoint, ready to be asked.
    pub fn pack(self) -> Result<Pack, ImageError> {
        if self.rules.len() > OWN_RULES_MAX {
            return Err(ImageError::Content(format!("it holds more than {OWN_RULES_MAX} rules")));
        }
        let sigma = Sigma::new(self.sigma, self.correlations)?;
        // Those of the image are tried one by one; our own are known to be good.
        Pack::new(self.rules.iter().cloned())?;
        Ok(Pack::of_known(attempt::rules().chain(self.rules))?.with_sigma(sigma))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Image {
        Image { built: Timestamp(7), rules: Vec::new(), sigma: Vec::new(), correlations: Vec::new() }
    }

    #[test]
    fn what_was_written_is_read_and_anything_else_is_refused() {
        let bytes = image().write().unwrap();
        assert_eq!(Image::read(&bytes).unwrap().built, Timestamp(7));
        let changed = |at: usize, byte: u8| {
            let mut bytes = bytes.clone();
            bytes[at] = byte;
            Image::read(&bytes).unwrap_err().to_string()
        };
        assert!(changed(0, b'x').contains("not a rule image"));
        assert!(changed(8, 9).contains("version 9"));
        assert!(changed(12, !bytes[12]).contains("checksum"));
        assert!(changed(16, !bytes[16]).contains("should hold"));
        assert!(changed(HEADER_BYTES, b'[').contains("checksum"));
        for length in 0..bytes.len() {
            Image::read(&bytes[..length]).unwrap_err();
        }
        // Promise D8: every bit there is.
        for bit in 0..bytes.len() * 8 {
            let mut turned = bytes.clone();
            turned[bit / 8] ^= 1 << (bit % 8);
            assert!(Image::read(&turned).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn right_checksums_do_not_make_wrong_rules_right() {
        let sealed = |body: &str| {
            let mut bytes = MAGIC.to_vec();
            bytes.extend(VERSION.to_le_bytes());
            bytes.extend(crc32fast::hash(body.as_bytes()).to_le_bytes());
            bytes.extend((body.len() as u64).to_le_bytes());
            bytes.extend(body.as_bytes());
            Image::read(&bytes).and_then(Image::pack).map(drop).unwrap_err().to_string()
        };
        let rule = |when: &str| {
            sealed(&format!(
                r#"{{"built":"2026-01-02T03:04:05Z","rules":[],"correlations":[],"sigma":[{{"id":"x","title":"x","level":"low","family":"sigma",
                "attack":[],"cves":[],"verdict":"probed","source":{{"kinds":["request"]}},"told":true,"when":{when}}}]}}"#
            ))
        };
        assert!(sealed("[]").contains("none"));
        assert!(sealed(&"[".repeat(100_000)).contains("none"));
        let deep = format!("{}{{\"all\":[]}}{}", "{\"not\":".repeat(40), "}".repeat(40));
        assert!(rule(&deep).contains("deep"), "{}", rule(&deep));
        assert!(rule(r#"{"pattern":{"place":null,"pattern":"("}}"#).contains("unclosed"));
        let long = format!(r#"{{"is":{{"place":null,"how":"equals","text":"{}"}}}}"#, "x".repeat(20_000));
        assert!(rule(&long).contains("bytes"));
        let counts = sealed(
            r#"{"built":"2026-01-02T03:04:05Z","rules":[],"sigma":[],"correlations":[{"id":"x","title":"x","level":"low","family":"sigma",
            "attack":[],"cves":[],"verdict":"probed","kind":"event_count","of":[{"rule":3,"by":[]}],"span_s":1,"at_least":1}]}"#,
        );
        assert!(counts.contains("no rule 3"), "{counts}");
    }
}
