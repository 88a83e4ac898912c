//! Which alerts and blocks does a person or policy not want, how far, and until when?

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::connection::Direction;
use crate::observable::Observable;
use crate::time::Timestamp;

/// A scoped, expiring suppression. Every field that is set must match; at least the target or the
/// application is set. Suppressing an alert never drops the fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// Its id.
    pub id: String,
    /// The peer it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Observable>,
    /// The application it speaks of: its key (`unit:nginx.service`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// The direction it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// The rule it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Why.
    pub reason: String,
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
    /// The application's key; `None` when a whole host is meant.
    pub application: Option<&'a str>,
    /// The direction; `None` when both.
    pub direction: Option<Direction>,
    /// The rule; `None` when none is concerned (a block by hand).
    pub rule: Option<&'a str>,
    /// The moment.
    pub at: Timestamp,
}

impl Exception {
    /// Whether this exception covers the subject at its moment. The one function that both
    /// suppression and the guard read.
    pub fn covers(&self, subject: &Subject<'_>) -> bool {
        self.holds_at(subject.at)
            && (self.target.is_some() || self.application.is_some())
            && self.target.as_ref().is_none_or(|target| target_covers(target, subject))
            && self.application.as_deref().is_none_or(|own| subject.application == Some(own))
            && self.direction.is_none_or(|own| subject.direction == Some(own))
            && self.rule.as_deref().is_none_or(|own| subject.rule == Some(own))
    }

    /// Whether it is in force at `at` (`created` inclusive, `expires` exclusive).
    pub fn holds_at(&self, at: Timestamp) -> bool {
        self.created <= at && at < self.expires
    }
}

fn target_covers(target: &Observable, subject: &Subject<'_>) -> bool {
    match target {
        Observable::Domain(name) => subject
            .name
            .is_some_and(|own| own == name || own.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.'))),
        other => other.matches(subject.address, subject.port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exception(target: &str) -> Exception {
        Exception {
            id: "e1".into(),
            target: Some(target.parse().unwrap()),
            application: None,
            direction: None,
            rule: None,
            reason: "partner".into(),
            owner: "ada".into(),
            created: Timestamp(10),
            expires: Timestamp(20),
        }
    }

    fn subject(address: &str, at: i64) -> Subject<'static> {
        Subject {
            address: address.parse().unwrap(),
            port: 443,
            name: Some("cdn.partner.example"),
            application: Some("unit:app.service"),
            direction: Some(Direction::Outbound),
            rule: None,
            at: Timestamp(at),
        }
    }

    #[test]
    fn covers_only_its_target_and_its_time() {
        assert!(exception("203.0.113.0/24").covers(&subject("203.0.113.9", 10)));
        assert!(exception("203.0.113.9:443").covers(&subject("203.0.113.9", 19)));
        assert!(exception("partner.example").covers(&subject("203.0.113.9", 15)));
        assert!(!exception("203.0.113.9:80").covers(&subject("203.0.113.9", 15)));
        assert!(!exception("203.0.113.9").covers(&subject("203.0.113.9", 20)));
        assert!(!exception("artner.example").covers(&subject("203.0.113.9", 15)));
    }

    #[test]
    fn an_exception_for_one_application_does_not_cover_the_host() {
        let mut narrow = exception("203.0.113.9");
        narrow.application = Some("unit:app.service".into());
        let mut host = subject("203.0.113.9", 15);
        assert!(narrow.covers(&host));
        host.application = None;
        assert!(!narrow.covers(&host));
    }
}
