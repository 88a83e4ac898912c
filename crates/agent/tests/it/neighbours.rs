//! Do our blocks stand when another firewall of the host loads its rules anew, and do its tables stay byte for byte as
//! they are when we come, change and go? The real firewalld and ufw, where they are installed.

mod manager;
mod shell;

use std::net::UdpSocket;
use std::time::{Duration, SystemTime};

use tripoint_agent::firewall::{IpsetFirewall, NftFirewall};
use tripoint_linux::link::Links;
use tripoint_linux::netns::NetNs;
use tripoint_linux::nft::{Hold, Table};
use tripoint_model::{ActionKind, OutcomeState, Plan, PlannedAction, Scope, Terms, Timestamp};
use tripoint_responder::{Firewall, Guard, Responder};

use self::manager::{DOCKER, FIREWALLD, Manager, RESTORE, UFW};
use self::shell::Shell;

const BLOCKED: &str = "203.0.113.9";
const SPARED: &str = "203.0.113.10";
const NAME: &str = "tripoint_neighbour";

fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

type Open = fn() -> Result<Box<dyn Firewall>, String>;

const MECHANISMS: [(&str, Open); 3] = [
    ("nft, held", || open_nft(Hold::Owned)),
    ("nft, as older kernels hold it", || open_nft(Hold::Open)),
    ("ipset", || {
        IpsetFirewall::open(NAME).map(|opened| Box::new(opened) as Box<dyn Firewall>).map_err(|error| error.to_string())
    }),
];

fn open_nft(hold: Hold) -> Result<Box<dyn Firewall>, String> {
    let table = Table::open_as(NAME, hold).map_err(|error| error.to_string())?;
    Ok(Box::new(NftFirewall::over(table)))
}

/// Whether a packet to this address of the namespace's own leaves its sender.
fn passes(address: &str) -> bool {
    let listener = UdpSocket::bind((address, 0)).unwrap();
    listener.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let speaker = UdpSocket::bind("127.0.0.1:0").unwrap();
    let _ = speaker.send_to(b"word", listener.local_addr().unwrap());
    listener.recv_from(&mut [0; 8]).is_ok()
}

/// A wish of a person, planned without a guard: here everything belongs to the test.
fn plan() -> Plan {
    let block = |target: &str| PlannedAction {
        id: target.to_owned(),
        action: ActionKind::Block,
        target: target.parse().unwrap(),
        scope: Scope::Host,
        expires: now().plus(Duration::from_secs(600)),
        reason: String::new(),
        requester: "ada".into(),
        cause: None,
        terms: Terms::default(),
        cuts: Vec::new(),
    };
    Plan { plan: [BLOCKED, "203.0.113.64/26"].map(block).to_vec(), refused: Vec::new() }
}

/// A namespace where both addresses are its own.
fn namespace() -> Result<NetNs, String> {
    let namespace = NetNs::create().map_err(|error| error.to_string())?;
    let set_up = || -> std::io::Result<()> {
        let mut links = Links::open()?;
        links.up("lo")?;
        for address in [BLOCKED, SPARED] {
            links.address("lo", format!("{address}/32").parse().map_err(std::io::Error::other)?)?;
        }
        Ok(())
    };
    namespace.run(set_up).and_then(|done| done).map_err(|error| error.to_string())?;
    Ok(namespace)
}

/// Runs the story with this manager and each mechanism; says what cannot be run here.
fn beside(manager: &Manager) {
    let must = std::env::var_os("RUN_KERNEL_TESTS").is_some();
    for (mechanism, open) in MECHANISMS {
        let namespace = match namespace() {
            Ok(namespace) => namespace,
            Err(error) if must => panic!("{error}"),
            Err(error) => return println!("skipped: {error}"),
        };
        let mut shell = match manager.start(&namespace) {
            Ok(shell) => shell,
            Err(why) => return println!("skipped: {}: {why}", manager.name),
        };
        let told = format!("{mechanism} beside {}", manager.name);
        println!("{told}");
        namespace.run(|| story(&told, &mut shell, manager, open)).unwrap();
    }
}

