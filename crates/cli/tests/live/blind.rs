//! Is a stretch in which the sensor was blind told, with its bounds and an exact count?

use std::net::UdpSocket;

use serde_json::Value;
use tripoint_linux::lab::Lab;
use tripoint_model::Timestamp;

use crate::instance::{BAD4, Instance, stage};

const FLOOD: u64 = 20_000;
/// A ring of 1 MiB holds fewer records of 160 bytes than this.
const HELD_MOST: u64 = (1 << 20) / 160;

fn stop(instance: &Instance, signal: rustix::process::Signal) {
    let agent = rustix::process::Pid::from_raw(instance.pid_of("tripoint-agent").try_into().unwrap()).unwrap();
    rustix::process::kill_process(agent, signal).unwrap();
}

/// Conversations that matched nothing: each is one record, at its end.
fn flood(lab: &Lab) {
    let sent = lab.inside.run(|| {
        (0..FLOOD).try_for_each(|_| {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            socket.connect("127.0.0.1:9")?;
            socket.send(b"x").map(drop).or(Ok(()))
        })
    });
    sent.unwrap().unwrap_or_else(|error: std::io::Error| panic!("{error}"));
}

fn health(instance: &Instance) -> Value {
    instance.fine(&["doctor"])["agents"][0]["health"].clone()
}

#[test]
fn what_was_lost_while_the_agent_slept_is_a_gap_and_a_match_is_not_lost() {
    let Some((_alone, lab, mut instance, mut app)) = stage("[sensor]\nevents_mib = 1\n") else { return };
    instance.up();
    let before = Timestamp::from_system(std::time::SystemTime::now());
    let lost = |health: &Value| health["losses"]["lost_event"].as_u64().unwrap_or(0);
    let sent = |health: &Value| health["counters"]["sent_event"].as_u64().unwrap_or(0);
    let start = instance.wait("health", || Some(health(&instance)).filter(|health| health["losses"].is_object()));
    stop(&instance, rustix::process::Signal::STOP);
    flood(&lab);
    app.call("tcp", BAD4);
    assert_eq!(app.next()["event"], "connected");
    flood(&lab);
    stop(&instance, rustix::process::Signal::CONT);
    instance
        .wait("the alert, although the other ring ran over", || instance.alert("bad_server_of_vulnerable_app", BAD4));
    let gap = instance.within(std::time::Duration::from_secs(5), "the gap", || {
        let health = health(&instance);
        let gaps = health["gaps"].as_array()?;
        let gap = gaps.iter().find(|gap| gap["why"] == "lost_event")?.clone();
        Some((gap, health))
    });
    let (gap, after) = gap;
    assert!(lost(&after) >= 2 * FLOOD - HELD_MOST, "{after:#}");
    assert!(gap["count"].as_u64().unwrap() > 0 && gap["count"].as_u64().unwrap() <= lost(&after), "{gap:#}");
    assert!(gap["from"].as_str().unwrap() < gap["to"].as_str().unwrap());
    assert!(gap["to"].as_str().unwrap() > before.to_string().as_str());
    // Every conversation is one record: delivered, or counted.
    let told = sent(&after) - sent(&start) + lost(&after) - lost(&start);
    assert!(told >= 2 * FLOOD, "{told} of {}", 2 * FLOOD);
    assert_eq!(after["losses"]["lost_unaccounted"], 0);
    assert_eq!(after["losses"]["lost_match"], 0);
    let told = instance.wait("the gap among the words of doctor", || {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_tripoint"))
            .arg("--data-dir")
            .arg(instance.path())
            .arg("doctor")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.contains("lost_event").then_some(text)
    });
    assert!(told.contains("blind for"), "{told}");
}
