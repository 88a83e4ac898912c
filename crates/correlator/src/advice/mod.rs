//! What can be done beside blocking so that an alert's case does not come again, as commands to copy?
//!
//! Names in an alert come from attackers. Into a command goes only what is typed (addresses, ports, ids of rules) or
//! plain (`is_plain`); where a name is neither, there is no command and the reason is said.

mod egress;
mod listener;
mod nft;
mod package;
mod suricata;
mod systemd;
mod zeek;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::Serialize;
use tripoint_model::address::canonical;
use tripoint_model::{Alert, ApplicationKind, Category, Direction, Restart};

/// One piece of advice. Nothing of it is carried out by us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// Its kind's name.
    pub kind: &'static str,
    /// What it does, in one sentence.
    pub what: String,
    /// Shell commands for root, in order.
    pub commands: Vec<String>,
    /// What takes it back.
    pub undo: Vec<String>,
    /// What it does not do, and what is not known.
    pub notes: Vec<String>,
}

/// What is known beside the alert.
#[derive(Clone, Debug, Default)]
pub struct Around {
    /// Who else on the alert's host runs a package, by its purl; `Err` says why that is not known.
    pub runs: Option<Result<BTreeMap<String, BTreeSet<Restart>>, String>>,
}

/// A kind of advice.
pub trait Kind: Sync {
    /// Its name.
    fn name(&self) -> &'static str;
    /// The advice, or why there is none.
    fn advise(&self, alert: &Alert, around: &Around) -> Result<Advice, String>;
}

/// Every kind, in the order in which a person would act.
pub const KINDS: &[&dyn Kind] = &[
    &package::Package,
    &systemd::Systemd,
    &egress::Egress,
    &listener::Listener,
    &nft::Nft,
    &suricata::Suricata,
    &zeek::Zeek,
];

/// The alert's peers, canonical, each once; at most `PEERS_MAX`.
fn peers(alert: &Alert) -> Result<Vec<IpAddr>, String> {
    let peers: BTreeSet<IpAddr> = alert.connections.iter().map(|c| canonical(c.remote.ip())).collect();
    if peers.is_empty() {
        return Err("the alert carries no connection".to_owned());
    }
    Ok(peers.into_iter().take(PEERS_MAX).collect())
}

fn joined(peers: &[IpAddr], between: &str) -> String {
    peers.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}

/// The system service that the alert is about.
fn unit(alert: &Alert) -> Result<&str, String> {
    let id = alert.application.id.as_str();
    match alert.application.kind {
        ApplicationKind::Container => return Err("the application is a container: its runtime owns its network".into()),
        ApplicationKind::Executable => return Err("the application is not a service of systemd".into()),
        ApplicationKind::Unit => {}
    }
    if alert.process.as_ref().is_some_and(|process| process.cgroup.contains("/user@")) {
        return Err("it is a service of a user's own systemd, which may not filter addresses".to_owned());
    }
    if !id.ends_with(".service") || !is_plain(id) {
        return Err("its name does not go into a command unquoted".to_owned());
    }
    Ok(id)
}

/// Only what needs no quoting anywhere: not in a shell, a path, a unit file or a rule.
fn is_plain(text: &str) -> bool {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b".-_@:".contains(&byte);
    (1..=200).contains(&text.len()) && text.bytes().all(safe) && !text.starts_with(['-', '.']) && !text.contains("..")
}

/// The alert's id where it is one of ours; a server that was taken over may give any text.
fn id(alert: &Alert) -> Result<&str, String> {
    let id = alert.id.0.as_str();
    let is_ours = (1..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_ours { Ok(id) } else { Err("the alert's id is none of ours".to_owned()) }
}

/// What the surest claim calls the peer.
fn category(alert: &Alert) -> Category {
    let surest = alert.claims.iter().max_by_key(|claim| (claim.confidence, std::cmp::Reverse(claim.category)));
    surest.map_or(Category::Malicious, |claim| claim.category)
}

fn verb(direction: Direction) -> &'static str {
    match direction {
        Direction::Outbound => "to",
        Direction::Inbound => "from",
    }
}

/// A command that writes these lines to a file. No line holds a quote.
fn write_file(path: &str, lines: &[String]) -> String {
    let quoted: Vec<String> = lines.iter().map(|line| format!("'{line}'")).collect();
    format!("printf '%s\\n' {} > {path}", quoted.join(" "))
}

/// Peers named in one piece of advice.
const PEERS_MAX: usize = 8;

#[cfg(test)]
mod tests;
