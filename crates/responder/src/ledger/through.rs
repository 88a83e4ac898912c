//! Which addresses are blocked because a blocked name led to them?

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use tripoint_model::{Observable, Scope, Target, Terms, Timestamp, Via};

use super::{Entry, Ledger, LedgerError};

/// Most addresses that one name blocks at once: more than large services answer with in an hour, and few enough that
/// whoever owns the name cannot fill the tables.
pub const ADDRESSES_MAX: usize = 128;

/// An address that a blocked name led to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// The address, canonical.
    pub address: IpAddr,
    /// Whoever got the answer may use it at least until then.
    pub needed_until: Timestamp,
}

impl Entry {
    /// Whether it is about a name: then the kernel holds the addresses that the name led to.
    pub fn is_name(&self) -> bool {
        self.target.name().is_some()
    }

    /// One entry for each address that the name led to, under the terms of the name.
    pub fn through(&self) -> impl Iterator<Item = Entry> {
        let name = self.target.to_string();
        self.addresses.iter().map(move |answered| Entry {
            id: id_through(&name, answered.address, &self.scope),
            target: Observable::Address(answered.address).into(),
            terms: Terms {
                via: Some(Via { name: name.clone(), needed_until: answered.needed_until }),
                ..self.terms.clone()
            },
            addresses: Vec::new(),
            ..self.clone()
        })
    }
}

