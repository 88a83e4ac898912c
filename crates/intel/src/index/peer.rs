//! What is said of a connection's peer, by its address and by its names?

use std::sync::Arc;

use tripoint_model::{Claim, Connection, Direction, GuardHit, IndicatorLookup, Observable};

use super::Index;

impl Index {
    /// Claims on the address, and for one that we called on the names it was called by.
    pub fn claims_of(&self, connection: &Connection) -> Arc<[Claim]> {
        let of_address = self.claims(connection.remote.ip(), connection.remote.port());
        let of_names: Vec<Claim> = names(connection).flat_map(|name| self.claims_for_name(name).to_vec()).collect();
        if of_names.is_empty() {
            return of_address;
        }
        let mut all = [of_address.to_vec(), of_names].concat();
        all.sort_by(|a, b| (&a.feed, &a.matched).cmp(&(&b.feed, &b.matched)));
        all.into()
    }

    /// Guard lists that hold the address or one of the names.
    pub fn guard_of(&self, connection: &Connection) -> Vec<GuardHit> {
        let mut hits = self.guard(connection.remote.ip());
        hits.extend(names(connection).flat_map(|name| self.guard_name(name)));
        hits.sort();
        hits.dedup();
        hits
    }

    /// The same claim of the same list on the same thing, as it is made in this image; nothing where it is made no more.
    /// A claim on a system is kept: its networks alone do not tell whether it is still meant.
    pub fn still_said(&self, claim: &Claim) -> Option<Claim> {
        let said = match &claim.matched {
            Observable::Address(address) => self.claims_any_port(*address),
            Observable::AddressPort(address, port) => self.claims(*address, *port),
            Observable::Network(net) => self.claims_any_port(net.network()),
            Observable::Domain(name) => self.claims_for_name(name),
            Observable::System(_) => return Some(claim.clone()),
        };
        let same = |one: &&Claim| one.feed == claim.feed && one.matched == claim.matched && one.port == claim.port;
        let exact = said.iter().filter(same).find(|one| one.category == claim.category);
        exact.or_else(|| said.iter().find(same)).cloned()
    }
}

/// The names of who calls us say nothing: they are those of another way.
fn names(connection: &Connection) -> impl Iterator<Item = &str> {
    connection.names().filter(|_| connection.direction == Direction::Outbound)
}
