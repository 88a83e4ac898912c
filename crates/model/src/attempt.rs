//! What did somebody try, and where does a log say so? (The `evidence scan` row of the command contracts.)

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// An attempt that a log shows: a line, or a series of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Attempt {
    /// Whether one line shows it or several together.
    pub kind: ShownBy,
    /// The file, and the entry of an archive.
    pub file: String,
    /// The line, of a series the one that completed it; from 1.
    pub line: u64,
    /// Where that line begins in the unpacked file, bytes.
    pub offset: u64,
    /// The lines of a series, at most `LINES_MAX`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<u64>,
    /// When.
    pub time: Option<Timestamp>,
    /// Who, as the program saw it.
    pub remote: Option<IpAddr>,
    /// Whom a header names; anybody can write one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_remote: Option<IpAddr>,
    /// The technique.
    pub family: String,
    /// ATT&CK techniques.
    pub attack: Vec<String>,
    /// Vulnerabilities that it exploits.
    pub cves: Vec<String>,
    /// Whom the server would have called, had it done what was sent: addresses, and names in lower case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aims: Vec<String>,
    /// What it came to.
    pub verdict: Verdict,
    /// The rule, or the kind of series.
    pub rule: String,
    /// Why, one reason each.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// The line as it stands, at most `RAW_BYTES_MAX`.
    pub raw: String,
    /// The Sigma rule that found it, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sigma: Option<Box<BySigma>>,
}

/// A Sigma rule, as its author names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BySigma {
    /// What it finds, in words.
    pub title: String,
    /// Its number, mostly a UUID.
    pub id: String,
    /// `informational`, `low`, `medium`, `high` or `critical`.
    pub level: String,
}

impl Attempt {
    /// Whether it was meant to make a program do what its user does not want, rather than to look or to guess.
    pub fn is_exploit(&self) -> bool {
        self.verdict >= Verdict::Attempted && self.attack.iter().any(|id| EXPLOITS.contains(&id.as_str()))
    }

    /// Whether what was sent names this address, or one of these names: whom it would have called back.
    pub fn names<'n>(&self, address: IpAddr, names: impl IntoIterator<Item = &'n str>) -> bool {
        let is_aim = |text: &str| self.aims.iter().any(|aim| aim.eq_ignore_ascii_case(text));
        is_aim(&address.to_string()) || names.into_iter().any(is_aim)
    }

    /// Whether the server was to fetch something for somebody: then an address near it is a target like any.
    pub fn is_forgery(&self) -> bool {
        self.family == "ssrf"
    }
}

/// ATT&CK: exploit a public-facing application, exploitation for client execution, of remote services, a server's
/// software component (web shells among them).
const EXPLOITS: &[&str] = &["T1190", "T1203", "T1210", "T1505", "T1505.003"];

/// What shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ShownBy {
    /// One line.
    Line,
    /// Several lines together.
    Series,
}

/// What an attempt came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Somebody looked whether it is there.
    Probed,
    /// Somebody tried it.
    #[default]
    Attempted,
    /// What followed speaks for success.
    LikelySucceeded,
}

/// Lines of a series that are named.
pub const LINES_MAX: usize = 100;
/// Bytes of a line that are shown.
pub const RAW_BYTES_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt() -> Attempt {
        Attempt {
            kind: ShownBy::Line,
            file: "a.log".into(),
            line: 1,
            offset: 0,
            lines: vec![],
            time: None,
            remote: Some("203.0.113.9".parse().unwrap()),
            claimed_remote: None,
            family: "jndi".into(),
            attack: vec!["T1190".into()],
            cves: vec![],
            aims: vec!["203.0.113.66".into(), "c2.example".into()],
            verdict: Verdict::Attempted,
            rule: "jndi-lookup".into(),
            reasons: vec![],
            raw: "203.0.113.9 x".into(),
            sigma: None,
        }
    }

    #[test]
    fn whom_a_request_would_call_back_is_named_and_its_sender_is_not() {
        let one = attempt();
        assert!(one.names("203.0.113.66".parse().unwrap(), []) && !one.names("203.0.113.9".parse().unwrap(), []));
        let other = "192.0.2.1".parse().unwrap();
        assert!(one.names(other, ["x.example", "C2.example"]) && !one.names(other, ["2.example"]));
    }

    #[test]
    fn guessing_and_looking_are_no_exploits() {
        let mut one = attempt();
        assert!(one.is_exploit());
        one.verdict = Verdict::Probed;
        assert!(!one.is_exploit());
        (one.verdict, one.attack) = (Verdict::LikelySucceeded, vec!["T1110".into()]);
        assert!(!one.is_exploit());
    }
}
