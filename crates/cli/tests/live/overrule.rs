//! Does what sets the guard aside come back by itself, whoever lives, unless it is confirmed?

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use serde_json::Value;
use tripoint_linux::lab::Lab;

use crate::instance::{App, BAD4, Instance, PORT, stage};

/// The router as the application's host knows it.
const GATEWAY: &str = "198.51.100.1";

/// The laboratory whose inside is the host, with somebody who answers at its gateway.
fn gateway() -> Option<(MutexGuard<'static, ()>, Lab, Instance, App)> {
    let (alone, lab, mut instance, app) = stage("")?;
    let listener = lab.router.run(|| TcpListener::bind((GATEWAY, PORT))).unwrap().unwrap();
    std::thread::spawn(move || {
        for mut caller in listener.incoming().flatten() {
            std::thread::spawn(move || std::io::copy(&mut caller, &mut std::io::sink()));
        }
    });
    instance.up_in(&lab.inside);
    Some((alone, lab, instance, app))
}

fn reaches(lab: &Lab, peer: &str) -> bool {
    let at = SocketAddr::new(peer.parse::<IpAddr>().unwrap(), PORT);
    lab.inside.run(|| TcpStream::connect_timeout(&at, Duration::from_millis(400))).unwrap().is_ok()
}

fn overrule(instance: &Instance, target: &str, rules: &str) -> (String, Value) {
    let said = instance.fine(&["block", target, "--for", "24s", "--override", rules, "--confirm-within", "10s"]);
    assert_eq!((&said["outcomes"][0]["state"], &said["outcomes"][0]["verified"]), (&"applied".into(), &true.into()));
    (said["plan"][0]["id"].as_str().unwrap().to_owned(), said)
}

/// The moment it is reached again, counted from `since`.
fn back(instance: &Instance, lab: &Lab, since: Instant, peer: &str) -> Duration {
    instance.within(Duration::from_secs(30), "the way back", || reaches(lab, peer).then(|| since.elapsed()))
}

#[test]
fn unconfirmed_it_comes_back_by_itself_also_without_an_agent() {
    let Some((_alone, lab, mut instance, _app)) = gateway() else { return };
    let (code, refused) = instance.run(&["block", GATEWAY]);
    assert_eq!((code, refused["refused"][0]["rule"].as_str()), (1, Some("gateway")), "{refused:#}");
    let (code, refused) = instance.run(&["block", GATEWAY, "--override", "resolver", "--confirm-within", "10s"]);
    assert_eq!((code, refused["refused"][0]["rule"].as_str()), (1, Some("gateway")), "{refused:#}");
    let (code, refused) = instance.run(&["block", "127.0.0.1", "--override", "loopback", "--confirm-within", "10s"]);
    assert_eq!((code, refused["refused"][0]["rule"].as_str()), (1, Some("override")), "{refused:#}");
    assert!(reaches(&lab, GATEWAY));
    for agent in ["alive", "dead"] {
        let since = Instant::now();
        let (_, said) = overrule(&instance, GATEWAY, "gateway");
        assert!(said["plan"][0]["terms"]["confirmed_until"].is_string(), "{said:#}");
        assert!(!reaches(&lab, GATEWAY), "{agent}");
        if agent == "dead" {
            instance.kill("tripoint-agent");
            assert!(!reaches(&lab, GATEWAY), "it holds on for its moment");
        }
        let took = back(&instance, &lab, since, GATEWAY);
        println!("unconfirmed, the agent {agent}: back after {took:?}");
        assert!(took > Duration::from_secs(9) && took < Duration::from_secs(13), "{took:?}");
    }
    instance.up();
    assert_eq!(instance.fine(&["actions", "list", "--verify"])["actions"], serde_json::json!([]));
}

#[test]
fn confirmed_it_holds_until_its_time() {
    let Some((_alone, lab, mut instance, _app)) = gateway() else { return };
    let since = Instant::now();
    let (id, _) = overrule(&instance, GATEWAY, "gateway");
    let (code, _) = instance.run(&["actions", "confirm", "0000000000000000"]);
    assert_eq!(code, 1, "nothing of that id waits");
    // Not by others: this user may not even ask.
    let program = instance.path().join("copy");
    std::fs::copy(env!("CARGO_BIN_EXE_tripoint"), &program).unwrap();
    let mut stranger = Command::new(program);
    stranger.arg("--data-dir").arg(instance.path()).args(["actions", "confirm", &id]).uid(65534).gid(65534);
    assert_eq!(stranger.output().unwrap().status.code(), Some(77));
    let confirmed = instance.fine(&["actions", "confirm", &id]);
    assert_eq!(
        (&confirmed["outcomes"][0]["state"], &confirmed["outcomes"][0]["verified"]),
        (&"applied".into(), &true.into())
    );
    assert_eq!(instance.run(&["actions", "confirm", &id]).0, 1, "once");
    std::thread::sleep(Duration::from_secs(12).saturating_sub(since.elapsed()));
    assert!(!reaches(&lab, GATEWAY), "beyond the time to confirm");
    let list = instance.fine(&["actions", "list", "--verify"]);
    assert_eq!(list["actions"][0]["terms"]["overrides"], serde_json::json!(["gateway"]), "{list:#}");
    let took = back(&instance, &lab, since, GATEWAY);
    assert!(took > Duration::from_secs(23) && took < Duration::from_secs(27), "{took:?}");
    instance.down();
}

#[test]
fn the_peer_of_an_administrative_session_comes_back_too() {
    let Some((_alone, lab, instance, _app)) = gateway() else { return };
    let listener = lab.inside.run(|| TcpListener::bind("198.51.100.10:22")).unwrap().unwrap();
    std::thread::spawn(move || {
        for mut caller in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut word = [0; 64];
                while let Ok(length @ 1..) = caller.read(&mut word) {
                    let _ = caller.write_all(&word[..length]);
                }
            });
        }
    });
    let at = SocketAddr::from(([198, 51, 100, 10], 22));
    let log_in = || lab.outside.run(|| TcpStream::connect_timeout(&at, Duration::from_millis(400))).unwrap();
    let mut session = log_in().unwrap();
    // The guard looks around anew when what it knows is older than two seconds.
    std::thread::sleep(Duration::from_millis(2_100));
    let peer = session.local_addr().unwrap().ip().to_string();
    assert_eq!(peer, BAD4);
    let (code, refused) = instance.run(&["block", &peer]);
    assert_eq!((code, refused["refused"][0]["rule"].as_str()), (1, Some("admin-session")), "{refused:#}");
    let since = Instant::now();
    overrule(&instance, &peer, "admin-session");
    session.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let echoed = session.write_all(b"w").and_then(|()| session.read(&mut [0; 8]));
    assert!(!echoed.is_ok_and(|length| length > 0), "the session is cut");
    assert!(log_in().is_err());
    let took = instance.within(Duration::from_secs(30), "the way back", || log_in().is_ok().then(|| since.elapsed()));
    assert!(took > Duration::from_secs(9) && took < Duration::from_secs(13), "{took:?}");
}
