//! Does a listed name lead to an alert wherever its address is, by what the application says itself?

use std::net::SocketAddr;
use std::sync::MutexGuard;
use std::time::Duration;

use serde_json::Value;
use tripoint_linux::lab::Lab;

use crate::instance::{App, BAD4, Instance, PORT, stage};
use crate::network::{name_server, resolve};

const RULE: &str = "bad_name_of_vulnerable_app";
const NAME: &str = "c2.bad.example";
/// Addresses of the router that nobody lists, one of each family.
pub const UNLISTED: [&str; 2] = ["203.0.113.1", "2001:db8::1"];

/// The laboratory with a listed name, somebody at the unlisted addresses, and everything running.
fn listening(configuration: &str) -> Option<(MutexGuard<'static, ()>, Lab, Instance, App)> {
    let (alone, lab, mut instance, app) = stage(configuration)?;
    for address in UNLISTED {
        let at = SocketAddr::new(address.parse().unwrap(), PORT);
        let listener = lab.router.run(|| std::net::TcpListener::bind(at)).unwrap().unwrap();
        std::thread::spawn(move || {
            for mut caller in listener.incoming().flatten() {
                std::thread::spawn(move || std::io::copy(&mut caller, &mut std::io::sink()));
            }
        });
    }
    let names = instance.path().join("names.txt");
    std::fs::write(&names, format!("{NAME}\nother.bad.example\n")).unwrap();
    let names = names.display().to_string();
    instance.fine(&["intel", "import", &names, "--name", "names", "--category", "c2", "--confidence", "95"]);
    instance.up();
    Some((alone, lab, instance, app))
}

/// A record with a ClientHello that names `name` behind another extension.
fn client_hello(name: &str) -> Vec<u8> {
    let length = |bytes: usize| u16::try_from(bytes).unwrap().to_be_bytes();
    let entry = [&[0][..], &length(name.len()), name.as_bytes()].concat();
    let list = [&length(entry.len())[..], &entry].concat();
    let server_name = [&[0, 0][..], &length(list.len()), &list].concat();
    let extensions = [&[0x3a, 0x3a, 0, 0][..], &server_name].concat();
    let fixed = [&[3, 3][..], &[7; 32], &[0], &[0, 2, 0x13, 1], &[1, 0]].concat();
    let body = [&fixed[..], &length(extensions.len()), &extensions].concat();
    let message = [&[1, 0][..], &length(body.len()), &body].concat();
    [&[0x16, 3, 1][..], &length(message.len()), &message].concat()
}

fn request(name: &str) -> Vec<u8> {
    format!("GET /gate HTTP/1.1\r\nUser-Agent: shop\r\nHost: {name}\r\n\r\n").into_bytes()
}

fn alert(instance: &Instance, peer: &str) -> Option<Value> {
    let alert = instance.alert(RULE, NAME)?;
    let to = format!("{}", SocketAddr::new(peer.parse().unwrap(), PORT));
    (alert["connections"][0]["remote"].as_str() == Some(&to)).then_some(alert)
}

#[test]
fn a_listed_name_in_the_first_words_is_an_alert() {
    let Some((_alone, _lab, instance, mut app)) = listening("") else { return };
    let hello = client_hello("C2.bad.example");
    let (first, rest) = hello.split_at(40);
    let cases: [(&str, &[&[u8]], &str); 4] = [
        (UNLISTED[0], &[&hello], "named in the TLS handshake"),
        (UNLISTED[1], &[first, rest], "named in the TLS handshake"),
        (UNLISTED[0], &[&request(NAME)], "named in the HTTP request"),
        (UNLISTED[1], &[&request("C2.BAD.example:8080")], "named in the HTTP request"),
    ];
    for (round, (peer, words, how)) in cases.into_iter().enumerate() {
        app.say(peer, words);
        let alert = instance.wait(&format!("the alert of round {round}"), || {
            alert(&instance, peer).filter(|alert| alert["count"] == round + 1)
        });
        assert_eq!(alert["still_open"], true, "not only at its end: {alert:#}");
        assert_eq!(alert["connections"][0]["named"]["name"], NAME);
        let title = alert["title"].as_str().unwrap();
        assert!(title.contains(&format!("({NAME}, {how})")), "{title}");
        assert!(alert["process"]["ancestry"].is_array(), "{alert:#}");
    }
}

#[test]
fn later_packets_other_names_and_other_protocols_are_none() {
    let Some((_alone, _lab, instance, mut app)) = listening("") else { return };
    let hello = client_hello(NAME);
    for peer in UNLISTED {
        app.say(peer, &[b"EHLO here.example\r\n", &hello]);
        app.say(peer, &[b"SSH-2.0-x\r\n", &request(NAME)]);
        app.say(peer, &[&client_hello("www.good.example"), &hello]);
        app.say(peer, &[&client_hello("sub.c2.bad.example")]);
        app.say(peer, &[&request("good.example"), &request(NAME)]);
    }
    std::thread::sleep(Duration::from_secs(2));
    assert!(instance.alert(RULE, NAME).is_none());
    // The sensor did listen.
    app.say(UNLISTED[0], &[&hello]);
    instance.wait("the alert", || alert(&instance, UNLISTED[0]).filter(|alert| alert["count"] == 1));
}

#[test]
fn switched_off_nothing_is_read() {
    let Some((_alone, _lab, instance, mut app)) = listening("[sensor]\nsni = false\n") else { return };
    app.say(UNLISTED[0], &[&client_hello(NAME)]);
    app.say(UNLISTED[1], &[&request(NAME)]);
    // A listed address is told all the same, and nothing of what was said to it.
    app.say(BAD4, &[&client_hello(NAME)]);
    let other = instance.wait("the other alert", || instance.alert("bad_server_of_vulnerable_app", BAD4));
    assert!(other["connections"][0]["named"].is_null(), "{other:#}");
    std::thread::sleep(Duration::from_secs(2));
    assert!(instance.alert(RULE, NAME).is_none());
}

#[test]
fn a_listed_name_that_only_a_name_server_was_asked_for_is_an_alert() {
    let Some((_alone, lab, instance, mut app)) = listening("[sensor]\nsni = false\n") else { return };
    name_server(&lab);
    resolve(&lab, instance.path(), "ahostsv4", NAME);
    app.call("tcp", UNLISTED[0]);
    assert_eq!(app.next()["event"], "connected");
    let alert = instance.wait("the alert", || alert(&instance, UNLISTED[0]));
    assert_eq!(alert["still_open"], true, "found while it is open: {alert:#}");
    assert!(alert["title"].as_str().unwrap().contains(&format!("({NAME})")), "{alert:#}");
}

#[test]
fn a_name_given_beside_another_that_was_asked_for_is_shown() {
    let Some((_alone, lab, instance, mut app)) = listening("") else { return };
    name_server(&lab);
    resolve(&lab, instance.path(), "ahostsv4", "big.front.example");
    app.say(BAD4, &[&client_hello(NAME)]);
    let alert = instance.wait("the alert with both names", || {
        let alert = instance.alert("bad_server_of_vulnerable_app", BAD4)?;
        alert["connections"][0]["named"].is_object().then_some(alert)
    });
    let title = alert["title"].as_str().unwrap();
    assert!(title.contains(&format!("(big.front.example; {NAME}, named in the TLS handshake)")), "{title}");
    let feeds: Vec<_> = alert["claims"].as_array().unwrap().iter().map(|claim| &claim["feed"]).collect();
    assert_eq!(feeds, ["lab", "names"], "both say something");
}
