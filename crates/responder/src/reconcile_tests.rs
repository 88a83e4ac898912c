//! Does the kernel become what the ledger says, after every kind of mishap?

use proptest::prelude::*;

use tripoint_model::{Action, ConnectionId, OutcomeState, Protocol};

use super::*;
use crate::guard::Guard;
use crate::guard::Protected;
use crate::outcome::dry_run;
use crate::plan::plan;
use crate::testing::{FakeFirewall, conformance};

fn seconds(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn action(kind: ActionKind, target: &str, expires: i64) -> Action {
    Action {
        kind,
        target: target.parse().unwrap(),
        scope: Scope::Host,
        expires: seconds(expires),
        reason: "c2".into(),
        requester: "ada".into(),
        cause: None,
        terms: Terms::default(),
    }
}

fn guard() -> Guard {
    Guard {
        protected: Some(Protected::default()),
        permit_ranges: vec!["203.0.113.0/24".parse().unwrap()],
        ..Guard::default()
    }
}

fn open(folder: &Path, firewall: &FakeFirewall) -> Responder {
    Responder::open(folder, Box::new(firewall.clone())).unwrap().0
}

fn run(responder: &mut Responder, kind: ActionKind, target: &str, expires: i64, now: i64) -> Vec<Outcome> {
    let live = [Cut {
        connection: ConnectionId { cookie: 5, peer: 0 },
        protocol: Protocol::Tcp,
        local: "198.51.100.10:1".parse().unwrap(),
        remote: "203.0.113.66:443".parse().unwrap(),
        netns: 0,
        pid: 1,
        application: "app".into(),
    }];
    let plan = plan(&[action(kind, target, expires)], &guard(), &live, seconds(now));
    assert!(plan.refused.is_empty(), "{:?}", plan.refused);
    responder.execute(&plan, seconds(now))
}

#[test]
fn the_fake_keeps_its_word() {
    let mut now = seconds(1000);
    conformance(&mut FakeFirewall::default(), &mut |pass| {
        now = now.plus(pass);
        now
    });
}

#[test]
fn a_disconnect_is_a_block_and_an_end_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let firewall = FakeFirewall::default();
    firewall.kernel().open = vec![4, 5];
    let mut responder = open(folder.path(), &firewall);
    let outcomes = run(&mut responder, ActionKind::Disconnect, "203.0.113.66", 0, 10);
    let seen: Vec<_> = outcomes.iter().map(|o| (o.action, o.state, o.verified)).collect();
    assert_eq!(
        seen,
        [(ActionKind::Block, OutcomeState::Applied, true), (ActionKind::Disconnect, OutcomeState::Applied, true)]
    );
    assert_eq!(firewall.kernel().open, [4]);
    assert_eq!(responder.active(seconds(11)).len(), 1);
    let outcomes = run(&mut responder, ActionKind::Unblock, "203.0.113.66", 0, 20);
    assert_eq!((outcomes[0].state, outcomes[0].verified), (OutcomeState::Lifted, true));
    let outcomes = run(&mut responder, ActionKind::Unblock, "203.0.113.66", 0, 30);
    assert_eq!(outcomes[0].state, OutcomeState::Nothing);
    assert!(responder.reconcile(&guard(), seconds(31)).is_quiet());
}

#[test]
fn a_crash_between_intent_and_apply_is_repaired() {
    let folder = tempfile::tempdir().unwrap();
    let firewall = FakeFirewall::default();
    let mut responder = open(folder.path(), &firewall);
    let wish = plan(&[action(ActionKind::Block, "203.0.113.66", 1000)], &guard(), &[], seconds(10));
    responder.intend(&wish, seconds(10)).unwrap();
    drop(responder);
    let mut responder = open(folder.path(), &firewall);
    let report = responder.reconcile(&guard(), seconds(11));
    assert_eq!(report.restored, ["203.0.113.66".parse().unwrap()]);
    assert!(responder.reconcile(&guard(), seconds(12)).is_quiet(), "twice is once");
    // The same for lifting: written, then the crash.
    let lift = plan(&[action(ActionKind::Unblock, "203.0.113.66", 0)], &guard(), &[], seconds(13));
    responder.intend(&lift, seconds(13)).unwrap();
    drop(responder);
    let mut responder = open(folder.path(), &firewall);
    assert_eq!(responder.reconcile(&guard(), seconds(14)).removed.len(), 1);
    assert!(firewall.kernel().blocks.is_empty());
}

