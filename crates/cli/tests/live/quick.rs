//! How long is a listed peer spoken with before policy has cut it off?

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tripoint_linux::link::Links;

use crate::instance::{PORT, stage};

/// A policy for one application waits for the match, and does not refuse ahead of it.
const CONFIGURATION: &str = "[response]\nmode = \"enforce\"\nmin_confidence = 90\nautomatic_per_minute = 1000\n\
     [[response.policy]]\nname = \"shops\"\napplications = [\"exe:*/shop\"]\n";
const PEERS: u8 = 100;
/// What reliability promises of ninety-nine in a hundred (R14), on a host that does nothing else; built for tests and
/// with neighbours on the same two processors, one in ten may take longer.
const PROMISED: Duration = Duration::from_millis(50);

#[test]
fn r14_from_match_to_cut() {
    let Some((_alone, lab, mut instance, mut app)) = stage(CONFIGURATION) else { return };
    let peers: Vec<String> = (0..PEERS).map(|at| format!("203.0.113.{}", 100 + at)).collect();
    let listeners: Vec<_> = peers
        .iter()
        .map(|peer| {
            lab.outside.run(|| Links::open()?.address("eth0", format!("{peer}/32").parse().unwrap())).unwrap().unwrap();
            lab.listen_outside(SocketAddr::new(peer.parse().unwrap(), PORT)).unwrap()
        })
        .collect();
    let file = instance.path().join("peers.txt");
    std::fs::write(&file, peers.join("\n")).unwrap();
    let path = file.display().to_string();
    instance.fine(&["intel", "import", &path, "--name", "peers", "--category", "c2", "--confidence", "95"]);
    instance.up();
    // The application is known as vulnerable once it has been looked at.
    std::thread::sleep(Duration::from_secs(2));
    let mut took: Vec<Duration> = peers
        .iter()
        .map(|peer| {
            app.drain();
            app.call("tcp", peer);
            assert_eq!(app.next()["event"], "connected", "{peer}");
            let begun = Instant::now();
            assert_eq!(app.next()["event"], "cut", "{peer}");
            begun.elapsed()
        })
        .collect();
    drop(listeners);
    took.sort();
    let at = |percent: usize| took[took.len() * percent / 100];
    println!("from connected to cut: median {:?}, p90 {:?}, p99 {:?}", at(50), at(90), at(99));
    assert!(at(90) <= PROMISED, "p90 is {:?}", at(90));
    instance.fine(&["release-all"]);
}