/// What a block of this address is called as long as the name leads to it: 16 hex digits of SHA-256.
pub fn id_through(name: &str, address: IpAddr, scope: &Scope) -> String {
    let mut hash = Sha256::new();
    let scope = match scope {
        Scope::Application(key) => key.as_str(),
        Scope::Host | Scope::Connection(_) => "",
    };
    for part in [name, &address.to_string(), scope] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

impl Ledger {
    /// Adds addresses to a wanted name, and says which older ones made room for them: those that nobody can still
    /// need, the longest unneeded first. What finds no room is left out. Not durable before `sync`.
    pub fn add_answered(
        &mut self,
        name: &Target,
        scope: &Scope,
        answered: &[Answered],
        now: Timestamp,
    ) -> Result<Vec<IpAddr>, LedgerError> {
        let Some(mut entry) = self.get(name, scope).filter(|entry| entry.state.is_wanted()).cloned() else {
            return Ok(Vec::new());
        };
        let before = entry.addresses.clone();
        for one in answered {
            match entry.addresses.iter_mut().find(|known| known.address == one.address) {
                Some(known) => known.needed_until = known.needed_until.max(one.needed_until),
                None => entry.addresses.push(one.clone()),
            }
        }
        let mut gone = Vec::new();
        while entry.addresses.len() > ADDRESSES_MAX {
            let unneeded =
                |one: &&Answered| one.needed_until <= now && !answered.iter().any(|new| new.address == one.address);
            let oldest = entry.addresses.iter().filter(unneeded).min_by_key(|one| one.needed_until);
            match oldest.map(|one| one.address) {
                Some(address) => {
                    entry.addresses.retain(|one| one.address != address);
                    gone.push(address);
                }
                None => entry.addresses.truncate(ADDRESSES_MAX),
            }
        }
        if entry.addresses != before {
            self.write(Entry { at: now, ..entry })?;
        }
        Ok(gone)
    }

    /// Takes an address out of a name.
    pub fn drop_answered(
        &mut self,
        name: &Target,
        scope: &Scope,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let Some(mut entry) = self.get(name, scope).cloned() else { return Ok(()) };
        entry.addresses.retain(|one| one.address != address);
        self.write(Entry { at: now, ..entry })
    }

    /// How many more addresses the name may lead to at `now`.
    pub fn room_through(&self, name: &Target, scope: &Scope, now: Timestamp) -> usize {
        let needed = |entry: &Entry| entry.addresses.iter().filter(|one| one.needed_until > now).count();
        ADDRESSES_MAX.saturating_sub(self.get(name, scope).map_or(0, needed))
    }

    /// Names that are wanted, expired ones that nobody has cleared yet included. Few: each is a person's.
    pub fn names(&self) -> impl Iterator<Item = &Entry> {
        self.names.iter().filter_map(|key| self.entries.get(key)).filter(|entry| entry.state.is_wanted())
    }

    /// Until when the kernel ought to hold this, whoever wants it: somebody by itself, or a name that led to it.
    /// `None` when nobody does.
    pub fn wanted_until(&self, target: &Target, scope: &Scope) -> Option<Timestamp> {
        let own = self.get(target, scope).filter(|entry| entry.state.is_wanted()).map(|entry| entry.expires);
        own.max(self.led_until(target, scope))
    }

    /// Until when a blocked name that leads to this address wants it refused; nothing where none does.
    pub fn led_until(&self, target: &Target, scope: &Scope) -> Option<Timestamp> {
        let Target::Peer(Observable::Address(address)) = target else { return None };
        let leads = |entry: &&Entry| {
            entry.scope == *scope && entry.addresses.iter().any(|answered| answered.address == *address)
        };
        self.names().filter(leads).map(|entry| entry.expires).max()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tripoint_model::{ActionKind, PlannedAction};

    use super::*;

    fn planned(target: &str, seconds: i64) -> PlannedAction {
        PlannedAction {
            id: target.to_owned(),
            action: ActionKind::Block,
            target: target.parse().unwrap(),
            scope: Scope::Host,
            expires: Timestamp::from_seconds(seconds),
            reason: String::new(),
            requester: "ada".into(),
            cause: None,
            terms: Terms::default(),
            cuts: Vec::new(),
        }
    }

    fn answered(last: u8, until: i64) -> Answered {
        Answered { address: [203, 0, 113, last].into(), needed_until: Timestamp::from_seconds(until) }
    }

    #[test]
    fn addresses_of_a_name_survive_a_restart_and_end_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let (mut ledger, _) = Ledger::open(folder.path()).unwrap();
        let (name, address): (Target, Target) = ("*.bad.example".parse().unwrap(), "203.0.113.7".parse().unwrap());
        let now = Timestamp::from_seconds(1);
        ledger.intend(&planned("*.bad.example", 100), now).unwrap();
        ledger.add_answered(&name, &Scope::Host, &[answered(7, 5), answered(8, 5)], now).unwrap();
        // Asked for again for longer: what it led to stays.
        ledger.intend(&planned("*.bad.example", 200), now).unwrap();
        ledger.sync().unwrap();
        drop(ledger);
        let (mut ledger, _) = Ledger::open(folder.path()).unwrap();
        assert_eq!(ledger.wanted_until(&address, &Scope::Host), Some(Timestamp::from_seconds(200)));
        assert_eq!(ledger.usage(now).active, 3);
        ledger.intend(&planned("203.0.113.7", 300), now).unwrap();
        assert_eq!(ledger.wanted_until(&address, &Scope::Host), Some(Timestamp::from_seconds(300)), "the longer one");
        ledger.mark(&name, &Scope::Host, crate::EntryState::Lifted, now).unwrap();
        assert_eq!(ledger.wanted_until(&address, &Scope::Host), Some(Timestamp::from_seconds(300)), "somebody's own");
        assert_eq!(ledger.wanted_until(&"203.0.113.8".parse().unwrap(), &Scope::Host), None);
        // A later block of the name begins anew.
        ledger.intend(&planned("*.bad.example", 400), now).unwrap();
        assert_eq!(ledger.names().next().unwrap().addresses, []);
    }

    #[test]
    fn a_name_that_leads_everywhere_leads_to_so_many_at_once_and_to_none_that_is_still_needed_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let (mut ledger, _) = Ledger::open(folder.path()).unwrap();
        let name: Target = "flux.example".parse().unwrap();
        let now = Timestamp::from_seconds(1);
        ledger.intend(&planned("flux.example", 10_000), now).unwrap();
        for last in 0..200 {
            ledger.add_answered(&name, &Scope::Host, &[answered(last, 60)], now).unwrap();
        }
        let held = |ledger: &Ledger| ledger.names().next().unwrap().addresses.clone();
        assert_eq!(held(&ledger).len(), ADDRESSES_MAX);
        assert_eq!(held(&ledger).last(), Some(&answered(127, 60)), "the first stay while they are needed");
        assert_eq!(ledger.room_through(&name, &Scope::Host, now), 0);
        let later = now.plus(Duration::from_secs(60));
        assert_eq!(ledger.room_through(&name, &Scope::Host, later), ADDRESSES_MAX);
        let gone = ledger.add_answered(&name, &Scope::Host, &[answered(201, 200)], later).unwrap();
        assert_eq!((gone.len(), held(&ledger).len()), (1, ADDRESSES_MAX));
        assert!(held(&ledger).contains(&answered(201, 200)));
    }
}
