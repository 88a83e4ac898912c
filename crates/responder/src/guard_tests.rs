//! Does anything protected ever pass, and does each rule say its own name?

use proptest::prelude::*;
use tripoint_model::Terms;

use super::*;

fn action(target: &str, requester: &str) -> Action {
    Action {
        kind: ActionKind::Block,
        target: target.parse().unwrap(),
        scope: Scope::Host,
        expires: Timestamp::from_seconds(3600),
        reason: "test".into(),
        requester: requester.into(),
        cause: None,
        terms: Terms::default(),
    }
}

fn guard() -> Guard {
    let addresses = |text: &str| vec![text.parse().unwrap()];
    Guard {
        protected: Some(Protected {
            own_addresses: addresses("198.51.100.10"),
            own_networks: vec!["198.51.100.0/24".parse().unwrap()],
            gateways: addresses("198.51.100.1"),
            resolvers: addresses("9.9.9.9"),
            time_servers: addresses("192.0.2.123"),
            servers: addresses("2001:db8::5e"),
            admin_peers: addresses("::ffff:203.0.113.200"),
            applications: vec!["unit:ssh.service".into()],
        }),
        permit_ranges: ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"]
            .map(|t| t.parse().unwrap())
            .to_vec(),
        exceptions: vec![exception("203.0.113.77:443")],
        guard_ranges: vec![GuardRange { list: "public-dns".into(), net: "8.8.8.0/24".parse().unwrap() }],
        ..Guard::default()
    }
}

fn exception(target: &str) -> Exception {
    tripoint_model::testing::exception("e1", target, Timestamp::from_seconds(1000))
}

fn rule(guard: &Guard, target: &str, requester: &str, at: i64) -> String {
    match guard.check(&action(target, requester), Timestamp::from_seconds(at)) {
        Ok(()) => "passes".into(),
        Err(refusal) => refusal.rule,
    }
}

/// Guards one address of a network.
struct OneAddress;

impl IndicatorLookup for OneAddress {
    fn claims(&self, _: IpAddr, _: u16) -> Arc<[tripoint_model::Claim]> {
        Arc::from([])
    }

    fn guard(&self, address: IpAddr) -> Vec<GuardHit> {
        self.guard_net(address.into())
    }

    fn guard_net(&self, net: IpNet) -> Vec<GuardHit> {
        let held: IpAddr = "203.0.113.7".parse().unwrap();
        let hit = GuardHit { list: "cdn".into(), range: held.to_string(), kind: GuardKind::Shared };
        net.contains(&held).then_some(hit).into_iter().collect()
    }
}

/// A network is as innocent as the most innocent address in it.
#[test]
fn policy_blocks_no_network_around_a_guarded_address() {
    let guard = Guard { lookup: Some(Arc::new(OneAddress)), ..guard() };
    for (target, requester, expected) in [
        ("203.0.113.0/25", "policy", "guard-list"),
        ("203.0.113.7", "policy", "guard-list"),
        ("203.0.113.7:443", "policy", "guard-list"),
        ("203.0.113.8/29", "policy", "passes"),
        ("203.0.113.0/29", "ada", "passes"),
    ] {
        assert_eq!(rule(&guard, target, requester, 2000), expected, "{requester} blocks {target}");
    }
}

#[test]
fn each_rule_says_its_name() {
    let guard = guard();
    for (target, requester, expected) in [
        ("203.0.113.66", "policy", "passes"),
        ("203.0.113.66", "ada", "passes"),
        ("127.0.0.1", "ada", "loopback"),
        ("::1", "ada", "loopback"),
        ("::ffff:127.0.0.1", "ada", "loopback"),
        ("0.0.0.0/0", "ada", "too-wide"),
        ("::/0", "ada", "too-wide"),
        ("203.0.112.0/23", "policy", "too-wide"),
        ("198.51.100.10", "ada", "own-address"),
        ("64:ff9b::198.51.100.10", "ada", "own-address"),
        ("198.51.100.8/29", "ada", "own-address"),
        ("198.51.100.1:53", "ada", "gateway"),
        ("9.9.9.9", "ada", "resolver"),
        ("192.0.2.123", "ada", "time-server"),
        ("2001:db8::5e", "ada", "server"),
        ("2001:db8::/64", "ada", "server"),
        ("203.0.113.200", "ada", "admin-session"),
        ("169.254.169.254", "ada", "metadata"),
        ("169.254.1.1", "ada", "link-local"),
        ("fe80::1", "ada", "link-local"),
        ("224.0.0.1", "ada", "multicast"),
        ("10.1.2.3", "ada", "special-range"),
        ("fd12::1", "ada", "special-range"),
        ("8.8.8.8", "policy", "guard-list"),
        ("8.8.8.8", "ada", "passes"),
        ("203.0.113.77", "ada", "exception"),
        ("203.0.113.77:443", "ada", "exception"),
        ("203.0.113.77:80", "ada", "passes"),
        ("203.0.113.64/27", "ada", "exception"),
        ("bad.example.com", "ada", "name"),
    ] {
        assert_eq!(rule(&guard, target, requester, 10), expected, "{requester} blocks {target}");
    }
    assert_eq!(rule(&guard, "203.0.113.77", "ada", 1000), "passes", "an expired exception is none");
}

