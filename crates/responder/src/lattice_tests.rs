//! Promise R3: does protected outrank allow, allow outrank block, and does every order of asking end in one result?

use std::net::IpAddr;
use std::path::Path;

use ipnet::IpNet;
use proptest::prelude::*;
use tripoint_model::{Action, ActionKind, Exception, NameLookup, Scope, Target, Terms, Timestamp};

use crate::guard::{Guard, GuardRange, POLICY, Protected};
use crate::plan::plan;
use crate::reconcile::Responder;
use crate::testing::FakeFirewall;

/// Whatever speaks about one address, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Says {
    Protected,
    PersonAllows,
    PolicyAllows,
    PersonBlocks,
    PolicyBlocks,
    /// A guard list of a feed: it spares from policy what no person has decided.
    FeedSpares,
}

const ALL: [Says; 6] =
    [Says::Protected, Says::PersonAllows, Says::PolicyAllows, Says::PersonBlocks, Says::PolicyBlocks, Says::FeedSpares];

/// How somebody may say it: about the address, its network, or a name that it was reached by.
#[derive(Clone, Copy, Debug)]
enum Way {
    Address,
    Network,
    Name,
    System,
}

struct OneName;

impl NameLookup for OneName {
    fn names(&self, net: IpNet) -> Vec<(IpAddr, String)> {
        let address: IpAddr = PEER.parse().unwrap();
        net.contains(&address).then(|| (address, "cdn.partner.example".to_owned())).into_iter().collect()
    }

    fn addresses(&self, target: &Target) -> Vec<IpAddr> {
        target.names("cdn.partner.example").then(|| PEER.parse().unwrap()).into_iter().collect()
    }
}

const PEER: &str = "203.0.113.66";

/// What must be in force in the end, whatever came first.
fn expected(said: &[Says]) -> bool {
    let strongest = said.iter().filter(|says| **says != Says::FeedSpares).min();
    match strongest {
        Some(Says::PersonBlocks) => true,
        Some(Says::PolicyBlocks) => !said.contains(&Says::FeedSpares),
        _ => false,
    }
}

struct Host {
    responder: Responder,
    firewall: FakeFirewall,
    guard: Guard,
    now: i64,
}

impl Host {
    fn hear(&mut self, says: Says, way: Way) {
        self.now += 1;
        match says {
            Says::Protected => self.guard.protected.as_mut().unwrap().servers.push(PEER.parse().unwrap()),
            Says::PersonAllows => self.guard.exceptions.push(exception("ada", way)),
            Says::PolicyAllows => self.guard.exceptions.push(exception(POLICY, way)),
            Says::PersonBlocks => self.block("ada"),
            Says::PolicyBlocks => self.block(POLICY),
            Says::FeedSpares => {
                let net = format!("{PEER}/31").parse().unwrap();
                self.guard.guard_ranges.push(GuardRange { list: "cdn".into(), net });
            }
        }
        self.responder.reconcile(&self.guard, Timestamp::from_seconds(self.now));
    }

    fn block(&mut self, requester: &str) {
        let now = Timestamp::from_seconds(self.now);
        let action = Action {
            kind: ActionKind::Block,
            target: PEER.parse().unwrap(),
            scope: Scope::Host,
            expires: Timestamp::from_seconds(100_000),
            reason: "test".into(),
            requester: requester.into(),
            cause: None,
            terms: Terms::default(),
        };
        self.guard.usage = self.responder.usage(now);
        let plan = plan(&[action], &self.guard, &[], now);
        self.responder.execute(&plan, now);
    }

    /// As at the beginning, but for the time and what the ledger remembers.
    fn forget(&mut self) {
        self.responder.release_all(Timestamp::from_seconds(self.now));
        self.guard.exceptions.clear();
        self.guard.guard_ranges.clear();
        self.guard.protected = Some(Protected::default());
        self.now = 10;
        assert!(!self.holds());
    }

    fn holds(&self) -> bool {
        !self.firewall.kernel().blocks.is_empty()
    }
}

fn exception(owner: &str, way: Way) -> Exception {
    let (target, networks) = match way {
        Way::Address => (PEER, Vec::new()),
        Way::Network => ("203.0.113.64/26", Vec::new()),
        Way::Name => ("partner.example", Vec::new()),
        Way::System => ("AS64500", vec!["203.0.113.0/24".parse().unwrap()]),
    };
    Exception {
        networks,
        hosts: Some("web-*".into()),
        owner: owner.into(),
        ..tripoint_model::testing::exception(&format!("x-{owner}"), target, Timestamp::from_seconds(100_000))
    }
}

