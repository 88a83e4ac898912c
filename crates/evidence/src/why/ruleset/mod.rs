//! What do the rules of the packet filter do with one packet: which rule lets it pass?
//!
//! `nft -j list ruleset` is walked as the kernel walks it: chains by priority, jumps, sets, maps. What cannot be known
//! here (marks, rates, extensions of iptables) makes a rule uncertain, and that is said; nothing is guessed.

mod value;
mod walk;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;
use serde_json::Value as Json;
use tripoint_model::Protocol;

pub(super) use walk::{Outcome, ask};

/// The first packet of a connection, as the filter of the host sees it.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    /// Who sends it; nothing stands for anybody with a public address that no rule speaks of.
    pub source: Option<SocketAddr>,
    /// To whom.
    pub target: SocketAddr,
    /// The transport.
    pub protocol: Protocol,
    /// By which interface it comes, where that can only be one.
    pub interface: Option<String>,
    /// Whether it was let pass: then a rule that is not certain to match did not drop it.
    pub is_accepted: bool,
}

impl Packet {
    fn is_four(&self) -> bool {
        matches!(tripoint_model::address::canonical(self.target.ip()), IpAddr::V4(_))
    }

    fn transport(&self) -> &'static str {
        match self.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        }
    }
}

/// What of the listing is asked for.
#[derive(Deserialize)]
struct Listing {
    nftables: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    chain: Option<Chain>,
    rule: Option<Rule>,
    set: Option<Set>,
    map: Option<Set>,
}

#[derive(Deserialize)]
struct Chain {
    family: String,
    table: String,
    name: String,
    hook: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    prio: Option<i64>,
    policy: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Rule {
    family: String,
    table: String,
    chain: String,
    handle: Option<u64>,
    /// As it stands: its statements are of many kinds.
    #[serde(default)]
    expr: Vec<Json>,
    comment: Option<String>,
}

#[derive(Deserialize)]
struct Set {
    family: String,
    table: String,
    name: String,
    #[serde(default)]
    elem: Vec<Json>,
}

/// Family, table and name.
type Place = (String, String, String);

/// The whole ruleset, by place.
pub(super) struct Ruleset {
    chains: Vec<Chain>,
    rules: BTreeMap<Place, Vec<Rule>>,
    sets: BTreeMap<Place, Vec<Json>>,
}

impl Ruleset {
    /// Reads what `nft -j list ruleset` prints.
    pub fn read(text: &str) -> Result<Self, String> {
        let listing = serde_json::from_str::<Listing>(text).map_err(|error| format!("nft's answer: {error}"))?;
        let mut found = Self { chains: Vec::new(), rules: BTreeMap::new(), sets: BTreeMap::new() };
        for item in listing.nftables {
            if let Some(rule) = item.rule {
                let place = (rule.family.clone(), rule.table.clone(), rule.chain.clone());
                found.rules.entry(place).or_default().push(rule);
            }
            for set in [item.set, item.map].into_iter().flatten() {
                found.sets.insert((set.family, set.table, set.name), set.elem);
            }
            found.chains.extend(item.chain);
        }
        found.chains.sort_by_key(|chain| chain.prio.unwrap_or(0));
        Ok(found)
    }

    /// Every rule, in the order of the listing.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.values().flatten()
    }
}

impl Rule {
    /// Where it stands and what it says of itself.
    pub fn place(&self) -> String {
        let handle = self.handle.map(|handle| format!(" handle {handle}")).unwrap_or_default();
        let comment = self.comment.as_ref().map(|comment| format!(" ({comment})")).unwrap_or_default();
        format!("{} {} {}{handle}{comment}", self.family, self.table, self.chain)
    }

    /// Its statements.
    pub fn statements(&self) -> &[Json] {
        &self.expr
    }
}

#[cfg(test)]
mod tests;
