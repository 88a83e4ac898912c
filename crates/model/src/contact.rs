//! Who was in contact with whom within an hour, how often, and how much was said?

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::action::Scope;
use crate::application::Application;
use crate::connection::{Direction, Protocol};
use crate::target::Target;
use crate::time::Timestamp;

/// The connections of one application with one peer in one hour, counted: same port, protocol and direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Contact {
    /// The hour's beginning.
    pub hour: Timestamp,
    /// Whose connections; `None` is said, never guessed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<Application>,
    /// Who began them.
    pub direction: Direction,
    /// Transport.
    pub protocol: Protocol,
    /// The peer, canonical.
    pub peer: IpAddr,
    /// The service: the peer's port where we called, ours where we were called.
    pub port: u16,
    /// A name that was asked for to get the peer's address, the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Connections that were first seen in this hour.
    pub count: u64,
    /// Connections that were seen in an earlier hour and went on in this one.
    #[serde(default)]
    pub carried: u64,
    /// Payload bytes received by those that ended in this hour.
    pub bytes_in: u64,
    /// Payload bytes sent by those.
    pub bytes_out: u64,
    /// The first sign of one in this hour.
    pub first_seen: Timestamp,
    /// The last sign of one in this hour.
    pub last_seen: Timestamp,
}

impl Contact {
    /// The beginning of the hour that holds the moment.
    pub fn hour_of(at: Timestamp) -> Timestamp {
        Timestamp(at.0.div_euclid(HOUR_US).saturating_mul(HOUR_US))
    }

    /// The application's key.
    pub fn application_key(&self) -> Option<String> {
        self.application.as_ref().map(Application::key)
    }

    /// The peer's port, as a target may name it; 0 where the peer called us from a port that means nothing.
    pub fn peer_port(&self) -> u16 {
        match self.direction {
            Direction::Outbound => self.port,
            Direction::Inbound => 0,
        }
    }

    /// Whether a block of the target with this scope refuses these connections.
    pub fn is_meant(&self, target: &Target, scope: &Scope) -> bool {
        let reached = match scope {
            Scope::Host => true,
            Scope::Application(key) => self.application_key().as_ref() == Some(key),
            // Which connection it was is not kept.
            Scope::Connection(_) => false,
        };
        reached && target.matches(self.peer, self.peer_port())
    }

    /// Whether a sign of it falls into the time from `from` on and before `until`.
    pub fn is_within(&self, from: Timestamp, until: Timestamp) -> bool {
        self.last_seen >= from && self.first_seen < until
    }
}

/// How many connections these hours hold together: one that went on for hours counts once.
pub fn connections<'a>(contacts: impl IntoIterator<Item = &'a Contact>) -> u64 {
    let mut talks: BTreeMap<_, (Timestamp, u64, u64)> = BTreeMap::new();
    for contact in contacts {
        let key = (&contact.application, contact.direction, contact.protocol, contact.peer, contact.port);
        let talk = talks.entry(key).or_insert((contact.hour, contact.carried, 0));
        // What the earliest hour carried began before all that is looked at.
        if contact.hour < talk.0 {
            (talk.0, talk.1) = (contact.hour, contact.carried);
        }
        talk.2 = talk.2.saturating_add(contact.count);
    }
    talks.values().fold(0, |sum, (_, carried, count)| sum.saturating_add(*carried).saturating_add(*count))
}

/// How long a contact gathers before another begins.
pub const HOUR: Duration = Duration::from_secs(3600);
const HOUR_US: i64 = 3_600_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::ApplicationKind;

    fn contact(hour: i64, peer: &str, direction: Direction) -> Contact {
        let application = Application { kind: ApplicationKind::Unit, id: "shop.service".into(), name: "shop".into() };
        Contact {
            hour: Timestamp(hour * HOUR_US),
            application: Some(application),
            direction,
            protocol: Protocol::Tcp,
            peer: peer.parse().unwrap(),
            port: 443,
            name: None,
            count: 3,
            carried: 0,
            bytes_in: 0,
            bytes_out: 0,
            first_seen: Timestamp(hour * HOUR_US + 5),
            last_seen: Timestamp(hour * HOUR_US + 9),
        }
    }

    #[test]
    fn an_hour_begins_before_all_of_its_moments() {
        assert_eq!(Contact::hour_of(Timestamp(HOUR_US + 1)), Timestamp(HOUR_US));
        assert_eq!(Contact::hour_of(Timestamp(HOUR_US)), Timestamp(HOUR_US));
        assert_eq!(Contact::hour_of(Timestamp(-1)), Timestamp(-HOUR_US));
    }

    #[test]
    fn a_block_means_whom_it_would_refuse() {
        let out = contact(1, "203.0.113.66", Direction::Outbound);
        let inbound = contact(1, "203.0.113.66", Direction::Inbound);
        for (target, scope, means_out, means_in) in [
            ("203.0.113.66", Scope::Host, true, true),
            ("203.0.113.0/24", Scope::Host, true, true),
            ("203.0.113.67", Scope::Host, false, false),
            // Our own port is not the peer's.
            ("203.0.113.66:443", Scope::Host, true, false),
            ("203.0.113.66:80", Scope::Host, false, false),
            ("203.0.113.66", Scope::Application("unit:shop.service".into()), true, true),
            ("203.0.113.66", Scope::Application("unit:other.service".into()), false, false),
            ("host", Scope::Host, false, false),
        ] {
            let target: Target = target.parse().unwrap();
            assert_eq!(
                (out.is_meant(&target, &scope), inbound.is_meant(&target, &scope)),
                (means_out, means_in),
                "{target}"
            );
        }
    }

    #[test]
    fn what_goes_on_for_hours_counts_once() {
        let carried =
            |hour, count, carried| Contact { count, carried, ..contact(hour, "203.0.113.66", Direction::Outbound) };
        // Two began in the first hour, one of them goes on through three; in the last one more begins.
        let hours = [carried(3, 1, 1), carried(1, 2, 0), carried(2, 0, 1)];
        assert_eq!(connections(&hours), 3);
        // Seen from the second hour on there are two.
        assert_eq!(connections([&hours[0], &hours[2]]), 2);
        assert_eq!(connections([&hours[0], &contact(1, "203.0.113.67", Direction::Outbound)]), 5);
    }
}
