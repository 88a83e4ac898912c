//! Is a blocked name refused wherever its answers lead, from the answer on?

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use serde_json::Value;
use tripoint_linux::lab::Lab;

use crate::instance::{BAD4, BAD6, Instance, PORT, stage};
use crate::named::UNLISTED;
use crate::network::name_server_at;

const A: u8 = 1;
const AAAA: u8 = 28;

/// Asks the name server beyond the router for a name, over UDP.
fn ask(lab: &Lab, name: &str, kind: u8) {
    let mut question = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        question.push(u8::try_from(label.len()).unwrap());
        question.extend(label.as_bytes());
    }
    question.extend([0, 0, kind, 0, 1]);
    let socket = lab.inside.run(|| UdpSocket::bind("0.0.0.0:0")).unwrap().unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.connect((UNLISTED[0], 53)).unwrap();
    socket.send(&question).unwrap();
    let mut answer = [0; 512];
    assert!(socket.recv(&mut answer).unwrap() > question.len());
}

fn at(peer: &str) -> SocketAddr {
    SocketAddr::new(peer.parse::<IpAddr>().unwrap(), PORT)
}

/// One connect from inside.
fn connects(lab: &Lab, peer: &str) -> bool {
    lab.inside.run(|| TcpStream::connect_timeout(&at(peer), Duration::from_secs(2))).unwrap().is_ok()
}

/// Whether a datagram is refused as it is sent.
fn datagram_refused(lab: &Lab, peer: &str) -> bool {
    let any = if peer.contains(':') { "[::]:0" } else { "0.0.0.0:0" };
    let socket = lab.inside.run(|| UdpSocket::bind(any)).unwrap().unwrap();
    socket.send_to(b"loot", at(peer)).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

fn via(list: &Value, target: &str) -> Option<String> {
    let of = |one: &&Value| one["target"] == target;
    list["actions"].as_array()?.iter().find(of)?["terms"]["via"]["name"].as_str().map(str::to_owned)
}

fn planned(answer: &Value) -> Vec<String> {
    let target = |one: &Value| one["target"].as_str().unwrap().to_owned();
    answer["plan"].as_array().unwrap().iter().map(target).collect()
}

fn is_refused(instance: &Instance, lab: &Lab, peer: &str) {
    instance.within(Duration::from_secs(5), "the refusal", || (!connects(lab, peer)).then_some(()));
    assert!(datagram_refused(lab, peer), "{peer}");
}

#[test]
fn answers_lead_to_blocks_that_are_listed_survive_and_end_with_the_name() {
    let Some((_alone, lab, mut instance, mut app)) = stage("") else { return };
    name_server_at(&lab.router, UNLISTED[0]);
    instance.up();
    let name = "updates.bad.example";
    let answer = instance.fine(&["block", "*.bad.example", "--for", "10m"]);
    assert_eq!(planned(&answer), ["*.bad.example"], "nothing is known of it yet");
    for (peer, kind) in [(BAD4, A), (BAD6, AAAA)] {
        app.call("tcp", peer);
        assert_eq!(app.next()["event"], "connected");
        assert!(!datagram_refused(&lab, peer));
        ask(&lab, name, kind);
        assert_eq!(app.next()["event"], "cut", "what was open before ends");
        is_refused(&instance, &lab, peer);
    }
    let list = instance.fine(&["actions", "list", "--verify"]);
    for peer in [BAD4, BAD6] {
        assert_eq!(via(&list, peer).as_deref(), Some("*.bad.example"), "{list:#}");
    }
    // Over the agent's death.
    instance.kill("tripoint-agent");
    instance.up();
    for peer in [BAD4, BAD6] {
        is_refused(&instance, &lab, peer);
    }
    assert_eq!(via(&instance.fine(&["actions", "list", "--verify"]), BAD6).as_deref(), Some("*.bad.example"));
    let lifted = instance.fine(&["unblock", "*.bad.example"]);
    assert_eq!((&lifted["outcomes"][0]["state"], &lifted["outcomes"][0]["verified"]), (&"lifted".into(), &true.into()));
    assert!(connects(&lab, BAD4) && connects(&lab, BAD6) && !datagram_refused(&lab, BAD4));
    assert_eq!(instance.fine(&["actions", "list"])["actions"], serde_json::json!([]));
}

#[test]
fn answers_seen_before_count_also_by_an_alias_and_what_is_guarded_is_refused_by_its_rule() {
    let Some((_alone, lab, mut instance, _app)) = stage("") else { return };
    name_server_at(&lab.router, UNLISTED[0]);
    instance.up();
    ask(&lab, "www.shop.example", A);
    ask(&lab, "www.shop.example", AAAA);
    ask(&lab, "gw.bad.example", A);
    // The server's answer says that it is another name of real.www.shop.example.
    let seen = |name: &str, count: usize| {
        instance.wait("the answers to be known", || {
            let answer = instance.run(&["block", name, "--dry-run"]).1;
            let known = answer["plan"].as_array()?.len() + answer["refused"].as_array()?.len();
            (known == count).then_some(answer)
        })
    };
    for name in ["www.shop.example", "real.www.shop.example", "*.shop.example"] {
        assert_eq!(planned(&seen(name, 3)), [name, BAD4, BAD6]);
    }
    assert!(connects(&lab, BAD4), "a dry run does nothing");
    let guarded = seen("gw.bad.example", 2);
    assert_eq!(guarded["refused"][0]["rule"], "gateway", "{guarded:#}");
    let blocked = instance.fine(&["block", "real.www.shop.example", "--for", "10m"]);
    assert_eq!(blocked["outcomes"].as_array().unwrap().len(), 3, "{blocked:#}");
    for peer in [BAD4, BAD6] {
        assert!(!connects(&lab, peer) && datagram_refused(&lab, peer));
    }
    instance.fine(&["release-all"]);
    assert!(connects(&lab, BAD4) && connects(&lab, BAD6));
}

/// How long from the answer to the refusal, and how often the first connect wins. No promise but a bound: the answer
/// passes the sensor on its way to whoever asked.
#[test]
fn from_the_answer_to_the_refusal() {
    let Some((_alone, lab, mut instance, _app)) = stage("") else { return };
    name_server_at(&lab.router, UNLISTED[0]);
    instance.up();
    let (mut took, mut won) = (Vec::new(), 0);
    for round in 0..20 {
        let name = format!("n{round}.bad.example");
        instance.fine(&["block", &name, "--for", "10m"]);
        // The sensing thread hears of the name behind the answer to the order.
        std::thread::sleep(Duration::from_millis(50));
        ask(&lab, &name, A);
        let answered = Instant::now();
        let mut connected = 0;
        while lab.inside.run(|| TcpStream::connect_timeout(&at(BAD4), Duration::from_secs(1))).unwrap().is_ok() {
            connected += 1;
            assert!(answered.elapsed() < Duration::from_secs(5), "never refused");
        }
        took.push(answered.elapsed());
        won += usize::from(connected > 0);
        instance.fine(&["unblock", &name]);
    }
    took.sort();
    println!("answer to refusal: median {:?}, longest {:?}; the first connect won {won} of 20", took[10], took[19]);
    assert!(took[10] < Duration::from_millis(250), "{took:?}");
}
