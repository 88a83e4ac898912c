//! Does a dry run tell the truth?
//!
//! Promise R12: over 10,000 random decisions, one after the other on hosts where the former still stand, what was said
//! ahead is what the kernel then shows. The kernel here lives in memory; the same decisions with a careless kernel, or
//! a careless foretelling, must be noticed.

use std::collections::{BTreeMap, BTreeSet};

use tripoint_model::{ActionKind, Cut, Outcome, OutcomeState, Plan, Scope, Target, Timestamp};

use crate::firewall::{Disconnected, Firewall, FirewallError, KernelBlock};
use crate::outcome::covers;
use crate::plan::plan;
use crate::planning_tests::case::{NOW, case};
use crate::reconcile::Responder;
use crate::testing::FakeFirewall;

const DECISIONS: u64 = 10_000;
/// Decisions that share a host: blocks of the one are there when the next is made.
const A_HOST: u64 = 100;
/// A careless one is noticed within so many.
const TWIN_DECISIONS: u64 = 1_000;

type Blocks = BTreeMap<(Target, Scope), Timestamp>;

/// What must be equal: who is blocked until when, which connections are left, what was lifted.
#[derive(Debug, PartialEq, Eq)]
struct World {
    blocks: Blocks,
    open: BTreeSet<u64>,
    lifted: Vec<String>,
}

/// The world as the printed plan and its foretold outcomes say that it will be. Reads nothing else.
fn predicted(before: &World, plan: &Plan, said: &[Outcome]) -> World {
    let mut world = World { blocks: before.blocks.clone(), open: before.open.clone(), lifted: Vec::new() };
    for (planned, said) in plan.plan.iter().zip(said) {
        assert_eq!((said.state, said.verified), (OutcomeState::DryRun, false));
        assert_eq!((&said.id, said.action, &said.target), (&planned.id, planned.action, &planned.target));
        let key = (said.target.clone(), said.scope.clone());
        match said.action {
            kind if kind.holds() => drop(world.blocks.insert(key, said.expires.unwrap())),
            ActionKind::Disconnect => {}
            ActionKind::Allow => {
                let words = said.detail.strip_prefix("would lift ").unwrap();
                world.lifted.push(words.to_owned() + " lifted");
                world.blocks.retain(|(target, _), _| !covers(&said.target, target));
            }
            _ => {
                let is_there = said.detail == "would be lifted";
                assert_eq!(world.blocks.remove(&key).is_some(), is_there, "{}", said.detail);
                world.lifted.push(if is_there { "lifted" } else { "nothing" }.into());
            }
        }
        for cut in &planned.cuts {
            world.open.remove(&cut.connection.cookie);
        }
        if matches!(said.action, ActionKind::Block | ActionKind::Disconnect | ActionKind::Isolate) {
            assert!(said.detail.starts_with(&format!("would end {} connections", planned.cuts.len())));
        }
    }
    world
}

/// The world as the kernel shows it, with what was lifted by the outcomes.
fn applied(fake: &FakeFirewall, done: &[Outcome]) -> World {
    let kernel = fake.kernel();
    let lifts = |done: &&Outcome| done.action == ActionKind::Allow || done.action.lifts().is_some();
    let lifted = |done: &Outcome| match done.action {
        ActionKind::Allow => done.detail.clone(),
        _ if done.detail.starts_with("lifted") => "lifted".into(),
        _ => "nothing".into(),
    };
    World {
        blocks: kernel.blocks.clone(),
        open: kernel.open.iter().copied().collect(),
        lifted: done.iter().filter(lifts).map(lifted).collect(),
    }
}

