//! Does a blocked name block where it leads, and nothing else, until it ends?

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use ipnet::IpNet;
use tripoint_model::{
    Action, ActionKind, Exception, NameLookup, Observable, Outcome, OutcomeState, Plan, Scope, Target, Terms, Timestamp,
};

use crate::firewall::Firewall;
use crate::guard::{Guard, GuardRange, POLICY, Protected};
use crate::ledger::ADDRESSES_MAX;
use crate::plan::plan;
use crate::reconcile::Responder;
use crate::testing::FakeFirewall;
use crate::verify::Held;

const NAME: &str = "c2.bad.example";
const LED: [&str; 5] = ["203.0.113.1", "203.0.113.7", "203.0.113.200", "198.51.100.9", "2001:db8::7"];

struct Answers;

impl NameLookup for Answers {
    fn names(&self, net: IpNet) -> Vec<(IpAddr, String)> {
        let all = LED.iter().map(|text| text.parse().unwrap());
        all.filter(|address| net.contains(address)).map(|address| (address, NAME.to_owned())).collect()
    }

    fn addresses(&self, target: &Target) -> Vec<IpAddr> {
        if target.names(NAME) { LED.iter().map(|text| text.parse().unwrap()).collect() } else { Vec::new() }
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

/// A gateway and a guard-listed range are among the addresses that the name leads to.
fn guard() -> Guard {
    Guard {
        protected: Some(Protected { gateways: vec!["203.0.113.1".parse().unwrap()], ..Protected::default() }),
        permit_ranges: ["203.0.113.0/24", "198.51.100.0/24", "2001:db8::/32"].map(|net| net.parse().unwrap()).to_vec(),
        guard_ranges: vec![GuardRange { list: "cdn".into(), net: "198.51.100.0/28".parse().unwrap() }],
        names: Some(Arc::new(Answers)),
        answers: true,
        ..Guard::default()
    }
}

fn wish(kind: ActionKind, target: &str, expires: i64) -> Action {
    Action {
        kind,
        target: target.parse().unwrap(),
        scope: Scope::Host,
        expires: at(expires),
        reason: "c2".into(),
        requester: "ada".into(),
        cause: None,
        terms: Terms::default(),
    }
}

fn host(folder: &Path, fake: &FakeFirewall) -> Responder {
    Responder::open(folder, Box::new(fake.clone())).unwrap().0
}

fn act(responder: &mut Responder, guard: &Guard, wish: Action, now: i64) -> (Plan, Vec<Outcome>) {
    let plan = plan(&[wish], guard, &[], at(now));
    let outcomes = responder.execute(&plan, at(now));
    (plan, outcomes)
}

fn held(fake: &FakeFirewall) -> Vec<String> {
    fake.kernel().blocks.keys().map(|(target, _)| target.to_string()).collect()
}

fn exception(target: &str) -> Exception {
    Exception { owner: "bob".into(), ..tripoint_model::testing::exception("e1", target, at(1_000_000)) }
}

const BLOCKED: [&str; 3] = ["203.0.113.7", "203.0.113.200", "2001:db8::7"];

#[test]
fn a_block_of_a_name_holds_where_it_led_before_and_refuses_what_is_guarded_by_its_rule() {
    let folder = tempfile::tempdir().unwrap();
    let fake = FakeFirewall::default();
    let mut responder = host(folder.path(), &fake);
    let (planned, outcomes) = act(&mut responder, &guard(), wish(ActionKind::Block, "*.bad.example", 600), 1);
    let refused: Vec<_> = planned.refused.iter().map(|one| (one.target.to_string(), one.rule.as_str())).collect();
    assert_eq!(refused, [("203.0.113.1".into(), "gateway"), ("198.51.100.9".into(), "guard-list")]);
    assert_eq!(held(&fake), BLOCKED);
    assert!(outcomes.iter().all(|one| one.state == OutcomeState::Applied && one.verified), "{outcomes:#?}");
    assert!(planned.plan[1..].iter().all(|one| one.terms.via.as_ref().unwrap().name == "*.bad.example"));
    // Read back, kept over a restart, put back when it is lost.
    drop(responder);
    let mut responder = host(folder.path(), &fake);
    assert!(responder.compare(at(2)).unwrap().agree());
    fake.kernel().blocks.clear();
    let compared = responder.compare(at(2)).unwrap();
    assert_eq!(compared.wanted.iter().filter(|(_, held)| *held == Held::Missing).count(), 3);
    assert_eq!(responder.reconcile(&guard(), at(2)).restored.len(), 3);
    assert!(responder.reconcile(&guard(), at(2)).is_quiet());
    // Lifted whole, and each address is told to have ended.
    let (_, outcomes) = act(&mut responder, &guard(), wish(ActionKind::Unblock, "*.bad.example", 0), 3);
    assert_eq!((outcomes[0].state, outcomes[0].verified), (OutcomeState::Lifted, true));
    assert_eq!(held(&fake), [""; 0]);
    let ended = responder.take_ended();
    assert_eq!(ended.len(), 4);
    assert!(ended.iter().all(|(_, one)| one.state == OutcomeState::Lifted && one.verified), "{ended:#?}");
    let (_, outcomes) = act(&mut responder, &guard(), wish(ActionKind::Unblock, "*.bad.example", 0), 3);
    assert_eq!(outcomes[0].state, OutcomeState::Nothing);
}

#[test]
fn it_ends_with_its_time_and_release_all_takes_it_too() {
    let folder = tempfile::tempdir().unwrap();
    let fake = FakeFirewall::default();
    let mut responder = host(folder.path(), &fake);
    act(&mut responder, &guard(), wish(ActionKind::Block, NAME, 600), 1);
    assert!(fake.kernel().blocks.values().all(|end| *end == at(600)));
    responder.reconcile(&guard(), at(600));
    assert!(fake.clone().list(at(600)).unwrap().is_empty() && responder.names(at(600)).is_empty());
    act(&mut responder, &guard(), wish(ActionKind::Block, NAME, 900), 700);
    let released = responder.release_all(at(701));
    assert!(released.iter().all(|one| one.state == OutcomeState::Lifted && one.verified), "{released:#?}");
    assert!(held(&fake).is_empty() && responder.reconcile(&guard(), at(702)).is_quiet());
}

#[test]
fn who_wants_an_address_for_another_reason_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let fake = FakeFirewall::default();
    let mut responder = host(folder.path(), &fake);
    act(&mut responder, &guard(), wish(ActionKind::Block, NAME, 600), 1);
    act(&mut responder, &guard(), wish(ActionKind::Block, "*.bad.example", 500), 1);
    act(&mut responder, &guard(), wish(ActionKind::Block, "203.0.113.7", 100), 1);
    let end = |target: &str| fake.kernel().blocks.get(&(target.parse().unwrap(), Scope::Host)).copied();
    assert_eq!(end("203.0.113.7"), Some(at(600)), "the shorter one shortens nothing");
    assert!(responder.reconcile(&guard(), at(1)).is_quiet());
    let (_, outcomes) = act(&mut responder, &guard(), wish(ActionKind::Unblock, "203.0.113.7", 0), 2);
    assert_eq!(outcomes[0].state, OutcomeState::Failed);
    assert!(outcomes[0].detail.contains("the block of c2.bad.example holds it"), "{outcomes:#?}");
    act(&mut responder, &guard(), wish(ActionKind::Block, "203.0.113.7", 300), 2);
    responder.take_ended();
    act(&mut responder, &guard(), wish(ActionKind::Unblock, NAME, 0), 3);
    assert_eq!((end("203.0.113.7"), end("203.0.113.200")), (Some(at(500)), Some(at(500))), "the other name's");
    assert_eq!(responder.take_ended().len(), 1, "of the addresses nothing has ended");
    act(&mut responder, &guard(), wish(ActionKind::Unblock, "*.bad.example", 0), 4);
    assert_eq!((held(&fake), end("203.0.113.7")), (vec!["203.0.113.7".to_owned()], Some(at(300))), "somebody's own");
}

#[test]
fn an_exception_beats_the_name_and_where_it_leads() {
    let folder = tempfile::tempdir().unwrap();
    let fake = FakeFirewall::default();
    let mut responder = host(folder.path(), &fake);
    act(&mut responder, &guard(), wish(ActionKind::Block, "*.bad.example", 600), 1);
    let one = Guard { exceptions: vec![exception("203.0.113.7")], ..guard() };
    let done = responder.reconcile(&one, at(2));
    assert_eq!(done.withdrawn, [("203.0.113.7".parse().unwrap(), "exception".to_owned())]);
    assert_eq!(held(&fake), ["203.0.113.200", "2001:db8::7"]);
    act(&mut responder, &one, wish(ActionKind::Allow, "203.0.113.200", 600), 3);
    assert_eq!(held(&fake), ["2001:db8::7"]);
    let whole = Guard { exceptions: vec![exception("bad.example")], ..guard() };
    responder.reconcile(&whole, at(4));
    assert!(held(&fake).is_empty() && responder.names(at(4)).is_empty());
    let refused = plan(&[wish(ActionKind::Block, NAME, 600)], &whole, &[], at(5)).refused;
    assert_eq!(refused[0].rule, "exception");
    let beneath = Guard { exceptions: vec![exception(NAME)], ..guard() };
    let planned = plan(&[wish(ActionKind::Block, "*.bad.example", 600)], &beneath, &[], at(5));
    assert_eq!(planned.plan.len(), 1, "the rest of the domain stays blocked, that name's addresses do not");
}

#[test]
fn a_name_is_refused_where_no_answer_is_seen_and_to_policy() {
    let blind = Guard { answers: false, ..guard() };
    let rule = |guard: &Guard, wish: Action| plan(&[wish], guard, &[], at(1)).refused[0].rule.clone();
    assert_eq!(rule(&blind, wish(ActionKind::Block, NAME, 600)), "name");
    let unasked = Action { requester: POLICY.into(), ..wish(ActionKind::Block, NAME, 600) };
    assert_eq!(rule(&guard(), unasked), "person-only");
    assert_eq!(rule(&guard(), wish(ActionKind::Disconnect, NAME, 600)), "name");
    assert_eq!(rule(&guard(), wish(ActionKind::Allow, "*.bad.example", 600)), "target");
}

#[test]
fn one_name_leads_to_so_many_addresses_and_the_rest_is_named() {
    struct Many;
    impl NameLookup for Many {
        fn names(&self, _: IpNet) -> Vec<(IpAddr, String)> {
            Vec::new()
        }
        fn addresses(&self, _: &Target) -> Vec<IpAddr> {
            (0..200).map(|last| IpAddr::from([203, 0, 113, last])).collect()
        }
    }
    let many = Guard { names: Some(Arc::new(Many)), ..guard() };
    let planned = plan(&[wish(ActionKind::Block, NAME, 600)], &many, &[], at(1));
    assert_eq!(planned.plan.len(), ADDRESSES_MAX, "the name itself, and all but the gateway");
    let of_name = planned.refused.iter().find(|one| one.target == Observable::Domain(NAME.into()).into()).unwrap();
    assert_eq!(of_name.rule, "cap-name");
    assert!(of_name.reason.starts_with("72 more"), "{of_name:?}");
}
