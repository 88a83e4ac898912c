//! Which lines is a rule asked of?
//!
//! A rule names a `logsource`; what that means here is a row of `compile::logsource`. An entry is one of three kinds,
//! and programs that share a log are told apart by the format of a line or by their names in it.

use serde::{Deserialize, Serialize};

use crate::entry::{Entry, Said};

/// Entries that a rule is asked of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Their kinds.
    pub kinds: Vec<Sort>,
    /// Formats of which each line is meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub formats: Vec<String>,
    /// Names of programs of which one must stand in the line, where the format does not say enough. Nothing here and
    /// in `formats`: every line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<String>,
}

/// The kinds of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// Somebody asked a web server for something.
    Request,
    /// The same through a proxy that forwards: a whole address, or CONNECT.
    Forwarded,
    /// A record of the kernel's audit.
    Audit,
    /// A message of a program.
    Message,
}

impl Sort {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Request, Self::Forwarded, Self::Audit, Self::Message];

    /// Whether it is one of requests.
    pub(super) fn is_request(self) -> bool {
        matches!(self, Self::Request | Self::Forwarded)
    }

    /// The kind of an entry that a format called `format` made of `line`.
    pub fn of(entry: &Entry<'_>, format: &str, line: &str) -> Self {
        match &entry.said {
            Said::Request(request) if request.method == "CONNECT" || is_absolute(&request.target) => Self::Forwarded,
            Said::Request(_) => Self::Request,
            _ if format == "audit" || line.contains(" msg=audit(") => Self::Audit,
            _ => Self::Message,
        }
    }
}

fn is_absolute(target: &str) -> bool {
    let scheme = target.split_once("://").map_or("", |(scheme, _)| scheme);
    !scheme.is_empty() && scheme.len() <= 8 && scheme.bytes().all(|byte| byte.is_ascii_alphabetic())
}

impl Source {
    /// Whether only requests are meant.
    #[cfg(feature = "sigma")]
    pub(super) fn is_of_requests(&self) -> bool {
        !self.kinds.is_empty() && self.kinds.iter().all(|sort| sort.is_request())
    }

    /// Whether a line of an entry of one of these kinds is meant.
    pub fn takes(&self, format: &str, line: &str) -> bool {
        (self.formats.is_empty() && self.programs.is_empty())
            || self.formats.iter().any(|name| name == format)
            || self.programs.iter().any(|program| has_word(line, program))
    }
}

/// Whether a name stands in a line as a word of its own, whatever its capitals. Only the beginning of a line names
/// programs.
fn has_word(line: &str, word: &str) -> bool {
    let head = &line.as_bytes()[..line.len().min(HEAD)];
    let word = word.as_bytes();
    let is_part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    !word.is_empty()
        && head.windows(word.len()).enumerate().any(|(at, part)| {
            part.eq_ignore_ascii_case(word)
                && !is_part(at.checked_sub(1).and_then(|before| head.get(before)))
                && !is_part(head.get(at + word.len()))
        })
}

/// Bytes of a line in which a program's name may stand: stamp, host, and what the journal writes before it.
const HEAD: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_a_word_of_its_own() {
        let source = Source { programs: vec!["sshd".into()], ..Source::default() };
        for (line, taken) in [
            ("Jan  2 03:04:05 host sshd[7]: x", true),
            (r#"{"SYSLOG_IDENTIFIER":"sshd","MESSAGE":"x"}"#, true),
            ("Jan  2 03:04:05 host SSHD: x", true),
            ("Jan  2 03:04:05 host mysshd[7]: x", false),
            ("Jan  2 03:04:05 host sshd2[7]: x", false),
            ("", false),
        ] {
            assert_eq!(source.takes("syslog", line), taken, "{line}");
        }
        let apache = Source { formats: vec!["apache-error".into()], ..Source::default() };
        assert!(apache.takes("apache-error", "x") && !apache.takes("access", "x"));
        assert!(Source::default().takes("plain", "x"));
    }
}
