//! Does the demonstration play to its end, and does it leave nothing behind?

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{alone, asked_for};

#[test]
fn plays_live_and_leaves_nothing() {
    if !asked_for() {
        return;
    }
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tripoint"))
        .args(["demo", "--json"])
        .env("TMPDIR", folder.path())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{:#}", report["steps"]);
    assert_eq!(report["mode"], "live");
    assert_eq!(report["packets_after_block"], 0);
    assert_eq!(report["cleaned_up"], true);
    for figure in ["connect_to_alert_ms", "disconnect_ms", "block_to_effect_ms"] {
        assert!(report[figure].as_f64().unwrap() > 0.0, "{figure}");
    }
    let alerts = report["alerts"].as_array().unwrap();
    let rules: Vec<&str> = alerts.iter().filter_map(|alert| alert["rule"].as_str()).collect();
    assert!(
        rules.contains(&"bad_server_of_vulnerable_app") && rules.contains(&"bad_client_of_vulnerable_app"),
        "{rules:?}"
    );
    for alert in alerts {
        assert!(alert["process"]["exe"].as_str().unwrap().ends_with("/shop-frontend"));
        assert_eq!(alert["process"]["exe_sha256"].as_str().unwrap().len(), 64);
        assert_eq!(alert["findings"][0]["cves"][0], "CVE-2021-44228");
        assert_eq!(alert["claims"][0]["feed"], "demo");
        assert!(!alert["missing"].as_array().unwrap().is_empty());
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "files were left behind");
}

#[test]
fn an_interrupt_at_any_moment_leaves_nothing() {
    if !asked_for() {
        return;
    }
    let _alone = alone();
    for wait_ms in [30, 150, 400, 700] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_tripoint"))
            .args(["demo", "--keep", "--quiet"])
            .env("TMPDIR", folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(wait_ms));
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let until = Instant::now() + Duration::from_secs(30);
        while child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < until, "the demonstration does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "files were left behind after {wait_ms} ms");
    }
}

#[test]
fn without_rights_the_recorded_story_is_replayed() {
    let output = Command::new(env!("CARGO_BIN_EXE_tripoint")).args(["demo", "--replay", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["mode"], "replay");
    assert_eq!(report["alerts"].as_array().unwrap().len(), 2);
    assert!(report["steps"].as_array().unwrap().iter().all(|step| step["ok"] == true));
}
