//! Does nothing get lost when a part is killed, comes late, or the kernel gives less?

use std::time::Duration;

use crate::instance::{BAD4, Instance, stage};
use crate::{alone, asked_for};

const RULE: &str = "bad_server_of_vulnerable_app";

#[test]
fn killed_parts_come_back_with_alerts_and_blocks() {
    let Some((_alone, _lab, mut instance, mut app)) = stage("") else { return };
    instance.up();
    app.call("tcp", BAD4);
    assert_eq!(app.next()["event"], "connected");
    let before = instance.wait("the alert", || instance.alert(RULE, BAD4));
    instance.fine(&["block", BAD4, "--for", "10m"]);
    assert_eq!(app.next()["event"], "cut");
    for part in ["tripoint-agent", "server"] {
        instance.kill(part);
        instance.up();
        let after = instance.wait("the alert after a kill", || instance.alert(RULE, BAD4));
        assert_eq!(after["id"], before["id"], "{part}");
        instance.wait("the block after a kill", || {
            app.call("tcp", BAD4);
            (app.next()["event"] == "refused").then_some(())
        });
    }
    instance.down();
}

#[test]
fn what_happens_while_the_server_is_away_is_delivered_later() {
    let Some((_alone, _lab, mut instance, mut app)) = stage("") else { return };
    instance.up();
    let server = rustix::process::Pid::from_raw(instance.pid_of("server").try_into().unwrap()).unwrap();
    rustix::process::kill_process(server, rustix::process::Signal::STOP).unwrap();
    app.call("tcp", BAD4);
    assert_eq!(app.next()["event"], "connected");
    std::thread::sleep(Duration::from_secs(2));
    rustix::process::kill_process(server, rustix::process::Signal::CONT).unwrap();
    instance.within(Duration::from_secs(60), "the alert from the spool", || instance.alert(RULE, BAD4));
}

#[test]
fn a_block_ends_on_time_although_the_agent_is_stopped() {
    let Some((_alone, _lab, mut instance, mut app)) = stage("") else { return };
    instance.up();
    instance.fine(&["block", BAD4, "--for", "3s"]);
    app.call("tcp", BAD4);
    assert_eq!(app.next()["event"], "refused");
    let agent = rustix::process::Pid::from_raw(instance.pid_of("tripoint-agent").try_into().unwrap()).unwrap();
    rustix::process::kill_process(agent, rustix::process::Signal::STOP).unwrap();
    std::thread::sleep(Duration::from_millis(3500));
    app.call("tcp", BAD4);
    let after = app.next();
    rustix::process::kill_process(agent, rustix::process::Signal::CONT).unwrap();
    assert_eq!(after["event"], "connected", "the kernel lifts it by itself");
}

#[test]
fn connections_older_than_the_agent_and_new_indicators_are_found() {
    let Some((_alone, _lab, mut instance, mut app)) = stage("") else { return };
    app.call("tcp", BAD4);
    assert_eq!(app.next()["event"], "connected");
    instance.up();
    let alert = instance.within(Duration::from_secs(5), "the alert", || instance.alert(RULE, BAD4));
    assert_eq!(alert["connections"][0]["predates_sensor"], true);
    assert!(alert["process"]["exe"].as_str().unwrap().ends_with("/shop"));
}

#[test]
fn a_feed_loaded_while_running_matches_open_connections() {
    let Some((_alone, _lab, mut instance, mut app)) = stage("") else { return };
    std::fs::write(instance.path().join("other.txt"), "203.0.113.99\n").unwrap();
    let file = |name: &str| instance.path().join(name).display().to_string();
    let (other, bad) = (file("other.txt"), file("bad.txt"));
    instance.fine(&["intel", "import", &other, "--name", "lab"]);
    instance.up();
    app.call("tcp", BAD4);
    assert_eq!(app.next()["event"], "connected");
    std::thread::sleep(Duration::from_millis(500));
    assert!(instance.alert(RULE, BAD4).is_none());
    instance.fine(&["intel", "import", &bad, "--name", "lab", "--category", "c2"]);
    instance.within(Duration::from_secs(10), "the alert on an open connection", || instance.alert(RULE, BAD4));
}

#[test]
fn without_kernel_programs_sockets_are_polled_and_the_loss_is_said() {
    let Some((_alone, _lab, mut instance, mut app)) = stage("[sensor]\nkind = \"sock_diag\"\n") else { return };
    instance.up();
    app.call("tcp", BAD4);
    assert_eq!(app.next()["event"], "connected");
    let alert = instance.wait("the alert", || instance.alert(RULE, BAD4));
    assert!(alert["process"]["exe"].as_str().unwrap().ends_with("/shop"));
    let doctor = instance.wait("the agent's health", || {
        let doctor = instance.run(&["doctor"]).1;
        (doctor["agents"][0]["health"]["sensor"] == "sock_diag").then_some(doctor)
    });
    let lost = doctor["agents"][0]["health"]["capabilities"].as_array().unwrap();
    assert!(lost.iter().any(|c| c["status"] == "degraded"), "{lost:#?}");
}

#[test]
fn the_server_runs_as_nobody_else_and_strangers_may_not_ask() {
    if !asked_for() {
        return;
    }
    let _alone = alone();
    let mut instance = Instance::new("");
    instance.up();
    let status = std::fs::read_to_string(format!("/proc/{}/status", instance.pid_of("server"))).unwrap();
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap().split_whitespace().next().unwrap();
    assert!(!["0", "65534"].contains(&uid), "the server runs as {uid}");
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    use std::os::unix::process::CommandExt;
    let program = instance.path().join("tripoint-copy");
    std::fs::copy(env!("CARGO_BIN_EXE_tripoint"), &program).unwrap();
    let stranger = std::process::Command::new(&program)
        .args(["--data-dir", instance.path().to_str().unwrap(), "alerts", "list"])
        .uid(65534)
        .gid(65534)
        .output()
        .unwrap();
    assert!(!stranger.status.success(), "{stranger:?}");
}
