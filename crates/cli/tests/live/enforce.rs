//! Are blocked and enforced peers refused before the first packet, and are open flows cut?

use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use serde_json::Value;
use tripoint_linux::lab::Lab;

use crate::instance::{BAD4, BAD6, Instance, PORT, lab, listen, stage};
use crate::{alone, asked_for};

fn packets_to_bad(capture: &mut tripoint_linux::packet::Capture) -> usize {
    let bad: [IpAddr; 2] = [BAD4.parse().unwrap(), BAD6.parse().unwrap()];
    capture.take().unwrap().iter().filter(|packet| bad.contains(&packet.to)).count()
}

#[test]
fn a_vulnerable_application_is_refused_its_first_call() {
    let Some((_alone, lab, mut instance, mut app)) = stage("[response]\nmode = \"enforce\"\nmin_confidence = 90\n")
    else {
        return;
    };
    instance.up();
    // The application is known as vulnerable once it has been looked at.
    std::thread::sleep(Duration::from_secs(2));
    let mut capture = lab.capture().unwrap();
    for (protocol, address) in
        [("tcp", BAD4), ("tcp", BAD6), ("udp", BAD4), ("udp", BAD6), ("tcp", "::ffff:203.0.113.66")]
    {
        app.call(protocol, address);
        let event = app.next();
        assert_eq!(
            (event["event"].as_str(), event["denied"].as_bool()),
            (Some("refused"), Some(true)),
            "{protocol} {address}: {event}"
        );
    }
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(packets_to_bad(&mut capture), 0);
    let alert = instance.wait("the alert", || instance.alert("bad_server_of_vulnerable_app", BAD4));
    assert_eq!(alert["connections"][0]["state"], "refused", "{alert:#}");
    // Whoever is not vulnerable is not refused before anybody has decided to block.
    let blocked = instance.wait("the automatic block", || {
        let alert = instance.alert("bad_server_of_vulnerable_app", BAD4)?;
        alert["outcomes"].as_array()?.iter().find(|o| o["action"] == "block" && o["state"] == "applied").cloned()
    });
    assert_eq!((blocked["mechanism"].as_str(), blocked["verified"].as_bool()), (Some("bpf"), Some(true)));
    // Allow beats everything that policy does, ahead or after.
    instance.fine(&["allow", BAD4, "--for", "1h", "--reason", "partner"]);
    instance.wait("the allowed connection", || {
        app.call("tcp", BAD4);
        (app.next()["event"] == "connected").then_some(())
    });
}

/// Connects and sends to both addresses in every way, `rounds` times; all must be refused.
fn hammer(lab: &Lab, rounds: usize) -> usize {
    let tries = lab.inside.run(|| {
        let mut refused = 0;
        let udp4 = UdpSocket::bind("0.0.0.0:0").unwrap();
        let udp6 = UdpSocket::bind("[::]:0").unwrap();
        for _ in 0..rounds {
            for address in [BAD4, BAD6, "::ffff:203.0.113.66"] {
                let at = SocketAddr::new(address.parse().unwrap(), PORT);
                refused += usize::from(TcpStream::connect_timeout(&at, Duration::from_millis(200)).is_err());
            }
            refused += usize::from(udp4.send_to(b"x", (BAD4, PORT)).is_err());
            refused += usize::from(udp6.send_to(b"x", (BAD6, PORT)).is_err());
        }
        refused
    });
    tries.unwrap()
}

#[test]
fn a_thousand_connects_to_blocked_addresses_send_nothing() {
    if !asked_for() {
        return;
    }
    let _alone = alone();
    let lab = lab();
    listen(&lab);
    let mut instance = Instance::new("");
    instance.up();
    for address in [BAD4, BAD6] {
        let answer = instance.fine(&["block", address, "--for", "10m", "--reason", "test"]);
        assert_eq!(answer["outcomes"][0]["verified"], true, "{answer:#}");
    }
    let mut capture = lab.capture().unwrap();
    assert_eq!(hammer(&lab, 200), 1000);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(packets_to_bad(&mut capture), 0);
    // And the same after lifting reaches: the probe can see.
    instance.fine(&["unblock", BAD4]);
    let reached = lab.inside.run(|| {
        TcpStream::connect_timeout(&SocketAddr::new(BAD4.parse().unwrap(), PORT), Duration::from_secs(2)).is_ok()
    });
    assert!(reached.unwrap());
    assert!(packets_to_bad(&mut capture) > 0);
}

#[test]
fn an_open_flow_is_cut_and_the_guard_and_allow_have_the_last_word() {
    let Some((_alone, _lab, mut instance, mut app)) = stage("") else { return };
    instance.up();
    for address in [BAD4, BAD6] {
        app.call("tcp", address);
        assert_eq!(app.next()["event"], "connected");
        let plan = instance.fine(&["disconnect", address, "--dry-run"]);
        assert_eq!(plan["plan"][0]["cuts"].as_array().unwrap().len(), 1, "{plan:#}");
        assert_eq!(plan["outcomes"][0]["state"], "dry-run");
        let asked = Instant::now();
        instance.fine(&["disconnect", address]);
        assert_eq!(app.next()["event"], "cut");
        assert!(asked.elapsed() < Duration::from_millis(1500), "{:?}", asked.elapsed());
    }
    for (target, rule) in [
        ("127.0.0.1", "loopback"),
        ("0.0.0.0/0", "too-wide"),
        ("198.51.100.1", "gateway"),
        ("169.254.169.254", "metadata"),
    ] {
        let (code, answer) = instance.run(&["block", target]);
        assert_eq!(code, 1, "{target}");
        assert_eq!(answer["refused"][0]["rule"], rule, "{answer:#}");
    }
    let allowed = instance.fine(&["allow", BAD4, "--for", "1h", "--reason", "partner"]);
    assert!(allowed["refused"].as_array().unwrap().is_empty());
    app.call("tcp", BAD4);
    assert_eq!(app.next()["event"], "connected", "allow lifts the block");
    let (code, answer) = instance.run(&["block", BAD4]);
    assert_eq!((code, answer["refused"][0]["rule"].as_str()), (1, Some("exception")), "{answer:#}");
    let suppressed = instance.wait("the alert is suppressed", || {
        instance.alert("bad_server_of_vulnerable_app", BAD4).filter(|alert| alert["suppressed_by"].is_string())
    });
    assert!(suppressed["connections"].as_array().is_some_and(|all| !all.is_empty()), "the fact stays");
    let exceptions = instance.fine(&["exceptions", "list"]);
    assert_eq!(exceptions["exceptions"].as_array().map(Vec::len), Some(1));
    assert_eq!(exceptions["exceptions"][0]["reason"], Value::from("partner"));
}
