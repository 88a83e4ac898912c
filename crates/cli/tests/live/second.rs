//! Does what needs a second person wait for one, over restarts, and is it then done?

use std::os::unix::process::CommandExt;
use std::process::Command;

use serde_json::Value;

use crate::instance::{BAD4, BAD6, Instance, stage};

/// A group that the test's second person is in, and that has no rights of its own.
const GROUP: &str = "games";

/// Who is in the group, and nobody else.
struct Person {
    gid: u32,
}

impl Person {
    fn new() -> Option<Self> {
        let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
        let line = groups.lines().find(|line| line.starts_with(&format!("{GROUP}:")))?;
        Some(Self { gid: line.split(':').nth(2)?.parse().ok()? })
    }

    /// Runs a command as that person.
    fn run(&self, instance: &Instance, arguments: &[&str]) -> (Option<i32>, Value) {
        let program = instance.path().join("second");
        if !program.exists() {
            std::fs::copy(env!("CARGO_BIN_EXE_tripoint"), &program).unwrap();
        }
        let mut command = Command::new(program);
        command.arg("--data-dir").arg(instance.path()).arg("--json").args(arguments).uid(65_533).gid(self.gid);
        let output = command.output().unwrap();
        (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
    }
}

fn waiting(instance: &Instance) -> Option<Value> {
    let list = instance.run(&["actions", "list"]).1;
    list["proposed"].as_array()?.iter().find(|one| one["state"] == "waiting").cloned()
}

#[test]
fn a_wide_block_waits_for_somebody_else_over_restarts() {
    let Some(person) = Person::new() else { return println!("skipped: there is no group {GROUP}") };
    let configuration =
        format!("[response]\napproval = [\"networks\"]\napproval_wider_v4 = 27\n[server]\ngroup = \"{GROUP}\"\n");
    let Some((_alone, _lab, mut instance, mut app)) = stage(&configuration) else { return };
    instance.up();
    app.call("tcp", BAD4);
    assert_eq!(app.next()["event"], "connected");
    let (code, answer) = instance.run(&["block", "203.0.113.64/26", "--for", "10m", "--reason", "c2"]);
    assert_eq!(code, 3, "nothing is in force yet: {answer:#}");
    assert_eq!(answer["outcomes"][0]["state"], "proposed");
    let id = answer["proposed"][0]["id"].as_str().unwrap().to_owned();
    let told = waiting(&instance).expect("it waits");
    assert_eq!((&told["requester"], &told["why"]), (&"root".into(), &"networks".into()));
    assert_eq!(told["plan"][0]["cuts"].as_array().unwrap().len(), 1, "the whole plan: {told:#}");
    let (code, answer) = instance.run(&["actions", "approve", &id]);
    assert_eq!((code, answer["refused"][0]["rule"].as_str()), (1, Some("second-person")), "{answer:#}");
    for part in ["tripoint-agent", "server"] {
        instance.kill(part);
        instance.up();
        instance.wait("what waited", || waiting(&instance).filter(|one| one["id"] == id.as_str()));
    }
    app.drain();
    let (code, answer) = person.run(&instance, &["actions", "approve", &id]);
    assert_eq!(code, Some(0), "{answer:#}");
    assert_eq!(
        (&answer["outcomes"][0]["state"], &answer["outcomes"][0]["verified"]),
        (&"applied".into(), &true.into())
    );
    assert_eq!(app.next()["event"], "cut");
    let list = instance.fine(&["actions", "list", "--verify"]);
    assert_eq!(list["actions"][0]["requester"], "root", "{list:#}");
    assert!(list["actions"][0]["terms"]["approver"].as_str().is_some_and(|by| by != "root"), "{list:#}");
    assert_eq!(list["proposed"][0]["state"], "approved");
    assert_eq!(instance.run(&["actions", "approve", &id]).0, 1, "once");
    // Rejected, it is not done.
    let second = instance.run(&["block", "203.0.113.0/26"]).1["proposed"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(person.run(&instance, &["actions", "reject", &second, "--reason", "ours"]).0, Some(0));
    assert!(waiting(&instance).is_none());
    assert_eq!(instance.fine(&["actions", "list"])["actions"].as_array().unwrap().len(), 1);
}

#[test]
fn r11_policy_asks_first_and_the_alert_says_so() {
    let configuration = "[response]\nmode = \"enforce\"\nmin_confidence = 90\napproval = [\"policy\"]\n";
    let Some((_alone, _lab, mut instance, mut app)) = stage(configuration) else { return };
    instance.up();
    app.call("tcp", BAD6);
    assert_eq!(app.next()["event"], "connected", "nothing is refused ahead of a person's word");
    let state = |instance: &Instance, state: &str| {
        let alert = instance.alert("bad_server_of_vulnerable_app", BAD6)?;
        alert["outcomes"].as_array()?.iter().find(|one| one["state"] == state).cloned()
    };
    let proposed = instance.wait("the proposal on the alert", || state(&instance, "proposed"));
    let id = waiting(&instance).unwrap()["id"].as_str().unwrap().to_owned();
    assert!(proposed["detail"].as_str().unwrap().contains(&format!("tripoint actions approve {id}")), "{proposed:#}");
    let approved = instance.fine(&["actions", "approve", &id]);
    assert_eq!(approved["outcomes"][0]["state"], "applied", "{approved:#}");
    assert_eq!(app.next()["event"], "cut");
    let done = instance.wait("the block on the alert", || state(&instance, "applied"));
    assert!(done["detail"].as_str().unwrap().starts_with("approved by root"), "{done:#}");
    instance.fine(&["release-all"]);
}

#[test]
fn what_the_guard_refuses_policy_is_shown_on_the_alert() {
    let configuration =
        "[response]\nmode = \"enforce\"\nmin_confidence = 90\nautomatic_per_minute = 1\npreempt = false\n";
    let Some((_alone, _lab, mut instance, mut app)) = stage(configuration) else { return };
    instance.up();
    app.call("tcp", BAD4);
    instance.wait("the first block", || {
        let list = instance.run(&["actions", "list"]).1;
        (list["actions"].as_array()?.len() == 1).then_some(())
    });
    app.call("tcp", BAD6);
    let refused = instance.wait("the refusal on the alert", || {
        let alert = instance.alert("bad_server_of_vulnerable_app", BAD6)?;
        alert["refusals"].as_array()?.first().cloned()
    });
    assert_eq!((&refused["rule"], &refused["target"]), (&"cap-rate".into(), &BAD6.into()), "{refused:#}");
    instance.fine(&["release-all"]);
}
