//! Do `connections list`, a dry run and `policy simulate` say what the server keeps, harmlessly?

use std::time::{Duration, SystemTime};

use serde_json::Value;
use tripoint_api::agent::Item;
use tripoint_model::{Application, ApplicationKind, Contact, Direction, Protocol, Timestamp};

use crate::rig::{Rig, alert};

/// So many connections of an application with a peer, in this hour.
fn contact(name: &str, peer: &str, count: u64) -> Contact {
    let now = Timestamp::from_system(SystemTime::now());
    let application = Application { kind: ApplicationKind::Unit, id: format!("{name}.service"), name: name.into() };
    Contact {
        hour: Contact::hour_of(now),
        application: Some(application),
        direction: Direction::Outbound,
        protocol: Protocol::Tcp,
        peer: peer.parse().unwrap(),
        port: 443,
        name: Some("cdn.example".into()),
        count,
        carried: 1,
        bytes_in: 10,
        bytes_out: 20,
        first_seen: now.minus(Duration::from_secs(1)),
        last_seen: now,
    }
}

fn reported() -> Rig {
    let rig = Rig::start("none");
    let contacts = vec![
        contact("shop", "203.0.113.66", 3),
        contact("e\u{1b}[31mvil", "203.0.113.66", 1),
        contact("shop", "2001:db8::7", 2),
    ];
    rig.report(1, vec![Item::Contacts { contacts, dropped: 5 }, Item::Alert { alert: alert("00000000000000aa", 85) }]);
    rig
}

#[test]
fn connections_are_listed_and_foreign_names_steer_no_terminal() {
    let rig = reported();
    let list = rig.bench.run(&["connections", "list", "--peer", "203.0.113.0/24"]).expect(0).out;
    assert!(list.starts_with("HOST") || list.trim_start().starts_with("HOST"), "{list}");
    for part in [
        "web1",
        "shop",
        "outbound",
        "203.0.113.66 (cdn.example)",
        "443/tcp",
        "3 + 1 carried",
        "5 connections found no room",
    ] {
        assert!(list.contains(part), "{part}: {list}");
    }
    assert!(!list.contains('\u{1b}') && !list.contains("2001:db8::7"), "{list}");
    let json =
        rig.bench.run(&["connections", "list", "--application", "shop", "--limit", "1", "--json"]).expect(0).json();
    assert_eq!((json["connections"].as_array().map(Vec::len), json["next"].is_string()), (Some(1), true), "{json:#}");
    let fields: Vec<&str> = json["connections"][0].as_object().unwrap().keys().map(String::as_str).collect();
    for field in [
        "host",
        "hour",
        "application",
        "direction",
        "protocol",
        "peer",
        "port",
        "count",
        "carried",
        "first_seen",
        "last_seen",
    ] {
        assert!(fields.contains(&field), "{field}: {fields:?}");
    }
    assert_eq!(json["kept"]["rows"], 3);
    let nothing = rig.bench.run(&["connections", "list", "--direction", "in"]).expect(0).out;
    assert!(nothing.contains("no connection is kept that fits"), "{nothing}");
    for wrong in [["--direction", "up"], ["--since", "yesterday"], ["--peer", "no peer at all"]] {
        rig.bench.run(&["connections", "list", wrong[0], wrong[1]]).expect(64);
    }
    rig.bench.run(&["connections", "list", "--peer", "AS64500"]).expect(1);
}

#[test]
fn a_dry_run_tells_a_person_who_would_have_been_cut() {
    let rig = reported();
    rig.agent();
    let told = rig.bench.run(&["block", "203.0.113.66", "--dry-run"]).expect(0).out;
    assert!(told.contains("203.0.113.66 would have been cut from 6 connections of 2 applications on web1:"), "{told}");
    assert!(told.contains("shop unit:shop.service: 4 connections, the last seen"), "{told}");
    assert!(!told.contains('\u{1b}'), "{told}");
    let json = rig.bench.run(&["block", "203.0.113.66", "--dry-run", "--json"]).expect(0).json();
    assert_eq!(json["past"][0]["applications"][0]["application"], "unit:shop.service", "{json:#}");
    let done = rig.bench.run(&["block", "203.0.113.66", "--json"]).expect(0).json();
    assert!(done.get("past").is_none(), "{done:#}");
}

#[test]
fn a_simulation_is_for_root_and_says_what_it_went_through() {
    let rig = reported();
    rig.bench.write("thought-of.toml", "[agent]\nhost = \"web1\"\n[response]\nmin_confidence = 0\n");
    let simulate = ["policy", "simulate", "--file", "thought-of.toml"];
    if !rustix::process::geteuid().is_root() {
        rig.bench.run(&simulate).expect(77);
        return;
    }
    // No guard list is loaded here, and that is said with the code for what is partial.
    let told = rig.bench.run(&simulate).expect(3).out;
    for part in [
        "nothing is done; over",
        "of web1 since",
        "policy response (all):",
        "the mode is advise",
        "left out: no intelligence",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let json = rig.bench.run(&["policy", "simulate", "--file", "thought-of.toml", "--json"]).expect(3).json();
    assert_eq!(
        (&json["schema"], &json["host"], &json["connections"]),
        (&Value::from(1), &"web1".into(), &9.into()),
        "{json:#}"
    );
    rig.bench.run(&["policy", "simulate", "--since", "never"]).expect(64);
    rig.bench.run(&["policy", "simulate", "--file", "missing.toml"]).expect(1);
}
