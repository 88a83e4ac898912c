//! Which automatic blocks does the administrator want, for whom, and how far are they rolled out?

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;
use tripoint_model::Direction;
use tripoint_model::address::canonical;

use super::approval::Approval;
use super::section::Response;
use super::value::{list, span};

/// Entries that one configuration may hold.
const ENTRIES_MAX: usize = 64;

/// One `[[response.policy]]`. What it leaves out is as in `[response]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Its name in alerts and logs.
    pub name: String,
    /// Rules whose alerts it concerns; none: those of `response.rules`.
    #[serde(default, deserialize_with = "list")]
    pub rules: Vec<String>,
    /// The direction it concerns; none: both.
    #[serde(default)]
    pub direction: Option<Direction>,
    /// Keys of the applications it concerns, with `*` and `?`; none: all.
    #[serde(default, deserialize_with = "list")]
    pub applications: Vec<String>,
    /// Least confidence, 0 to 100; none: `response.min_confidence`.
    #[serde(default)]
    pub min_confidence: Option<u8>,
    /// How far it is rolled out.
    #[serde(default)]
    pub rollout: Rollout,
    /// How long its blocks hold; none: `response.block_for`.
    #[serde(default, deserialize_with = "some_span")]
    pub block_for: Option<Duration>,
    /// How far its blocks reach.
    #[serde(default)]
    pub scope: Reach,
    /// Where the peer cannot be refused to the application alone, refuse it to the whole host.
    #[serde(default)]
    pub widen: bool,
}

/// How far a block of policy reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Nobody on this host reaches the peer.
    #[default]
    Host,
    /// The alert's application alone does not.
    Application,
}

/// For which targets a policy acts; for the others it says what it would have done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Rollout {
    /// For none.
    Observe,
    /// For so many of a hundred, always the same ones; more keep those that fewer had.
    Percent(u8),
    /// For all.
    #[default]
    All,
}

impl Rollout {
    /// Whether policy acts on this address.
    pub fn acts_on(self, peer: IpAddr) -> bool {
        match self {
            Self::Observe => false,
            Self::Percent(percent) => share(peer) < percent,
            Self::All => true,
        }
    }
}

impl fmt::Display for Rollout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Observe => f.write_str("observe"),
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::All => f.write_str("all"),
        }
    }
}

impl TryFrom<String> for Rollout {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let percent = text.strip_suffix('%').and_then(|digits| digits.parse().ok()).filter(|percent| *percent <= 100);
        match (text.as_str(), percent) {
            ("observe", _) => Ok(Self::Observe),
            ("all", _) => Ok(Self::All),
            (_, Some(percent)) => Ok(Self::Percent(percent)),
            _ => Err(format!("{text:?} is no rollout; write \"observe\", \"25%\" or \"all\"")),
        }
    }
}

/// Where the address stands among a hundred: FNV-1a over its bytes, with the last steps of MurmurHash3 because
/// neighbours differ in their last byte alone. The same on every host and in every version.
fn share(peer: IpAddr) -> u8 {
    let fnv = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let mut hash = match canonical(peer) {
        IpAddr::V4(address) => address.octets().iter().fold(0xcbf2_9ce4_8422_2325, fnv),
        IpAddr::V6(address) => address.octets().iter().fold(0xcbf2_9ce4_8422_2325, fnv),
    };
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    u8::try_from((hash ^ (hash >> 33)) % 100).unwrap_or(0)
}

/// What an alert shows to policy.
pub struct Matter<'a> {
    /// The rule that raised it.
    pub rule: &'a str,
    /// Which way.
    pub direction: Direction,
    /// Key of the application.
    pub application: &'a str,
    /// How sure the claims are together.
    pub confidence: u8,
}

impl Policy {
    fn concerns(&self, matter: &Matter<'_>) -> bool {
        self.rules.iter().any(|rule| rule == matter.rule)
            && self.direction.is_none_or(|direction| direction == matter.direction)
            && (self.applications.is_empty() || self.applications.iter().any(|glob| matches(glob, matter.application)))
    }
}

