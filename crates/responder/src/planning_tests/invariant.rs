//! What must hold of every plan, told without asking the guard?

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use tripoint_model::address::{canonical, canonical_net, overlaps};
use tripoint_model::{Action, ActionKind, Exception, Observable, Plan, PlannedAction, Scope, Target};

use super::case::{Case, NOW, addresses};
use crate::guard::{POLICY, Protected};

/// One promise about plans: its name, and what breaks it in words.
pub type Invariant = (&'static str, fn(&Case, &Plan) -> Result<(), String>);

/// All of them.
pub const INVARIANTS: &[Invariant] = &[
    ("lock-out", no_lock_out),
    ("unasked", nothing_drastic_unasked),
    ("width", nothing_wide),
    ("exception", exceptions_win),
    ("cap", caps_hold),
    ("time", ends_in_time),
    ("name", names_lead_nowhere_unwanted),
    ("overrule", overruled_for_a_moment),
];

/// What no host can do without, on every host.
const FIXED: [&str; 12] = [
    "127.0.0.1",
    "0.0.0.0",
    "::1",
    "::",
    "169.254.169.254",
    "169.254.1.1",
    "168.63.129.16",
    "224.0.0.1",
    "255.255.255.255",
    "fe80::1",
    "ff02::1",
    "fd00:ec2::254",
];

fn no_lock_out(case: &Case, plan: &Plan) -> Result<(), String> {
    let cutting = || plan.plan.iter().filter(|planned| planned.action.lifts().is_none());
    let Some(protected) = &case.guard.protected else {
        return match cutting().find(|planned| planned.action != ActionKind::Allow) {
            Some(planned) => Err(format!("{} of {} without knowing the host", planned.action.as_str(), planned.target)),
            None => Ok(()),
        };
    };
    for planned in cutting() {
        let fixed = FIXED.iter().map(|text| text.parse::<IpAddr>().unwrap());
        let kept: Vec<IpAddr> =
            addresses(&but(protected, &planned.terms.overrides)).into_iter().map(canonical).chain(fixed).collect();
        if let Some(net) = cut_net(planned)
            && let Some(lost) = kept.iter().find(|kept| net.contains(*kept))
        {
            return Err(format!("{net} holds {lost}"));
        }
        if let Target::Application(key) = &planned.target
            && protected.applications.contains(key)
        {
            return Err(format!("{key} is vital"));
        }
    }
    Ok(())
}

/// What a host may not lose but for what somebody set aside by name.
fn but(protected: &Protected, rules: &[String]) -> Protected {
    let mut left = protected.clone();
    for (rule, group) in [
        ("gateway", &mut left.gateways),
        ("resolver", &mut left.resolvers),
        ("time-server", &mut left.time_servers),
        ("server", &mut left.servers),
        ("admin-session", &mut left.admin_peers),
    ] {
        if rules.iter().any(|named| named == rule) {
            group.clear();
        }
    }
    left
}

/// Rules are set aside by persons, for blocks of addresses, by names that may be named, and for a moment.
fn overruled_for_a_moment(_: &Case, plan: &Plan) -> Result<(), String> {
    let cuts = |planned: &&PlannedAction| planned.action.lifts().is_none() && planned.action != ActionKind::Allow;
    for planned in plan.plan.iter().filter(cuts).filter(|planned| !planned.terms.overrides.is_empty()) {
        let may = ["gateway", "resolver", "time-server", "server", "admin-session", "special-range", "too-wide"];
        let named = planned.terms.overrides.iter().all(|rule| may.contains(&rule.as_str()));
        let within = planned.terms.confirm_within_s.filter(|within| (10..=3_600).contains(within));
        let moment = within.is_some_and(|within| planned.expires <= NOW.plus(Duration::from_secs(within)));
        let block = planned.action == ActionKind::Block && planned.target.net().is_some();
        if !(named && moment && block && planned.requester != POLICY) {
            return Err(format!("{} by {} with {:?}", planned.target, planned.requester, planned.terms));
        }
    }
    Ok(())
}

/// Policy neither freezes nor isolates, spares shared infrastructure and the networks that the host lives in.
fn nothing_drastic_unasked(case: &Case, plan: &Plan) -> Result<(), String> {
    for planned in plan.plan.iter().filter(|planned| planned.requester == POLICY) {
        if matches!(planned.action, ActionKind::Freeze | ActionKind::Isolate) {
            return Err(format!("{} unasked", planned.action.as_str()));
        }
        let Some(net) = cut_net(planned) else { continue };
        if let Some(range) = case.guard.guard_ranges.iter().find(|range| overlaps(&canonical_net(range.net), &net)) {
            return Err(format!("{net} is on {}", range.list));
        }
        let own = case.guard.protected.iter().flat_map(|protected| &protected.own_networks);
        let permitted = case.guard.permit_ranges.iter().any(|range| canonical_net(*range).contains(&net));
        if let Some(own) = own.map(|own| canonical_net(*own)).find(|own| !permitted && overlaps(own, &net)) {
            return Err(format!("{net} overlaps {own}, where the host lives"));
        }
    }
    Ok(())
}

fn nothing_wide(_: &Case, plan: &Plan) -> Result<(), String> {
    for planned in &plan.plan {
        let Some(net) = cut_net(planned) else { continue };
        let overruled = planned.terms.overrides.iter().any(|rule| rule == "too-wide");
        let shortest = match (net, planned.requester == POLICY) {
            (IpNet::V4(_), _) if overruled => 8,
            (IpNet::V6(_), _) if overruled => 20,
            (IpNet::V4(_), true) => 24,
            (IpNet::V4(_), false) => 16,
            (IpNet::V6(_), true) => 48,
            (IpNet::V6(_), false) => 32,
        };
        if net.prefix_len() < shortest {
            return Err(format!("{net} by {}", planned.requester));
        }
    }
    Ok(())
}

fn exceptions_win(case: &Case, plan: &Plan) -> Result<(), String> {
    for planned in &plan.plan {
        let Some(net) = cut_net(planned) else { continue };
        for exception in
            case.guard.exceptions.iter().filter(|exception| exception.created <= NOW && NOW < exception.expires)
        {
            if concerns(exception, planned) && meets(exception, planned, &net) {
                return Err(format!("{} against {exception:?}", planned.target));
            }
        }
    }
    Ok(())
}

/// Whether the exception speaks of this application and requester.
fn concerns(exception: &Exception, planned: &PlannedAction) -> bool {
    let automatic = planned.requester == POLICY;
    let application = match (&exception.application, &planned.scope) {
        (None, _) => true,
        (Some(own), Scope::Application(key)) => own == key,
        // Policy does not refuse a whole host what one application is allowed.
        (Some(_), _) => automatic && exception.target.is_some(),
    };
    application && (exception.rule.is_none() || automatic)
}

fn meets(exception: &Exception, planned: &PlannedAction, net: &IpNet) -> bool {
    let Some(target) = &exception.target else { return true };
    let Some(excepted) = target.net().map(canonical_net) else { return false };
    let ports = [target.port(), planned.target.port()];
    overlaps(&excepted, net) && (ports.contains(&None) || ports[0] == ports[1])
}

fn caps_hold(case: &Case, plan: &Plan) -> Result<(), String> {
    let (limits, usage) = (&case.guard.limits, case.guard.usage);
    let holds = |automatic: bool| {
        let counted = |planned: &&PlannedAction| planned.action.holds() && (!automatic || is_unasked(planned));
        plan.plan.iter().filter(counted).count()
    };
    let swift = |planned: &&PlannedAction| {
        is_unasked(planned)
            && (planned.action == ActionKind::Block
                || planned.action == ActionKind::Disconnect && matches!(planned.scope, Scope::Connection(_)))
    };
    let within = |what: &str, new: usize, used: usize, most: usize| {
        if new > most.saturating_sub(used) { Err(format!("{what}: {new} on {used}, most {most}")) } else { Ok(()) }
    };
    within("in force", holds(false), usage.active, limits.room)?;
    within("automatic", holds(true), usage.automatic, limits.active_max)?;
    let swift = plan.plan.iter().filter(swift).count();
    within("a minute", swift, usage.automatic_last_minute, limits.automatic_per_minute)?;
    let peers: BTreeSet<IpAddr> = case.live.iter().map(|cut| canonical(cut.remote.ip())).collect();
    let automatic = plan.plan.iter().filter(|planned| is_unasked(planned));
    let cut: BTreeSet<IpAddr> = automatic.flat_map(|p| &p.cuts).map(|cut| canonical(cut.remote.ip())).collect();
    within("live peers", cut.len(), 0, (peers.len() * limits.automatic_peers_percent / 100).max(3))
}

/// Nobody was asked about it.
fn is_unasked(planned: &PlannedAction) -> bool {
    planned.requester == POLICY && planned.terms.approver.is_none()
}

fn ends_in_time(case: &Case, plan: &Plan) -> Result<(), String> {
    for planned in plan.plan.iter().filter(|planned| planned.action.holds()) {
        if planned.expires <= NOW || planned.expires > NOW.plus(case.guard.limits.span_max) {
            return Err(format!("{} until {}", planned.target, planned.expires));
        }
        if planned.action == ActionKind::Block && matches!(planned.scope, Scope::Connection(_)) {
            return Err(format!("{} blocked for one connection that may be gone", planned.target));
        }
    }
    Ok(())
}

/// A name is a person's to block, where answers are seen and no exception speaks of it; where it leads nobody chose, so
/// that shared infrastructure and the networks that the host lives in are spared.
fn names_lead_nowhere_unwanted(case: &Case, plan: &Plan) -> Result<(), String> {
    let now = |exception: &&Exception| exception.created <= NOW && NOW < exception.expires;
    for planned in plan.plan.iter().filter(|planned| planned.action == ActionKind::Block) {
        if let Some(name) = planned.target.name() {
            let of_name = |exception: &&Exception| {
                let target = exception.target.as_ref().map(ToString::to_string);
                let under = target.is_some_and(|target| target == name || name.ends_with(&format!(".{target}")));
                under && exception.rule.is_none() && exception.application.is_none()
            };
            if !case.guard.answers || planned.requester == POLICY {
                return Err(format!("{name} by {}, answers seen: {}", planned.requester, case.guard.answers));
            }
            if let Some(exception) = case.guard.exceptions.iter().filter(now).find(of_name) {
                return Err(format!("{name} against {exception:?}"));
            }
        }
        let Some(via) = &planned.terms.via else { continue };
        let Some(net) = planned.target.net() else { return Err(format!("{} leads nowhere", via.name)) };
        if let Some(range) = case.guard.guard_ranges.iter().find(|range| overlaps(&canonical_net(range.net), &net)) {
            return Err(format!("{} leads to {net} on {}", via.name, range.list));
        }
        if !plan.plan.iter().any(|name| name.target.to_string() == via.name && name.expires == planned.expires) {
            return Err(format!("{net} is blocked through {}, which is not", via.name));
        }
    }
    Ok(())
}

/// What is cut off of the world by this.
fn cut_net(planned: &PlannedAction) -> Option<IpNet> {
    let cuts = matches!(planned.action, ActionKind::Block | ActionKind::Disconnect);
    planned.target.peer().filter(|_| cuts).and_then(Observable::net).map(canonical_net)
}

/// The plan as wishes.
pub fn wishes(plan: &Plan) -> Vec<Action> {
    let wish = |planned: &PlannedAction| Action {
        kind: planned.action,
        target: planned.target.clone(),
        scope: planned.scope.clone(),
        expires: planned.expires,
        reason: planned.reason.clone(),
        requester: planned.requester.clone(),
        cause: planned.cause.clone(),
        terms: planned.terms.clone(),
    };
    plan.plan.iter().map(wish).collect()
}