fn host(folder: &Path, name: &str) -> Host {
    let firewall = FakeFirewall::default();
    let responder = Responder::open(folder, Box::new(firewall.clone())).unwrap().0;
    let guard = Guard {
        protected: Some(Protected::default()),
        permit_ranges: vec!["203.0.113.0/24".parse().unwrap()],
        host: name.into(),
        names: Some(std::sync::Arc::new(OneName)),
        ..Guard::default()
    };
    Host { responder, firewall, guard, now: 10 }
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![Just(Way::Address), Just(Way::Network), Just(Way::Name), Just(Way::System)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Fails when whoever speaks last wins, when policy takes over a person's block, or when an exception is looked at
    /// only before a block and not while it stands.
    #[test]
    fn r3_every_order_ends_in_the_same(
        said in proptest::sample::subsequence(ALL.to_vec(), 0..=ALL.len()).prop_shuffle(),
        ways in proptest::collection::vec(way(), ALL.len()),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut host = host(folder.path(), "web-1");
        for (says, way) in said.iter().zip(ways) {
            host.hear(*says, way);
        }
        prop_assert_eq!(host.holds(), expected(&said), "{:?}", said);
    }
}

/// Histories on one host, one after the other, when nobody asks for more; the long run asks by the variable.
const HISTORIES: u64 = 2_000;
const HISTORIES_VARIABLE: &str = "TRIPOINT_HISTORIES";

/// Longer histories, in which things are said again, over a ledger that has seen thousands before.
#[test]
fn r3_random_histories_end_in_the_same() {
    let histories = std::env::var(HISTORIES_VARIABLE).ok().and_then(|text| text.parse().ok()).unwrap_or(HISTORIES);
    let folder = tempfile::tempdir().unwrap();
    let mut host = host(folder.path(), "web-1");
    let mut seed = 7_u64;
    let mut dice = |end: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % end
    };
    let mut blocked = 0_u64;
    for history in 0..histories {
        let steps: Vec<Says> = (0..dice(9)).map(|_| ALL[dice(ALL.len())]).collect();
        for says in &steps {
            let way = [Way::Address, Way::Network, Way::Name, Way::System][dice(4)];
            host.hear(*says, way);
        }
        assert_eq!(host.holds(), expected(&steps), "history {history}: {steps:?}");
        blocked += u64::from(host.holds());
        host.forget();
    }
    println!("{histories} histories, {blocked} of them end with a block");
    assert!(blocked > 0 && blocked < histories);
}

#[test]
fn r3_all_orders_of_all_six() {
    fn permute(rest: &mut Vec<Says>, done: &mut Vec<Says>, count: &mut usize) {
        if rest.is_empty() {
            let folder = tempfile::tempdir().unwrap();
            let mut host = host(folder.path(), "web-1");
            for (step, says) in done.iter().enumerate() {
                host.hear(*says, Way::Network);
                assert_eq!(host.holds(), expected(&done[..=step]), "{:?}", &done[..=step]);
            }
            *count += 1;
        }
        for at in 0..rest.len() {
            done.push(rest.remove(at));
            permute(rest, done, count);
            rest.insert(at, done.pop().unwrap());
        }
    }
    let mut count = 0;
    permute(&mut ALL.to_vec(), &mut Vec::new(), &mut count);
    assert_eq!(count, 720);
}

#[test]
fn an_exception_of_other_hosts_or_of_certain_alerts_leaves_a_persons_block() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = host(folder.path(), "db-1");
    host.hear(Says::PersonBlocks, Way::Address);
    host.hear(Says::PersonAllows, Way::Address);
    assert!(host.holds(), "it speaks of web-*");
    let about_alerts = Exception { hosts: None, cves: vec!["CVE-2026-1".into()], ..exception("ada", Way::Address) };
    let block = |requester: &str| Action {
        kind: ActionKind::Block,
        target: PEER.parse().unwrap(),
        scope: Scope::Host,
        expires: Timestamp::from_seconds(100),
        reason: String::new(),
        requester: requester.into(),
        cause: None,
        terms: Terms::default(),
    };
    assert!(!host.guard.excepts(&about_alerts, &block("ada"), Timestamp(1)));
    assert!(host.guard.excepts(&about_alerts, &block(POLICY), Timestamp(1)));
}
