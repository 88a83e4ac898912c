//! Do blocks come back after a reboot, with what was left of their time and never more?
//!
//! The host is a network namespace: it is deleted and made anew, so that nothing of it is left in the kernel, and the
//! clocks that the agent kept are those of another boot.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use tripoint_agent::place::Place;
use tripoint_journal::kept;
use tripoint_linux::lab::Lab;
use tripoint_model::Timestamp;

use crate::instance::{App, BAD4, Instance, lab, listen, stage};

/// Blocks that end with the namespace; the sensor that needs no kernel programs, which would outlive it.
const CONFIGURATION: &str = "[response]\nmechanism = \"nft\"\n[sensor]\nkind = \"sock_diag\"\n";
/// Two daemons, built without optimisation, have to start.
const PATIENCE: Duration = Duration::from_secs(8);
/// An end is told to the second, and looked for by connecting.
const SLACK: Duration = Duration::from_millis(1_500);

fn clocks(instance: &Instance) -> PathBuf {
    Place::new(instance.path()).ledger().with_file_name("clocks.json")
}

/// As another boot finds what the last one kept: `ahead` of the wall clock of now, where that has lost its time.
/// Returns when that was kept.
fn another_boot(instance: &Instance, ahead: Duration) -> Timestamp {
    let mut kept: Value = serde_json::from_slice(&kept::read(&clocks(instance)).unwrap().unwrap()).unwrap();
    kept["boot_id"] = "another".into();
    kept["boot_ns"] = 1_u64.into();
    let wall: Timestamp = serde_json::from_value(kept["wall"].clone()).unwrap();
    kept["wall"] = serde_json::to_value(wall.plus(ahead)).unwrap();
    kept::write(&clocks(instance), kept.to_string().as_bytes()).unwrap();
    wall
}

fn connects(app: &mut App) -> bool {
    app.drain();
    app.call("tcp", BAD4);
    app.next()["event"] == "connected"
}

/// The host goes and comes again; its application finds nothing refused before the agent runs.
fn reboot(instance: &mut Instance, before: (Lab, App), ahead: Duration) -> (Lab, App, Timestamp) {
    instance.wait("the clocks are kept", || clocks(instance).exists().then_some(()));
    instance.kill("tripoint-agent");
    drop(before.1);
    drop(before.0);
    let lab = lab();
    listen(&lab);
    let mut app = App::start(&lab, instance.path());
    assert!(connects(&mut app), "nothing of the last boot is in the kernel");
    let kept = another_boot(instance, ahead);
    (lab, app, kept)
}

#[test]
fn r4_a_reboot_brings_blocks_back_for_the_rest_of_their_time() {
    for lost in [Duration::ZERO, Duration::from_secs(3_600)] {
        let Some((_alone, lab, mut instance, mut app)) = stage(CONFIGURATION) else { return };
        instance.up_in(&lab.inside);
        // Where the clock will have lost an hour, the end is asked for by a clock that is an hour ahead.
        let span = Duration::from_secs(12);
        let end = now().plus(span);
        instance.fine(&["block", BAD4, "--for", &format!("{}s", (span + lost).as_secs())]);
        assert!(!connects(&mut app));
        let (lab, mut app, kept) = reboot(&mut instance, (lab, app), lost);
        // What was left then, and by a clock that can be trusted also what is left now.
        let most = if lost.is_zero() { end.since(now()).min(end.since(kept)) } else { end.since(kept) };
        let up = Instant::now();
        instance.up_in(&lab.inside);
        instance.within(PATIENCE, "the block is back", || (!connects(&mut app)).then_some(()));
        println!("{lost:?} lost: back {:?} after the start, {most:?} left", up.elapsed());
        let list = instance.fine(&["actions", "list", "--verify"]);
        assert_eq!(list["actions"][0]["kernel"], "held", "{list:#}");
        let told: Timestamp = serde_json::from_value(list["actions"][0]["expires"].clone()).unwrap();
        assert!(told.since(now()) <= most + SLACK, "{lost:?} lost: {:?} are left, not {most:?}", told.since(now()));
        instance.wait("the end", || connects(&mut app).then_some(()));
        assert!(up.elapsed() < most + SLACK, "{lost:?} lost: it held for {:?}, not {most:?}", up.elapsed());
        assert!(up.elapsed() + SLACK > most, "{lost:?} lost: it held for {:?} only, not {most:?}", up.elapsed());
        instance.down();
    }
}

fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}
