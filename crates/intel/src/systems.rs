//! Which networks are meant by an entry that names an autonomous system?
//!
//! Those that the owners' table gives to it when an image is made, without what is guarded, reserved or this host's own.
//! So broad a claim is worth half of what its feed states, says through which table it was made, and carries the
//! system's number: policy passes it over (`Claim::system`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};
use tripoint_model::address::SPECIAL_RANGES;
use tripoint_model::{Indicator, Observable, Rejected, Timestamp};

use crate::guardlist;
use crate::image::{Builder, FeedNumber};
use crate::import::Context;
use crate::load::Loaded;
use crate::networks::{Kind, Networks, address_of, key, tables};
use crate::rules::Rules;
use crate::store::{Store, StoreError, SystemsStatus, list};

mod all;
pub(crate) mod ranges;

pub use all::networks_of;

use ranges::{Range, merged, without};

/// Networks of one system that an image takes.
const NETWORKS_MAX: usize = 8192;
/// Networks of all systems together: some 25 MB of an image.
const NETWORKS_ALL_MAX: usize = 262_144;
/// Addresses of one system, IPv4: a /10, a thousandth of the space. Beyond it are the largest carriers and clouds.
const V4_ADDRESSES_MAX: u128 = 1 << 22;
/// The same of all systems together: a /6.
const V4_ADDRESSES_ALL_MAX: u128 = 1 << 26;
/// Addresses of one system, IPv6: a /20, of which registries give some few.
const V6_ADDRESSES_MAX: u128 = 1 << 108;
/// The same of all systems together: a /14.
const V6_ADDRESSES_ALL_MAX: u128 = 1 << 114;

/// What was found for each system that was asked for.
pub(crate) struct Systems {
    found: BTreeMap<u32, Result<Found, String>>,
    /// Why nothing can be found for any, and what to do.
    waiting: Option<String>,
}

/// What is meant by one system.
#[derive(Debug)]
struct Found {
    /// Says through what.
    label: String,
    networks: Vec<IpNet>,
}

/// What the tables say of one system.
#[derive(Default)]
struct Said {
    name: String,
    day: Timestamp,
    /// By family.
    ranges: BTreeMap<u8, Vec<Range>>,
}

impl Systems {
    /// Looks these systems up in the tables of the data folder.
    pub fn find(data_dir: &Path, wanted: &BTreeSet<u32>, rules: Rules<'_>) -> Self {
        if wanted.is_empty() {
            return Self { found: BTreeMap::new(), waiting: None };
        }
        let networks = Networks::open(data_dir);
        let waiting = waiting(data_dir);
        if !networks.tells_owners() {
            let why = waiting.unwrap_or_else(|| ask_for("there is no owners' table"));
            let refused = |number: &u32| (*number, Err(why.clone()));
            return Self { found: wanted.iter().map(refused).collect(), waiting: Some(why) };
        }
        let mut said: BTreeMap<u32, Said> = BTreeMap::new();
        networks.ranges_of(wanted, &mut |range| {
            let one = said.entry(range.number).or_default();
            if one.name.is_empty() {
                range.name.clone_into(&mut one.name);
            }
            one.day = one.day.max(range.imported);
            one.ranges.entry(range.family).or_default().push((range.first, range.last));
        });
        let mut room = Room::default();
        let holes = Holes::of(data_dir, rules);
        let of = |number: &u32| {
            let unknown = || "the owners' table gives it no network".to_owned();
            let missing = || Err(waiting.clone().unwrap_or_else(unknown));
            (*number, said.remove(number).map_or_else(missing, |said| meant(*number, said, &holes, &mut room)))
        };
        Self { found: wanted.iter().map(of).collect(), waiting: waiting.clone() }
    }

    /// Why a system cannot be used; nothing where it can.
    fn refusal(&self, number: u32) -> Option<&str> {
        self.found.get(&number).and_then(|found| found.as_ref().err()).map(String::as_str)
    }

    /// Adds what is meant by the entries of one feed, all of which name systems.
    pub fn add(&self, feed: FeedNumber, entries: Vec<Indicator>, builder: &mut Builder) -> SystemsStatus {
        let mut status = SystemsStatus { named: entries.len() as u64, ..SystemsStatus::default() };
        status.waiting = self.waiting.as_ref().map(|why| format!("autonomous systems wait: {why}"));
        for mut entry in entries {
            let Observable::System(number) = entry.observable else { continue };
            let Some(Ok(found)) = self.found.get(&number) else { continue };
            entry.confidence /= 2;
            entry.labels.push(found.label.clone());
            status.in_force += 1;
            status.networks += found.networks.len() as u64;
            builder.add_through(feed, number, &found.networks, entry);
        }
        status
    }
}

/// Refuses systems of what was loaded that the tables do not resolve. They stay in the copy, and take force when tables
/// come that do; a file of nothing else says nothing.
pub(crate) fn judge(loaded: &mut Loaded, data_dir: &Path, rules: Rules<'_>) {
    let wanted = loaded.systems.iter().map(|system| system.number).collect();
    let systems = Systems::find(data_dir, &wanted, rules);
    let mut refused = 0;
    for named in &loaded.systems {
        if let Some(reason) = systems.refusal(named.number) {
            refused += 1;
            let reason = format!("AS{}: {reason}", named.number);
            loaded.parsed.hold_back(Rejected { file: named.file.clone(), line: named.line, reason });
        }
    }
    if refused == loaded.parsed.accepted.len() {
        loaded.parsed.accepted.clear();
    }
}

