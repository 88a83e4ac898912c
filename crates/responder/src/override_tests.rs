//! Does what sets a rule aside set aside that rule alone, for a moment, unless somebody confirms it?

use std::time::Duration;

use proptest::prelude::*;
use tripoint_model::{Action, ActionKind, Exception, OutcomeState, Scope, Terms, Timestamp};

use crate::guard::{Guard, OVERRULABLE, POLICY, Protected};
use crate::plan::plan;
use crate::reconcile::Responder;
use crate::testing::FakeFirewall;

const ROUTER: &str = "203.0.113.1";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

/// The router is gateway and name server at once, as at home.
fn guard() -> Guard {
    let router = || vec![ROUTER.parse().unwrap()];
    Guard {
        protected: Some(Protected {
            gateways: router(),
            resolvers: router(),
            own_addresses: vec!["198.51.100.10".parse().unwrap()],
            ..Protected::default()
        }),
        permit_ranges: ["203.0.113.0/24", "198.51.100.0/24"].map(|net| net.parse().unwrap()).to_vec(),
        ..Guard::default()
    }
}

fn wish(target: &str, rules: &[&str], within: Option<u64>) -> Action {
    Action {
        kind: ActionKind::Block,
        target: target.parse().unwrap(),
        scope: Scope::Host,
        expires: at(7_200),
        reason: "c2 on the router".into(),
        requester: "root".into(),
        cause: None,
        terms: Terms {
            overrides: rules.iter().map(|rule| (*rule).to_owned()).collect(),
            confirm_within_s: within,
            ..Terms::default()
        },
    }
}

fn refused(guard: &Guard, wish: Action) -> Option<String> {
    plan(&[wish], guard, &[], at(0)).refused.first().map(|one| one.rule.clone())
}

#[test]
fn every_rule_that_stands_in_the_way_has_to_be_named() {
    let both = ["gateway", "resolver"];
    assert_eq!(refused(&guard(), wish(ROUTER, &[], None)).as_deref(), Some("gateway"));
    assert_eq!(refused(&guard(), wish(ROUTER, &["gateway"], Some(60))).as_deref(), Some("resolver"));
    assert_eq!(refused(&guard(), wish(ROUTER, &both, Some(60))), None);
    for within in [None, Some(0), Some(9), Some(3_601)] {
        assert_eq!(refused(&guard(), wish(ROUTER, &both, within)).as_deref(), Some("override"), "{within:?}");
    }
    let unasked = Action { requester: POLICY.into(), ..wish(ROUTER, &both, Some(60)) };
    assert_eq!(refused(&guard(), unasked).as_deref(), Some("override"));
    let isolate = Action { kind: ActionKind::Isolate, ..wish("host", &both, Some(60)) };
    assert_eq!(refused(&guard(), isolate).as_deref(), Some("override"));
    let blind = Guard { protected: None, ..guard() };
    assert_eq!(refused(&blind, wish(ROUTER, &both, Some(60))).as_deref(), Some("unknown-surroundings"));
}

#[test]
fn some_rules_nobody_sets_aside() {
    for rule in
        ["loopback", "own-address", "link-local", "multicast", "metadata", "exception", "cap-number", "nonsense"]
    {
        assert_eq!(refused(&guard(), wish(ROUTER, &[rule], Some(60))).as_deref(), Some("override"), "{rule}");
    }
    for (target, rule) in [
        ("127.0.0.1", "loopback"),
        ("198.51.100.10", "own-address"),
        ("169.254.169.254", "metadata"),
        ("0.0.0.0/0", "too-wide"),
        ("0.0.0.0/1", "too-wide"),
        ("::/0", "too-wide"),
        ("198.0.0.0/8", "own-address"),
    ] {
        assert_eq!(refused(&guard(), wish(target, OVERRULABLE, Some(60))).as_deref(), Some(rule), "{target}");
    }
    assert_eq!(refused(&guard(), wish("11.0.0.0/8", &["too-wide"], Some(60))), None);
    let excepted = Exception { owner: "bob".into(), ..tripoint_model::testing::exception("e1", ROUTER, at(9_000)) };
    let spared = Guard { exceptions: vec![excepted], ..guard() };
    assert_eq!(refused(&spared, wish(ROUTER, OVERRULABLE, Some(60))).as_deref(), Some("exception"));
}

struct Host {
    responder: Responder,
    fake: FakeFirewall,
    _folder: tempfile::TempDir,
}

