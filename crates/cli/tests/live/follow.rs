//! Does an alert follow what is known of its software while the connection stays open?

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::instance::{ADVISORY, BAD4, Instance, stage};

const RULE: &str = "bad_server_of_vulnerable_app";

/// Publishes the advisory, or withdraws it.
fn publish(instance: &Instance, withdrawn: bool) {
    let file = instance.path().join("advisory.json");
    let withdrawal = r#""modified":"2025-06-01T00:00:00Z","withdrawn":"2025-06-01T00:00:00Z""#;
    let text = if withdrawn {
        ADVISORY.replace(r#""modified":"2025-05-09T13:13:16Z""#, withdrawal)
    } else {
        ADVISORY.replace("2025-05-09", "2025-07-09")
    };
    std::fs::write(&file, text).unwrap();
    instance.run(&["vulns", "import", &file.display().to_string()]);
}

#[test]
fn advisories_raise_and_withdraw_the_alert_of_an_open_connection() {
    let Some((_alone, _lab, mut instance, mut app)) = stage("") else { return };
    publish(&instance, true);
    instance.up();
    std::thread::sleep(Duration::from_secs(2));
    app.call("tcp", BAD4);
    assert_eq!(app.next()["event"], "connected");
    std::thread::sleep(Duration::from_secs(2));
    assert!(instance.alert(RULE, BAD4).is_none(), "nothing vulnerable is known yet");
    publish(&instance, false);
    let published = Instant::now();
    let alert = instance.wait("the alert", || instance.alert(RULE, BAD4));
    println!("alert {} ms after the advisory", published.elapsed().as_millis());
    assert_eq!(alert["still_open"], true, "{alert:#}");
    let fix = alert["findings"][0]["fix_command"].as_str().unwrap_or_default();
    assert!(fix.starts_with("replace ") && fix.contains("; then restart process"), "{fix}");
    publish(&instance, true);
    let withdrawn = |alert: &Value| alert["suppressed_by"].as_str() == Some("withdrawn");
    instance.wait("the withdrawal", || instance.alert(RULE, BAD4).is_none_or(|alert| withdrawn(&alert)).then_some(()));
}
