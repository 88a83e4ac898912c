//! Do a million look-ups, random and chosen by an enemy, agree with a simple oracle?

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::IpNet;
use tripoint_intel::Index;
use tripoint_intel::image::Builder;
use tripoint_model::address::canonical;
use tripoint_model::{AppliesTo, Category, Indicator, Observable, Timestamp};

const ROUNDS: u64 = 10;
const ASKED_A_ROUND: usize = 100_000;
const FEEDS: [&str; 3] = ["a", "b", "c"];

/// An xorshift generator: the same numbers in every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 11) % limit
    }

    fn wide(&mut self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }
}

/// What is listed: a network, by a feed, on a port or on all.
type Entry = (IpNet, usize, Option<u16>);

/// Claims by network: as many hash look-ups as there are prefix lengths.
struct Oracle {
    claims: HashMap<IpNet, HashSet<(usize, Option<u16>)>>,
    lengths: [HashSet<u8>; 2],
}

impl Oracle {
    fn new(entries: &[Entry]) -> Self {
        let mut out = Self { claims: HashMap::new(), lengths: [HashSet::new(), HashSet::new()] };
        for (net, feed, port) in entries {
            out.claims.entry(*net).or_default().insert((*feed, *port));
            out.lengths[usize::from(net.addr().is_ipv6())].insert(net.prefix_len());
        }
        out
    }

    fn of(&self, address: IpAddr) -> Vec<(String, String)> {
        let nets = self.lengths[usize::from(address.is_ipv6())].iter();
        let nets = nets.filter_map(|length| Some(IpNet::new(address, *length).ok()?.trunc()));
        let mut found: Vec<(String, String)> = nets
            .filter_map(|net| Some((net, self.claims.get(&net)?)))
            .flat_map(|(net, claims)| claims.iter().map(move |(feed, port)| shown(net, *feed, *port)))
            .collect();
        found.sort();
        found
    }
}

/// The oracle itself is held against looking at every entry.
fn plainly(entries: &[Entry], address: IpAddr) -> Vec<(String, String)> {
    let holders = entries.iter().filter(|(net, ..)| net.contains(&address));
    let mut found: Vec<_> = holders.map(|(net, feed, port)| shown(*net, *feed, *port)).collect();
    found.sort();
    found.dedup();
    found
}

fn shown(net: IpNet, feed: usize, port: Option<u16>) -> (String, String) {
    (FEEDS[feed].to_owned(), observable(net, port).to_string())
}

fn observable(net: IpNet, port: Option<u16>) -> Observable {
    match port {
        Some(port) => Observable::AddressPort(net.addr(), port),
        None => Observable::from_net(net),
    }
}

/// Networks that nest, touch and repeat; in some rounds the whole address space too.
fn entries(chance: &mut Chance, round: u64) -> Vec<Entry> {
    let mut out = Vec::new();
    for _ in 0..400 {
        let near = [0, 0x0a00_0000, 0xcb00_7100, 0xffff_ff00][chance.below(4) as usize];
        let address = match chance.below(3) {
            0 => chance.next() as u32,
            _ => near | chance.below(1024) as u32,
        };
        let length = [32, 32, 32, 31, 29, 25, 24, 23, 16, 9][chance.below(10) as usize];
        push(chance, &mut out, IpAddr::from(Ipv4Addr::from(address)), length);
        let near = 0x2001_0db8_u128 << 96 | u128::from(chance.below(3)) << 80 | u128::from(chance.below(4)) << 64;
        let address = if chance.below(4) == 0 { chance.wide() } else { near | u128::from(chance.below(64)) };
        let length = [128, 128, 128, 127, 96, 64, 64, 60, 56, 48, 40, 32, 19][chance.below(13) as usize];
        push(chance, &mut out, IpAddr::from(Ipv6Addr::from(address)), length);
    }
    if round.is_multiple_of(3) {
        out.extend(["0.0.0.0/0", "::/0"].map(|net| (net.parse().expect("a network"), 0, None)));
    }
    out
}

fn push(chance: &mut Chance, out: &mut Vec<Entry>, address: IpAddr, length: u8) {
    let Ok(net) = IpNet::new(address, length).map(|net| net.trunc()) else { return };
    let single = net.prefix_len() == net.max_prefix_len();
    let port = (single && chance.below(5) == 0).then(|| 1 + chance.below(3) as u16);
    for _ in 0..=chance.below(2) {
        out.push((net, chance.below(3) as usize, port));
    }
}

