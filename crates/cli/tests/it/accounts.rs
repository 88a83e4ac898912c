//! Can an administrator say who may ask, and see what they did?

use serde_json::json;

use crate::bench::Bench;
use crate::rig::{Rig, wait_for};

#[test]
fn users_groups_and_tokens_are_made_shown_and_taken_away() {
    let mut rig = Rig::start("127.0.0.1:0");
    let address = rig.address.clone().unwrap();
    let made = rig.bench.run(&["users", "add", "ada", "--role", "admin", "--json"]).expect(0).json();
    assert_eq!(made["password"].as_str().unwrap().len(), 20, "made here, shown once");
    let bench = &mut rig.bench;
    bench.write("secret", "three wet owls sing\n");
    let file = bench.path("secret").display().to_string();
    bench.tell(&["users", "groups", "set", "web", "web-*", "www"]).expect(0);
    let add = ["users", "add", "bob", "--role", "responder", "--group", "web", "--password-file", &file];
    bench.tell(&add).expect(0);
    bench.tell(&add).expect(1);
    bench.tell(&["users", "add", "Eve", "--role", "viewer"]).expect(1);
    bench.tell(&["users", "add", "eve", "--role", "king"]).expect(64);
    bench.write("weak", "password1234\n");
    let weak = bench.path("weak").display().to_string();
    bench.tell(&["users", "add", "eve", "--role", "viewer", "--password-file", &weak]).expect(1);
    bench.tell(&["users", "list"]).expect(0);
    bench.tell(&["users", "groups", "list"]).expect(0);
    bench.tell(&["users", "groups", "remove", "web"]).expect(1);
    bench.tell(&["users", "change", "bob"]).expect(1);
    bench.tell(&["users", "change", "bob", "--role", "viewer", "--all-hosts", "--disable"]).expect(0);
    bench.tell(&["users", "change", "ada", "--role", "viewer"]).expect(1);
    bench.tell(&["users", "groups", "remove", "web"]).expect(0);
    bench.tell(&["users", "list"]).expect(0);
    bench.tell(&["users", "remove", "bob"]).expect(0);
    bench.tell(&["users", "remove", "bob"]).expect(1);
    let made = bench
        .run(&["tokens", "add", "ci", "--role", "viewer", "--scope", "alerts:read", "--for", "90d", "--json"])
        .expect(0)
        .json();
    let token = made["token"].as_str().unwrap().to_owned();
    bench.mask(made["id"].as_str().unwrap(), "TOKEN-ID");
    bench.tell(&["tokens", "list"]).expect(0);
    let asked = |bench: &Bench, what: &[&str]| {
        let mut command = bench.command(&[&["--server", &address], what].concat());
        command.env("TRIPOINT_TOKEN", &token).output().unwrap().status.code()
    };
    assert_eq!(asked(bench, &["alerts", "list"]), Some(0), "what it is for");
    assert_eq!(asked(bench, &["bouncers", "list"]), Some(1), "what it is not for");
    let id = made["id"].as_str().unwrap();
    bench.tell(&["tokens", "remove", id]).expect(0);
    bench.tell(&["tokens", "add", "ci", "--role", "viewer", "--for", "2y"]).expect(64);
    bench.tell(&["tokens", "add", "ci", "--role", "viewer", "--for", "400d"]).expect(1);
    std::mem::replace(&mut rig.bench, Bench::new()).golden("accounts");
}

#[test]
fn the_audit_is_listed_and_verified_with_and_without_a_server() {
    let rig = Rig::start("127.0.0.1:0");
    rig.bench.run(&["users", "groups", "set", "web", "web-*"]).expect(0);
    rig.bench.run(&["users", "groups", "remove", "none"]).expect(1);
    let list = rig.bench.run(&["audit", "list", "--json"]).expect(0).json();
    assert_eq!(list["rows"][1]["what"], "POST /v1/groups");
    assert_eq!((&list["rows"][0]["target"], &list["rows"][0]["result"]), (&json!("none"), &json!("404 not-found")));
    let shown = rig.bench.run(&["audit", "list", "--limit", "1"]).expect(0).out;
    assert!(shown.contains("DELETE /v1/groups/{name}") && !shown.contains("POST"), "{shown}");
    let rows = rig.bench.run(&["audit", "list"]).expect(0).out;
    let made = rows.lines().find(|line| line.contains("POST /v1/groups")).expect("the row");
    assert!(made.split_whitespace().any(|cell| cell == "web"), "what was asked for: {made}");
    rig.bench.run(&["audit", "verify"]).expect(0);
    let rig = rig.without_server();
    let found = rig.run(&["audit", "verify", "--json"]).expect(0).json();
    assert_eq!((&found["rows"], &found["vouched"]), (&json!(2), &json!(2)), "signed at the stop: {found}");
    assert_eq!(rig.run(&["audit", "list", "--json"]).expect(0).json(), list);
    let heads = rig.path("data/server/audit.heads");
    let text = std::fs::read_to_string(&heads).unwrap();
    std::fs::write(&heads, text.replace("\"number\":2", "\"number\":3")).unwrap();
    let told = rig.run(&["audit", "verify"]).expect(1);
    assert!(told.out.contains("broken at row") && told.out.contains("audit.heads:"), "{told:?}");
    rig.run(&["--server", "http://127.0.0.1:1", "audit", "verify"]).expect(1);
}

