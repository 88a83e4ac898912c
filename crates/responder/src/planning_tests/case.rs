//! Which hosts, feeds, exceptions, limits and wishes is the planning tried on?

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tripoint_model::address::canonical;
use tripoint_model::{
    Action, ActionKind, ConnectionId, Cut, Direction, Exception, NameLookup, Observable, Protocol, Scope, Target,
    Terms, Timestamp,
};

use crate::guard::{Guard, GuardRange, Limits, POLICY, Protected, Usage};

/// The moment of every case: a day after the beginning, so that what is a day old is not before it.
pub const NOW: Timestamp = Timestamp(86_400_000_000);

const APPLICATIONS: [&str; 4] = ["unit:shop.service", "unit:ssh.service", "container:cache", "exe:/opt/app/app"];
const RULES: [&str; 2] = ["bad_server_of_vulnerable_app", "bad_peer"];

/// A host, what it may not lose, and what is wished there.
#[derive(Clone)]
pub struct Case {
    /// Everything that decides.
    pub guard: Guard,
    /// Who is spoken with.
    pub live: Vec<Cut>,
    /// What persons and policy want.
    pub wishes: Vec<Action>,
}

/// The case of this number; the same number gives the same case.
pub fn case(seed: u64) -> Case {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1));
    let guard = guard(&mut dice);
    let live = dice.some(24, cut);
    let mut wishes = dice.some(7, |dice, _| wish(dice));
    // What a host depends on is what an attacker would like to see listed.
    if let Some(protected) = guard.protected.as_ref().filter(|_| dice.chance(60)) {
        let all = addresses(protected);
        if let Some(address) = dice.pick_from(&all) {
            let target = around(&mut dice, address);
            wishes.push(Action { target: target.into(), ..wish(&mut dice) });
        }
    }
    Case { guard, live, wishes }
}

/// Every address that a host may not lose.
pub fn addresses(protected: &Protected) -> Vec<IpAddr> {
    let groups = [
        &protected.own_addresses,
        &protected.gateways,
        &protected.resolvers,
        &protected.time_servers,
        &protected.servers,
        &protected.admin_peers,
    ];
    groups.into_iter().flatten().copied().collect()
}

/// Chance from a number (splitmix64, Steele et al. 2014): small, quick without optimisation, and repeatable.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Copy, const N: usize>(&mut self, from: [T; N]) -> T {
        from[self.below(N as u64) as usize]
    }

    fn pick_from<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let at = self.below(from.len() as u64) as usize;
        from.get(at).copied()
    }

    /// Up to `most` things.
    fn some<T>(&mut self, most: u64, mut make: impl FnMut(&mut Self, u64) -> T) -> Vec<T> {
        (0..self.below(most + 1)).map(|at| make(self, at)).collect()
    }
}

fn guard(dice: &mut Dice) -> Guard {
    let permit_ranges: &[&str] = dice.pick([
        &["203.0.112.0/20", "2001:db8::/32"][..],
        &["203.0.112.0/20", "2001:db8::/32"],
        &["0.0.0.0/0", "::/0"],
        &[],
    ]);
    let limits = Limits {
        automatic_per_minute: dice.pick([1, 3, 20]),
        automatic_peers_percent: dice.pick([0, 10, 100]),
        active_max: dice.pick([1, 4, 10_000]),
        room: dice.pick([2, 6, 120_000]),
        ..Limits::default()
    };
    let usage = Usage {
        active: dice.below(6) as usize,
        automatic: dice.below(4) as usize,
        automatic_last_minute: dice.below(4) as usize,
    };
    Guard {
        protected: (!dice.chance(3)).then(|| protected(dice)),
        permit_ranges: permit_ranges.iter().map(|net| net.parse().unwrap()).collect(),
        admit: Vec::new(),
        exceptions: dice.some(3, |dice, _| exception(dice)),
        host: String::new(),
        names: Some(Arc::new(Answers(dice.some(4, |dice, _| canonical(address(dice)))))),
        answers: dice.chance(90),
        guard_ranges: dice.some(3, |dice, at| GuardRange { list: format!("list {at}"), net: net(dice) }),
        lookup: None,
        limits,
        usage,
    }
}

/// Where the one name leads of which there are wishes and exceptions.
struct Answers(Vec<IpAddr>);

const NAME: &str = "c2.bad.example";

impl NameLookup for Answers {
    fn names(&self, net: IpNet) -> Vec<(IpAddr, String)> {
        self.0.iter().filter(|address| net.contains(*address)).map(|address| (*address, NAME.to_owned())).collect()
    }

    fn addresses(&self, target: &Target) -> Vec<IpAddr> {
        if target.names(NAME) { self.0.clone() } else { Vec::new() }
    }
}

fn protected(dice: &mut Dice) -> Protected {
    let most = dice.pick([0, 1, 2]);
    let mut group = || dice.some(most, |dice, _| address(dice));
    let [own_addresses, gateways, resolvers, time_servers, servers, admin_peers] = std::array::from_fn(|_| group());
    Protected {
        own_addresses,
        own_networks: dice.some(1, |dice, _| net(dice)),
        gateways,
        resolvers,
        time_servers,
        servers,
        admin_peers,
        applications: dice.some(2, |dice, _| dice.pick(APPLICATIONS).to_owned()),
    }
}

