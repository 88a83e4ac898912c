//! Does every plan keep every promise, over random hosts, feeds, exceptions, limits and wishes?
//!
//! Promise R1 and the caps of R11. Each invariant is also shown a planner that lacks one rule of the guard: where that
//! is not noticed, the invariant could not fail and the test does instead.

mod carried;
pub mod case;
mod invariant;

use std::sync::atomic::{AtomicU64, Ordering};

use tripoint_model::{Action, Plan, PlannedAction, Refusal};

use crate::guard::folded;
use crate::plan::plan;
use case::{Case, NOW, case};
use invariant::{INVARIANTS, wishes};

/// How many plans are tried when nobody asks for more; the long run asks by this variable.
const PLANS: u64 = 100_000;
const PLANS_VARIABLE: &str = "TRIPOINT_PLANS";
/// A missing rule is noticed within so many plans.
const TWIN_PLANS: u64 = 20_000;

/// How many plans are to be tried.
fn plans() -> u64 {
    std::env::var(PLANS_VARIABLE).ok().and_then(|text| text.parse().ok()).unwrap_or(PLANS)
}

fn ours(case: &Case) -> Plan {
    plan(&case.wishes, &case.guard, &case.live, NOW)
}

/// The same arguments give the same plan as they did `first`, and a plan that is planned again stays as it is.
fn idempotent(case: &Case, first: &Plan, planner: &dyn Fn(&Case) -> Plan) -> Result<(), String> {
    if *first != planner(case) {
        return Err("planned twice, two plans".into());
    }
    let again = planner(&Case { wishes: wishes(first), ..case.clone() });
    let ids = |plan: &Plan| plan.plan.iter().map(|planned| planned.id.clone()).collect::<Vec<_>>();
    if ids(first) != ids(&again) {
        return Err(format!("planned again it became another: {:?}", again.refused));
    }
    Ok(())
}

#[test]
fn r1_every_plan_keeps_every_promise() {
    let (mut planned, mut refused) = (0, 0);
    for seed in 0..plans() {
        let case = case(seed);
        let plan = ours(&case);
        planned += plan.plan.len();
        refused += plan.refused.len();
        for (name, holds) in INVARIANTS {
            if let Err(broken) = holds(&case, &plan) {
                panic!("plan {seed} breaks {name}: {broken}\nwishes {:#?}", case.wishes);
            }
        }
        if let Err(broken) = idempotent(&case, &plan, &ours) {
            panic!("plan {seed}: {broken}\nwishes {:#?}", case.wishes);
        }
    }
    println!("{} plans: {planned} actions planned, {refused} refused", plans());
    assert!(planned > 0 && refused > 0, "both happen, else nothing was tried");
}

/// A guard that lacks one rule: what that rule alone refused is planned all the same.
fn without(rule: &str, case: &Case) -> Plan {
    let mut plan = ours(case);
    let all = std::mem::take(&mut plan.refused).into_iter();
    let (missed, refused): (Vec<Refusal>, Vec<Refusal>) = all.partition(|refusal| refusal.rule == rule);
    plan.refused = refused;
    for refusal in missed {
        let meant = |wish: &&Action| {
            folded(&wish.target) == refusal.target && (wish.kind == refusal.action || !wish.kind.holds())
        };
        for wish in case.wishes.iter().filter(meant) {
            plan.plan.push(PlannedAction {
                id: format!("{rule} {}", refusal.target),
                action: refusal.action,
                target: refusal.target.clone(),
                scope: wish.scope.clone(),
                expires: wish.expires,
                reason: wish.reason.clone(),
                requester: wish.requester.clone(),
                cause: None,
                terms: wish.terms.clone(),
                cuts: case.live.iter().filter(|cut| refusal.target.matches(cut.remote.ip(), 0)).cloned().collect(),
            });
        }
    }
    plan
}

/// The rules of guard and plan, and the invariant that notices when one is missing.
const TWINS: &[(&str, &str)] = &[
    ("own-address", "lock-out"),
    ("gateway", "lock-out"),
    ("resolver", "lock-out"),
    ("time-server", "lock-out"),
    ("server", "lock-out"),
    ("admin-session", "lock-out"),
    ("own-application", "lock-out"),
    ("unknown-surroundings", "lock-out"),
    ("loopback", "lock-out"),
    ("metadata", "lock-out"),
    ("link-local", "lock-out"),
    ("multicast", "lock-out"),
    ("person-only", "unasked"),
    ("guard-list", "unasked"),
    ("own-network", "unasked"),
    ("too-wide", "width"),
    ("exception", "exception"),
    ("cap-number", "cap"),
    ("cap-rate", "cap"),
    ("expired", "time"),
    ("scope", "time"),
    ("name", "name"),
    ("person-only", "name"),
    ("override", "overrule"),
];

#[test]
fn r1_a_missing_rule_is_noticed() {
    for (rule, name) in TWINS {
        let (_, holds) = INVARIANTS.iter().find(|(known, _)| known == name).unwrap();
        let caught = (0..TWIN_PLANS).find(|seed| {
            let case = case(*seed);
            holds(&case, &without(rule, &case)).is_err()
        });
        assert!(caught.is_some(), "without the rule {rule}, {name} still holds in {TWIN_PLANS} plans");
    }
}

/// The cap on live peers stands in the plan, not in the guard: its twin has a limit that is not the case's.
#[test]
fn r11_a_missing_blast_radius_is_noticed() {
    let (_, caps) = INVARIANTS.iter().find(|(name, _)| *name == "cap").unwrap();
    let caught = (0..TWIN_PLANS).find(|seed| {
        let case = case(*seed);
        let mut careless = case.clone();
        careless.guard.limits.automatic_peers_percent = 100;
        caps(&case, &ours(&careless)).is_err_and(|broken| broken.starts_with("live peers"))
    });
    assert!(caught.is_some());
}

#[test]
fn r1_a_plan_that_depends_on_more_than_its_arguments_is_noticed() {
    let calls = AtomicU64::new(0);
    let moody = |case: &Case| {
        let mut plan = ours(case);
        let call = calls.fetch_add(1, Ordering::Relaxed);
        plan.plan.iter_mut().for_each(|planned| planned.id.push_str(&call.to_string()));
        plan
    };
    assert!((0..100).map(case).any(|case| idempotent(&case, &moody(&case), &moody).is_err()));
}