impl Host {
    fn new() -> Self {
        let (folder, fake) = (tempfile::tempdir().unwrap(), FakeFirewall::default());
        Self { responder: Responder::open(folder.path(), Box::new(fake.clone())).unwrap().0, fake, _folder: folder }
    }

    fn block(&mut self, wish: Action, now: i64) -> String {
        let plan = plan(&[wish], &guard(), &[], at(now));
        self.responder.execute(&plan, at(now));
        plan.plan[0].id.clone()
    }

    fn end(&self) -> Option<Timestamp> {
        self.fake.kernel().blocks.get(&(ROUTER.parse().unwrap(), Scope::Host)).copied()
    }
}

#[test]
fn unconfirmed_it_ends_in_the_kernel_and_in_the_ledger() {
    let mut host = Host::new();
    let id = host.block(wish(ROUTER, &["gateway", "resolver"], Some(60)), 0);
    assert_eq!(host.end(), Some(at(60)), "the kernel was never told more");
    assert!(host.responder.reconcile(&guard(), at(59)).is_quiet(), "until then it stands");
    host.responder.reconcile(&guard(), at(60));
    let ended = host.responder.take_ended();
    assert_eq!((ended[0].1.id.as_str(), ended[0].1.state), (id.as_str(), OutcomeState::Expired));
    assert!(ended[0].1.detail.contains("nobody confirmed"), "{ended:#?}");
    assert!(host.responder.confirm(&id, &guard(), at(60)).is_none(), "too late");
}

#[test]
fn confirmed_it_holds_until_its_time_unless_the_guard_says_no_by_then() {
    let mut host = Host::new();
    let id = host.block(wish(ROUTER, &["gateway", "resolver"], Some(60)), 0);
    assert!(host.responder.confirm("another", &guard(), at(30)).is_none());
    let mut narrower = guard();
    narrower.protected.as_mut().unwrap().servers = vec![ROUTER.parse().unwrap()];
    let refused = host.responder.confirm(&id, &narrower, at(30)).unwrap().unwrap_err();
    assert_eq!((refused.rule.as_str(), host.end()), ("server", Some(at(60))));
    let outcome = host.responder.confirm(&id, &guard(), at(30)).unwrap().unwrap();
    assert_eq!((outcome.state, outcome.verified, outcome.id), (OutcomeState::Applied, true, id.clone()));
    assert_eq!(host.end(), Some(at(7_200)));
    assert!(host.responder.confirm(&id, &guard(), at(31)).is_none(), "once is enough");
    assert!(host.responder.reconcile(&guard(), at(100)).is_quiet());
    // Asked for once more it does not become shorter, nor unconfirmed.
    host.block(wish(ROUTER, &["gateway", "resolver"], Some(60)), 200);
    assert_eq!(host.end(), Some(at(7_200)));
    assert!(host.responder.active(at(200))[0].terms.confirmed_until.is_none());
    host.responder.reconcile(&narrower, at(300));
    assert_eq!(host.end(), None, "what nobody set aside still counts");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// However often it is asked for, extended, confirmed or looked at: while nobody has confirmed, the kernel's end is
    /// never later than what is left to confirm.
    #[test]
    fn the_kernel_is_never_told_more_than_was_confirmed(steps in proptest::collection::vec((0u8..3, 10u64..120, 0i64..90), 1..20)) {
        let mut host = Host::new();
        let (mut now, mut confirmed, mut latest) = (0, false, 0);
        for (step, within, wait) in steps {
            now += wait;
            match step {
                0 => {
                    host.block(wish(ROUTER, &["gateway", "resolver"], Some(within)), now);
                    if !confirmed {
                        latest = latest.max(now + i64::try_from(within).unwrap());
                    }
                }
                1 => drop(host.responder.reconcile(&guard(), at(now))),
                _ => {
                    let waiting = host.responder.active(at(now)).first().map(|entry| entry.id.clone());
                    let done = waiting.and_then(|id| host.responder.confirm(&id, &guard(), at(now)));
                    confirmed |= done.is_some_and(|done| done.is_ok());
                }
            }
            let most = if confirmed { at(7_200) } else { at(latest) };
            prop_assert!(host.end().is_none_or(|end| end <= most), "{:?} at {now}, most {most}", host.end());
        }
        host.responder.reconcile(&guard(), at(7_200));
        prop_assert!(host.responder.active(at(7_200).plus(Duration::from_secs(1))).is_empty());
    }
}
