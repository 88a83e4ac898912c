//! Who says that a thing is bad, of which kind, and how sure are they?

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::confidence::Source;
use crate::connection::{ConnectionId, Direction};
use crate::observable::Observable;
use crate::time::Timestamp;

/// What an indicator is said to be (kebab-case in text).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    /// A command-and-control server.
    C2,
    /// A host that serves malware.
    MalwareHost,
    /// A phishing site.
    Phishing,
    /// A host seen exploiting vulnerabilities.
    Exploit,
    /// A host that scans.
    Scanner,
    /// A host that guesses passwords.
    BruteForce,
    /// A member of a botnet.
    Botnet,
    /// A mining pool.
    Mining,
    /// A Tor exit or relay.
    Tor,
    /// An open or anonymising proxy, or VPN.
    Proxy,
    /// A source of spam.
    Spam,
    /// A sinkhole run by researchers.
    Sinkhole,
    /// A network that its registry or a block list calls hijacked or criminal.
    Hijacked,
    /// Bad, the source does not say how.
    #[default]
    Malicious,
}

impl Category {
    /// Every category with its text form.
    pub const ALL: &'static [(Self, &'static str)] = &[
        (Self::C2, "c2"),
        (Self::MalwareHost, "malware-host"),
        (Self::Phishing, "phishing"),
        (Self::Exploit, "exploit"),
        (Self::Scanner, "scanner"),
        (Self::BruteForce, "brute-force"),
        (Self::Botnet, "botnet"),
        (Self::Mining, "mining"),
        (Self::Tor, "tor"),
        (Self::Proxy, "proxy"),
        (Self::Spam, "spam"),
        (Self::Sinkhole, "sinkhole"),
        (Self::Hijacked, "hijacked"),
        (Self::Malicious, "malicious"),
    ];

    /// The text form, as in configuration and JSON.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(category, _)| *category == self).map_or("malicious", |(_, name)| name)
    }

    /// Reads the text form.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(category, _)| *category)
    }
}

/// The directions of connection that an indicator speaks of (`in`, `out`, `both` in text).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum AppliesTo {
    /// A bad client: it connects to us.
    In,
    /// A bad server: we connect to it.
    Out,
    /// Either.
    #[default]
    Both,
}

impl AppliesTo {
    /// Whether a connection of this direction is meant.
    pub fn covers(self, direction: Direction) -> bool {
        match self {
            Self::Both => true,
            Self::In => direction == Direction::Inbound,
            Self::Out => direction == Direction::Outbound,
        }
    }

    /// Reads `in`, `out` or `both`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "in" | "inbound" => Some(Self::In),
            "out" | "outbound" => Some(Self::Out),
            "both" => Some(Self::Both),
            _ => None,
        }
    }

    /// The text form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
            Self::Both => "both",
        }
    }
}

/// One source's claim that an observable is bad, as read from a feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Indicator {
    /// What is called bad.
    pub observable: Observable,
    /// Of which kind.
    pub category: Category,
    /// In which direction.
    pub direction: AppliesTo,
    /// How sure the source is, 0 to 100.
    pub confidence: u8,
    /// When the source first saw it.
    pub first_seen: Option<Timestamp>,
    /// When the source last saw it.
    pub last_seen: Option<Timestamp>,
    /// Not bad before this moment.
    pub valid_from: Option<Timestamp>,
    /// Not bad from this moment on.
    pub valid_until: Option<Timestamp>,
    /// Malware family, campaign and the like.
    pub labels: Vec<String>,
    /// CVEs it is said to exploit.
    pub cves: Vec<String>,
    /// The source's own words, cut to 256 characters.
    pub note: Option<String>,
}

impl Indicator {
    /// A claim with nothing but what is always known.
    pub fn new(observable: Observable, category: Category, direction: AppliesTo, confidence: u8) -> Self {
        Self {
            observable,
            category,
            direction,
            confidence: confidence.min(100),
            first_seen: None,
            last_seen: None,
            valid_from: None,
            valid_until: None,
            labels: Vec::new(),
            cves: Vec::new(),
            note: None,
        }
    }
}

/// An indicator as met: with the feed that made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Claim {
    /// The feed's name.
    pub feed: String,
    /// What it calls bad: the observable that matched.
    pub matched: Observable,
    /// Of which kind.
    pub category: Category,
    /// In which direction.
    pub direction: AppliesTo,
    /// The port, where the claim names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How sure the source is, 0 to 100.
    pub confidence: u8,
    /// When the source first saw it.
    pub first_seen: Option<Timestamp>,
    /// When the source last saw it.
    pub last_seen: Option<Timestamp>,
    /// Not bad before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Timestamp>,
    /// Not bad from this moment on.
    pub valid_until: Option<Timestamp>,
    /// Malware family, campaign and the like.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// CVEs it is said to exploit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cves: Vec<String>,
    /// The autonomous system that the source names, where it does not name `matched` itself: an owners' table says that
    /// the network is one of its. So broad a claim never makes policy act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<u32>,
    /// What is known of who says so.
    #[serde(default, skip_serializing_if = "Source::is_plain")]
    pub source: Source,
}

impl Claim {
    /// Whether the claim holds at `at` (`valid_from` inclusive, `valid_until` exclusive).
    pub fn holds_at(&self, at: Timestamp) -> bool {
        self.valid_from.is_none_or(|from| from <= at) && self.valid_until.is_none_or(|until| at < until)
    }
}

/// A guard list that holds the address: shared or protected infrastructure.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GuardHit {
    /// The list's name.
    pub list: String,
    /// The range on it that matched.
    pub range: String,
    /// What being on it means.
    #[serde(default, skip_serializing_if = "GuardKind::is_shared")]
    pub kind: GuardKind,
}

/// Why an address is not cut off unasked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum GuardKind {
    /// Innocents share it.
    #[default]
    Shared,
    /// Researchers' servers in the place of bad ones: who calls one is infected, and cutting it off helps nobody.
    Sinkhole,
}

impl GuardKind {
    /// Whether innocents share it.
    pub fn is_shared(&self) -> bool {
        *self == Self::Shared
    }
}

/// A connection met an indicator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sighting {
    /// Which connection.
    pub connection: ConnectionId,
    /// Every claim about the peer, expired ones too; sorted by feed, then observable.
    pub claims: Arc<[Claim]>,
    /// Guard lists that hold the peer.
    #[serde(default)]
    pub guard: Vec<GuardHit>,
}
