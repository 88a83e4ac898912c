//! What can people do with an alert, with one or with many at once?

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tripoint_model::{AlertId, AlertStatus, Level, Resolution, Timestamp};

/// A person's work on an alert: the body of `path::alert_work(id, "work")`, and what `path::QUEUE_WORK` does with each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Work {
    /// Close it, and what is merged into it.
    Resolve {
        /// Why.
        resolution: Resolution,
        /// In words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
    },
    /// Open it again, and what is merged into it, and tell of it. What is not closed stands as it stands.
    Reopen {
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
    },
    /// Say something; Markdown.
    Comment {
        /// What.
        text: String,
    },
    /// Give it to somebody, or to nobody.
    Assign {
        /// To whom.
        #[serde(default)]
        assignee: Option<String>,
    },
    /// Say how it stands; closing has a request of its own. A closed alert, and what is merged into it, is open again
    /// by that, and nobody is told: for what was closed by mistake.
    Status {
        /// `open`, `investigating` or `contained`.
        status: AlertStatus,
    },
    /// Say how bad it is, or leave that to the sum again.
    Severity {
        /// How bad; nothing takes an earlier word back.
        #[serde(default)]
        level: Option<Level>,
        /// Why; needed with a level.
        #[serde(default)]
        reason: String,
    },
    /// Add a tag, or change its value.
    Tag {
        /// Its name.
        name: String,
        /// Its value.
        #[serde(default)]
        value: String,
    },
    /// Take a tag away.
    Untag {
        /// Its name.
        name: String,
    },
    /// Refer to something that lies elsewhere.
    Attach {
        /// What it is.
        name: String,
        /// Where it lies: `http` or `https`.
        url: String,
        /// SHA-256 of it, hex.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sha256: Option<String>,
    },
    /// Take a reference away.
    Detach {
        /// Where it lies.
        url: String,
    },
    /// Make it part of another alert.
    Merge {
        /// Of which.
        into: AlertId,
    },
    /// Make it an alert of its own again.
    Split {},
}

/// The longest comment, bytes.
pub const COMMENT_MAX: usize = 16 << 10;
/// The longest name, value, reason or address of a reference, bytes.
pub const SHORT_MAX: usize = 1024;
/// Most comments of an alert.
pub const COMMENTS_MAX: usize = 1000;
/// Most tags, and most references, of an alert.
pub const EACH_MAX: usize = 64;

impl Work {
    /// What is wrong with it by itself; nothing when it may be tried.
    pub fn fault(&self) -> Option<String> {
        match self {
            Self::Comment { text } if text.trim().is_empty() => Some("a comment needs a text".into()),
            Self::Comment { text: long }
            | Self::Resolve { comment: Some(long), .. }
            | Self::Reopen { comment: Some(long) }
                if long.len() > COMMENT_MAX =>
            {
                Some(format!("a comment has at most {COMMENT_MAX} bytes"))
            }
            Self::Status { status: AlertStatus::Resolved } => Some("to close it, say why: do resolve".into()),
            Self::Severity { level: Some(_), reason } if reason.trim().is_empty() => {
                Some("another severity needs a reason".into())
            }
            Self::Severity { reason: text, .. } => too_long(text),
            Self::Assign { assignee: Some(text) } => too_long(text),
            Self::Tag { name, value } => bad_tag(name).or_else(|| too_long(value)),
            Self::Attach { name, url, sha256 } => bad_reference(name, url, sha256.as_deref()),
            _ => None,
        }
    }
}

fn too_long(text: &str) -> Option<String> {
    (text.len() > SHORT_MAX).then(|| format!("longer than {SHORT_MAX} bytes"))
}

fn bad_tag(name: &str) -> Option<String> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/');
    let good = !name.is_empty() && name.len() <= 64 && name.chars().all(is_part);
    (!good).then(|| "a tag's name has 1 to 64 letters, digits, and - _ . : /".into())
}

fn bad_reference(name: &str, url: &str, sha256: Option<&str>) -> Option<String> {
    let is_hash = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_link = ["https://", "http://"].iter().any(|scheme| url.len() > scheme.len() && url.starts_with(scheme));
    if name.trim().is_empty() {
        return Some("a reference needs a name".into());
    }
    if !is_link || url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Some("a reference lies at an address that begins with https:// or http://".into());
    }
    if sha256.is_some_and(|hash| !is_hash(hash)) {
        return Some("sha256 is 64 hex digits".into());
    }
    too_long(name).or_else(|| too_long(url))
}

/// The same work on many alerts: all in one transaction, each for itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BulkRequest {
    /// Which; at most `BULK_MAX`.
    pub ids: Vec<AlertId>,
    /// What.
    pub work: Work,
    /// The `changed` of those that are to be left alone if they have changed since.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<AlertId, Timestamp>,
}

/// Most alerts of one bulk request.
pub const BULK_MAX: usize = 500;

/// What became of each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BulkAnswer {
    /// Done.
    pub done: Vec<AlertId>,
    /// Not done, with the reason.
    pub refused: Vec<BulkRefusal>,
}

/// An alert that was left as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BulkRefusal {
    /// Which.
    pub id: AlertId,
    /// Why.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_meant_is_told() {
        let reads = |text: &str| serde_json::from_str::<Work>(text).unwrap();
        for good in [
            r#"{"do":"split"}"#,
            r#"{"do":"assign","assignee":null}"#,
            r#"{"do":"severity"}"#,
            r#"{"do":"tag","name":"team","value":"a b"}"#,
            r#"{"do":"attach","name":"ticket","url":"https://t.example/1"}"#,
            r#"{"do":"status","status":"investigating"}"#,
        ] {
            assert_eq!(reads(good).fault(), None, "{good}");
        }
        for (bad, why) in [
            (r#"{"do":"comment","text":" "}"#, "needs a text"),
            (r#"{"do":"severity","level":"low"}"#, "needs a reason"),
            (r#"{"do":"status","status":"resolved"}"#, "say why"),
            (r#"{"do":"tag","name":"a b"}"#, "letters"),
            (r#"{"do":"attach","name":"x","url":"javascript:alert(1)"}"#, "https://"),
            (r#"{"do":"attach","name":"x","url":"https://a b"}"#, "https://"),
            (r#"{"do":"attach","name":"x","url":"https://a","sha256":"zz"}"#, "64 hex"),
        ] {
            assert!(reads(bad).fault().is_some_and(|fault| fault.contains(why)), "{bad}");
        }
        assert!(serde_json::from_str::<Work>(r#"{"do":"delete"}"#).is_err());
    }
}