/// Foretells with `foretell` and carries out on `firewall`; the first decision in which the two differ.
fn first_lie(
    decisions: u64,
    firewall: &dyn Fn(FakeFirewall) -> Box<dyn Firewall>,
    foretell: &dyn Fn(&Responder, &Plan) -> Vec<Outcome>,
) -> Option<String> {
    let mut actions = 0;
    for host in 0..decisions.div_ceil(A_HOST) {
        let folder = tempfile::tempdir().unwrap();
        let fake = FakeFirewall::default();
        let (mut responder, _) = Responder::open(folder.path(), firewall(fake.clone())).unwrap();
        for seed in (host * A_HOST..(host + 1) * A_HOST).take_while(|seed| *seed < decisions) {
            let mut case = case(seed);
            // Where a name leads later nobody can say ahead; `name_tests` hold what is said of names.
            case.wishes.retain(|wish| wish.target.name().is_none());
            fake.kernel().open = case.live.iter().map(|cut| cut.connection.cookie).collect();
            case.guard.usage = responder.usage(NOW);
            let plan = plan(&case.wishes, &case.guard, &case.live, NOW);
            let before = applied(&fake, &[]);
            let said = foretell(&responder, &plan);
            assert_eq!(before, applied(&fake, &[]), "foretelling touches nothing");
            let expected = predicted(&before, &plan, &said);
            let done = responder.execute(&plan, NOW);
            actions += done.len();
            let found = applied(&fake, &done);
            if expected != found {
                return Some(format!("decision {seed}: {plan:#?}\nforetold {expected:#?}\nfound {found:#?}"));
            }
        }
    }
    println!("{decisions} decisions, {actions} actions: as foretold");
    assert!(actions as u64 > decisions / 2, "something is done");
    None
}

fn honest(responder: &Responder, plan: &Plan) -> Vec<Outcome> {
    responder.foretell(plan, NOW)
}

#[test]
fn r12_a_dry_run_tells_the_truth() {
    if let Some(lie) = first_lie(DECISIONS, &|fake| Box::new(fake), &honest) {
        panic!("{lie}");
    }
}

/// What a kernel may do wrong without saying so.
#[derive(Clone, Copy, Debug)]
enum Carelessness {
    ForgetsToBlock,
    HoldsShorter,
    LeavesConnections,
    CutsMore,
    KeepsWhatIsLifted,
}

struct Careless(FakeFirewall, Carelessness);

impl Firewall for Careless {
    fn name(&self) -> &'static str {
        "careless"
    }

    fn block(&mut self, target: &Target, scope: &Scope, end: Timestamp, now: Timestamp) -> Result<(), FirewallError> {
        let is_v6 = target.net().is_some_and(|net| net.addr().is_ipv6());
        match self.1 {
            Carelessness::ForgetsToBlock if is_v6 => Ok(()),
            Carelessness::HoldsShorter => self.0.block(target, scope, Timestamp(end.0 - 1), now),
            _ => self.0.block(target, scope, end, now),
        }
    }

    fn unblock(&mut self, target: &Target, scope: &Scope) -> Result<bool, FirewallError> {
        match self.1 {
            Carelessness::KeepsWhatIsLifted => Ok(true),
            _ => self.0.unblock(target, scope),
        }
    }

    fn list(&mut self, now: Timestamp) -> Result<Vec<KernelBlock>, FirewallError> {
        self.0.list(now)
    }

    fn disconnect(&mut self, cuts: &[Cut]) -> Result<Disconnected, FirewallError> {
        match self.1 {
            Carelessness::LeavesConnections => self.0.disconnect(&cuts[1..]),
            Carelessness::CutsMore => {
                self.0.kernel().open.pop();
                self.0.disconnect(cuts)
            }
            _ => self.0.disconnect(cuts),
        }
    }
}

#[test]
fn r12_a_kernel_that_does_something_else_is_noticed() {
    use Carelessness::{CutsMore, ForgetsToBlock, HoldsShorter, KeepsWhatIsLifted, LeavesConnections};
    for how in [ForgetsToBlock, HoldsShorter, LeavesConnections, CutsMore, KeepsWhatIsLifted] {
        let lie = first_lie(TWIN_DECISIONS, &|fake| Box::new(Careless(fake, how)), &honest);
        assert!(lie.is_some(), "{how:?} is not noticed");
    }
}

/// A dry run that does not know what stands promises ends that do not come.
#[test]
fn r12_a_dry_run_that_knows_only_the_plan_is_noticed() {
    let forgetful = |responder: &Responder, plan: &Plan| {
        let mut said = responder.foretell(plan, NOW);
        said.iter_mut().zip(&plan.plan).filter(|(said, _)| said.action.holds()).for_each(|(said, planned)| {
            said.expires = Some(planned.expires);
        });
        said
    };
    assert!(first_lie(TWIN_DECISIONS, &|fake| Box::new(fake), &forgetful).is_some());
}
