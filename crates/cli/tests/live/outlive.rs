//! Do blocks by kernel programs hold without their agent, end by themselves, and pass to the next without a gap?

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tripoint_agent::place::Place;
use tripoint_linux::bpf::pins;
use tripoint_linux::lab::Lab;

use crate::instance::{BAD4, Instance, PORT, lab, listen};
use crate::{alone, asked_for};

/// Whether the bad address is reached from inside; a block without an agent answers nothing.
fn reached(lab: &Lab) -> bool {
    let at = SocketAddr::new(BAD4.parse::<IpAddr>().unwrap(), PORT);
    lab.inside.run(|| TcpStream::connect_timeout(&at, Duration::from_millis(300))).unwrap().is_ok()
}

/// The laboratory with its listeners, and an instance that is up.
fn staged() -> Option<(MutexGuard<'static, ()>, Lab, Instance)> {
    if !asked_for() {
        return None;
    }
    let alone = alone();
    let lab = lab();
    listen(&lab);
    let mut instance = Instance::new("");
    instance.up();
    Some((alone, lab, instance))
}

fn kept(instance: &Instance) -> usize {
    pins::kept(&Place::new(instance.path()).kernel_name()).len()
}

#[test]
fn a_block_holds_without_its_agent_and_ends_on_time() {
    let Some((_alone, lab, mut instance)) = staged() else { return };
    assert!(reached(&lab) && kept(&instance) == 0);
    let begun = Instant::now();
    instance.fine(&["block", BAD4, "--for", "8s"]);
    assert_eq!(kept(&instance), 1);
    instance.kill("tripoint-agent");
    while begun.elapsed() < Duration::from_secs(7) {
        assert!(!reached(&lab), "after {:?} without an agent", begun.elapsed());
    }
    instance.wait("the end", || reached(&lab).then_some(()));
    assert!(begun.elapsed() < Duration::from_secs(11), "{:?}", begun.elapsed());
    // The next agent takes out what is left.
    instance.up();
    instance.wait("the sweep", || (kept(&instance) == 0).then_some(()));
}

#[test]
fn the_next_agent_takes_over_without_a_gap() {
    let Some((_alone, lab, mut instance)) = staged() else { return };
    instance.fine(&["block", BAD4, "--for", "1h"]);
    let mut capture = lab.capture().unwrap();
    let done = AtomicBool::new(false);
    let tries = std::thread::scope(|scope| {
        let hammer = scope.spawn(|| {
            let mut tries = 0;
            while !done.load(Ordering::Relaxed) {
                assert!(!reached(&lab), "try {tries}");
                tries += 1;
            }
            tries
        });
        for how in ["kill", "stop", "kill"] {
            if how == "kill" {
                instance.kill("tripoint-agent")
            } else {
                instance.down()
            }
            std::thread::sleep(Duration::from_millis(500));
            instance.up();
            std::thread::sleep(Duration::from_millis(500));
        }
        done.store(true, Ordering::Relaxed);
        hammer.join().unwrap()
    });
    assert!(tries > 5, "{tries}");
    let bad: IpAddr = BAD4.parse().unwrap();
    assert_eq!(capture.take().unwrap().iter().filter(|packet| packet.to == bad).count(), 0, "nothing left the host");
    let list = instance.fine(&["actions", "list", "--verify"]);
    assert_eq!((list["actions"].as_array().unwrap().len(), kept(&instance)), (1, 1));
    // Lifted, nothing is kept, and the capture sees what passes: it could have seen it before.
    instance.fine(&["unblock", BAD4]);
    assert_eq!(kept(&instance), 0);
    assert!(reached(&lab));
    assert!(capture.take().unwrap().iter().any(|packet| packet.to == bad));
}

#[test]
fn release_all_lifts_what_a_dead_agent_left() {
    let Some((_alone, lab, mut instance)) = staged() else { return };
    instance.fine(&["block", BAD4, "--for", "1h"]);
    instance.kill("tripoint-agent");
    assert!(!reached(&lab));
    let done = instance.fine(&["release-all"]);
    assert_eq!(
        (done["outcomes"][0]["mechanism"].as_str(), done["outcomes"][0]["state"].as_str()),
        (Some("bpf"), Some("lifted"))
    );
    assert!(reached(&lab) && kept(&instance) == 0);
    instance.up();
    assert!(reached(&lab), "and the next agent puts nothing back");
}
