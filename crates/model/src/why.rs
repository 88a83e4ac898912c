//! Why was a process connected to this peer at all?

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// What was found out, and what it comes to. Texts in it are redacted, and foreign all the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Why {
    /// The most likely cause.
    pub cause: Cause,
    /// How sure that is, 0 to 100; 0 where the cause is unknown.
    pub confidence: u8,
    /// What speaks for it, the weightiest first; for an unknown cause, what was looked for in vain.
    pub reasons: Vec<String>,
    /// The names under which the peer was reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<WhyName>,
    /// Where configuration names the peer, at most `MENTIONS_MAX`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<Mention>,
    /// Mentions beyond those kept.
    #[serde(default)]
    pub mentions_left_out: u64,
    /// Who started it: the process itself, its parent, and so on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub started_by: Vec<Starter>,
    /// What let the peer in; of inbound connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure: Option<Exposure>,
    /// The smallest changes after which it would not come again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// What was not looked at or not found, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// Mentions that are kept.
pub const MENTIONS_MAX: usize = 40;

/// Classes of causes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Its configuration, or the program itself, names the peer.
    ConfiguredDependency,
    /// A package manager or an updater at work.
    PackageManager,
    /// A person at a shell, or what that person started.
    UserAction,
    /// It asked for a name that no configuration holds: a page, a message, a peer told it.
    NameDriven,
    /// cron, at, a timer, a job of continuous integration.
    ScheduledJob,
    /// Somebody's request made a server do it: an exploit calls back.
    InboundReaction,
    /// Nothing explains it, and the program hides.
    Implant,
    /// A service listens where the peer can reach it; of inbound connections.
    ExposedService,
    /// It is not known.
    #[default]
    Unknown,
}

impl Cause {
    /// Every class.
    pub const ALL: [Self; 9] = [
        Self::ConfiguredDependency,
        Self::PackageManager,
        Self::UserAction,
        Self::NameDriven,
        Self::ScheduledJob,
        Self::InboundReaction,
        Self::Implant,
        Self::ExposedService,
        Self::Unknown,
    ];

    /// In words.
    pub fn as_words(self) -> &'static str {
        match self {
            Self::ConfiguredDependency => "a configured dependency",
            Self::PackageManager => "a package manager or updater",
            Self::UserAction => "a person's action",
            Self::NameDriven => "a name that it was given and asked for",
            Self::ScheduledJob => "a scheduled job",
            Self::InboundReaction => "a reaction to an inbound request (an exploit calls back)",
            Self::Implant => "an implant",
            Self::ExposedService => "a service that the peer can reach",
            Self::Unknown => "unknown",
        }
    }
}

/// A name of the peer, and how it is known to be one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WhyName {
    /// Lower case, without the final dot.
    pub name: String,
    /// How it is known.
    pub how: NameSource,
    /// Who asked for it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asker: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The names between this one and the address, and the addresses of the answer, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<String>,
}

/// How a name is known to be the peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum NameSource {
    /// A DNS answer on this host.
    Dns,
    /// The server name of the TLS handshake.
    Sni,
    /// The host of the HTTP request.
    HttpHost,
    /// The hosts file that the process sees.
    HostsFile,
}

impl NameSource {
    /// In words, after a name.
    pub fn as_words(self) -> &'static str {
        match self {
            Self::Dns => "asked for by DNS",
            Self::Sni => "named in the TLS handshake",
            Self::HttpHost => "named in the HTTP request",
            Self::HostsFile => "given by the hosts file",
        }
    }
}

/// A place that names the peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Mention {
    /// Which kind of place: `unit`, `environment`, `cron`.
    pub place: String,
    /// The file as the process sees it; of an environment or command line, where the kernel keeps it.
    pub file: String,
    /// From 1; of an environment the variable's number, of a command line the word's; 0 in a file without lines.
    pub line: u64,
    /// What was found of what was searched for: a name or an address.
    pub matched: String,
    /// In which writing: `plain`, `base64`, `hex`.
    pub written: String,
    /// The line, redacted and cut.
    pub text: String,
    /// Whether it can be a cause: no comment, and no rule that refuses the peer.
    pub counts: bool,
}

/// A process of the ancestry and what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Starter {
    /// Its id.
    pub pid: u32,
    /// Its executable or command name.
    pub exe: String,
    /// Its command line, redacted and cut.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub command: String,
    /// What its kind does: `shell`, `server`, `scheduler`; nothing where no table knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// What let a peer in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Exposure {
    /// The address and port that listen; nothing where the listener is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener: Option<String>,
    /// What kind of address that is: `every address`, `loopback`, `private`, `public`.
    pub scope: String,
    /// The rules, or policies of chains, that let this connection in, chain by chain, by the rules as they stand now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub admitted_by: Vec<String>,
    /// Rules of packet filters that speak of the port, as they stand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// Whether the internet can reach it; nothing where it cannot be told from this host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_internet: Option<bool>,
    /// Why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// A change that a person can make. Nothing of it is carried out by us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ProgramChange"))]
pub struct Change {
    /// What it does, in one sentence.
    pub what: String,
    /// Shell commands for root, in order; none where a person must edit by hand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_a_word_of_its_own_and_comes_back_from_json() {
        let mut words: Vec<&str> = Cause::ALL.iter().map(|cause| cause.as_words()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Cause::ALL.len());
        for cause in Cause::ALL {
            let json = serde_json::to_string(&cause).unwrap();
            assert_eq!(serde_json::from_str::<Cause>(&json).unwrap(), cause);
        }
        assert_eq!(Why::default().cause, Cause::Unknown);
    }
}
