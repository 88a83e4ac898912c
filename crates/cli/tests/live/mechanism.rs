//! Does an agent block by the mechanism that it is told, and does everything go when nobody runs any more?

use std::process::Command;

use serde_json::Value;
use tripoint_linux::child;
use tripoint_linux::netns::NetNs;

use crate::instance::{BAD4, Instance, stage};

fn run_in(namespace: &NetNs, instance: &Instance, arguments: &[&str]) -> (i32, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tripoint"));
    command.arg("--data-dir").arg(instance.path()).arg("--json").args(arguments);
    child::in_namespace(&mut command, namespace).unwrap();
    let output = command.output().unwrap();
    (output.status.code().unwrap_or(-1), serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
}

fn rules(namespace: &NetNs) -> String {
    let list = |program: &str, arguments: &[&str]| {
        let output = namespace.run(|| Command::new(program).args(arguments).output()).unwrap();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
    };
    list("nft", &["list", "ruleset"]) + &list("ipset", &["save"]) + &list("iptables", &["-S"])
}

#[test]
fn each_mechanism_blocks_outlives_its_agent_and_goes_without_a_server() {
    for mechanism in ["nft", "ipset"] {
        let configuration = format!("[response]\nmechanism = \"{mechanism}\"\n");
        let Some((_alone, lab, mut instance, mut app)) = stage(&configuration) else { return };
        let host = &lab.inside;
        instance.up_in(host);
        let connects = |app: &mut crate::instance::App| {
            app.drain();
            app.call("tcp", BAD4);
            app.next()["event"] == "connected"
        };
        assert!(connects(&mut app), "the probe works without a block");
        let said = instance.fine(&["block", BAD4, "--for", "10m"]);
        let outcome = &said["outcomes"][0];
        assert_eq!(
            (&outcome["mechanism"], &outcome["state"], &outcome["verified"]),
            (&mechanism.into(), &"applied".into(), &true.into()),
            "{said:#}"
        );
        assert!(!connects(&mut app), "{mechanism} blocks");
        instance.wait("doctor names the mechanism and what it does not cover", || {
            let told = instance.fine(&["doctor"]);
            let health = &told["agents"][0]["health"];
            let gaps = health["capabilities"]
                .as_array()?
                .iter()
                .filter(|one| one["name"] == format!("blocking by {mechanism}").as_str());
            (health["firewall"] == mechanism && gaps.count() > 1).then_some(())
        });
        instance.kill("tripoint-agent");
        assert!(!connects(&mut app), "{mechanism} holds without the agent");
        let (code, said) = run_in(host, &instance, &["release-all"]);
        assert_eq!(code, 0, "{said:#}");
        assert_eq!(said["outcomes"].as_array().unwrap().len(), 1, "{said:#}");
        assert_eq!(
            (&said["outcomes"][0]["mechanism"], &said["outcomes"][0]["state"]),
            (&mechanism.into(), &"lifted".into())
        );
        assert!(!rules(host).contains("tripoint_"), "{}", rules(host));
        assert!(connects(&mut app), "lifted without a server");
        let (code, said) = run_in(host, &instance, &["release-all"]);
        assert_eq!((code, said["outcomes"].as_array().map(Vec::len)), (0, Some(0)), "{said:#}");
        instance.up_in(host);
        assert!(connects(&mut app), "the next agent does not put it back");
        instance.down();
    }
}
