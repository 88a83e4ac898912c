//! Is everything lifted within a second without agent and server, also a hundred thousand blocks, and nothing of ours
//! left: no table, no entry, no file; and nothing of others gone?

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use tripoint_agent::firewall::{BpfFirewall, IpsetFirewall, NftFirewall};
use tripoint_agent::offline::release_all;
use tripoint_agent::place::Place;
use tripoint_linux::bpf::{LoadOptions, Programs, load, pins};
use tripoint_linux::netns::NetNs;
use tripoint_model::{ActionKind, OutcomeState, PlannedAction, Scope, Terms, Timestamp};
use tripoint_responder::{Firewall, KernelBlock, Ledger};

const MANY: u32 = 100_000;
/// What the programs' table has room for.
const BPF_MANY: u32 = 30_000;
/// The promise (R13) is of what people run. Tests are not optimised: the ledger alone takes a second there.
const PROMISED: Duration = Duration::from_secs(if cfg!(debug_assertions) { 5 } else { 1 });

fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

fn blocks(count: u32) -> Vec<KernelBlock> {
    let expires = now().plus(Duration::from_secs(3_600));
    let one = |at: u32| KernelBlock {
        target: format!("2001:db8:0:1::{:x}:{:x}", at >> 16, at & 0xffff).parse().unwrap(),
        scope: Scope::Host,
        expires,
    };
    (0..count).map(one).collect()
}

/// The mechanism, and what must live for as long as an agent would.
type Opened = (Box<dyn Firewall>, Option<Programs>);
type Open = fn(&str) -> Result<Opened, String>;

/// As an agent would have left them: in the ledger and in the kernel.
fn want(place: &Place, blocks: &[KernelBlock]) {
    let (mut ledger, _) = Ledger::open(&place.ledger()).unwrap();
    for block in blocks {
        let planned = PlannedAction {
            id: block.target.to_string(),
            action: ActionKind::Block,
            target: block.target.clone(),
            scope: Scope::Host,
            expires: block.expires,
            reason: "listed".into(),
            requester: "ada".into(),
            cause: None,
            terms: Terms::default(),
            cuts: Vec::new(),
        };
        ledger.intend(&planned, now()).unwrap();
    }
    ledger.sync().unwrap();
}

fn nft(words: &[&str]) -> String {
    let output = Command::new("nft").args(words).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

fn released(name: &str, count: u32, open: Open) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    fs::create_dir(folder.path().join("agent")).map_err(|error| error.to_string())?;
    let place = Place::new(folder.path());
    nft(&["add table inet others; add chain inet others input { type filter hook input priority 0; }; \
           add rule inet others input ip saddr 192.0.2.1 drop"]);
    let theirs = nft(&["-s", "list", "table", "inet", "others"]);
    let (mut firewall, programs) = open(&place.kernel_name())?;
    let all = blocks(count);
    want(&place, &all);
    assert!(firewall.block_many(&all, now()).iter().all(Result::is_ok), "{name}");
    drop((firewall, programs));
    let begun = Instant::now();
    let lifted = release_all(&place, now()).map_err(|error| error.to_string())?;
    let took = begun.elapsed();
    println!("{name}: {count} blocks are released in {took:?}");
    assert_eq!((lifted.errors.as_slice(), lifted.outcomes.len()), (&[][..], count as usize), "{name}");
    assert!(lifted.outcomes.iter().all(|one| one.state == OutcomeState::Lifted && one.verified), "{name}");
    assert!(took <= PROMISED, "{name}: {took:?}");
    let left = nft(&["list", "ruleset"]);
    assert!(!left.contains(&place.kernel_name()), "{name}: {left}");
    assert!(
        pins::kept(&place.kernel_name()).is_empty() && !pins::folder(&place.kernel_name()).is_some_and(|p| p.exists())
    );
    assert_eq!(nft(&["-s", "list", "table", "inet", "others"]), theirs, "{name}: what others have");
    let again = release_all(&place, now()).map_err(|error| error.to_string())?;
    assert_eq!((again.errors.len(), again.outcomes.len()), (0, 0), "{name}: twice is once");
    let (ledger, _) = Ledger::open(&place.ledger()).map_err(|error| error.to_string())?;
    assert_eq!(ledger.wanted().count(), 0, "{name}: the next agent puts nothing back");
    Ok(())
}

fn in_namespace(name: &str, count: u32, open: Open) {
    let run = || NetNs::create().and_then(|namespace| namespace.run(|| released(name, count, open)));
    match run().map_err(|error| error.to_string()).and_then(|done| done) {
        Ok(()) => {}
        Err(error) if std::env::var_os("RUN_KERNEL_TESTS").is_some() => panic!("{name}: {error}"),
        Err(error) => println!("skipped: {name}: {error}"),
    }
}

#[test]
fn r13_a_hundred_thousand_are_released_offline_and_leave_nothing() {
    in_namespace("nft", MANY, |name| {
        let opened = NftFirewall::open(name).map_err(|error| error.to_string())?;
        Ok((Box::new(opened), None))
    });
    in_namespace("ipset", MANY, |name| {
        let opened = IpsetFirewall::open(name).map_err(|error| error.to_string())?;
        Ok((Box::new(opened), None))
    });
    in_namespace("bpf", BPF_MANY, |name| {
        let loaded = load(&LoadOptions::default()).map_err(|error| error.to_string())?;
        Ok((Box::new(BpfFirewall::new(loaded.blocks, loaded.isolation, name)), Some(loaded.programs)))
    });
}
