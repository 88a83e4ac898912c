//! Does a feed that suddenly lists the gateway, a public resolver and everything block any of them, on enforce?

use std::net::{SocketAddr, TcpListener};

use tripoint_linux::lab::Lab;
use tripoint_linux::link::Links;

use crate::instance::{App, BAD4, Instance, PORT, stage};

const GATEWAY: &str = "198.51.100.1";
const RESOLVER: &str = "8.8.8.8";
/// What its publisher, or whoever sits between, would like to see cut; and one that is bad indeed.
const FEED: &str = "0.0.0.0/0\n198.51.100.1\n8.8.8.8\n::/0\n198.51.100.10\n127.0.0.0/8\n203.0.113.66\n";
/// Without kernel programs: what they block is blocked on the whole machine, not in the laboratory alone.
const CONFIGURATION: &str = "[response]\nmode = \"enforce\"\nmin_confidence = 90\nmechanism = \"nft\"\n\
                             [sensor]\nkind = \"sock_diag\"\n";

/// Listens at the gateway, and at the resolver's address outside.
fn listen_there(lab: &Lab) -> [TcpListener; 2] {
    let at = |address: &str| SocketAddr::new(address.parse().unwrap(), PORT);
    let resolver = format!("{RESOLVER}/32");
    lab.outside.run(|| Links::open()?.address("eth0", resolver.parse().unwrap())).unwrap().unwrap();
    lab.router.run(|| Links::open()?.route(resolver.parse().unwrap(), BAD4.parse().unwrap())).unwrap().unwrap();
    let gateway = lab.router.run(|| TcpListener::bind(at(GATEWAY))).unwrap().unwrap();
    [gateway, lab.listen_outside(at(RESOLVER)).unwrap()]
}

fn connects(app: &mut App, address: &str) -> bool {
    app.drain();
    app.call("tcp", address);
    app.next()["event"] == "connected"
}

fn blocks(instance: &Instance) -> Vec<String> {
    let list = instance.fine(&["actions", "list", "--verify"]);
    let all = list["actions"].as_array().unwrap();
    all.iter().map(|action| action["target"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn r2_a_poisoned_feed_blocks_nothing_that_is_needed() {
    let Some((_alone, lab, mut instance, mut app)) = stage(CONFIGURATION) else { return };
    let _listeners = listen_there(&lab);
    let file = instance.path().join("poisoned.txt");
    std::fs::write(&file, FEED).unwrap();
    let import = |instance: &Instance| {
        let path = file.display().to_string();
        instance.run(&["intel", "import", &path, "--name", "lab", "--category", "c2", "--confidence", "95"])
    };
    let (_, report) = import(&instance);
    // What no feed may list is refused by its line.
    let refused: Vec<(u64, &str)> = report["refusals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["line"].as_u64().unwrap(), one["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(refused.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 4, 6], "{report:#}");
    for (line, text) in [(1, "0.0.0.0/0"), (4, "::/0"), (6, "127.0.0.0/8")] {
        assert!(refused.iter().any(|(at, reason)| *at == line && reason.contains(text)), "{report:#}");
    }
    instance.up_in(&lab.inside);
    for address in [GATEWAY, RESOLVER] {
        assert!(connects(&mut app, address), "{address} is reached");
    }
    assert!(connects(&mut app, BAD4), "the probe works");
    // The twin: what the same feed lists and nobody needs is blocked, so the others could have been.
    instance.wait("the automatic block", || (blocks(&instance) == [BAD4]).then_some(()));
    let gateway = instance.wait("the alert", || instance.alert("bad_server_of_vulnerable_app", GATEWAY));
    for _ in 0..3 {
        for address in [GATEWAY, RESOLVER] {
            assert!(connects(&mut app, address), "{address} stays reached");
        }
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    assert!(!connects(&mut app, BAD4));
    assert_eq!(blocks(&instance), [BAD4]);
    // The gateway's alert was raised, policy asked, and the guard refused with its rule.
    assert_eq!(gateway["outcomes"].as_array().map(Vec::len), Some(0), "{gateway:#}");
    let log = std::fs::read_to_string(instance.path().join("log")).unwrap();
    let refused = |address: &str, rule: &str| {
        let is = |line: &&str| line.contains("policy was refused") && line.contains(address) && line.contains(rule);
        log.lines().any(|line| is(&line))
    };
    assert!(refused(GATEWAY, "gateway"), "{log}");
    // The resolver stands on a list of innocent infrastructure: it is not even evidence.
    assert!(!log.contains(&format!("target={RESOLVER}")), "{log}");
}
