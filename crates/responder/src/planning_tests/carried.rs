//! Do plans, carried out, leave the kernel as the ledger says: once, twice, extended, and never against an exception?

use std::collections::BTreeMap;
use std::time::Duration;

use tripoint_model::{Cut, Exception, Plan, Scope, Target, Timestamp};

use super::case::{Case, NOW, case};
use super::{ours, plans};
use crate::firewall::{Disconnected, Firewall, FirewallError, KernelBlock};
use crate::reconcile::Responder;
use crate::testing::FakeFirewall;

/// Each makes a ledger on the disk: one plan of so many is carried out.
const ONE_OF: u64 = 250;

/// Carries the plan out through `firewall` and compares twice.
fn carry_out(case: &Case, kernel: &FakeFirewall, firewall: Box<dyn Firewall>) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let (mut responder, _) = Responder::open(folder.path(), firewall).unwrap();
    let plan = ours(case);
    responder.execute(&plan, NOW);
    responder.reconcile(&case.guard, NOW);
    agree(&mut responder, kernel, "after the first comparison")?;
    let changes = kernel.kernel().changes;
    if !responder.reconcile(&case.guard, NOW).is_quiet() || kernel.kernel().changes != changes {
        return Err("the second comparison still had something to do".into());
    }
    extended(case, &plan, &mut responder, kernel)?;
    excepted(case, &plan, &mut responder, kernel)
}

/// The kernel holds what the ledger says, to the second.
fn agree(responder: &mut Responder, kernel: &FakeFirewall, when: &str) -> Result<(), String> {
    let held: Vec<_> =
        kernel.kernel().blocks.iter().map(|((target, scope), end)| (target.clone(), scope.clone(), *end)).collect();
    let mut ends = BTreeMap::new();
    for entry in responder.active(NOW).into_iter().filter(|entry| !entry.is_name()) {
        let end = ends.entry((entry.target, entry.scope)).or_insert(entry.expires);
        *end = entry.expires.max(*end);
    }
    let wanted: Vec<_> = ends.into_iter().map(|((target, scope), end)| (target, scope, end)).collect();
    if held != wanted { Err(format!("{when}: kernel {held:?}, ledger {wanted:?}")) } else { Ok(()) }
}

/// What is blocked again holds to the later of both ends.
fn extended(case: &Case, plan: &Plan, responder: &mut Responder, kernel: &FakeFirewall) -> Result<(), String> {
    for by in [-30, 30] {
        let before = kernel.kernel().blocks.clone();
        let mut again = plan.clone();
        again.plan.retain(|planned| before.contains_key(&(planned.target.clone(), planned.scope.clone())));
        // Where a name leads ends with the name.
        again.plan.retain(|planned| planned.action.holds() && planned.terms.via.is_none());
        for planned in &mut again.plan {
            planned.expires = Timestamp(planned.expires.0 + by * 1_000_000);
        }
        responder.execute(&again, NOW);
        responder.reconcile(&case.guard, NOW);
        for planned in &again.plan {
            let key = (planned.target.clone(), planned.scope.clone());
            let wanted = before[&key].max(planned.expires);
            let longest = again.plan.iter().filter(|other| (&other.target, &other.scope) == (&key.0, &key.1));
            let wanted = longest.map(|other| other.expires).max().unwrap_or(wanted).max(wanted);
            if kernel.kernel().blocks.get(&key) != Some(&wanted) {
                return Err(format!("{} was to end at {wanted}", planned.target));
            }
        }
    }
    Ok(())
}

/// An exception for everything that stands lifts it all.
fn excepted(case: &Case, plan: &Plan, responder: &mut Responder, kernel: &FakeFirewall) -> Result<(), String> {
    let mut guard = case.guard.clone();
    let peers = plan.plan.iter().filter_map(|planned| planned.target.peer());
    guard.exceptions.extend(peers.map(|peer| Exception {
        target: Some(peer.clone()),
        ..tripoint_model::testing::exception("late", "203.0.113.66", NOW.plus(Duration::from_secs(60)))
    }));
    responder.reconcile(&guard, NOW);
    match kernel.kernel().blocks.keys().find(|(target, _)| guard.protected.is_some() && target.peer().is_some()) {
        Some((target, _)) => Err(format!("{target} is blocked against an exception")),
        None => Ok(()),
    }
}

#[test]
fn r1_plans_are_carried_out_once_and_exceptions_lift_them() {
    for seed in (0..plans()).step_by(ONE_OF as usize) {
        let kernel = FakeFirewall::default();
        if let Err(broken) = carry_out(&case(seed), &kernel, Box::new(kernel.clone())) {
            panic!("plan {seed}: {broken}\nwishes {:#?}", case(seed).wishes);
        }
    }
}

/// A mechanism with one fault.
struct Faulty {
    kernel: FakeFirewall,
    fault: Fault,
    looks: u32,
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    /// Says that blocks end an hour later than they do, once they have been read back.
    LooksLate,
    /// Does not replace the end of a block that stands.
    KeepsEnd,
    /// Says that it lifted and does not.
    KeepsBlock,
}

impl Firewall for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    fn block(&mut self, target: &Target, scope: &Scope, end: Timestamp, now: Timestamp) -> Result<(), FirewallError> {
        let stands = self.kernel.kernel().blocks.contains_key(&(target.clone(), scope.clone()));
        if stands && self.fault == Fault::KeepsEnd {
            return Ok(());
        }
        self.kernel.block(target, scope, end, now)
    }

    fn unblock(&mut self, target: &Target, scope: &Scope) -> Result<bool, FirewallError> {
        if self.fault == Fault::KeepsBlock { Ok(true) } else { self.kernel.unblock(target, scope) }
    }

    fn list(&mut self, now: Timestamp) -> Result<Vec<KernelBlock>, FirewallError> {
        let mut blocks = self.kernel.list(now)?;
        self.looks += 1;
        if self.fault == Fault::LooksLate && self.looks > 1 {
            blocks.iter_mut().for_each(|block| block.expires = block.expires.plus(Duration::from_secs(3600)));
        }
        Ok(blocks)
    }

    fn disconnect(&mut self, cuts: &[Cut]) -> Result<Disconnected, FirewallError> {
        self.kernel.disconnect(cuts)
    }
}

#[test]
fn r1_a_faulty_mechanism_is_noticed() {
    for (fault, says) in [
        (Fault::LooksLate, "still had something to do"),
        (Fault::KeepsEnd, "was to end at"),
        (Fault::KeepsBlock, "against an exception"),
    ] {
        let caught = (0..2_000).step_by(20).any(|seed| {
            let kernel = FakeFirewall::default();
            let faulty = Faulty { kernel: kernel.clone(), fault, looks: 0 };
            carry_out(&case(seed), &kernel, Box::new(faulty)).is_err_and(|broken| broken.contains(says))
        });
        assert!(caught, "{says}");
    }
}