#[test]
fn halting_and_isolating_are_for_persons_and_not_for_what_the_host_stands_on() {
    let rule = |kind, target: &str, requester: &str| {
        let action = Action { kind, ..action(target, requester) };
        guard().check(&action, Timestamp(1)).map_or_else(|refusal| refusal.rule, |()| "passes".into())
    };
    for (kind, target, requester, expected) in [
        (ActionKind::Freeze, "unit:shop.service", "ada", "passes"),
        (ActionKind::Freeze, "unit:shop.service", "policy", "person-only"),
        (ActionKind::Freeze, "unit:ssh.service", "ada", "own-application"),
        (ActionKind::Thaw, "unit:ssh.service", "policy", "passes"),
        (ActionKind::Isolate, "host", "ada", "passes"),
        (ActionKind::Isolate, "host", "policy", "person-only"),
        (ActionKind::Rejoin, "host", "policy", "passes"),
        (ActionKind::Block, "host", "ada", "target"),
        (ActionKind::Block, "unit:shop.service", "ada", "target"),
        (ActionKind::Isolate, "203.0.113.66", "ada", "target"),
        (ActionKind::Freeze, "203.0.113.66", "ada", "target"),
        (ActionKind::Unblock, "host", "ada", "target"),
    ] {
        assert_eq!(rule(kind, target, requester), expected, "{requester}: {kind:?} {target}");
    }
}

#[test]
fn an_isolated_host_admits_everybody_that_the_guard_protects() {
    let mut guard = guard();
    guard.admit = vec!["192.0.2.0/28".parse().unwrap()];
    let admitted = guard.admitted();
    let protected = guard.protected.clone().unwrap();
    let all = [
        protected.own_addresses,
        protected.gateways,
        protected.resolvers,
        protected.time_servers,
        protected.servers,
        protected.admin_peers,
    ];
    for address in all.iter().flatten().map(|address| canonical(*address)) {
        assert!(admitted.iter().any(|net| net.contains(&address)), "{address}");
    }
    let reached = |text: &str| admitted.iter().any(|net| net.contains(&text.parse::<IpAddr>().unwrap()));
    assert!(reached("127.0.0.1") && reached("fe80::1") && reached("192.0.2.7"));
    assert!(!reached("203.0.113.66") && !reached("8.8.8.8") && !reached("198.51.100.77"));
    assert!(
        Guard { protected: None, ..guard }.admitted().is_empty(),
        "unknown surroundings admit nobody: no isolation"
    );
}

#[test]
fn without_knowledge_of_the_surroundings_nothing_new_passes() {
    let blind = Guard { protected: None, ..guard() };
    assert_eq!(rule(&blind, "203.0.113.66", "ada", 1), "unknown-surroundings");
    let mut lift = action("203.0.113.66", "ada");
    lift.kind = ActionKind::Unblock;
    assert!(blind.check(&lift, Timestamp(0)).is_ok());
}

#[test]
fn caps_count_number_and_rate() {
    let mut guard = guard();
    guard.usage = Usage { active: 10_000, automatic: 10_000, ..Usage::default() };
    assert_eq!(rule(&guard, "203.0.113.66", "policy", 1), "cap-number");
    assert_eq!(rule(&guard, "203.0.113.66", "ada", 1), "passes", "a person may do more");
    guard.usage = Usage { active: guard.limits.room, ..Usage::default() };
    assert_eq!(rule(&guard, "203.0.113.66", "ada", 1), "cap-number", "what there is room for");
    guard.usage = Usage { automatic_last_minute: 20, ..Usage::default() };
    assert_eq!(rule(&guard, "203.0.113.66", "policy", 1), "cap-rate");
    assert_eq!(rule(&guard, "203.0.113.66", "ada", 1), "passes");
}

