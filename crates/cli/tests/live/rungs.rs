//! Do the higher rungs hold: a halted application, an isolated host; and do both end by themselves?

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde_json::Value;
use tripoint_linux::{cgroup, freezer};

use crate::instance::{BAD4, Cgroup, PORT, stage};

fn state(answer: &Value) -> (Option<&str>, Option<bool>) {
    (answer["outcomes"][0]["state"].as_str(), answer["outcomes"][0]["verified"].as_bool())
}

#[test]
fn a_frozen_application_halts_and_goes_on_also_when_the_agent_is_dead() {
    let Some((_alone, _lab, mut instance, mut app)) = stage("") else { return };
    instance.up();
    let key = format!("exe:{}", instance.path().join("shop").display());
    let place = Cgroup::with(app.pid());
    let path: PathBuf = place.path().to_owned();
    // A dry run says so and does nothing.
    assert_eq!(state(&instance.fine(&["freeze", &key, "--dry-run"])), (Some("dry-run"), Some(false)));
    assert!(!freezer::is_frozen(&path).unwrap());
    let done = instance.fine(&["freeze", &key, "--for", "1h"]);
    assert_eq!(state(&done), (Some("applied"), Some(true)), "{done:#}");
    assert_eq!(done["outcomes"][0]["mechanism"], "freezer", "not the one that refuses packets");
    assert!(freezer::is_frozen(&path).unwrap());
    app.call("tcp", BAD4);
    assert!(app.events.recv_timeout(Duration::from_millis(500)).is_err(), "it does nothing");
    let list = instance.fine(&["actions", "list", "--verify"]);
    assert_eq!(
        (list["actions"][0]["target"].as_str(), list["actions"][0]["kernel"].as_str()),
        (Some(key.as_str()), Some("held"))
    );
    assert_eq!(state(&instance.fine(&["thaw", &key])), (Some("lifted"), Some(true)));
    assert_eq!(app.next()["event"], "connected", "what it was told meanwhile is done now");
    // Somebody else thaws it: it is halted again.
    instance.fine(&["freeze", &key, "--for", "1h"]);
    freezer::thaw(&path).unwrap();
    instance.wait("the repair", || freezer::is_frozen(&path).unwrap().then_some(()));
    instance.fine(&["thaw", &key]);
    // The agent dies, the end comes all the same.
    instance.fine(&["freeze", &key, "--for", "6s"]);
    instance.kill("tripoint-agent");
    assert!(freezer::is_frozen(&path).unwrap());
    instance.wait("the end", || (!freezer::is_frozen(&path).unwrap()).then_some(()));
    drop(place);
}

#[test]
fn what_the_host_stands_on_is_never_frozen() {
    let Some((_alone, _lab, mut instance, _app)) = stage("") else { return };
    instance.up();
    let agent = std::fs::read_link(format!("/proc/{}/exe", instance.pid_of("tripoint-agent"))).unwrap();
    let (code, refused) = instance.run(&["freeze", &format!("exe:{}", agent.display())]);
    assert_eq!((code, refused["refused"][0]["rule"].as_str()), (1, Some("own-application")), "{refused:#}");
    let (code, refused) = instance.run(&["freeze", BAD4]);
    assert_eq!((code, refused["refused"][0]["rule"].as_str()), (1, Some("target")), "{refused:#}");
    let (code, failed) = instance.run(&["freeze", "unit:nobody-runs-this.service"]);
    assert_eq!((code, state(&failed).0), (1, Some("failed")), "{failed:#}");
}

/// Everything but the laboratory's outside: a test must not cut off the machine that it runs on.
fn the_rest_of_the_world() -> String {
    let cut: IpNet = "203.0.113.0/24".parse().unwrap();
    let mut nets: Vec<String> = vec!["::/0".into()];
    for length in 1..=cut.prefix_len() {
        let around = IpNet::new(cut.addr(), length - 1).unwrap().trunc();
        let halves: Vec<IpNet> = around.subnets(length).unwrap().collect();
        nets.extend(halves.iter().filter(|half| !half.contains(&cut)).map(ToString::to_string));
    }
    format!("[response]\nadmit = [{}]\n", nets.iter().map(|net| format!("{net:?}")).collect::<Vec<_>>().join(", "))
}

#[test]
fn an_isolated_host_keeps_its_admitted_peers_and_rejoins_by_itself() {
    assert!(cgroup::root().is_some());
    let Some((_alone, lab, mut instance, mut app)) = stage(&the_rest_of_the_world()) else { return };
    instance.up();
    app.call("tcp", BAD4);
    assert_eq!(app.next()["event"], "connected");
    let reach = |to: &str, port: u16| {
        let at = SocketAddr::new(to.parse::<IpAddr>().unwrap(), port);
        lab.inside.run(|| TcpStream::connect_timeout(&at, Duration::from_secs(2))).unwrap()
    };
    let planned = instance.fine(&["isolate", "--dry-run"]);
    let cuts = planned["plan"][0]["cuts"].as_array().unwrap();
    assert!(cuts.iter().any(|cut| cut["remote"] == format!("{BAD4}:{PORT}")), "{planned:#}");
    let done = instance.fine(&["isolate", "--for", "8s"]);
    assert_eq!(state(&done), (Some("applied"), Some(true)), "{done:#}");
    assert_eq!(done["plan"][0]["target"], "host");
    app.drain();
    app.call("tcp", BAD4);
    assert_eq!(app.next()["denied"], true, "nobody outside is reached");
    reach("198.51.100.10", 8080).expect("its own services are");
    let list = instance.fine(&["actions", "list", "--verify"]);
    assert_eq!(
        (list["actions"][0]["target"].as_str(), list["actions"][0]["kernel"].as_str()),
        (Some("host"), Some("held"))
    );
    assert_eq!(state(&instance.fine(&["rejoin"])), (Some("lifted"), Some(true)));
    reach(BAD4, PORT).expect("after it is lifted");
    instance.fine(&["isolate", "--for", "3s"]);
    assert!(reach(BAD4, PORT).is_err());
    instance.wait("the end", || reach(BAD4, PORT).ok().map(drop));
}
