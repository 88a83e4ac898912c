//! Is what others do to the blocks of a running agent found within ten seconds, put right, and told?

use std::process::Command;
use std::time::{Duration, Instant};

use tripoint_agent::place::Place;
use tripoint_linux::bpf::pins;
use tripoint_linux::lab::Lab;

use crate::instance::{App, BAD4, Instance, stage};

/// Comparisons are five seconds apart; a promise names ten.
const FOUND: Duration = Duration::from_secs(10);

fn connects(app: &mut App) -> bool {
    app.drain();
    app.call("tcp", BAD4);
    app.next()["event"] == "connected"
}

/// What the agent and the server have said so far.
fn log(instance: &Instance) -> String {
    std::fs::read_to_string(instance.path().join("log")).unwrap_or_default()
}

fn nft(lab: &Lab, arguments: &[&str]) -> Option<String> {
    let output = lab.inside.run(|| Command::new("nft").args(arguments).output()).unwrap();
    let output = output.inspect_err(|_| println!("skipped: nft is not installed")).ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Until the peer is refused again, and what was said of it.
fn until_refused(instance: &Instance, app: &mut App, said_before: usize) -> (Duration, String) {
    let begun = Instant::now();
    instance.within(FOUND, "the repair", || (!connects(app)).then_some(()));
    let found = begun.elapsed();
    let said = instance.wait("the report", || {
        let said = log(instance)[said_before..].to_owned();
        said.contains("kernel and ledger differed").then_some(said)
    });
    (found, said)
}

#[test]
fn r8_a_flush_under_a_running_agent_takes_nothing_or_is_put_right() {
    for (lacking, held) in [("", true), ("table_owner", false)] {
        let Some((_alone, lab, mut instance, mut app)) = stage("[response]\nmechanism = \"nft\"\n") else { return };
        instance.lacking = lacking;
        instance.up_in(&lab.inside);
        assert!(connects(&mut app));
        instance.fine(&["block", BAD4, "--for", "10m"]);
        let Some(table) = nft(&lab, &["list", "ruleset"]) else { return };
        // Without the flags: a kernel before 6.9, by itself or by the door's word.
        let held = held && table.contains("owner");
        nft(&lab, &["add", "table", "inet", "others"]).unwrap();
        let said = log(&instance).len();
        nft(&lab, &["flush", "ruleset"]).unwrap();
        assert!(!nft(&lab, &["list", "ruleset"]).unwrap().contains("others"), "the flush works");
        assert_eq!(connects(&mut app), !held, "lacking {lacking:?}: only the flags keep the table");
        if held {
            assert!(!log(&instance)[said..].contains("differed"));
        } else {
            let (found, said) = until_refused(&instance, &mut app, said);
            println!("lacking {lacking:?}: refused again after {found:?}");
            assert!(said.contains("restored"), "{said}");
        }
        let list = instance.fine(&["actions", "list", "--verify"]);
        assert_eq!(list["actions"][0]["kernel"], "held", "{list:#}");
        instance.fine(&["release-all"]);
        instance.down();
    }
}

/// Detaches every link of the agent's programs with these names, as an administrator would.
fn detach(instance: &Instance, names: &[&str]) -> Option<()> {
    let show = |what: &str| {
        let output = Command::new("bpftool").args(["--json", what, "show"]).output();
        let output = output.inspect_err(|_| println!("skipped: bpftool is not installed")).ok()?;
        serde_json::from_slice::<Vec<serde_json::Value>>(&output.stdout).ok()
    };
    let ours = tripoint_linux::bpf::held_by(instance.pid_of("tripoint-agent"));
    let is_ours = |program: &&serde_json::Value| {
        let id = program["id"].as_u64().and_then(|id| u32::try_from(id).ok());
        id.is_some_and(|id| ours.contains(&id)) && names.iter().any(|name| program["name"] == *name)
    };
    let programs: Vec<_> = show("prog")?.iter().filter(is_ours).map(|program| program["id"].clone()).collect();
    assert_eq!(programs.len(), names.len());
    for link in show("link")?.iter().filter(|link| programs.contains(&link["prog_id"])) {
        let done = Command::new("bpftool").args(["link", "detach", "id", &link["id"].to_string()]).status();
        assert!(done.is_ok_and(|status| status.success()));
    }
    Some(())
}

#[test]
fn r8_programs_detached_and_files_removed_under_a_running_agent_are_put_right() {
    let Some((_alone, _lab, mut instance, mut app)) = stage("") else { return };
    instance.up();
    assert!(connects(&mut app));
    instance.fine(&["block", BAD4, "--for", "10m"]);
    let said = log(&instance).len();
    if detach(&instance, &["tp_connect4", "tp_egress", "tp_ingress"]).is_none() {
        return;
    }
    assert!(connects(&mut app), "it is the programs that refuse");
    let (found, told) = until_refused(&instance, &mut app, said);
    println!("refused again after {found:?}");
    for program in ["tp_connect4", "tp_egress", "tp_ingress"] {
        assert!(told.contains(&format!("the program {program} was detached")), "{told}");
    }
    // Its blocks outlive it still; and when that is taken away too, it is told and put back.
    let name = Place::new(instance.path()).kernel_name();
    let files = || pins::kept(&name).iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().count();
    assert_eq!(files(), 2);
    let said = log(&instance).len();
    for folder in pins::kept(&name) {
        pins::let_go(&folder).unwrap();
    }
    instance.within(FOUND, "the files", || (files() == 2).then_some(()));
    instance.wait("the report", || log(&instance)[said..].contains("without an agent was removed").then_some(()));
    instance.kill("tripoint-agent");
    assert!(!connects(&mut app), "so it holds without an agent");
}
