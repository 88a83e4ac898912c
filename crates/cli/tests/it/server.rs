//! Do the commands that ask a server say what the server and its agent said?

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tripoint_api::AgentHealth;
use tripoint_api::agent::Item;
use tripoint_model::Timestamp;

use crate::bench::{Bench, Told, finish};
use crate::rig::{Rig, alert};

#[test]
fn alerts_are_listed_shown_and_worked_on() {
    let mut rig = Rig::start("none");
    let health =
        AgentHealth { sensor: "bpf".into(), losses: [("ring_full".to_owned(), 3)].into(), ..AgentHealth::default() };
    rig.report(
        1,
        vec![
            Item::Alert { alert: alert("00000000000000aa", 85) },
            Item::Alert { alert: alert("00000000000000bb", 45) },
            Item::Health { at: Timestamp(1), health },
        ],
    );
    let met = rig.bench.run(&["intel", "lookup", "203.0.113.66", "--json"]).expect(0).json()["meetings"].clone();
    assert_eq!((met["alerts"].as_u64(), met["complete"].as_bool()), (Some(2), Some(true)), "{met}");
    assert_eq!(met["hosts"][0], "web1", "{met}");
    let met = rig.bench.run(&["intel", "lookup", "192.0.2.77"]).expect(0);
    assert!(met.out.contains("no alert names it"), "{}", met.out);
    let user = rig.bench.run(&["exceptions", "list", "--json"]).expect(0);
    assert_eq!(user.json()["exceptions"], Value::Array(Vec::new()));
    let bench = &mut rig.bench;
    let list = bench.tell(&["alerts", "list", "--json"]).expect(0).json();
    assert_eq!(list.as_array().unwrap().len(), 2);
    bench.tell(&["alerts", "list"]).expect(0);
    bench.tell(&["alerts", "list", "--status", "resolved", "--json"]).expect(0);
    bench.tell(&["alerts", "list", "--rule", "bad_peer"]).expect(0);
    let shown = bench.tell(&["alerts", "show", "00000000000000aa"]).expect(0);
    assert!(!shown.out.contains('\u{1b}'), "foreign text cannot steer the terminal");
    let alert = bench.run(&["alerts", "show", "00000000000000aa", "--json"]).expect(0).json();
    for key in ["schema", "id", "rule", "title", "application", "severity", "findings", "claims", "missing", "work"] {
        assert!(!alert[key].is_null(), "{key}");
    }
    bench.tell(&["alerts", "show", "nope"]).expect(1);
    bench.tell(&["alerts", "show", "../../x"]).expect(1);
    bench.tell(&["alerts", "comment", "00000000000000aa", "looking into it"]).expect(0);
    bench.tell(&["alerts", "comment", "00000000000000aa", " "]).expect(1);
    bench.tell(&["alerts", "assign", "00000000000000aa", "ada"]).expect(0);
    let done =
        ["alerts", "resolve", "00000000000000aa", "--as", "true-positive-remediated", "--comment", "patched", "--json"];
    let resolved = bench.run(&done).expect(0).json();
    assert_eq!(
        (&resolved["work"]["status"], &resolved["work"]["resolution"]),
        (&"resolved".into(), &"true-positive-remediated".into())
    );
    bench.tell(&["alerts", "list", "--status", "resolved"]).expect(0);
    bench.tell(&["alerts", "reopen", "00000000000000aa", "--comment", "came back"]).expect(0);
    bench.tell(&["alerts", "assign", "00000000000000aa"]).expect(0);
    let report = bench.run(&["doctor", "--json"]).expect(0).json();
    assert_eq!((&report["losses"]["ring_full"], &report["server"]), (&3.into(), &"ok".into()));
    rig.bench.mask(&user_name(), "USER");
    std::mem::replace(&mut rig.bench, Bench::new()).golden("alerts");
}

