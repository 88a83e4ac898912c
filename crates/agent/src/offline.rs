//! How are all blocks lifted at once when neither agent nor server answers?

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;

use tripoint_model::{Outcome, OutcomeState, Scope, Target, Timestamp};
use tripoint_responder::{EntryState, Ledger, LedgerError};

use crate::firewall::{Frozen, Released, frozen_folder, release};
use crate::place::Place;

/// Why nothing was lifted.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// Its blocks are its own affair.
    #[error("an agent runs on {0}: start its server, or stop the agent and try again (blocks by bpf end with it)")]
    Running(PathBuf),
}

/// What was lifted.
#[derive(Debug, Default)]
pub struct Lifted {
    /// One for each block that was in the kernel or that the ledger wanted there.
    pub outcomes: Vec<Outcome>,
    /// What could not be done.
    pub errors: Vec<String>,
}

/// Lifts every block of this instance in the network namespace of the calling thread, and writes down that none is
/// wanted any more, so that the next agent does not put them back. What the ledger says never keeps a block in force:
/// where it cannot be written, that is told. Doing it twice changes nothing.
pub fn release_all(place: &Place, now: Timestamp) -> Result<Lifted, OfflineError> {
    // Held until the end: an agent that starts meanwhile waits for nothing and fails.
    let lock = File::open(place.lock()).ok();
    if lock.as_ref().is_some_and(|lock| lock.try_lock().is_err()) {
        return Err(OfflineError::Running(place.data().to_owned()));
    }
    let mut lifted = Lifted::default();
    // First the ledger: a crash in between leaves blocks that nobody wants, which the next agent takes out.
    let wanted = unwant(place, now).unwrap_or_else(|error| {
        lifted.errors.push(format!("the next agent may put blocks back: {}", chain(&error)));
        BTreeSet::new()
    });
    let name = place.kernel_name();
    let released: Vec<Released> = taken(release(&name), &mut lifted.errors);
    let is_empty = lifted.errors.is_empty() && release(&name).is_empty();
    let mut gone = wanted;
    for (application, done) in Frozen::new(frozen_folder(place.data())).release() {
        let target = (Target::Application(application), Scope::Host);
        match done {
            Ok(_) => {
                gone.remove(&target);
                lifted.outcomes.push(outcome(target, "freezer", OutcomeState::Lifted, true, now));
            }
            Err(error) => lifted.errors.push(format!("{}: {}", target.0, chain(&error))),
        }
    }
    // What was in the tables of kernel programs is what the ledger wanted there.
    let kept = released.iter().any(|one| one.mechanism == "bpf");
    for Released { mechanism, blocks } in released {
        for target in blocks {
            let place = (target, Scope::Host);
            gone.remove(&place);
            lifted.outcomes.push(outcome(place, mechanism, OutcomeState::Lifted, is_empty, now));
        }
    }
    let (mechanism, state) = if kept { ("bpf", OutcomeState::Lifted) } else { ("none", OutcomeState::Nothing) };
    lifted.outcomes.extend(gone.into_iter().map(|target| outcome(target, mechanism, state, is_empty, now)));
    Ok(lifted)
}

fn taken(all: Vec<Result<Released, String>>, errors: &mut Vec<String>) -> Vec<Released> {
    all.into_iter().filter_map(|one| one.map_err(|error| errors.push(error)).ok()).collect()
}

/// Marks every wanted block as lifted; returns them.
fn unwant(place: &Place, now: Timestamp) -> Result<BTreeSet<(Target, Scope)>, LedgerError> {
    if !place.ledger().exists() {
        return Ok(BTreeSet::new());
    }
    let (mut ledger, _) = Ledger::open(&place.ledger())?;
    let wanted: BTreeSet<_> = ledger.wanted().map(|entry| (entry.target.clone(), entry.scope.clone())).collect();
    for (target, scope) in &wanted {
        ledger.mark(target, scope, EntryState::Lifted, now)?;
    }
    ledger.sync()?;
    Ok(wanted)
}

