//! Promise R2, "0 enforced": whatever comes into force of a poisoned list, policy cuts off nobody that it must not.

use std::net::IpAddr;
use std::sync::Arc;

use tripoint_intel::images::open_newest;
use tripoint_model::{Action, ActionKind, Observable, Scope, Terms, Timestamp};
use tripoint_responder::guard::{POLICY, Protected};
use tripoint_responder::{Guard, plan};

use crate::bench::Bench;

const OWN: &str = "45.66.77.88";
const RESOLVER: &str = "45.67.0.53";
const SERVER: &str = "45.68.0.1";
const GATEWAY: &str = "45.69.0.1";
const ADMIN: &str = "45.70.0.9";

/// "Own public IP, resolver, server", each alone and within networks, and all of the internet: a person imports it, so
/// that no bound on a feed's size helps.
#[test]
fn r2_nothing_protected_is_enforced_whatever_is_listed() {
    let protected = [OWN, RESOLVER, SERVER, GATEWAY, ADMIN];
    let lists: [(&str, Vec<String>); 5] = [
        ("addresses", protected.iter().map(|text| (*text).to_owned()).collect()),
        ("mapped", protected.iter().map(|text| format!("::ffff:{text}")).collect()),
        ("networks", ["45.66.77.0/24", "45.67.0.0/24", "45.68.0.0/24", "45.64.0.0/10"].map(str::to_owned).to_vec()),
        ("eighths", (0..256).map(|first| format!("{first}.0.0.0/8")).collect()),
        ("special", ["10.0.0.1", "169.254.169.254", "127.0.0.1", "224.0.0.1"].map(str::to_owned).to_vec()),
    ];
    let address = |text: &str| -> IpAddr { text.parse().unwrap() };
    let mut listed = 0;
    for (name, entries) in lists {
        let bench = Bench::new();
        bench.write("list.txt", format!("198.51.100.7\n{}\n", entries.join("\n")));
        let command = ["intel", "import", "list.txt", "--name", name, "--category", "c2", "--confidence", "100"];
        bench.run(&[&command[..], &["--direction", "out"]].concat()).expect(0);
        let (_, index) = open_newest(&bench.path("data")).expect("an image");
        let ahead = index.enforceable(1, Timestamp::from_seconds(1));
        listed += protected.iter().filter(|text| index.is_listed(address(text))).count();
        let guard = Guard {
            protected: Some(Protected {
                own_addresses: vec![address(OWN)],
                gateways: vec![address(GATEWAY)],
                resolvers: vec![address(RESOLVER)],
                servers: vec![address(SERVER)],
                admin_peers: vec![address(ADMIN)],
                ..Protected::default()
            }),
            permit_ranges: vec!["198.51.100.0/24".parse().unwrap()],
            lookup: Some(Arc::new(index)),
            ..Guard::default()
        };
        let wish = |target: Observable| Action {
            kind: ActionKind::Block,
            target: target.into(),
            scope: Scope::Host,
            expires: Timestamp::from_seconds(3600),
            reason: "listed".into(),
            requester: POLICY.into(),
            cause: None,
            terms: Terms::default(),
        };
        let entries = entries.iter().filter_map(|text| text.parse::<Observable>().ok());
        let peers = protected.iter().map(|text| Observable::Address(address(text)));
        let wishes: Vec<Action> =
            entries.chain(peers).chain(ahead.into_iter().map(Observable::Address)).map(wish).collect();
        let plan = plan(&wishes, &guard, &[], Timestamp::from_seconds(1));
        let cut: Vec<String> = plan.plan.iter().map(|planned| planned.target.to_string()).collect();
        assert_eq!(cut, ["198.51.100.7"], "{name}: only the one that is nobody's");
        assert!(plan.refused.iter().all(|refusal| !refusal.rule.is_empty() && !refusal.reason.is_empty()));
    }
    assert!(listed > 5, "the lists did come into force: {listed}");
}