fn index(entries: &[Entry]) -> Index {
    let mut builder = Builder::default();
    let feeds = FEEDS.map(|name| builder.feed(name).expect("a feed"));
    for (net, feed, port) in entries {
        let what = observable(*net, *port);
        builder.add(feeds[*feed], &Indicator::new(what, Category::C2, AppliesTo::Both, 50));
    }
    Index::open(Arc::new(builder.finish(Timestamp(1)))).expect("an image")
}

/// At, beside, inside and far from what is listed; IPv4 also as it stands within IPv6.
fn asked(chance: &mut Chance, entries: &[Entry]) -> IpAddr {
    let (net, ..) = entries[chance.below(entries.len() as u64) as usize];
    let one = |address: IpAddr, flip: u64| match address {
        IpAddr::V4(v4) => IpAddr::from(Ipv4Addr::from(u32::from(v4) ^ 1 << (flip % 32))),
        IpAddr::V6(v6) => IpAddr::from(Ipv6Addr::from(u128::from(v6) ^ 1 << (flip % 128))),
    };
    let address = match chance.below(6) {
        0 => net.network(),
        1 => net.broadcast(),
        2 => one(net.network(), chance.next()),
        3 => one(net.broadcast(), chance.next()),
        4 => IpAddr::from(Ipv4Addr::from(chance.next() as u32)),
        _ => IpAddr::from(Ipv6Addr::from(chance.wide())),
    };
    let spelled = match (address, chance.below(4)) {
        (IpAddr::V4(v4), 0) => IpAddr::from(v4.to_ipv6_mapped()),
        (IpAddr::V4(v4), 1) => IpAddr::from(Ipv6Addr::from(0x64_ff9b_u128 << 96 | u128::from(u32::from(v4)))),
        (other, _) => other,
    };
    canonical(spelled)
}

#[test]
fn a_million_look_ups_agree_with_an_oracle() {
    let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
    for round in 0..ROUNDS {
        let entries = entries(&mut chance, round);
        let (index, oracle) = (index(&entries), Oracle::new(&entries));
        let all: Vec<IpAddr> = (0..ASKED_A_ROUND).map(|_| asked(&mut chance, &entries)).collect();
        for (at, address) in all.iter().enumerate() {
            let expected = oracle.of(*address);
            if at % 500 == 0 {
                assert_eq!(expected, plainly(&entries, *address), "the oracle of {address}");
            }
            let claims = index.claims_any_port(*address);
            let mut found: Vec<_> =
                claims.iter().map(|claim| (claim.feed.clone(), claim.matched.to_string())).collect();
            found.sort();
            assert_eq!(found, expected, "round {round}: {address}");
            assert_eq!(index.is_listed(*address), !expected.is_empty(), "round {round}: {address}");
        }
        many_at_once_agree(&index, &all);
    }
}

fn many_at_once_agree(index: &Index, all: &[IpAddr]) {
    let v4: Vec<u32> =
        all.iter().filter_map(|one| if let IpAddr::V4(v4) = one { Some(u32::from(*v4)) } else { None }).collect();
    let table = index.v4().expect("a table");
    let mut numbers = vec![0; v4.len()];
    table.find_all(&v4, &mut numbers);
    let mut rows = Vec::new();
    table.hits(&v4, &mut rows);
    let mut listed = rows.into_iter().peekable();
    for (row, (address, number)) in v4.iter().zip(numbers).enumerate() {
        assert_eq!(number, table.find(*address), "{}", Ipv4Addr::from(*address));
        assert_eq!(listed.next_if_eq(&(row as u32)).is_some(), table.contains(*address));
    }
    let v6: Vec<u128> =
        all.iter().filter_map(|one| if let IpAddr::V6(v6) = one { Some(u128::from(*v6)) } else { None }).collect();
    let table = index.v6().expect("a table");
    let mut places = vec![0; v6.len()];
    table.find_all(&v6, &mut places);
    v6.iter().zip(places).for_each(|(address, place)| assert_eq!(place, table.find(*address), "{address:x}"));
}
