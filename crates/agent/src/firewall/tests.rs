//! Does every mechanism keep its word, and is the right one taken?

use std::process::Command;
use std::time::{Duration, SystemTime};

use tripoint_linux::bpf::{LoadOptions, load, pins};
use tripoint_linux::netns::NetNs;
use tripoint_linux::nft::{Hold, Table};
use tripoint_model::{Action, ActionKind, OutcomeState, Plan, Scope, Terms, Timestamp};
use tripoint_responder::testing::conformance;
use tripoint_responder::{Firewall, Guard, KernelBlock, Protected, Responder, plan};

use super::choice::chain;
use super::*;

fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

fn clock(wait: Duration) -> Timestamp {
    std::thread::sleep(wait);
    now()
}

/// Runs the test in a network namespace of its own, where the mechanism works; skips it, or fails, elsewhere.
fn alone<T>(open: impl FnOnce() -> Result<T, String> + Send, test: impl FnOnce(T) + Send) {
    let run = || -> Result<(), String> {
        let namespace = NetNs::create().map_err(|error| error.to_string())?;
        namespace.run(|| open().map(test)).map_err(|error| error.to_string())?
    };
    match run() {
        Ok(()) => {}
        Err(error) if std::env::var_os("RUN_KERNEL_TESTS").is_some() => panic!("{error}"),
        Err(error) => println!("skipped: {error}"),
    }
}

fn nft() -> Result<NftFirewall, String> {
    NftFirewall::open("tripoint").map_err(|error| chain(&error))
}

fn ipset() -> Result<IpsetFirewall, String> {
    IpsetFirewall::open("tripoint").map_err(|error| chain(&error))
}

fn blocks(count: u8) -> Vec<KernelBlock> {
    let expires = now().plus(Duration::from_secs(600));
    let one = |n| KernelBlock { target: format!("203.0.113.{n}").parse().unwrap(), scope: Scope::Host, expires };
    (1..=count).map(one).collect()
}

#[test]
fn kernel_programs_pass_the_suite_of_every_firewall() {
    let loaded = match load(&LoadOptions::default()) {
        Ok(loaded) => loaded,
        Err(error) if std::env::var_os("RUN_KERNEL_TESTS").is_some() => panic!("{error}"),
        Err(error) => return println!("skipped: {error}"),
    };
    conformance(&mut BpfFirewall::new(loaded.blocks, loaded.isolation, "tripoint_suite"), &mut clock);
    assert!(pins::kept("tripoint_suite").is_empty(), "with the last block goes what keeps it");
}

#[test]
fn nftables_pass_the_suite_of_every_firewall() {
    alone(nft, |mut firewall| conformance(&mut firewall, &mut clock));
}

#[test]
fn nftables_of_older_kernels_pass_it_too() {
    let open = || Table::open_as("tripoint", Hold::Open).map_err(|error| chain(&error));
    alone(open, |table| conformance(&mut NftFirewall::over(table), &mut clock));
}

#[test]
fn ipset_passes_the_suite_of_every_firewall() {
    alone(ipset, |mut firewall| conformance(&mut firewall, &mut clock));
}