fn outcome(
    (target, scope): (Target, Scope),
    mechanism: &str,
    state: OutcomeState,
    verified: bool,
    at: Timestamp,
) -> Outcome {
    Outcome {
        id: format!("release {target}"),
        action: target.lifting(),
        target,
        scope,
        mechanism: mechanism.to_owned(),
        state,
        verified,
        detail: "without agent and server".to_owned(),
        at,
        expires: None,
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let source = error.source().map(|source| format!(": {}", chain(source)));
    format!("{error}{}", source.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tripoint_linux::netns::NetNs;
    use tripoint_model::{PlannedAction, Terms};
    use tripoint_responder::{Firewall, KernelBlock};

    use super::*;
    use crate::firewall::NftFirewall;

    fn now() -> Timestamp {
        Timestamp::from_system(std::time::SystemTime::now())
    }

    /// A ledger that wants these blocked.
    fn want(place: &Place, blocks: &[KernelBlock]) {
        let (mut ledger, _) = Ledger::open(&place.ledger()).unwrap();
        for block in blocks {
            let planned = PlannedAction {
                id: block.target.to_string(),
                action: tripoint_model::ActionKind::Block,
                target: block.target.clone(),
                scope: Scope::Host,
                expires: block.expires,
                reason: String::new(),
                requester: "ada".into(),
                cause: None,
                terms: Terms::default(),
                cuts: Vec::new(),
            };
            ledger.intend(&planned, now()).unwrap();
        }
        ledger.sync().unwrap();
    }

    fn blocks(count: u32) -> Vec<KernelBlock> {
        let expires = now().plus(Duration::from_secs(3600));
        let address = |n: u32| std::net::IpAddr::from((0x0a00_0000 + n).to_be_bytes());
        let one = |n| KernelBlock {
            target: tripoint_model::Observable::Address(address(n)).into(),
            scope: Scope::Host,
            expires,
        };
        (0..count).map(one).collect()
    }

    #[test]
    fn a_hundred_thousand_blocks_go_and_nothing_of_ours_stays() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path());
        let name = place.kernel_name();
        let run = || -> Result<(), String> {
            let mut firewall = NftFirewall::open(&name).map_err(|error| error.to_string())?;
            let all = blocks(100_000);
            assert!(firewall.block_many(&all, now()).iter().all(Result::is_ok));
            drop(firewall);
            crate::pipeline::prepare(&place).unwrap();
            want(&place, &all[..1000]);
            let lifted = release_all(&place, now()).unwrap();
            assert_eq!(lifted.errors, [""; 0]);
            assert_eq!(lifted.outcomes.len(), all.len());
            let right = |one: &Outcome| one.state == OutcomeState::Lifted && one.verified && one.mechanism == "nft";
            assert!(lifted.outcomes.iter().all(right));
            assert_eq!(release(&name), [], "no table, no set");
            assert_eq!(Ledger::open(&place.ledger()).unwrap().1.wanted, 0, "nothing comes back");
            assert!(release_all(&place, now()).unwrap().outcomes.is_empty(), "twice changes nothing");
            Ok(())
        };
        match NetNs::create().and_then(|namespace| namespace.run(run)).map_err(|error| error.to_string()).flatten() {
            Ok(()) => {}
            Err(error) if std::env::var_os("RUN_KERNEL_TESTS").is_some() => panic!("{error}"),
            Err(error) => println!("skipped: {error}"),
        }
    }

    #[test]
    fn a_running_agent_keeps_its_blocks_and_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path());
        crate::pipeline::prepare(&place).unwrap();
        want(&place, &blocks(1));
        let lock = File::create(place.lock()).unwrap();
        lock.try_lock().unwrap();
        let refused = release_all(&place, now()).unwrap_err();
        assert!(refused.to_string().contains("an agent runs on"), "{refused}");
        assert_eq!(Ledger::open(&place.ledger()).unwrap().1.wanted, 1);
    }
}
