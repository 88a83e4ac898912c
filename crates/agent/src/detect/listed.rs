//! What is said of a connection's peer, by its address and by its names?

use std::sync::Arc;

use tripoint_intel::Index;
use tripoint_model::{Claim, Connection, Direction, GuardHit, IndicatorLookup};

/// Claims on the address, and for one that we called on the names it was called by.
pub(super) fn claims(index: &Index, connection: &Connection) -> Arc<[Claim]> {
    let of_address = index.claims(connection.remote.ip(), connection.remote.port());
    let of_names: Vec<Claim> = names(connection).flat_map(|name| index.claims_for_name(name).to_vec()).collect();
    if of_names.is_empty() {
        return of_address;
    }
    let mut all = [of_address.to_vec(), of_names].concat();
    all.sort_by(|a, b| (&a.feed, &a.matched).cmp(&(&b.feed, &b.matched)));
    all.into()
}

/// Guard lists that hold the address or one of the names.
pub(super) fn guard(index: &Index, connection: &Connection) -> Vec<GuardHit> {
    let mut hits = index.guard(connection.remote.ip());
    hits.extend(names(connection).flat_map(|name| index.guard_name(name)));
    hits.sort();
    hits.dedup();
    hits
}

/// The names of who calls us say nothing: they are those of another way.
fn names(connection: &Connection) -> impl Iterator<Item = &str> {
    connection.names().filter(|_| connection.direction == Direction::Outbound)
}
