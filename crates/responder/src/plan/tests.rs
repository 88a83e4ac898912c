//! Does a plan say what will happen, whom it cuts off, and what will not be done?

use tripoint_model::{ConnectionId, Protocol};

use super::*;
use crate::guard::{POLICY, Protected};

fn action(kind: ActionKind, target: &str) -> Action {
    Action {
        kind,
        target: target.parse().unwrap(),
        scope: Scope::Host,
        expires: Timestamp::from_seconds(7200),
        reason: "c2".into(),
        requester: "ada".into(),
        cause: None,
        terms: Terms::default(),
    }
}

fn guard() -> Guard {
    Guard {
        protected: Some(Protected { gateways: vec!["203.0.113.1".parse().unwrap()], ..Protected::default() }),
        permit_ranges: vec!["203.0.113.0/24".parse().unwrap()],
        ..Guard::default()
    }
}

fn cut(cookie: u64, remote: &str, application: &str) -> Cut {
    Cut {
        connection: ConnectionId { cookie, peer: 0 },
        protocol: Protocol::Tcp,
        local: "198.51.100.10:40000".parse().unwrap(),
        remote: remote.parse().unwrap(),
        netns: 1,
        pid: 7,
        application: application.into(),
    }
}

#[test]
fn a_disconnect_brings_a_block_and_names_whom_it_cuts() {
    let live = [
        cut(2, "203.0.113.66:443", "app"),
        cut(1, "[::ffff:203.0.113.66]:80", "other"),
        cut(3, "203.0.113.67:443", "app"),
    ];
    let now = Timestamp::from_seconds(60);
    let plan = plan(&[action(ActionKind::Disconnect, "203.0.113.66")], &guard(), &live, now);
    let kinds: Vec<_> = plan.plan.iter().map(|p| (p.action, p.expires, p.cuts.len())).collect();
    assert_eq!(kinds, [(ActionKind::Block, now.plus(PAIRED_BLOCK), 2), (ActionKind::Disconnect, now, 2)]);
    assert_eq!(plan.plan[0].cuts[0].connection.cookie, 1);
    let only_app =
        Action { scope: Scope::Application("unit:app.service".into()), ..action(ActionKind::Block, "203.0.113.66") };
    let plan = super::plan(&[only_app], &guard(), &live, now);
    assert_eq!(plan.plan[0].cuts.len(), 1);
}

#[test]
fn one_connection_is_cut_without_a_block() {
    let live = [cut(2, "203.0.113.66:443", "app"), cut(1, "203.0.113.66:80", "app")];
    let one = Action { scope: Scope::Connection(live[0].connection), ..action(ActionKind::Disconnect, "203.0.113.66") };
    let plan = plan(&[one], &guard(), &live, Timestamp(0));
    assert_eq!(plan.plan.len(), 1);
    assert_eq!(plan.plan[0].cuts, [live[0].clone()]);
}

#[test]
fn refusals_and_expired_wishes_are_listed_and_the_rest_goes_on() {
    let wishes = [action(ActionKind::Disconnect, "203.0.113.1"), action(ActionKind::Block, "203.0.113.66")];
    let plan = plan(&wishes, &guard(), &[], Timestamp::from_seconds(7199));
    assert_eq!(plan.plan.len(), 1);
    assert_eq!(
        plan.refused.iter().map(|r| (r.action, r.rule.as_str())).collect::<Vec<_>>(),
        [(ActionKind::Block, "gateway"), (ActionKind::Disconnect, "gateway"),]
    );
    let late = super::plan(&wishes[1..], &guard(), &[], Timestamp::from_seconds(7200));
    assert_eq!(late.refused[0].rule, "expired");
}

#[test]
fn planning_twice_changes_nothing_and_doubles_fall_away() {
    let wishes = [action(ActionKind::Block, "203.0.113.66"), action(ActionKind::Block, "::ffff:203.0.113.66")];
    let first = plan(&wishes, &guard(), &[], Timestamp(0));
    assert_eq!(first.plan.len(), 1);
    assert_eq!(first, plan(&wishes, &guard(), &[], Timestamp(0)));
    let far = Action { expires: Timestamp(i64::MAX), ..wishes[0].clone() };
    let longest = plan(&[far], &guard(), &[], Timestamp(0));
    assert_eq!(longest.plan[0].expires, Timestamp::from_seconds(30 * 86_400));
}

#[test]
fn policy_does_not_cut_off_a_crowd_and_a_person_may() {
    let live: Vec<Cut> = (10..50).map(|host| cut(host, &format!("203.0.113.{host}:443"), "app")).collect();
    let crowd = |requester: &str| Action { requester: requester.into(), ..action(ActionKind::Block, "203.0.113.0/27") };
    let mut guard = guard();
    guard.protected = Some(Protected::default());
    guard.limits.automatic_v4 = 24;
    let refused = plan(&[crowd(POLICY)], &guard, &live, Timestamp(0));
    assert_eq!(refused.refused[0].rule, "blast-radius");
    assert_eq!(plan(&[crowd("ada")], &guard, &live, Timestamp(0)).plan[0].cuts.len(), 22);
    let few = plan(&[crowd(POLICY)], &guard, &live[..3], Timestamp(0));
    assert_eq!(few.plan.len(), 1);
}

#[test]
fn a_burst_of_policy_stops_at_the_cap() {
    let wishes: Vec<Action> = (10..60)
        .map(|host| Action { requester: POLICY.into(), ..action(ActionKind::Disconnect, &format!("203.0.113.{host}")) })
        .collect();
    let plan = plan(&wishes, &guard(), &[], Timestamp(0));
    assert_eq!(plan.plan.iter().filter(|p| p.action == ActionKind::Block).count(), 20);
    assert!(plan.refused.iter().all(|refusal| refusal.rule == "cap-rate"));
}