/// What ipset's rules stand in: hosts that it is for have these tables, and a reload may have taken them away. A
/// program of iptables makes them whole, with empty chains, as soon as anybody adds a rule.
const TABLES_OF_IPTABLES: &str = "for v in '' 6; do nft list chain ip$v filter OUTPUT || \
    for chain in INPUT FORWARD OUTPUT; do nft list chain ip$v filter $chain || ip${v}tables -P $chain ACCEPT; done; done";

fn story(told: &str, shell: &mut Shell, manager: &Manager, open: Open) {
    let ready = |shell: &mut Shell| {
        if told.starts_with("ipset") {
            shell.run(TABLES_OF_IPTABLES).unwrap();
        }
    };
    ready(shell);
    let before = theirs(shell);
    assert!(!before.is_empty(), "{told}: it has rules");
    let folder = tempfile::tempdir().unwrap();
    let (mut responder, _) = Responder::open(folder.path(), open().unwrap()).unwrap();
    assert!(passes(BLOCKED) && passes(SPARED), "{told}: the probe works");
    let outcomes = responder.execute(&plan(), now());
    assert!(outcomes.iter().all(|done| done.state == OutcomeState::Applied && done.verified), "{told}: {outcomes:?}");
    assert!(!passes(BLOCKED) && passes(SPARED), "{told}: blocked");
    assert_eq!(theirs(shell), before, "{told}: their tables, after ours came");
    for reload in manager.reloads {
        shell.run(reload).unwrap_or_else(|error| panic!("{told}: {reload}: {error}"));
        ready(shell);
        let reloaded = theirs(shell);
        // A thing that was swept away comes back with the next comparison, which the agent makes every five seconds.
        let done = responder.reconcile(&Guard::default(), now());
        assert!(done.failures.is_empty() && done.removed.is_empty(), "{told}: {reload}: {done:?}");
        println!("  {reload}: {} put back", done.restored.len());
        assert!(!passes(BLOCKED) && passes(SPARED), "{told}: after {reload}");
        assert!(responder.compare(now()).unwrap().agree(), "{told}: after {reload}");
        assert_eq!(theirs(shell), reloaded, "{told}: their tables after {reload} and a comparison");
    }
    let last = theirs(shell);
    assert!(responder.release_all(now()).iter().all(|done| done.state == OutcomeState::Lifted));
    assert!(passes(BLOCKED), "{told}: lifted");
    assert_eq!(theirs(shell), last, "{told}: their tables, after ours went");
    assert!(!shell.run("nft list ruleset; ipset save 2>/dev/null || true").unwrap().contains(NAME), "{told}");
}

/// Every table, chain, rule and set that is not ours, as the kernel has them, without what they count.
fn theirs(shell: &mut Shell) -> String {
    let tables = shell.run("nft list tables").unwrap();
    let mut all = String::new();
    for table in tables.lines().filter(|table| !table.contains(NAME)) {
        let name = table.trim_start_matches("table ");
        all += &shell.run(&format!("nft -s list table {name}")).unwrap();
    }
    // What ipset needs stands in tables that are not ours: the jumps and chains of our name.
    let mut depth_ours = false;
    let keep = |line: &&str| {
        if line.contains(&format!("chain {NAME}")) {
            depth_ours = true;
        }
        let ours = depth_ours || line.contains(NAME);
        if depth_ours && line.trim() == "}" {
            depth_ours = false;
        }
        // The program nft remarks whose table it thinks a table is.
        !ours && !line.trim().is_empty() && !line.starts_with("# Warning")
    };
    all.lines().filter(keep).map(|line| format!("{line}\n")).collect()
}

#[test]
fn r8_firewalld_reloads() {
    beside(&FIREWALLD);
}

#[test]
fn r8_ufw_reloads() {
    beside(&UFW);
}

#[test]
fn r8_docker_makes_its_rules_anew() {
    beside(&DOCKER);
}

#[test]
fn r8_iptables_are_restored_from_a_file() {
    beside(&RESTORE);
}