#[test]
fn rules_of_iptables_that_somebody_removed_come_back_and_strangers_stay() {
    alone(ipset, |mut firewall| {
        let iptables = |arguments: &[&str]| {
            let output = Command::new("iptables").args(arguments).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        iptables(&["-A", "INPUT", "-s", "192.0.2.1", "-j", "ACCEPT"]);
        let theirs = iptables(&["-S", "INPUT"]).replace("-A INPUT -j tripoint_from\n", "");
        for damage in [
            &["-D", "INPUT", "-j", "tripoint_from"][..],
            &["-F", "tripoint_to"],
            &["-I", "OUTPUT", "1", "-d", "198.51.100.1", "-j", "ACCEPT"],
        ] {
            let all = blocks(3);
            assert!(firewall.block_many(&all, now()).iter().all(Result::is_ok));
            assert_eq!(firewall.list(now()).unwrap().len(), 3, "before {damage:?}");
            iptables(damage);
            assert_eq!(firewall.list(now()).unwrap(), [], "{damage:?} is seen");
        }
        assert!(firewall.block_many(&blocks(3), now()).iter().all(Result::is_ok));
        assert_eq!(firewall.list(now()).unwrap().len(), 3);
        drop(firewall);
        let released: Vec<Released> = release("tripoint").into_iter().map(Result::unwrap).collect();
        assert_eq!(released.iter().map(|one| (one.mechanism, one.blocks.len())).collect::<Vec<_>>(), [("ipset", 3)]);
        assert_eq!(iptables(&["-S", "INPUT"]), theirs);
        assert!(!iptables(&["-S"]).contains("tripoint"));
        assert!(iptables(&["-S"]).contains("198.51.100.1"), "what others put before ours stays");
        assert_eq!(release("tripoint"), []);
    });
}

#[test]
fn another_mechanism_takes_over_and_leaves_nothing_of_the_first() {
    alone(nft, |mut firewall| {
        assert!(firewall.block_many(&blocks(5), now()).iter().all(Result::is_ok));
        drop(firewall);
        let mut chosen = choose(Mechanism::Ipset, None, "tripoint").unwrap();
        assert_eq!(chosen.name(), "ipset");
        assert!(chosen.block_many(&blocks(2), now()).iter().all(Result::is_ok));
        drop(chosen);
        // Without kernel programs nftables come first; the sets of ipset go.
        let chosen = choose(Mechanism::Auto, None, "tripoint").unwrap();
        assert_eq!(chosen.name(), "nft");
        drop(chosen);
        let left: Vec<Released> = release("tripoint").into_iter().map(Result::unwrap).collect();
        assert_eq!(left, [Released { mechanism: "nft", blocks: Vec::new() }]);
        let refused = choose(Mechanism::Bpf, None, "tripoint").map(drop).unwrap_err();
        assert!(refused.to_string().contains("response.mechanism is bpf"), "{refused}");
    });
}

#[test]
fn a_name_that_is_taken_is_refused_and_the_next_mechanism_is_taken() {
    alone(nft, |firewall| {
        assert!(NftFirewall::open("tripoint").map(drop).unwrap_err().to_string().contains("not ours"));
        let chosen = choose(Mechanism::Auto, None, "tripoint").unwrap();
        assert_eq!(chosen.name(), "ipset");
        drop(firewall);
    });
}

/// A person's wish to block, planned.
fn planned(targets: &[&str]) -> Plan {
    let action = |target: &&str| Action {
        kind: ActionKind::Block,
        target: target.parse().unwrap(),
        scope: Scope::Host,
        expires: now().plus(Duration::from_secs(60)),
        reason: String::new(),
        requester: "ada".into(),
        cause: None,
        terms: Terms::default(),
    };
    plan(&targets.iter().map(action).collect::<Vec<_>>(), &guard(), &[], now())
}

fn guard() -> Guard {
    Guard {
        permit_ranges: vec!["203.0.113.0/24".parse().unwrap()],
        protected: Some(Protected::default()),
        ..Guard::default()
    }
}

#[test]
fn what_others_flush_is_back_after_the_next_comparison_or_was_never_gone() {
    for best in [Hold::Owned, Hold::Open] {
        let open = move || Table::open_as("tripoint", best).map_err(|error| chain(&error));
        alone(open, |table| {
            let held = table.hold();
            let folder = tempfile::tempdir().unwrap();
            let (mut responder, _) = Responder::open(folder.path(), Box::new(NftFirewall::over(table))).unwrap();
            let outcomes = responder.execute(&planned(&["203.0.113.9", "203.0.113.64/26"]), now());
            assert_eq!(outcomes.len(), 2);
            for outcome in &outcomes {
                assert_eq!((outcome.mechanism.as_str(), outcome.state), ("nft", OutcomeState::Applied), "{outcome:?}");
                assert!(outcome.verified, "{outcome:?}");
            }
            assert!(responder.reconcile(&guard(), now()).is_quiet());
            let Ok(status) = Command::new("nft").args(["flush", "ruleset"]).status() else {
                return println!("skipped: nft is not installed");
            };
            assert!(status.success());
            let done = responder.reconcile(&guard(), now());
            match held {
                Hold::Owned => assert!(done.is_quiet(), "the flags owner and persist keep it: {done:?}"),
                Hold::Open => assert_eq!(done.restored.len(), 2, "{done:?}"),
            }
            assert!(responder.reconcile(&guard(), now()).is_quiet(), "twice changes nothing");
            let lifted = responder.release_all(now());
            let states: Vec<_> = lifted.iter().map(|outcome| (outcome.state, outcome.verified)).collect();
            assert_eq!(states, [(OutcomeState::Lifted, true); 2]);
            assert_eq!(release("tripoint"), [], "no table is left");
        });
    }
}

#[test]
fn dry_run_tells_and_touches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut responder, _) = Responder::open(folder.path(), Box::new(DryRun)).unwrap();
    let plan = planned(&["203.0.113.9"]);
    let outcomes = responder.execute(&plan, now());
    assert_eq!(outcomes.len(), 1, "{plan:?}");
    assert_eq!((outcomes[0].mechanism.as_str(), outcomes[0].state), ("dry-run", OutcomeState::DryRun));
    assert!(responder.active(now()).is_empty(), "nothing is written down as done");
    assert!(responder.reconcile(&guard(), now()).is_quiet());
}