/// Makes a new image where a feed names autonomous systems: for tables that have changed. Gives its generation.
pub fn find_again(context: &Context<'_>) -> Result<Option<u64>, StoreError> {
    if list(context.data_dir).iter().all(|feed| feed.systems.is_none()) {
        return Ok(None);
    }
    Store::open(context.data_dir)?.publish_again(context).map(Some)
}

/// Why a table does not tell owners that it told once.
fn waiting(data_dir: &Path) -> Option<String> {
    let damaged = tables(data_dir).into_iter().any(|table| table.kind == Kind::Owners && table.alarm.is_some());
    damaged.then(|| ask_for("the owners' table is damaged"))
}

fn ask_for(why: &str) -> String {
    format!("{why}: run `tripoint intel networks import FILE`")
}

/// What is left to take.
struct Room {
    networks: usize,
    addresses: BTreeMap<u8, u128>,
}

impl Default for Room {
    fn default() -> Self {
        let addresses = [(4, V4_ADDRESSES_ALL_MAX), (6, V6_ADDRESSES_ALL_MAX)].into();
        Self { networks: NETWORKS_ALL_MAX, addresses }
    }
}

/// Cuts out what must not be meant, and refuses what is too much.
fn meant(number: u32, said: Said, holes: &Holes, room: &mut Room) -> Result<Found, String> {
    let mut networks: Vec<IpNet> = Vec::new();
    let mut left = room.addresses.clone();
    for (family, ranges) in said.ranges {
        let ranges = without(&merged(ranges), holes.0.get(&family).map_or(&[], Vec::as_slice));
        let count = ranges.iter().fold(0_u128, |sum, (first, last)| sum.saturating_add(last - first).saturating_add(1));
        let most = if family == 4 { V4_ADDRESSES_MAX } else { V6_ADDRESSES_MAX };
        if count > most {
            let (has, most) = (count.ilog2(), most.ilog2());
            let bits = if family == 4 { 32 } else { 128 };
            return Err(format!("it has more IPv{family} addresses than a /{}, about a /{}", bits - most, bits - has));
        }
        let all = left.entry(family).or_default();
        *all = all.checked_sub(count).ok_or("all systems together have more addresses than are taken")?;
        for range in ranges {
            networks.extend(subnets(family, range).take(NETWORKS_MAX + 1));
            if networks.len() > NETWORKS_MAX {
                return Err(format!("it has more than {NETWORKS_MAX} networks"));
            }
        }
    }
    if networks.is_empty() {
        return Err("all that the owners' table gives it is guarded, reserved or this host's own".to_owned());
    }
    room.networks = room.networks.checked_sub(networks.len()).ok_or("all systems together have too many networks")?;
    room.addresses = left;
    let day: String = said.day.to_string().chars().take(DAY_CHARS).collect();
    let name = tripoint_model::text::visible(&said.name).into_owned();
    let gap = if name.is_empty() { "" } else { " " };
    Ok(Found { label: format!("AS{number}{gap}{name} through the owners' table of {day}"), networks })
}

/// `2026-01-02`
const DAY_CHARS: usize = 10;

fn subnets(family: u8, (first, last): Range) -> Box<dyn Iterator<Item = IpNet>> {
    match (address_of(first, family), address_of(last, family)) {
        (std::net::IpAddr::V4(first), std::net::IpAddr::V4(last)) => {
            Box::new(Ipv4Subnets::new(first, last, 0).map(IpNet::V4))
        }
        (std::net::IpAddr::V6(first), std::net::IpAddr::V6(last)) => {
            Box::new(Ipv6Subnets::new(first, last, 0).map(IpNet::V6))
        }
        _ => Box::new(std::iter::empty()),
    }
}

/// By family what is never meant: in order, without overlap.
struct Holes(BTreeMap<u8, Vec<Range>>);

impl Holes {
    fn of(data_dir: &Path, rules: Rules<'_>) -> Self {
        let mut forbidden: BTreeMap<u8, Vec<Range>> = BTreeMap::new();
        let mut permitted: BTreeMap<u8, Vec<Range>> = BTreeMap::new();
        let own = rules.own.iter().map(|address| IpNet::from(*address));
        for net in SPECIAL_RANGES.iter().map(|range| range.net).chain(own) {
            let (family, range) = range(&net);
            forbidden.entry(family).or_default().push(range);
        }
        // Outside of 2000::/3 nothing is given to anybody.
        forbidden.entry(6).or_default().extend([(0, (1 << 125) - 1), (1 << 126, u128::MAX)]);
        for net in rules.permit_ranges {
            let (family, range) = range(net);
            permitted.entry(family).or_default().push(range);
        }
        let mut holes: BTreeMap<u8, Vec<Range>> = BTreeMap::new();
        for (family, ranges) in forbidden {
            let permitted = permitted.remove(&family).map_or_else(Vec::new, merged);
            holes.insert(family, without(&merged(ranges), &permitted));
        }
        for net in guardlist::store::guarded(data_dir) {
            let (family, range) = range(&net);
            holes.entry(family).or_default().push(range);
        }
        Self(holes.into_iter().map(|(family, ranges)| (family, merged(ranges))).collect())
    }
}

fn range(net: &IpNet) -> (u8, Range) {
    let ((family, first), (_, last)) = (key(net.network()), key(net.broadcast()));
    (family, (first, last))
}

#[cfg(test)]
mod tests;