#[test]
fn a_false_alert_teaches_who_is_believed_less() {
    let rig = Rig::start("none");
    let bench = &rig.bench;
    bench.write("list.txt", "203.0.113.66\n");
    bench.run(&["intel", "import", "list.txt", "--name", "mine", "--category", "c2", "--confidence", "90"]).expect(0);
    rig.report(1, vec![Item::Alert { alert: alert("00000000000000aa", 85) }]);
    let sure = || bench.run(&["intel", "lookup", "203.0.113.66", "--json"]).expect(0).json();
    assert_eq!(sure()["confidence"], 90);
    let close = ["alerts", "resolve", "00000000000000aa", "--as", "false-positive"];
    let told = bench.run(&close).expect(0).out;
    assert!(told.contains("believed less from now on, until the alert is reopened: mine (c2)"), "{told}");
    // The command that is offered is one that is taken.
    let command = told.lines().find_map(|line| line.trim().strip_prefix("tripoint ")).expect("a command");
    let (words, reason) = command.split_once(" --reason '").expect("a reason");
    let mut words: Vec<&str> = words.split(' ').collect();
    words.extend(["--reason", reason.trim_end_matches('\'')]);
    assert!(bench.run(&words).expect(0).out.starts_with("exception "), "{words:?}");
    let taught = sure();
    assert_eq!(
        (&taught["confidence"], &taught["why"][1]["name"], &taught["why"][1]["points"]),
        (&59.into(), &"verdicts".into(), &Value::from(-31))
    );
    let list = bench.run(&["intel", "list", "--json"]).expect(0).json();
    assert_eq!(
        (&list[0]["reliability"], &list[0]["taught"][0]),
        (&100.into(), &serde_json::json!({"category": "c2", "confirmed": 0, "wrong": 1, "reliability": 66}))
    );
    bench.run(&["alerts", "reopen", "00000000000000aa"]).expect(0);
    assert_eq!(sure()["confidence"], 90);
}

/// Who the kernel says we are.
fn user_name() -> String {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let uid = rustix::process::geteuid().as_raw().to_string();
    passwd
        .lines()
        .find(|line| line.split(':').nth(2) == Some(&uid))
        .and_then(|line| line.split(':').next())
        .unwrap_or(&uid)
        .to_owned()
}

