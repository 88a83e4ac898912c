//! Which networks does one system have, for somebody who wants all of them?

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ipnet::IpNet;

use super::ranges::{Range, merged};
use super::{ask_for, subnets, waiting};
use crate::networks::Networks;

/// All that the owners' tables of the data folder give to a system, sorted, without overlap, cut off behind `most`
/// and one: what spares somebody needs no caution about what is guarded or reserved. The error is for a person.
pub fn networks_of(data_dir: &Path, number: u32, most: usize) -> Result<Vec<IpNet>, String> {
    let networks = Networks::open(data_dir);
    if !networks.tells_owners() {
        return Err(waiting(data_dir).unwrap_or_else(|| ask_for("there is no owners' table")));
    }
    let mut ranges: BTreeMap<u8, Vec<Range>> = BTreeMap::new();
    networks.ranges_of(&BTreeSet::from([number]), &mut |range| {
        ranges.entry(range.family).or_default().push((range.first, range.last));
    });
    let all = ranges
        .into_iter()
        .flat_map(|(family, ranges)| merged(ranges).into_iter().flat_map(move |range| subnets(family, range)));
    let found: Vec<IpNet> = all.take(most.saturating_add(1)).collect();
    if found.is_empty() {
        return Err("the owners' table gives it no network".to_owned());
    }
    Ok(found)
}