#[test]
fn an_exception_of_one_application_stops_policy_but_not_a_person() {
    let mut guard = guard();
    guard.exceptions = vec![Exception { application: Some("unit:app.service".into()), ..exception("203.0.113.66") }];
    assert_eq!(rule(&guard, "203.0.113.66", "policy", 1), "exception");
    assert_eq!(rule(&guard, "203.0.113.66", "ada", 1), "passes");
    guard.exceptions =
        vec![Exception { direction: Some(tripoint_model::Direction::Outbound), ..exception("203.0.113.66") }];
    assert_eq!(rule(&guard, "203.0.113.66", "ada", 1), "exception");
}

fn address() -> impl Strategy<Value = IpAddr> {
    // Few enough different addresses that targets and protected things meet often.
    prop_oneof![
        (0_u8..4, any::<u8>()).prop_map(|(c, d)| IpAddr::from([203, 0, 112 + c, d])),
        (0_u16..4, any::<u8>()).prop_map(|(b, d)| IpAddr::from([0x2001, 0xdb8, b, 0, 0, 0, 0, u16::from(d)])),
        (any::<u8>()).prop_map(|d| IpAddr::from([0, 0, 0, 0, 0, 0xffff, 0xcb00, 0x7000 + u16::from(d)])),
        any::<u32>().prop_map(|bits| IpAddr::from(bits.to_be_bytes())),
        any::<u128>().prop_map(|bits| IpAddr::from(bits.to_be_bytes())),
    ]
}

fn target() -> impl Strategy<Value = Observable> {
    (address(), 0_u8..=128, any::<u16>(), 0_u8..3).prop_map(|(address, length, port, form)| match form {
        0 => Observable::Address(address),
        1 => Observable::AddressPort(address, port),
        _ => {
            let most = if address.is_ipv4() { 32 } else { 128 };
            Observable::Network(IpNet::new(address, length.min(most)).unwrap())
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// Over random hosts and targets no protected address is ever inside what passes.
    #[test]
    fn nothing_protected_ever_passes(
        target in target(),
        hosts in prop::collection::vec(prop::collection::vec(address(), 0..3), 6),
        excepted in prop::collection::vec(target(), 0..2),
        automatic in any::<bool>(),
        permit_all in any::<bool>(),
    ) {
        let protected = Protected {
            own_addresses: hosts[0].clone(),
            own_networks: vec![],
            gateways: hosts[1].clone(),
            resolvers: hosts[2].clone(),
            time_servers: hosts[3].clone(),
            servers: hosts[4].clone(),
            admin_peers: hosts[5].clone(),
            applications: vec![],
        };
        let permit_ranges: Vec<IpNet> = if permit_all { vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()] } else { vec![] };
        let exceptions = excepted.iter().map(|t| Exception { target: Some(t.clone()), ..exception("192.0.2.1") }).collect();
        let guard = Guard { protected: Some(protected), permit_ranges, exceptions, ..Guard::default() };
        let action = Action { target: target.clone().into(), ..action("192.0.2.1", if automatic { POLICY } else { "ada" }) };
        if guard.check(&action, Timestamp(1)).is_ok() {
            let net = canonical_net(target.net().unwrap());
            for address in hosts.iter().flatten() {
                prop_assert!(!net.contains(&canonical(*address)), "{target} holds {address}");
            }
            for fixed in ["127.0.0.1", "169.254.169.254", "224.0.0.251", "255.255.255.255", "::1", "fe80::1", "ff02::1"] {
                prop_assert!(!net.contains(&fixed.parse::<IpAddr>().unwrap()), "{target} holds {fixed}");
            }
            for other in &excepted {
                let other_net = canonical_net(other.net().unwrap());
                let ports_meet = other.port().is_none() || target.port().is_none() || other.port() == target.port();
                prop_assert!(!(ports_meet && overlaps(&other_net, &net)), "{target} meets exception {other}");
            }
            if !permit_all {
                prop_assert!(special_range(&net).is_none());
            }
        }
    }
}
