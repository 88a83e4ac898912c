//! Is anything lost when a part is killed at any moment of the story?

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::instance::{App, BAD4, BAD6, Instance, stage};

const RULE: &str = "bad_server_of_vulnerable_app";
/// Rounds when nobody asks for more; the long run asks by this variable.
const ROUNDS: u64 = 4;
const ROUNDS_VARIABLE: &str = "TRIPOINT_KILL_ROUNDS";
const TTL: Duration = Duration::from_secs(4);

/// One step after the other, as far as it comes; the part may die under it.
fn story(instance: &Instance, app: &mut App, seen: &mut BTreeSet<String>) -> Option<Instant> {
    app.call("tcp", BAD4);
    let _ = app.next();
    look(instance, seen);
    app.call("tcp", BAD6);
    let _ = app.next();
    look(instance, seen);
    let asked = Instant::now();
    let ttl = format!("{}s", TTL.as_secs());
    let (code, _) = instance.run(&["block", BAD4, "--for", &ttl]);
    look(instance, seen);
    instance.run(&["disconnect", BAD6]);
    look(instance, seen);
    (code == 0).then_some(asked)
}

/// Notes every alert that the server shows now.
fn look(instance: &Instance, seen: &mut BTreeSet<String>) {
    let alerts = instance.run(&["alerts", "list", "--all"]).1;
    let ids = alerts.as_array().into_iter().flatten().filter_map(|alert| alert["id"].as_str());
    seen.extend(ids.map(str::to_owned));
}

fn connects(instance: &Instance, app: &mut App) -> bool {
    app.drain();
    app.call("tcp", BAD4);
    let event = instance.wait("an answer about the peer", || {
        let event = app.next();
        (event["event"] == "connected" || event["event"] == "refused").then_some(event)
    });
    event["event"] == "connected"
}

#[test]
fn a_kill_at_any_moment_loses_no_alert_and_lengthens_no_block() {
    let rounds = std::env::var(ROUNDS_VARIABLE).ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    let Some((_alone, _lab, mut instance, mut app)) = stage("") else { return };
    let mut seen = BTreeSet::new();
    instance.up();
    for round in 0..rounds {
        // Spread over the story, another way in every round, the same way in every run.
        let moment = Duration::from_millis(round * 7_919 % 400);
        let part = if round % 2 == 0 { "tripoint-agent" } else { "server" };
        let victim = instance.pid_of(part);
        let killer = std::thread::spawn(move || {
            std::thread::sleep(moment);
            let pid = rustix::process::Pid::from_raw(victim.try_into().unwrap()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        });
        let blocked = story(&instance, &mut app, &mut seen);
        killer.join().unwrap();
        instance.gone();
        instance.up();
        let context = format!("round {round}: {part} killed after {moment:?}");
        for id in &seen {
            let found = instance.wait(&context, || {
                let (code, alert) = instance.run(&["alerts", "show", id]);
                (code == 0).then_some(alert)
            });
            assert_eq!(found["id"], id.as_str(), "{context}");
        }
        if let Some(asked) = blocked {
            if asked.elapsed() + Duration::from_millis(500) < TTL {
                assert!(!connects(&instance, &mut app), "{context}: the block did not come back");
            }
            std::thread::sleep((TTL + Duration::from_secs(1)).saturating_sub(asked.elapsed()));
        }
        std::thread::sleep(TTL.saturating_sub(Duration::from_secs(3)));
        instance.run(&["unblock", BAD6]);
        instance
            .wait(&format!("{context}: the block outlived its time"), || connects(&instance, &mut app).then_some(()));
    }
    assert!(!seen.is_empty());
    instance.wait("the alert that the story is about", || instance.alert(RULE, BAD4));
}
