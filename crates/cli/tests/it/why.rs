//! Does `why` explain a real connection of this host, by process and by peer, and keep what is secret?

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use tripoint_api::agent::Item;
use tripoint_api::{AgentIdentity, Batch, BatchAnswer, path};
use tripoint_model::{Alert, Timestamp};

use crate::bench::Bench;
use crate::rig::{Rig, alert, block_on};

/// Ends with the test.
struct Talker(Child);

impl Drop for Talker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A shell that stays connected to a peer of loopback, which its environment names beside a secret.
fn talk(peer: &str) -> Option<(TcpListener, std::net::TcpStream, Talker)> {
    let listener = TcpListener::bind((peer, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut command = Command::new("/bin/bash");
    command.args(["-c", &format!("exec 3<>/dev/tcp/{peer}/{port}; read -r _ <&3")]);
    command.env("UPSTREAM", format!("http://me:hunter22@{peer}:{port}/")).stdin(Stdio::piped());
    let Ok(child) = command.spawn() else {
        println!("skipped: there is no /bin/bash");
        return None;
    };
    let talker = Talker(child);
    let (open, _) = listener.accept().unwrap();
    Some((listener, open, talker))
}

#[test]
fn a_process_and_a_peer_are_explained_without_a_server() {
    const PEER: &str = "127.94.3.9";
    let Some((_listener, _open, talker)) = talk(PEER) else { return };
    let bench = Bench::new();
    let pid = talker.0.id().to_string();
    for of in [pid.as_str(), PEER] {
        let told = bench.run(&["why", of, "--json"]).expect(0);
        let lines = told.lines();
        let one = lines.iter().find(|one| one["connection"]["direction"] == "outbound").unwrap();
        assert_eq!((&one["schema"], &one["connection"]["process"]["key"]["pid"]), (&1.into(), &talker.0.id().into()));
        assert_ne!(one["cause"], "unknown", "{one:#}");
        let mentions = one["mentions"].as_array().unwrap();
        let variable = mentions.iter().find(|mention| mention["place"] == "environment").unwrap();
        let text = variable["text"].as_str().unwrap();
        assert!(text.starts_with("UPSTREAM=http://me:[redacted]@127.94.3.9:"), "{text}");
        assert!(!told.out.contains("hunter22"));
    }
    let page = bench.run(&["why", &pid]).expect(0).out;
    for part in ["  why: ", "BECAUSE", "CONFIGURATION", "STARTED BY"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("hunter22"));
}

#[test]
fn an_alert_gives_process_and_peer() {
    let rig = Rig::start("none");
    let mut told: Box<Alert> = alert("00000000000000ab", 85);
    told.host = tripoint_linux::capability::host_name();
    let line = r#"{"id":{"cookie":7},"protocol":"tcp","direction":"outbound","local":"192.0.2.9:5000","remote":"203.0.113.66:443",
        "state":"closed","opened":"2025-06-01T03:00:00Z","bytes_in":1,"bytes_out":1,"process":null}"#;
    told.connections = vec![std::sync::Arc::new(serde_json::from_str(line).unwrap())];
    // An agent speaks for its own host: this one.
    let agent =
        AgentIdentity { host: told.host.clone(), boot_id: "boot".into(), version: "1".into(), started: Timestamp(1) };
    let batch = Batch { agent, sequence: 1, items: vec![Item::Alert { alert: told }] };
    let _: BatchAnswer = block_on(rig.client().post(path::AGENT_BATCH, &batch)).unwrap();
    let said = rig.bench.run(&["why", "00000000000000ab", "--json"]).expect(0).json();
    assert_eq!(
        (said["alert"].as_str(), said["cause"].as_str()),
        (Some("00000000000000ab"), Some("unknown")),
        "{said:#}"
    );
    assert!(said["missing"][0].as_str().unwrap().contains("is gone"), "{said:#}");
}
