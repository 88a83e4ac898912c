//! Is the way of a packet through real rulesets the kernel's?

use super::*;

/// What `nft -j list ruleset` prints of such a table, an item a line.
const OWN: &str = include_str!("../../../fixtures/ruleset/own.ndjson");
const IPTABLES: &str = include_str!("../../../fixtures/ruleset/iptables.ndjson");

fn read(lines: &str) -> Ruleset {
    let items: Vec<&str> = lines.lines().collect();
    Ruleset::read(&format!("{{\"nftables\": [{}]}}", items.join(","))).unwrap()
}

fn packet(source: Option<&str>, port: u16) -> Packet {
    Packet {
        source: source.map(|source| SocketAddr::new(source.parse().unwrap(), 50_000)),
        target: SocketAddr::new("198.51.100.10".parse().unwrap(), port),
        protocol: Protocol::Tcp,
        interface: Some("eth0".to_owned()),
        is_accepted: false,
    }
}

fn told(ruleset: &Ruleset, packet: &Packet) -> (Outcome, String) {
    let answer = ask(ruleset, packet);
    (answer.outcome, answer.by.join(" / "))
}

#[test]
fn sets_maps_and_jumps_are_followed() {
    let own = read(OWN);
    let of = |source: &str, port| told(&own, &packet(Some(source), port));
    let passes = |by: &str| (Outcome::Passes, by.to_owned());
    assert_eq!(of("10.1.2.3", 8050), passes("inet filter input handle 14"), "a range in a set");
    assert_eq!(of("10.1.2.3", 22), passes("inet filter input handle 15"), "two things at once in a set");
    assert_eq!(of("192.0.2.7", 22), passes("inet filter input handle 16"), "a map of verdicts");
    assert_eq!(of("192.0.2.7", 8080), passes("inet filter svc handle 8 (svc)"), "a jump by the map");
    assert_eq!(of("203.0.113.7", 8080), (Outcome::Stopped, "inet filter svc handle 7 drops".to_owned()));
    let udp = Packet { protocol: Protocol::Udp, ..packet(Some("192.0.2.7"), 53) };
    assert_eq!(told(&own, &udp), passes("inet filter input handle 13"));
    let local = Packet { interface: Some("lo".to_owned()), ..packet(Some("127.0.0.1"), 9) };
    assert_eq!(told(&own, &local), passes("inet filter input handle 9"));
}

#[test]
fn what_cannot_be_evaluated_is_said_and_not_guessed() {
    let own = read(OWN);
    // A rate may let it in; else a rule admits it certainly.
    let of_rate = told(&own, &packet(Some("192.0.2.7"), 80));
    assert_eq!(of_rate, (Outcome::Passes, "inet filter input handle 17, or inet filter input handle 19".to_owned()));
    let answer = ask(&own, &packet(Some("192.0.2.7"), 5000));
    assert_eq!(answer.outcome, Outcome::NotKnown);
    assert_eq!(answer.uncertain, ["inet filter input handle 17 may accept: a limit"]);
    // Of what was let pass, that is the only way in.
    let accepted = Packet { is_accepted: true, ..packet(Some("192.0.2.7"), 5000) };
    assert!(ask(&own, &accepted).by[0].starts_with("inet filter input handle 17, else stopped by"));
    assert!(Ruleset::read("{\"nftables\": 7}").is_err() && Ruleset::read("").is_err());
}

/// A map by interface of which the packet's is not known, before a policy that drops.
#[test]
fn a_way_that_cannot_be_followed_is_no_way_that_was_stopped() {
    let own = read(
        r#"{"chain":{"family":"inet","table":"t","name":"input","handle":1,"type":"filter","hook":"input","prio":0,"policy":"drop"}}
{"rule":{"family":"inet","table":"t","chain":"input","handle":2,"expr":[{"vmap":{"key":{"meta":{"key":"iifname"}},"data":{"set":[["lo",{"accept":null}],["eth0",{"accept":null}]]}}}]}}"#,
    );
    let seen = |interface: Option<&str>, is_accepted| {
        let interface = interface.map(str::to_owned);
        ask(&own, &Packet { interface, is_accepted, ..packet(Some("192.0.2.7"), 80) }).outcome
    };
    assert_eq!(seen(Some("eth0"), false), Outcome::Passes);
    assert_eq!(seen(Some("eth1"), false), Outcome::Stopped);
    assert_eq!(seen(None, false), Outcome::NotKnown);
    assert_eq!(seen(None, true), Outcome::NotKnown);
}

#[test]
fn rules_of_iptables_are_walked_and_their_extensions_named() {
    let iptables = read(IPTABLES);
    let of = |source: Option<&str>, port| ask(&iptables, &packet(source, port));
    let ufw = of(Some("192.0.2.7"), 8080);
    assert_eq!(ufw.by, ["ip filter INPUT handle 2, or ip filter ufw handle 6"]);
    assert_eq!(ufw.uncertain, ["ip filter INPUT handle 2 may accept: iptables' conntrack, which nft does not show"]);
    let other = of(Some("198.18.0.1"), 8080);
    assert_eq!((other.outcome, other.by), (Outcome::Passes, vec!["ip filter ufw handle 6".to_owned()]));
    let ssh = of(Some("198.18.0.1"), 22);
    assert_eq!(ssh.outcome, Outcome::NotKnown, "{ssh:?}");
    let six = Packet { target: "[2001:db8::1]:8080".parse().unwrap(), ..packet(Some("2001:db8::2"), 1) };
    assert!(!ask(&iptables, &six).is_filtered, "it is of another family");
}

#[test]
fn anybody_is_whom_no_rule_speaks_of() {
    let own = read(OWN);
    assert_eq!(told(&own, &packet(None, 8080)).0, Outcome::Passes);
    assert_eq!(told(&own, &packet(None, 443)).0, Outcome::Passes);
    assert_eq!(told(&own, &packet(None, 5000)).0, Outcome::NotKnown);
    let closed = read(&OWN.lines().filter(|line| !line.contains("\"limit\"")).collect::<Vec<_>>().join("\n"));
    assert_eq!(
        told(&closed, &packet(None, 5000)),
        (Outcome::Stopped, "inet filter input handle 20 rejects".to_owned())
    );
    assert_eq!(told(&closed, &packet(Some("10.1.2.3"), 5000)).0, Outcome::Stopped);
}

#[test]
fn jumps_in_a_circle_end() {
    let chain = |name: &str, base: &str| {
        format!("{{\"chain\":{{\"family\":\"ip\",\"table\":\"t\",\"name\":\"{name}\"{base}}}}}")
    };
    let jump = |from: &str, to: &str| {
        format!(
            "{{\"rule\":{{\"family\":\"ip\",\"table\":\"t\",\"chain\":\"{from}\",\"expr\":[{{\"jump\":{{\"target\":\"{to}\"}}}},{{\"jump\":{{\"target\":\"{to}\"}}}}]}}}}"
        )
    };
    let base = ",\"hook\":\"input\",\"type\":\"filter\",\"prio\":0,\"policy\":\"accept\"";
    let items = [chain("a", base), chain("b", ""), jump("a", "b"), jump("b", "a"), jump("b", "b")];
    let answer = ask(&read(&items.join("\n")), &packet(None, 1));
    assert!(answer.uncertain.iter().any(|what| what.contains("jumps within jumps")), "{answer:?}");
}