#[test]
fn watch_prints_each_alert_as_a_line() {
    let rig = Rig::start("none");
    let mut child = rig.bench.command(&["alerts", "watch", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    let lines = std::thread::spawn(move || {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut out, &mut line).unwrap();
        line
    });
    // Only what is reported after it listens reaches it.
    let mut sequence = 0;
    while !lines.is_finished() {
        sequence += 1;
        assert!(sequence < 200);
        rig.report(sequence, vec![Item::Alert { alert: alert(&format!("{sequence:016x}"), 50) }]);
        std::thread::sleep(Duration::from_millis(50));
    }
    let line = lines.join().unwrap();
    let _ = child.kill();
    let _ = child.wait();
    let alert: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(alert["rule"], "bad_server_of_vulnerable_app");
}

/// The shape that `block` and its kin promise.
#[track_caller]
fn answer(told: Told, code: i32) -> Value {
    let answer = told.expect(code).json();
    for (part, keys) in [
        ("plan", &["action", "target", "scope", "expires", "cuts"][..]),
        ("refused", &["target", "rule", "reason"]),
        ("outcomes", &["target", "mechanism", "state", "verified"]),
    ] {
        for entry in answer[part].as_array().unwrap_or_else(|| panic!("no {part}: {answer}")) {
            assert!(keys.iter().all(|key| !entry[key].is_null()), "{part}: {entry}");
        }
    }
    answer
}

#[test]
fn actions_say_plan_refusals_and_outcomes() {
    let mut rig = Rig::start("none");
    let told = rig.bench.tell(&["block", "203.0.113.66"]).expect(1);
    assert!(told.err.contains("no agent is connected"), "{told:?}");
    rig.agent();
    let bench = &mut rig.bench;
    for (verb, state) in [("block", "applied"), ("unblock", "lifted"), ("allow", "applied"), ("disconnect", "applied")]
    {
        let done = answer(bench.tell(&[verb, "203.0.113.66", "--json"]), 0);
        if let Some(made) = done["exceptions"][0].as_str() {
            bench.mask(made, "EXCEPTION");
        }
        assert_eq!((&done["plan"][0]["action"], &done["outcomes"][0]["state"]), (&verb.into(), &state.into()));
        assert_eq!(done["outcomes"][0]["verified"], true);
        let dry = answer(bench.run(&[verb, "203.0.113.66", "--dry-run", "--json"]), 0);
        assert_eq!((&dry["outcomes"][0]["state"], &dry["outcomes"][0]["verified"]), (&"dry-run".into(), &false.into()));
        bench.tell(&[verb, "203.0.113.66", "--dry-run"]).expect(0);
    }
    for target in [
        "203.0.113.0/24",
        "203.0.113.66:443",
        "[2001:db8::66]:443",
        "2001:db8::/64",
        "bad.example",
        "::ffff:203.0.113.66",
    ] {
        answer(bench.run(&["block", target, "--for", "10m", "--reason", "test", "--json"]), 0);
    }
    let refused = answer(bench.tell(&["block", "127.0.0.1", "--json"]), 1);
    assert_eq!(refused["refused"][0]["rule"], "loopback");
    // One refusal among good targets is still exit 1, and the good ones are done.
    let mixed = answer(bench.run(&["block", "203.0.113.66", "127.0.0.1", "--json"]), 1);
    assert_eq!((mixed["plan"].as_array().unwrap().len(), mixed["refused"].as_array().unwrap().len()), (1, 1));
    bench.tell(&["block", "127.0.0.1"]).expect(1);
    answer(bench.tell(&["release-all", "--json"]), 0);
    rig.bench.mask(&user_name(), "USER");
    std::mem::replace(&mut rig.bench, Bench::new()).golden("actions");
}

#[test]
fn exceptions_are_added_listed_and_removed() {
    let rig = Rig::start("none");
    let bench = &rig.bench;
    let added = bench
        .run(&[
            "exceptions",
            "add",
            "--target",
            "203.0.113.0/24",
            "--direction",
            "out",
            "--for",
            "2h",
            "--reason",
            "laboratory",
            "--json",
        ])
        .expect(0)
        .json();
    let id = added["id"].as_str().unwrap().to_owned();
    assert!(added["expires"].is_string() && added["owner"].is_string());
    let list = bench.run(&["exceptions", "list", "--json"]).expect(0).json();
    assert_eq!(
        (&list["exceptions"][0]["id"], &list["exceptions"][0]["reason"]),
        (&id.as_str().into(), &"laboratory".into())
    );
    assert!(bench.run(&["exceptions", "list"]).expect(0).out.contains("laboratory"));
    let wide = ["exceptions", "add", "--target", "203.0.113.0/24", "--reason", "test", "--host", "web*", "--dry-run"];
    // Nobody can say which blocks it would lift, as no agent is there.
    let said = bench.run(&wide).expect(3);
    assert!(said.out.contains("0 alerts of 0 stored would be suppressed"), "{}", said.out);
    let said = bench.run(&[&wide[..], &["--json"]].concat()).expect(3).json();
    assert_eq!(said["exception"]["hosts"], "web*");
    assert_eq!(bench.run(&["exceptions", "list", "--json"]).json()["exceptions"].as_array().unwrap().len(), 1);
    assert_eq!(list["exceptions"][0]["used"]["hits"], 0);
    bench.run(&["exceptions", "add", "--reason", "all"]).expect(1);
    bench.run(&["exceptions", "add", "--target", "203.0.113.1", "--reason", "x", "--for", "31d"]).expect(64);
    bench.run(&["exceptions", "add", "--target", "203.0.113.1", "--reason", "x", "--direction", "up"]).expect(64);
    assert_eq!(bench.run(&["exceptions", "remove", &id, "--json"]).expect(0).json()["removed"], id.as_str());
    bench.run(&["exceptions", "remove", &id]).expect(1);
    assert_eq!(bench.run(&["exceptions", "list", "--json"]).json()["exceptions"], Value::Array(Vec::new()));
}

#[test]
fn tcp_wants_the_token() {
    let rig = Rig::start("127.0.0.1:0");
    let url = rig.address.clone().unwrap();
    let bench = &rig.bench;
    bench.run(&["--server", &url, "alerts", "list", "--json"]).expect(0);
    bench.run(&["alerts", "list", "--json", "--server", &url]).expect(0);
    let (token, socket) = (bench.path("data/run/token"), bench.path("data/run/tripoint.sock"));
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&token).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let text = std::fs::read_to_string(&token).unwrap();
    bench.run(&["alerts", "list", "--server", &format!("unix:{}", socket.display())]).expect(0);
    let elsewhere = &bench.path("elsewhere").to_string_lossy().into_owned();
    let told = bench.run(&["--data-dir", elsewhere, "--server", &url, "alerts", "list"]).expect(1);
    assert!(told.err.contains("token") && told.err.contains("401"), "{told:?}");
    let named = ["--data-dir", elsewhere, "--server", &url, "--token-file", token.to_str().unwrap(), "alerts", "list"];
    bench.run(&named).expect(0);
    bench.write("wrong", "0".repeat(64));
    bench.run(&["--server", &url, "--token-file", "wrong", "alerts", "list"]).expect(1);
    let told = bench.run(&["--server", &url, "--token-file", "missing", "alerts", "list"]);
    assert!(told.expect(1).err.contains("missing"));
    for (value, code) in [(text.as_str(), 0), ("wrong", 1)] {
        let mut command = bench.command(&["--data-dir", elsewhere, "--server", &url, "alerts", "list"]);
        command.env("TRIPOINT_TOKEN", value);
        finish(command, b"").expect(code);
    }
    let told = bench.run(&["server", "--listen", "none", "--data-dir", &"a".repeat(120)]);
    assert!(told.expect(1).err.contains("shorter path"));
    assert!(bench.run(&["server", "--listen", "none"]).expect(1).err.contains("another server"));
}