#[test]
fn drift_is_repaired_both_ways_and_time_is_extended() {
    let folder = tempfile::tempdir().unwrap();
    let firewall = FakeFirewall::default();
    let mut responder = open(folder.path(), &firewall);
    run(&mut responder, ActionKind::Block, "203.0.113.66", 1000, 10);
    run(&mut responder, ActionKind::Block, "203.0.113.66", 2000, 20);
    assert_eq!(firewall.kernel().blocks.values().copied().collect::<Vec<_>>(), [seconds(2000)]);
    let key = ("203.0.113.66".parse().unwrap(), Scope::Host);
    firewall.kernel().blocks.insert(key, seconds(500));
    firewall.kernel().blocks.insert(("203.0.113.99".parse().unwrap(), Scope::Host), seconds(5000));
    let report = responder.reconcile(&guard(), seconds(30));
    assert_eq!((report.corrected.len(), report.removed.len()), (1, 1));
    firewall.kernel().blocks.clear();
    assert_eq!(responder.reconcile(&guard(), seconds(31)).restored.len(), 1);
    assert!(responder.take_ended().is_empty());
    assert_eq!(responder.reconcile(&guard(), seconds(2000)).expired.len(), 1);
    let ended = responder.take_ended();
    assert_eq!((ended.len(), ended[0].1.state, ended[0].1.verified), (1, OutcomeState::Expired, true));
    assert!(responder.active(seconds(2000)).is_empty());
}

#[test]
fn a_disconnect_does_not_cut_a_long_block_short() {
    let folder = tempfile::tempdir().unwrap();
    let firewall = FakeFirewall::default();
    let mut responder = open(folder.path(), &firewall);
    run(&mut responder, ActionKind::Block, "203.0.113.66", 86_400, 10);
    let outcomes = run(&mut responder, ActionKind::Disconnect, "203.0.113.66", 0, 20);
    assert_eq!((outcomes[0].state, outcomes[0].expires), (OutcomeState::Applied, Some(seconds(86_400))));
    assert_eq!(responder.active(seconds(21))[0].expires, seconds(86_400));
    assert!(responder.reconcile(&guard(), seconds(22)).is_quiet());
}

#[test]
fn lifting_one_address_says_that_a_wider_block_holds() {
    let folder = tempfile::tempdir().unwrap();
    let firewall = FakeFirewall::default();
    let mut responder = open(folder.path(), &firewall);
    run(&mut responder, ActionKind::Block, "203.0.113.64/26", 1000, 10);
    let outcomes = run(&mut responder, ActionKind::Unblock, "203.0.113.66", 0, 20);
    assert!(outcomes[0].detail.contains("203.0.113.64/26"), "{}", outcomes[0].detail);
}

#[test]
fn an_exception_lifts_what_stands() {
    let folder = tempfile::tempdir().unwrap();
    let firewall = FakeFirewall::default();
    let mut responder = open(folder.path(), &firewall);
    run(&mut responder, ActionKind::Block, "203.0.113.66", 1000, 10);
    let mut guard = guard();
    guard.exceptions.push(tripoint_model::testing::exception("e1", "203.0.113.0/24", seconds(1000)));
    let report = responder.reconcile(&guard, seconds(11));
    assert_eq!(report.withdrawn, [("203.0.113.66".parse().unwrap(), "exception".to_owned())]);
    assert!(firewall.kernel().blocks.is_empty());
}

#[test]
fn allow_lifts_the_blocks_inside_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let firewall = FakeFirewall::default();
    let mut responder = open(folder.path(), &firewall);
    for target in ["203.0.113.66", "203.0.113.67", "203.0.113.200"] {
        run(&mut responder, ActionKind::Block, target, 1000, 10);
    }
    let outcomes = run(&mut responder, ActionKind::Allow, "203.0.113.64/26", 1000, 11);
    assert_eq!((outcomes[0].state, outcomes[0].verified), (OutcomeState::Applied, true));
    assert_eq!(outcomes[0].detail, "2 blocks lifted");
    assert!(
        responder.take_ended().iter().all(|(_, outcome)| outcome.state == OutcomeState::Lifted && outcome.verified)
    );
    assert_eq!(responder.release_all(seconds(12)).len(), 1);
    assert!(firewall.kernel().blocks.is_empty());
    assert!(responder.reconcile(&guard(), seconds(13)).is_quiet());
}

