//! What does an agent find that others took away from its kernel programs, and is it back after the next comparison?

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use tripoint_linux::bpf::{LoadOptions, Programs, load, pins};
use tripoint_model::{ActionKind, OutcomeState, Plan, PlannedAction, Scope, Terms, Timestamp};
use tripoint_responder::{Guard, Reconciled, Responder};

use super::BpfFirewall;

fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

/// A host that refuses an address of its own loopback, where it listens, and a network.
struct Host {
    responder: Responder,
    programs: Programs,
    listener: TcpListener,
    name: String,
    _folder: tempfile::TempDir,
}

impl Host {
    /// `None`, and it is said, where there are no kernel programs.
    fn new(what: &str) -> Option<Self> {
        let loaded = match load(&LoadOptions::default()) {
            Ok(loaded) => loaded,
            Err(error) if std::env::var_os("RUN_KERNEL_TESTS").is_some() => panic!("{error}"),
            Err(error) => {
                println!("skipped: {error}");
                return None;
            }
        };
        let name = format!("tripoint_{what}_{}", std::process::id());
        let folder = tempfile::tempdir().unwrap();
        let firewall = BpfFirewall::new(loaded.blocks, loaded.isolation, &name);
        let (mut responder, _) = Responder::open(folder.path(), Box::new(firewall)).unwrap();
        let listener = TcpListener::bind("127.9.9.7:0").unwrap();
        // The guard would spare the loopback; a test must not cut anything else.
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
        let plan = Plan { plan: ["127.9.9.7", "203.0.113.0/28"].map(block).to_vec(), refused: Vec::new() };
        assert!(responder.execute(&plan, now()).iter().all(|done| done.state == OutcomeState::Applied));
        let host = Self { responder, programs: loaded.programs, listener, name, _folder: folder };
        assert!(host.refuses());
        Some(host)
    }

    /// With a guard that knows nothing of the surroundings, which withdraws nothing that stands.
    fn compare(&mut self) -> Reconciled {
        self.responder.reconcile(&Guard::default(), now())
    }

    /// Whether the address is refused, by what the kernel does.
    fn refuses(&self) -> bool {
        let at = self.listener.local_addr().unwrap();
        TcpStream::connect_timeout(&at, Duration::from_millis(300)).is_err()
    }

    fn id(&self, program: &str) -> String {
        let ids = self.programs.ids();
        ids.iter().find(|(name, _)| name == program).unwrap().1.to_string()
    }

    fn kept(&self) -> Vec<PathBuf> {
        let folders = pins::kept(&self.name);
        folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|file| file.unwrap().path()).collect()
    }

    /// All is as it was, and goes with the last block.
    fn ends(mut self) {
        assert!(self.compare().is_quiet(), "twice is once");
        assert!(self.refuses());
        assert_eq!(self.kept().len(), 2, "kept for the time without an agent");
        self.responder.release_all(now());
        assert!(!self.refuses() && self.kept().is_empty());
    }
}

/// The administrators' program; nothing, and it is said, where it is not installed.
fn bpftool(arguments: &[&str]) -> Option<String> {
    let run = Command::new("bpftool").args(arguments).output();
    let Output { status, stdout, stderr } = run.inspect_err(|_| println!("skipped: bpftool is not installed")).ok()?;
    assert!(status.success(), "bpftool {arguments:?}: {}", String::from_utf8_lossy(&stderr));
    Some(String::from_utf8(stdout).unwrap())
}

/// The numbers behind `"key":` in what bpftool writes, of the objects that contain `which`.
fn numbers(json: &str, which: impl Fn(&serde_json::Value) -> bool, key: &str) -> Vec<String> {
    let all: Vec<serde_json::Value> = serde_json::from_str(json).unwrap();
    all.iter().filter(|one| which(one)).map(|one| one[key].to_string()).collect()
}

/// Detaches every link of this program, as an administrator would.
fn detach(program_id: &str) -> Option<()> {
    let links = bpftool(&["--json", "link", "show"])?;
    let ours = numbers(&links, |link| link["prog_id"].as_u64() == program_id.parse().ok(), "id");
    assert!(!ours.is_empty(), "program {program_id} is attached");
    for link in ours {
        bpftool(&["link", "detach", "id", &link])?;
    }
    Some(())
}

#[test]
fn r8_programs_that_others_detach_are_back_and_it_is_told() {
    let Some(mut host) = Host::new("detached") else { return };
    // Which of them refuse a connect: with all of these gone, nothing does.
    for programs in [&["tp_egress", "tp_ingress"][..], &["tp_connect4"], &["tp_connect4", "tp_egress", "tp_ingress"]] {
        for program in programs {
            if detach(&host.id(program)).is_none() {
                host.responder.release_all(now());
                return;
            }
        }
        assert_eq!(host.refuses(), programs.len() < 3, "{programs:?}: it is the programs that refuse");
        let done = host.compare();
        for program in programs {
            assert!(done.repairs.iter().any(|word| word.contains(program)), "{program}: {done:?}");
        }
        assert_eq!(done.restored.len(), 2, "what nobody looked at was no block: {done:?}");
        assert!(host.refuses(), "{programs:?}");
    }
    host.ends();
}

#[test]
fn r8_files_that_others_remove_are_back_and_it_is_told() {
    let Some(mut host) = Host::new("unpinned") else { return };
    for count in [1, 2] {
        let kept = host.kept();
        assert_eq!(kept.len(), 2);
        for file in kept.iter().take(count) {
            fs::remove_file(file).unwrap();
        }
        assert!(host.refuses(), "as long as we live they are not needed");
        let done = host.compare();
        assert_eq!(done.repairs.len(), 1, "{done:?}");
        assert_eq!(host.kept(), kept);
    }
    host.ends();
}

#[test]
fn r8_entries_that_others_take_out_of_the_tables_are_back_and_it_is_told() {
    let Some(mut host) = Host::new("emptied") else { return };
    let Some(programs) = bpftool(&["--json", "prog", "show", "id", &host.id("tp_connect4")]) else {
        host.responder.release_all(now());
        return;
    };
    let program: serde_json::Value = serde_json::from_str(&programs).unwrap();
    let mut emptied = 0;
    for map in program["map_ids"].as_array().unwrap() {
        let id = map.to_string();
        let about = bpftool(&["--json", "map", "show", "id", &id]).unwrap();
        let name = serde_json::from_str::<serde_json::Value>(&about).unwrap()["name"].to_string();
        if !name.contains("block4") && !name.contains("block_net4") {
            continue;
        }
        let entries: Vec<serde_json::Value> =
            serde_json::from_str(&bpftool(&["--json", "map", "dump", "id", &id]).unwrap()).unwrap();
        for entry in entries {
            let key: Vec<String> =
                entry["key"].as_array().unwrap().iter().map(|byte| byte.as_str().unwrap().to_owned()).collect();
            let words =
                [&["map", "delete", "id", &id, "key", "hex"][..], &key.iter().map(String::as_str).collect::<Vec<_>>()]
                    .concat();
            // bpftool reads bytes as two digits.
            let words: Vec<&str> = words.iter().map(|word| word.trim_start_matches("0x")).collect();
            bpftool(&words).unwrap();
            emptied += 1;
        }
    }
    assert_eq!(emptied, 2);
    assert!(!host.refuses(), "it is the tables that say who is refused");
    let done = host.compare();
    assert_eq!(done.restored.len(), 2, "{done:?}");
    assert!(host.refuses());
    host.ends();
}
