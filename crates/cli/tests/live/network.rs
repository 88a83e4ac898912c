//! What does the alert know of the way: the name that was asked for, the address behind a translation?

use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::process::{Command, Stdio};

use tripoint_linux::child;
use tripoint_linux::lab::Lab;
use tripoint_linux::netns::NetNs;

use crate::instance::{BAD4, BAD6, stage};
use crate::named::UNLISTED;

const RULE: &str = "bad_server_of_vulnerable_app";

/// The router as the application's host knows it.
const GATEWAYS: [&str; 2] = ["198.51.100.1", "2001:db8:1::1"];

/// The answer of a name server: the question, then an alias and the address behind it.
fn answer(question: &[u8], cut: bool) -> Vec<u8> {
    let name_end = 12 + question[12..].iter().position(|byte| *byte == 0).unwrap() + 1;
    let kind = question[name_end + 1];
    let [four, six] = match &question[13..15] {
        b"c2" => UNLISTED,
        b"gw" => GATEWAYS,
        _ => [BAD4, BAD6],
    };
    let address: IpAddr = if kind == 1 { four } else { six }.parse().unwrap();
    let (count, flags) = if cut { (0, 0x83) } else { (2, 0x81) };
    let mut out = question[..2].to_vec();
    out.extend([flags, 0x80, 0, 1, 0, count, 0, 0, 0, 0]);
    out.extend(&question[12..name_end + 4]);
    if !cut {
        // name IN CNAME real.<name>: a label and a pointer to the question.
        let alias = [4, b'r', b'e', b'a', b'l', 0xc0, 12];
        out.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, alias.len() as u8]);
        let at = out.len() as u8;
        out.extend(alias);
        out.extend([0xc0, at, 0, kind, 0, 1, 0, 0, 0, 60]);
        match address {
            IpAddr::V4(v4) => out.extend([&[0, 4][..], &v4.octets()].concat()),
            IpAddr::V6(v6) => out.extend([&[0, 16][..], &v6.octets()].concat()),
        }
    }
    out
}

/// A name server outside. Names that begin with `big` it answers over TCP only, those that begin with `c2` with
/// an address that nobody lists, those with `gw` with the application's gateway.
pub fn name_server(lab: &Lab) {
    name_server_at(&lab.outside, BAD4);
}

/// The same at another address.
pub fn name_server_at(namespace: &NetNs, address: &str) {
    let at = (address, 53);
    let udp = namespace.run(|| UdpSocket::bind(at)).unwrap().unwrap();
    std::thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, asker)) = udp.recv_from(&mut question) {
            let big = question[13..].starts_with(b"big");
            let _ = udp.send_to(&answer(&question[..length], big), asker);
        }
    });
    let tcp = namespace.run(|| TcpListener::bind(at)).unwrap().unwrap();
    std::thread::spawn(move || {
        for mut asker in tcp.incoming().flatten() {
            let mut length = [0; 2];
            while asker.read_exact(&mut length).is_ok() {
                let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
                asker.read_exact(&mut question).unwrap();
                let answer = answer(&question, false);
                let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
                asker.write_all(&[&length[..], &answer].concat()).unwrap();
            }
        }
    });
}

/// Has the system's own resolver ask, inside, with a resolver configuration that only it sees.
pub fn resolve(lab: &Lab, folder: &std::path::Path, database: &str, name: &str) {
    let configuration = folder.join("resolv.conf");
    std::fs::write(&configuration, format!("nameserver {BAD4}\noptions timeout:2 attempts:1\n")).unwrap();
    let script = format!("mount --bind {} /etc/resolv.conf && exec getent {database} {name}", configuration.display());
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script]).stdout(Stdio::piped());
    child::in_namespace(&mut command, &lab.inside).unwrap();
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!([BAD4, BAD6, UNLISTED[0]].iter().any(|address| text.contains(address)), "{text}");
}

#[test]
fn the_name_that_was_asked_for_is_part_of_the_alert() {
    let Some((_alone, lab, mut instance, mut app)) = stage("") else { return };
    name_server(&lab);
    instance.up();
    for (database, name, peer) in
        [("ahostsv4", "updates.example.org", BAD4), ("ahostsv6", "big-answers.example.org", BAD6)]
    {
        resolve(&lab, instance.path(), database, name);
        app.call("tcp", peer);
        assert_eq!(app.next()["event"], "connected");
        let alert = instance.wait("the alert with its name", || {
            let alert = instance.alert(RULE, peer)?;
            alert["connections"][0]["remote_name"].is_string().then_some(alert)
        });
        assert_eq!(alert["connections"][0]["remote_name"], name, "{alert:#}");
    }
}

#[test]
fn the_tuple_behind_an_address_translation_is_part_of_the_alert() {
    let Some((_alone, lab, mut instance, mut app)) = stage("") else { return };
    // The router is the host here, the inside a container behind its masquerade.
    let rules = "add table inet lab; add chain inet lab out { type nat hook postrouting priority 100; }; \
                 add rule inet lab out oifname \"outside\" masquerade";
    let mut nft = Command::new("nft");
    nft.arg(rules);
    child::in_namespace(&mut nft, &lab.router).unwrap();
    match nft.status() {
        Ok(status) => assert!(status.success()),
        Err(error) => return println!("skipped: nft: {error}"),
    }
    instance.up_in(&lab.router);
    for (peer, outer) in [(BAD4, "203.0.113.1:"), (BAD6, "[2001:db8::1]:")] {
        app.call("tcp", peer);
        assert_eq!(app.next()["event"], "connected");
        let alert = instance.wait("the alert with the outer tuple", || {
            let alert = instance.alert(RULE, peer)?;
            alert["connections"][0]["translated"].is_object().then_some(alert)
        });
        let connection = &alert["connections"][0];
        assert!(connection["translated"]["local"].as_str().unwrap().starts_with(outer), "{connection:#}");
        assert_eq!(connection["translated"]["remote"], connection["remote"]);
        assert!(!connection["local"].as_str().unwrap().starts_with(outer), "both tuples are kept: {connection:#}");
    }
}
