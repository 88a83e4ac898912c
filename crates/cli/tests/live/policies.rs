//! Does each application get the policy that is meant for it: only watched, or refused alone?

use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::instance::{BAD4, Cgroup, Instance, PORT, stage};

const ENFORCE: &str = "[response]\nmode = \"enforce\"\nmin_confidence = 90\n[[response.policy]]\nname = \"shops\"\napplications = [\"exe:*/shop\"]\n";

/// The outcome of a block in this state, on the alert about the peer.
fn block_in(instance: &Instance, state: &str) -> Value {
    instance.wait(state, || {
        let alert = instance.alert("bad_server_of_vulnerable_app", BAD4)?;
        let outcomes = alert["outcomes"].as_array()?;
        outcomes.iter().find(|outcome| outcome["action"] == "block" && outcome["state"] == state).cloned()
    })
}

#[test]
fn an_observing_policy_says_what_it_would_have_done_and_does_nothing() {
    let Some((_alone, _lab, mut instance, mut app)) = stage(&format!("{ENFORCE}rollout = \"observe\"\n")) else {
        return;
    };
    instance.up();
    app.call("tcp", BAD4);
    assert_eq!(app.next()["event"], "connected");
    let told = block_in(&instance, "dry-run");
    assert!(told["detail"].as_str().unwrap().contains("policy shops would have blocked (rollout observe)"), "{told:#}");
    app.call("tcp", BAD4);
    assert_eq!(app.next()["event"], "connected", "neither refused ahead nor after");
    let list = instance.fine(&["actions", "list", "--verify"]);
    assert_eq!(list["actions"].as_array().map(Vec::len), Some(0), "{list:#}");
    let explained = instance.fine(&["config", "explain", "response.policy"]);
    assert!(explained.to_string().contains("shops"), "{explained:#}");
}

#[test]
fn a_policy_for_one_application_refuses_the_peer_to_it_alone_and_widens_only_when_told() {
    let entry = format!("{ENFORCE}scope = \"application\"\n");
    let Some((_alone, lab, mut instance, mut app)) = stage(&entry) else { return };
    let elsewhere = || {
        let at = (BAD4.parse::<std::net::IpAddr>().unwrap(), PORT).into();
        lab.inside.run(|| TcpStream::connect_timeout(&at, Duration::from_secs(3))).unwrap()
    };
    instance.up();
    // It shares its cgroup with its neighbours: nothing is done, and that is said.
    app.call("tcp", BAD4);
    assert_eq!(app.next()["event"], "connected");
    let failed = block_in(&instance, "failed");
    assert!(failed["detail"].as_str().unwrap().contains("shares the cgroup"), "{failed:#}");
    elsewhere().expect("the host is not cut off in its place");
    instance.down();

    let cgroup = Cgroup::with(app.pid());
    instance.up();
    app.drain();
    app.call("tcp", BAD4);
    let done = block_in(&instance, "applied");
    assert!(done["scope"]["application"].as_str().is_some_and(|key| key.ends_with("/shop")), "{done:#}");
    instance.wait("the application to be refused", || {
        app.drain();
        app.call("tcp", BAD4);
        (app.next()["denied"] == true).then_some(())
    });
    elsewhere().expect("others are not");
    drop(cgroup);
}