#[test]
fn what_the_kernel_refuses_is_failed_and_not_tried_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let firewall = FakeFirewall::default();
    firewall.kernel().blocks_left = Some(0);
    let mut responder = open(folder.path(), &firewall);
    let outcomes = run(&mut responder, ActionKind::Block, "203.0.113.66", 1000, 10);
    assert_eq!((outcomes[0].state, outcomes[0].verified), (OutcomeState::Failed, true));
    firewall.kernel().blocks_left = None;
    assert!(responder.reconcile(&guard(), seconds(11)).is_quiet());
    assert!(firewall.kernel().blocks.is_empty());
}

#[test]
fn a_dry_run_touches_nothing() {
    let wish = plan(&[action(ActionKind::Block, "203.0.113.66", 1000)], &guard(), &[], seconds(10));
    let outcomes = dry_run(&wish, seconds(10));
    assert_eq!((outcomes[0].state, outcomes[0].verified), (OutcomeState::DryRun, false));
    assert_eq!(outcomes[0].mechanism, "dry-run");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// After any history of wishes, disturbances, crashes and time, one reconciliation makes the
    /// kernel equal to the ledger, and a second one has nothing to do.
    #[test]
    fn any_history_ends_in_agreement(steps in prop::collection::vec((0_u8..6, 0_u8..4, 1_i64..60), 1..25)) {
        let folder = tempfile::tempdir().unwrap();
        let firewall = FakeFirewall::default();
        let mut responder = open(folder.path(), &firewall);
        let mut now = 100;
        for (step, host, span) in steps {
            let target = format!("203.0.113.{}", 60 + host);
            match step {
                0 | 1 => drop(run(&mut responder, ActionKind::Block, &target, now + span, now)),
                2 => drop(run(&mut responder, ActionKind::Unblock, &target, 0, now)),
                3 => drop(firewall.kernel().blocks.remove(&(target.parse().unwrap(), Scope::Host))),
                4 => {
                    drop(responder);
                    responder = open(folder.path(), &firewall);
                }
                _ => now += span,
            }
        }
        responder.reconcile(&guard(), seconds(now));
        let held: Vec<_> = firewall.clone().list(seconds(now)).unwrap().into_iter().map(|b| (b.target, b.expires)).collect();
        let wanted: Vec<_> = responder.active(seconds(now)).into_iter().map(|e| (e.target, e.expires)).collect();
        prop_assert_eq!(held, wanted);
        let changes = firewall.kernel().changes;
        prop_assert!(responder.reconcile(&guard(), seconds(now)).is_quiet());
        prop_assert_eq!(firewall.kernel().changes, changes);
    }
}

/// Fails when a block that could not be made longer counts as one that is not there: the comparison would lift it.
#[test]
fn a_block_that_cannot_be_made_longer_stands_and_one_that_cannot_be_made_is_not_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let firewall = FakeFirewall::default();
    let mut responder = open(folder.path(), &firewall);
    run(&mut responder, ActionKind::Block, "203.0.113.66", 1_000, 10);
    firewall.kernel().blocks_left = Some(0);
    let longer = &run(&mut responder, ActionKind::Block, "203.0.113.66", 2_000, 11)[0];
    assert_eq!((longer.state, longer.verified, longer.expires), (OutcomeState::Failed, true, Some(seconds(1_000))));
    assert!(longer.detail.contains("the one before holds until"), "{}", longer.detail);
    let new = &run(&mut responder, ActionKind::Block, "203.0.113.67", 2_000, 11)[0];
    assert_eq!((new.state, new.verified), (OutcomeState::Failed, true));
    assert!(new.detail.ends_with("; not in force"), "{}", new.detail);
    responder.reconcile(&guard(), seconds(12));
    let target: Target = "203.0.113.66".parse().unwrap();
    let end = |firewall: &FakeFirewall| firewall.kernel().blocks.get(&(target.clone(), Scope::Host)).copied();
    assert_eq!(end(&firewall), Some(seconds(1_000)), "it is not lifted");
    firewall.kernel().blocks_left = None;
    responder.reconcile(&guard(), seconds(13));
    assert_eq!(end(&firewall), Some(seconds(2_000)), "and made longer as soon as that can be");
    assert_eq!(firewall.kernel().blocks.len(), 1, "what failed is not tried again");
}
