//! Does a bouncer get its key once, and is it said what it cannot enforce?

use tripoint_api::agent::Item;
use tripoint_model::{ActionKind, Outcome, OutcomeState, Scope, Timestamp};

use crate::bench::Bench;
use crate::rig::Rig;

fn blocked(target: &str) -> Item {
    let now = Timestamp::from_system(std::time::SystemTime::now());
    let outcome = Outcome {
        id: "b".into(),
        action: ActionKind::Block,
        target: target.parse().unwrap(),
        scope: Scope::Host,
        mechanism: "bpf".into(),
        state: OutcomeState::Applied,
        verified: true,
        detail: String::new(),
        at: now,
        expires: Some(now.plus(std::time::Duration::from_secs(600))),
    };
    Item::Outcome { alert: None, outcome }
}

/// Asks as CrowdSec's firewall bouncer does.
fn pull(address: &str, key: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    let request = format!(
        "GET /v1/decisions/stream?startup=true HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-api-key: {key}\r\n\
         user-agent: crowdsec-firewall-bouncer/v0.0.25\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_bouncer_gets_a_key_once_and_is_listed_with_what_it_cannot_enforce() {
    let mut rig = Rig::start("127.0.0.1:0");
    let made = rig.bench.run(&["bouncers", "add", "edge", "--json"]).expect(0).json();
    let key = made["key"].as_str().unwrap().to_owned();
    assert_eq!((&made["name"], key.len()), (&"edge".into(), 64));
    rig.bench.tell(&["bouncers", "list"]).expect(0);
    rig.report(1, vec![blocked("203.0.113.66"), blocked("198.51.0.0/16"), blocked("203.0.113.67:443")]);
    let answer = pull(rig.address.as_ref().unwrap(), &key);
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("203.0.113.66"), "{answer}");
    let list = rig.bench.run(&["bouncers", "list", "--json"]).expect(0).json();
    let one = &list["bouncers"][0];
    assert_eq!(
        (&list["decisions"], &one["sent"], &one["kind"]),
        (&2.into(), &1.into(), &"crowdsec-firewall-bouncer".into())
    );
    assert_eq!(one["not_enforceable"], serde_json::json!(["198.51.0.0/16"]));
    let shown = rig.bench.run(&["bouncers", "list"]).expect(0).out;
    assert!(shown.contains("not enforceable by bouncer edge: 198.51.0.0/16"), "{shown}");
    assert!(!shown.contains(&key));
    let bench = &mut rig.bench;
    bench.tell(&["bouncers", "add", "edge"]).expect(1);
    bench.tell(&["bouncers", "add", "a b"]).expect(1);
    bench.tell(&["bouncers", "remove", "edge", "--json"]).expect(0);
    bench.tell(&["bouncers", "remove", "edge"]).expect(1);
    bench.tell(&["bouncers"]).expect(64);
    assert!(pull(rig.address.as_ref().unwrap(), &key).starts_with("HTTP/1.1 403 "));
    std::mem::replace(&mut rig.bench, Bench::new()).golden("bouncers");
}

#[test]
fn pushing_without_all_it_needs_is_said_at_the_start() {
    let bench = Bench::new();
    bench.write("data/server.toml", "[crowdsec]\npush = true\nurl = \"http://127.0.0.1:8080\"\nmachine_id = \"x\"\n");
    let told = bench.run(&["server", "--listen", "none"]).expect(1);
    assert!(told.err.contains("crowdsec.push needs crowdsec.password_file"), "{told:?}");
    let missing =
        "[crowdsec]\npush = true\nurl = \"http://127.0.0.1:8080\"\nmachine_id = \"x\"\npassword_file = \"/nowhere\"\n";
    bench.write("data/server.toml", missing);
    assert!(bench.run(&["server", "--listen", "none"]).expect(1).err.contains("/nowhere"));
}
