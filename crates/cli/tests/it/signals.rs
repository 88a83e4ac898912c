//! Does a signal end what runs in order?

use std::process::Command;

use serde_json::Value;
use tripoint_api::path;

use crate::rig::{Rig, block_on};

fn send(signal: &str, pid: &str) {
    assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
}

#[test]
fn a_server_whose_terminal_is_closed_ends_in_order() {
    let rig = Rig::start("none");
    let group = serde_json::json!({"name": "web", "hosts": ["web*"]});
    block_on(rig.client().post::<Value>(path::GROUPS, &group)).unwrap();
    send("-HUP", &rig.pid().to_string());
    let (status, bench) = rig.ended();
    assert_eq!(status.code(), Some(0), "{status:?}");
    assert!(!bench.path("data/run/tripoint.sock").exists() && !bench.path("data/run/setup").exists());
    let told = bench.run(&["audit", "verify", "--json"]).expect(0).json();
    assert_eq!((&told["rows"], &told["vouched"]), (&1.into(), &1.into()), "the end is signed: {told}");
}
