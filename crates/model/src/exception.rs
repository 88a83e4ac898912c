//! Which alerts and blocks does a person or policy not want, how far, and until when?

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::connection::{Connection, Direction};
use crate::finding::Finding;
use crate::glob;
use crate::indicator::Claim;
use crate::observable::Observable;
use crate::time::Timestamp;

/// A scoped, expiring suppression. Every field that is set must match; at least one of target, application and
/// indicator is set. Suppressing an alert never drops the fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Exception {
    /// Its id.
    pub id: String,
    /// The peer it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Observable>,
    /// What the target, an autonomous system, meant when the exception was made; at most `NETWORKS_MAX`, sorted,
    /// without overlap. Empty for every other target.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::networks"))]
    pub networks: Vec<IpNet>,
    /// The application it speaks of: its key (`unit:nginx.service`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// The hosts it speaks of: a pattern of their names (`glob::fits`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosts: Option<String>,
    /// The direction it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// The rule it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The indicator it speaks of: what the alert was raised for, exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indicator: Option<Observable>,
    /// Vulnerabilities that are accepted: it covers only what is vulnerable to nothing else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cves: Vec<String>,
    /// Why.
    pub reason: String,
    /// Where that is written down: a ticket's number or address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Who answers for it.
    pub owner: String,
    /// From when.
    pub created: Timestamp,
    /// Until when. There is no exception without an end.
    pub expires: Timestamp,
}

/// What an exception is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The peer's address, canonical.
    pub address: IpAddr,
    /// The peer's port; 0 when any.
    pub port: u16,
    /// The name the peer was reached by.
    pub name: Option<&'a str>,
    /// The host's name; `None` when it is not known, and then no exception for certain hosts covers it.
    pub host: Option<&'a str>,
    /// The application's key; `None` when a whole host is meant.
    pub application: Option<&'a str>,
    /// The direction; `None` when both.
    pub direction: Option<Direction>,
    /// The rule; `None` when none is concerned (a block by hand).
    pub rule: Option<&'a str>,
    /// What the alert was raised for; `None` when none is concerned.
    pub indicator: Option<&'a Observable>,
    /// All that the application is vulnerable to; `None` when not all of it is known.
    pub findings: Option<&'a [Finding]>,
    /// The moment.
    pub at: Timestamp,
}

impl Exception {
    /// Whether this exception covers the subject at its moment. The one function that both
    /// suppression and the guard read.
    pub fn covers(&self, subject: &Subject<'_>) -> bool {
        self.holds_at(subject.at)
            && self.is_about_something()
            && self.target.as_ref().is_none_or(|target| self.target_covers(target, subject))
            && self.application.as_deref().is_none_or(|own| subject.application == Some(own))
            && self.hosts.as_deref().is_none_or(|own| subject.host.is_some_and(|host| glob::fits(own, host)))
            && self.direction.is_none_or(|own| subject.direction == Some(own))
            && self.rule.as_deref().is_none_or(|own| subject.rule == Some(own))
            && self.indicator.as_ref().is_none_or(|own| subject.indicator == Some(own))
            && (self.cves.is_empty() || subject.findings.is_some_and(|findings| self.accepts(findings)))
    }

    /// Whether it says what it is about: one without that would cover everything.
    pub fn is_about_something(&self) -> bool {
        self.target.is_some() || self.application.is_some() || self.indicator.is_some()
    }

    /// Whether it holds on this host.
    pub fn is_for_host(&self, host: &str) -> bool {
        self.hosts.as_deref().is_none_or(|own| glob::fits(own, host))
    }

    /// Whether it holds for certain alerts of a peer only, and not for the peer as such.
    pub fn is_about_alerts(&self) -> bool {
        self.rule.is_some() || self.indicator.is_some() || !self.cves.is_empty()
    }

    /// Whether something is vulnerable, and nothing to what is not accepted.
    fn accepts(&self, findings: &[Finding]) -> bool {
        let mut vulnerable = findings.iter().filter(|finding| finding.state.is_vulnerable()).peekable();
        // Nothing vulnerable is nothing accepted: then the peer alone is what the alert is about.
        vulnerable.peek().is_some() && vulnerable.all(|finding| self.names(finding))
    }

    /// Whether this vulnerability is one of those that are accepted.
    pub fn names(&self, finding: &Finding) -> bool {
        let accepted = |id: &String| self.cves.iter().any(|own| own.eq_ignore_ascii_case(id));
        accepted(&finding.id) || finding.cves.iter().any(accepted)
    }

    fn target_covers(&self, target: &Observable, subject: &Subject<'_>) -> bool {
        match target {
            Observable::Domain(name) => subject.name.is_some_and(|own| is_under(own, name)),
            Observable::System(_) => holds(&self.networks, subject.address),
            other => other.matches(subject.address, subject.port),
        }
    }

    /// Whether it is in force at `at` (`created` inclusive, `expires` exclusive).
    pub fn holds_at(&self, at: Timestamp) -> bool {
        self.created <= at && at < self.expires
    }
}

/// Whether a name is `parent` or lies beneath it; both without the final dot, lower case.
pub fn is_under(name: &str, parent: &str) -> bool {
    name == parent || name.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.'))
}

/// Whether one of these networks, sorted and without overlap, holds the address.
fn holds(networks: &[IpNet], address: IpAddr) -> bool {
    let after = networks.partition_point(|net| net.network() <= address);
    after.checked_sub(1).and_then(|last| networks.get(last)).is_some_and(|net| net.contains(&address))
}

/// The name of a connection's peer that an exception may rest on: the one that was asked for. Anybody can give any
/// name in a handshake: that one speaks only against what is said of it, not of the address.
pub fn name_to_except<'a>(connection: &'a Connection, claims: &[Claim]) -> Option<&'a str> {
    let given = connection.named.as_ref().map(|named| named.name.as_str());
    let is_about = |name: &&str| claims.iter().all(|c| matches!(&c.matched, Observable::Domain(d) if d == name));
    given.filter(is_about).or(connection.remote_name.as_deref())
}

/// Networks that one autonomous system may mean in an exception: it goes to every agent and is kept there.
pub const NETWORKS_MAX: usize = 4096;

#[cfg(test)]
mod tests;