fn wish(dice: &mut Dice) -> Action {
    use ActionKind::{Allow, Block, Disconnect, Freeze, Isolate, Unblock};
    let kind = dice.pick([Block, Block, Block, Block, Disconnect, Disconnect, Unblock, Allow, Freeze, Isolate]);
    let target = match kind {
        Freeze => Target::Application(dice.pick(APPLICATIONS).to_owned()),
        Isolate => Target::Host,
        Block if dice.chance(5) => Target::Beneath("bad.example".into()),
        Block if dice.chance(5) => Observable::Domain(NAME.into()).into(),
        _ => peer(dice).into(),
    };
    let scope = match (kind, dice.below(10)) {
        (Block | Disconnect | Unblock, 0 | 1) => Scope::Application(dice.pick(APPLICATIONS).to_owned()),
        (Disconnect, 3) | (Block, 4) => Scope::Connection(ConnectionId { cookie: dice.below(6), peer: 0 }),
        _ => Scope::Host,
    };
    let span = dice.pick([0, 59, 3_600, 86_400, 90 * 86_400]);
    Action {
        kind,
        target,
        scope,
        expires: NOW.plus(Duration::from_secs(span)),
        reason: "listed".into(),
        requester: dice.pick([POLICY, POLICY, "ada"]).to_owned(),
        cause: None,
        terms: terms(dice),
    }
}

/// Mostly plain; some were agreed to by a second person, some set rules aside, rightly or not.
fn terms(dice: &mut Dice) -> Terms {
    let approver = dice.chance(15).then(|| "bob".to_owned());
    let overrides =
        if dice.chance(85) { Vec::new() } else { dice.some(3, |dice, _| dice.pick(RULES_NAMED).to_owned()) };
    let confirm_within_s = dice.pick([None, Some(5), Some(60), Some(60), Some(3_600), Some(90_000)]);
    Terms { approver, overrides, confirm_within_s, ..Terms::default() }
}

const RULES_NAMED: [&str; 8] =
    ["gateway", "resolver", "server", "admin-session", "too-wide", "special-range", "own-address", "exception"];

fn exception(dice: &mut Dice) -> Exception {
    let target = dice.chance(85).then(|| peer(dice));
    let application = (target.is_none() || dice.chance(30)).then(|| dice.pick(APPLICATIONS).to_owned());
    let created = Timestamp::from_seconds(dice.pick([0, 0, 0, 90_000]));
    let id = format!("e{}", dice.below(100));
    let expires = Timestamp::from_seconds(dice.pick([80_000, 86_401, 100_000, 100_000]));
    Exception {
        target,
        application,
        direction: dice.chance(20).then_some(Direction::Outbound),
        rule: dice.chance(20).then(|| dice.pick(RULES).to_owned()),
        created,
        ..tripoint_model::testing::exception(&id, "203.0.113.66", expires)
    }
}

fn cut(dice: &mut Dice, at: u64) -> Cut {
    Cut {
        connection: ConnectionId { cookie: at, peer: 0 },
        protocol: Protocol::Tcp,
        local: "198.51.100.10:40000".parse().unwrap(),
        remote: (address(dice), port(dice)).into(),
        netns: 1,
        pid: 7,
        application: dice.pick(["shop", "sshd", "cache"]).to_owned(),
    }
}

/// Few enough different ones that everything meets often; some written in IPv6; some from anywhere.
fn address(dice: &mut Dice) -> IpAddr {
    let (third, last) = (dice.below(2) as u8, dice.below(24) as u8);
    match dice.below(20) {
        0..11 => IpAddr::from([203, 0, 112 + third, last]),
        11..14 => IpAddr::from([0x2001, 0xdb8, u16::from(third), 0, 0, 0, 0, u16::from(last)]),
        14 => IpAddr::from([0, 0, 0, 0, 0, 0xffff, 0xcb00, 0x7000 + u16::from(last)]),
        15 => IpAddr::from([0x64, 0xff9b, 0, 0, 0, 0, 0xcb00, 0x7000 + u16::from(last)]),
        16 => IpAddr::from((dice.next() as u32).to_be_bytes()),
        17 => IpAddr::from((u128::from(dice.next()) << 64 | u128::from(dice.next())).to_be_bytes()),
        _ => dice
            .pick([
                "127.0.0.1",
                "10.1.2.3",
                "169.254.169.254",
                "8.8.8.8",
                "0.0.0.0",
                "224.0.0.251",
                "::1",
                "fe80::1",
                "ff02::1",
                "169.254.7.7",
                "255.255.255.255",
                "192.168.0.1",
                "fd00:ec2::254",
                "100.100.100.200",
            ])
            .parse()
            .unwrap(),
    }
}

fn port(dice: &mut Dice) -> u16 {
    dice.pick([22, 53, 443])
}

fn net(dice: &mut Dice) -> IpNet {
    let address = address(dice);
    let length = if address.is_ipv4() {
        dice.pick([0, 8, 16, 20, 24, 24, 28, 30, 32])
    } else {
        dice.pick([0, 32, 48, 64, 96, 104, 120, 124, 128])
    };
    IpNet::new(address, length).unwrap()
}

fn peer(dice: &mut Dice) -> Observable {
    match dice.below(20) {
        0 => Observable::Domain("bad.example".into()),
        1..10 => Observable::Address(address(dice)),
        10..14 => Observable::AddressPort(address(dice), port(dice)),
        _ => Observable::Network(net(dice)),
    }
}

/// Something that holds this address.
fn around(dice: &mut Dice, address: IpAddr) -> Observable {
    match dice.below(3) {
        0 => Observable::Address(address),
        1 => Observable::AddressPort(address, port(dice)),
        _ => {
            let length = if address.is_ipv4() { dice.pick([16, 24, 28, 31]) } else { dice.pick([32, 48, 112, 127]) };
            Observable::Network(IpNet::new(address, length).unwrap())
        }
    }
}