impl Response {
    /// The entry that decides about this: of those that concern it, the first that is content with the confidence.
    /// What no entry concerns is decided by the keys of `[response]` themselves.
    pub fn policy_for(&self, matter: &Matter<'_>) -> Option<Policy> {
        let mut concerned: Vec<Policy> = self.entries();
        concerned.retain(|policy| policy.concerns(matter));
        if concerned.is_empty() {
            concerned.extend(Some(self.plain()).filter(|policy| policy.concerns(matter)));
        }
        let content = |policy: &Policy| policy.min_confidence.is_some_and(|least| matter.confidence >= least);
        concerned.into_iter().find(content)
    }

    /// Whether any entry, or the keys of `[response]` themselves, speak of this, content with the confidence or not.
    pub fn is_concerned(&self, matter: &Matter<'_>) -> bool {
        self.entries().iter().chain([&self.plain()]).any(|policy| policy.concerns(matter))
    }

    /// The keys of `[response]` as an entry.
    fn plain(&self) -> Policy {
        Policy {
            name: "response".into(),
            rules: self.rules.clone(),
            direction: None,
            applications: Vec::new(),
            min_confidence: Some(self.min_confidence),
            rollout: Rollout::All,
            block_for: Some(self.block_for),
            scope: Reach::Host,
            widen: false,
        }
    }

    /// The entries, with what they leave out.
    fn entries(&self) -> Vec<Policy> {
        let plain = self.plain();
        let whole = |policy: &Policy| Policy {
            rules: if policy.rules.is_empty() { plain.rules.clone() } else { policy.rules.clone() },
            min_confidence: policy.min_confidence.or(plain.min_confidence),
            block_for: policy.block_for.or(plain.block_for),
            ..policy.clone()
        };
        self.policy.iter().map(whole).collect()
    }

    /// Whether vulnerable applications are refused the surest peers ahead. Entries tell applications, directions and
    /// shares apart, which the kernel's one list does not: with them nothing is refused ahead, nor where a probe is to
    /// judge each block, or a person.
    pub fn refuses_ahead(&self) -> bool {
        let judged = self.probe.is_some() || self.approval.contains(&Approval::Policy);
        self.mode == super::Mode::Enforce && self.preempt && self.policy.is_empty() && !judged
    }

    /// What the types of `[response]` alone do not say.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.policy.len() > ENTRIES_MAX {
            return Err(format!("{} policies; the most are {ENTRIES_MAX}", self.policy.len()));
        }
        let mut names = BTreeSet::new();
        for policy in &self.policy {
            if policy.name.trim().is_empty() || !names.insert(&policy.name) {
                return Err(format!("each policy has a name of its own, {:?} has not", policy.name));
            }
        }
        std::iter::once(&self.plain()).chain(&self.entries()).try_for_each(sound)
    }
}

fn sound(policy: &Policy) -> Result<(), String> {
    let of = |reason: String| if policy.name == "response" { reason } else { format!("{}: {reason}", policy.name) };
    let unknown = |rule: &&String| tripoint_correlator::rule::RULES.iter().all(|known| known.name() != **rule);
    if policy.min_confidence.is_some_and(|least| least > 100) {
        return Err(of("is a percentage, 0 to 100".into()));
    }
    if let Some(rule) = policy.rules.iter().find(unknown) {
        let known: Vec<&str> = tripoint_correlator::rule::RULES.iter().map(|rule| rule.name()).collect();
        return Err(of(format!("there is no rule {rule:?}; known: {}", known.join(", "))));
    }
    if policy.block_for.is_some_and(|span| span > super::BLOCK_MAX) {
        return Err(of("is longer than 30 days".into()));
    }
    if policy.widen && policy.scope == Reach::Host {
        return Err(of("widen is for scope = \"application\"; a host is the widest".into()));
    }
    Ok(())
}

/// Whether the glob (`*` any run, `?` one character) is the whole text. In time of the product of both lengths.
fn matches(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
    let (mut g, mut t) = (0, 0);
    // The last star, and how much of the text it was let swallow.
    let mut star: Option<(usize, usize)> = None;
    while let Some(letter) = text.get(t) {
        match (glob.get(g), star) {
            (Some('*'), _) => {
                star = Some((g, t));
                g += 1;
            }
            (Some(own), _) if *own == '?' || own == letter => (g, t) = (g + 1, t + 1),
            (_, Some((at, swallowed))) => {
                star = Some((at, swallowed + 1));
                (g, t) = (at + 1, swallowed + 1);
            }
            _ => return false,
        }
    }
    glob.iter().skip(g).all(|letter| *letter == '*')
}

fn some_span<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    span(deserializer).map(Some)
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