#[test]
fn a_server_elsewhere_is_known_by_its_authority_or_a_fingerprint() {
    let rig = Rig::start("127.0.0.1:0");
    let bench = &rig.bench;
    let url = rig.address.clone().unwrap().replace("http:", "https:");
    // The authority of the own data folder is trusted without being named.
    bench.run(&["--server", &url, "alerts", "list"]).expect(0);
    let pem = bench.run(&["server", "ca"]).expect(0).out;
    let fingerprint = bench.run(&["server", "ca", "--fingerprint"]).expect(0).out.trim().to_owned();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----") && fingerprint.len() == 64, "{pem}{fingerprint}");
    let told = bench.run(&["server", "ca", "--json"]).expect(0).out;
    assert!(told.contains(&fingerprint) && bench.run(&["doctor"]).out.contains(&fingerprint), "{told}");
    bench.write("ca.pem", &pem);
    let token = bench.path("data/run/token");
    let elsewhere = bench.path("elsewhere").to_string_lossy().into_owned();
    let ask = |url: &str, more: &[&str]| {
        let from = ["--data-dir", &elsewhere, "--token-file", token.to_str().unwrap(), "--server", url];
        bench.run(&[&from[..], &["alerts", "list"], more].concat())
    };
    ask(&url, &["--ca", "ca.pem"]).expect(0);
    ask(&format!("{url}#sha256={fingerprint}"), &[]).expect(0);
    for (url, more, code, why) in [
        (url.clone(), &[][..], 1, "give --ca FILE"),
        (format!("{url}#sha256={}", "0".repeat(64)), &[], 1, "is not good: none of its fingerprints is the one given"),
        (format!("{url}#sha256=12"), &[], 64, "64 hex digits"),
        (format!("{url}#md5=12"), &[], 64, "64 hex digits"),
        (url.clone(), &["--ca", "missing.pem"], 1, "missing.pem"),
    ] {
        let told = ask(&url, more).expect(code);
        assert!(told.err.contains(why) && !told.err.contains("Other("), "{told:?}");
    }
    assert!(bench.run(&["server", "--listen", "nonsense"]).expect(64).err.contains("is no ADDRESS:PORT"));
    assert!(bench.run(&["--data-dir", &elsewhere, "server", "ca"]).expect(1).err.contains("first start"));
}

#[test]
fn the_own_token_is_shown_to_the_own_server_only() {
    let (own, other) = (Rig::start("127.0.0.1:0"), Rig::start("127.0.0.1:0"));
    let url = |rig: &Rig| rig.address.clone().unwrap().replace("http:", "https:");
    let pin = |rig: &Rig| rig.bench.run(&["server", "ca", "--fingerprint"]).expect(0).out.trim().to_owned();
    let (here, there) = (url(&own), url(&other));
    let bench = &own.bench;
    bench.write("there.pem", &other.bench.run(&["server", "ca"]).expect(0).out);
    bench.write("here.pem", &bench.run(&["server", "ca"]).expect(0).out);
    let list = |from: &[&str]| bench.run(&[from, &["alerts", "list"]].concat());
    list(&["--server", &here]).expect(0);
    list(&["--server", &here, "--ca", "here.pem"]).expect(0);
    list(&["--server", &format!("{here}#sha256={}", pin(&own))]).expect(0);
    // However well the other one is known.
    for from in [
        &["--server", &there][..],
        &["--server", &there, "--ca", "there.pem"],
        &["--server", &format!("{there}#sha256={}", pin(&other))],
    ] {
        let told = list(from).expect(1);
        assert!(told.err.contains("--token-file"), "{from:?}: {told:?}");
    }
    let token = other.bench.path("data/run/token");
    list(&["--server", &there, "--ca", "there.pem", "--token-file", token.to_str().unwrap()]).expect(0);
}

#[test]
fn no_image_of_the_servers_memory_is_written() {
    let rig = Rig::start("127.0.0.1:0");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", rig.pid())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(line.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{line}");
}