#[test]
fn the_first_sign_in_is_printed_once_and_not_when_somebody_is_there() {
    let bench = Bench::new();
    let start = |ready: &str| {
        let ready = bench.path(ready);
        let mut command =
            bench.command(&["server", "--listen", "127.0.0.1:0", "--ready-file", ready.to_str().unwrap()]);
        let child = command.stdin(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn().unwrap();
        wait_for(|| std::fs::read_to_string(&ready).ok());
        child
    };
    let end = |mut child: std::process::Child| {
        tripoint_linux::child::terminate(&mut child);
        String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap()
    };
    let child = start("one");
    let setup = wait_for(|| std::fs::read_to_string(bench.path("data/run/setup")).ok());
    let code = setup.lines().find_map(|line| line.strip_prefix("code ")).unwrap().to_owned();
    // What is told once it is ready may come a moment later.
    std::thread::sleep(std::time::Duration::from_millis(300));
    bench.run(&["users", "add", "ada", "--role", "admin"]).expect(0);
    assert!(!bench.path("data/run/setup").exists(), "nobody needs the code any more");
    let told = end(child);
    assert_eq!(told.matches(&code).count(), 1, "{told}");
    assert!(told.contains(&format!("/setup#{code}")), "{told}");
    let told = end(start("two"));
    assert!(!told.contains("first sign-in"), "{told}");
}

#[test]
fn a_credential_that_is_no_key_is_said_at_the_start() {
    let bench = Bench::new();
    bench.write("credentials/tripoint.key", "short");
    let mut command = bench.command(&["server", "--listen", "none"]);
    let output = command.env("CREDENTIALS_DIRECTORY", bench.path("credentials")).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && told.contains("holds 5 bytes; 32 are a key"), "{told}");
}

#[test]
fn a_forgotten_password_has_a_code_and_a_lost_authenticator_a_reason() {
    let rig = Rig::start("127.0.0.1:0");
    rig.bench.run(&["users", "add", "ada", "--role", "viewer"]).expect(0);
    rig.bench.run(&["users", "reset", "ada"]).expect(64);
    rig.bench.run(&["users", "reset", "nobody.there", "--reason", "came to my desk"]).expect(1);
    let made = rig.bench.run(&["users", "reset", "ada", "--reason", "came to my desk", "--json"]).expect(0).json();
    let (code, link) = (made["code"].as_str().unwrap(), made["link"].as_str().unwrap());
    assert!(code.len() == 26 && link.ends_with(&format!("/reset#ada:{code}")), "{made}");
    let told = rig.bench.run(&["users", "reset", "ada", "--reason", "came to my desk"]).expect(0);
    assert!(told.out.contains("/reset#ada:") && told.err.contains("shown this once"), "{told:?}");
    rig.bench.run(&["users", "change", "ada", "--remove-totp"]).expect(64);
    rig.bench.run(&["users", "change", "ada", "--remove-totp", "--reason", "came to my desk"]).expect(0);
    let audit = rig.bench.run(&["audit", "list", "--json"]).expect(0).out;
    assert!(audit.contains("came to my desk") && !audit.contains(code), "{audit}");
}

#[test]
fn secrets_are_sealed_anew_and_still_open() {
    let rig = Rig::start("127.0.0.1:0");
    let told = rig.bench.run(&["server", "reseal"]).expect(1).err;
    assert!(told.contains("a server runs on"), "{told}");
    let before = rig.bench.run(&["server", "ca", "--fingerprint"]).expect(0).out;
    let key = rig.bench.path("data/server/secret.key");
    let old = std::fs::read(&key).unwrap();
    let bench = rig.without_server();
    let done = bench.run(&["server", "reseal", "--json"]).expect(0).json();
    assert_eq!(done, json!({"schema": 1, "seeds": 0, "authority": true}));
    assert_ne!(std::fs::read(&key).unwrap(), old);
    bench.run(&["server", "reseal", "--old-key", "x"]).expect(64);
    let rig = Rig::on(bench, "127.0.0.1:0");
    assert_eq!(rig.bench.run(&["server", "ca", "--fingerprint"]).expect(0).out, before, "the same authority");
    rig.bench.run(&["users", "list"]).expect(0);
}
