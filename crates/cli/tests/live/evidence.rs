//! Does an alert come with what the application's own logs say of the peer, without anybody asking?

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::instance::{BAD4, stage};

/// A request as web servers write it down.
fn asked(peer: &str, target: &str) -> String {
    format!("{peer} - - [29/Nov/2026:10:00:00 +0000] \"GET {target} HTTP/1.1\" 200 512 \"-\" \"curl/8\"\n")
}

/// What nothing of our own rules finds.
const RULE: &str = "title: Export of everything\nid: 0b7a1f7e-6b1c-4f0a-9b52-000000000001\nlevel: high\nlogsource:\n  \
                    category: webserver\ndetection:\n  a:\n    cs-uri-query|contains: /export/all\n  condition: a\n";

#[test]
fn an_alert_says_what_sigma_rules_find_too() {
    let rules = tempfile::tempdir().unwrap();
    std::fs::write(rules.path().join("export.yml"), RULE).unwrap();
    // A folder that only root may read, which `up` has compiled for the agent; of rules that are wrong it says so.
    std::fs::write(
        rules.path().join("wrong.yml"),
        RULE.replace("condition: a", "condition: b").replace("000001", "000002"),
    )
    .unwrap();
    std::fs::set_permissions(rules.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let configuration = format!("[evidence]\nrules = \"{}\"\n", rules.path().display());
    let Some((_alone, _lab, mut instance, mut app)) = stage(&configuration) else { return };
    instance.up();
    let said = std::fs::read_to_string(instance.path().join("log")).unwrap();
    assert!(said.contains("wrong.yml:9: the condition names \"b\""), "{said}");
    std::fs::write(instance.path().join("app.log"), asked(BAD4, "/%65xport/all.csv")).unwrap();
    app.call("tcp", BAD4);
    let alert = instance.wait("the alert", || instance.alert("bad_server_of_vulnerable_app", BAD4));
    let id = alert["id"].as_str().unwrap().to_owned();
    let attempts = instance.wait("what its log says", || {
        let alert = instance.fine(&["alerts", "show", &id]);
        alert["investigation"]["logs"]["attempts"].as_array().filter(|attempts| !attempts.is_empty()).cloned()
    });
    let sigma = &attempts[0]["sigma"];
    assert_eq!((&sigma["title"], &sigma["level"]), (&"Export of everything".into(), &"high".into()), "{attempts:#?}");
    let doctor = instance.fine(&["doctor"]);
    let data = doctor["agents"][0]["health"]["data"].as_array().unwrap();
    let rules = data.iter().find(|data| data["source"] == "rules of evidence").unwrap();
    assert!(rules["status"].as_str().unwrap().starts_with("ok, 1 Sigma rules"), "{rules:#}");
}

#[test]
fn rules_that_cannot_be_used_keep_nobody_from_starting() {
    let rules = tempfile::tempdir().unwrap();
    std::fs::write(rules.path().join("own.toml"), "[[rule]]\nid = \"a\"\nfamily = \"x\"\npattern = \"(\"\n").unwrap();
    let configuration = format!("[evidence]\nrules = \"{}\"\n", rules.path().display());
    let Some((_alone, _lab, mut instance, mut app)) = stage(&configuration) else { return };
    instance.up();
    let said = std::fs::read_to_string(instance.path().join("log")).unwrap();
    assert!(said.contains("own.toml:1: rule a: ") && said.contains("logs are asked by the former rules"), "{said}");
    app.call("tcp", BAD4);
    instance.wait("the alert", || instance.alert("bad_server_of_vulnerable_app", BAD4));
}

#[test]
fn an_alert_says_what_the_peer_tried_by_the_applications_own_log() {
    let Some((_alone, _lab, mut instance, mut app)) = stage("") else { return };
    instance.up();
    let log = instance.path().join("app.log");
    let write = |line: &str| {
        let mut file = std::fs::File::options().append(true).open(&log).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    };
    write(&asked("198.51.100.77", "/a?f=../../../etc/passwd"));
    write(&asked(BAD4, "/index.html"));
    write(&asked(BAD4, "/a?f=..%2f..%2f..%2fetc%2fpasswd"));
    app.call("tcp", BAD4);
    let alert = instance.wait("the alert", || instance.alert("bad_server_of_vulnerable_app", BAD4));
    let id = alert["id"].as_str().unwrap().to_owned();
    let logs = instance.wait("what its log says", || {
        let alert = instance.fine(&["alerts", "show", &id]);
        Some(alert["investigation"]["logs"].clone()).filter(|logs| !logs.is_null())
    });
    assert_eq!((&logs["verdict"], &logs["lines"]), (&"attempted".into(), &2.into()), "{logs:#}");
    let attempt = &logs["attempts"][0];
    assert_eq!((&attempt["family"], &attempt["line"]), (&"path-traversal".into(), &3.into()), "{logs:#}");
    assert!(attempt["file"].as_str().unwrap().ends_with("/app.log"), "{logs:#}");
    assert_eq!(logs["read"][0]["found"], "the process holds it open");
    assert!(!logs.to_string().contains("198.51.100.77"), "nobody else's lines are taken: {logs:#}");

    let alert = instance.fine(&["alerts", "show", &id]);
    let why = &alert["investigation"]["why"];
    assert!(why["cause"].is_string() && !why["reasons"].as_array().unwrap().is_empty(), "{why:#}");
    assert!(alert["missing"].as_array().unwrap().iter().all(|missing| missing["what"] != "cause"), "{alert:#}");

    // What comes later is attached within moments, without anybody asking.
    write(&asked("198.51.100.77", "/a?id=1+union+select+password+from+users"));
    write(&asked(BAD4, "/a?x=${jndi:dns://192.0.2.1/a}"));
    let since = std::time::Instant::now();
    instance.wait("what came later", || {
        let logs = instance.fine(&["alerts", "show", &id])["investigation"]["logs"].clone();
        logs["attempts"].to_string().contains("jndi").then_some(())
    });
    assert!(since.elapsed() < std::time::Duration::from_secs(8), "{:?}", since.elapsed());
    // Asked for, it looks again, at what came since.
    write(&asked(BAD4, "/a?id=1+union+select+password+from+users"));
    let asked_for = instance.fine(&["investigate", &id]);
    let families: Vec<&Value> =
        asked_for["investigation"]["logs"]["attempts"].as_array().unwrap().iter().map(|one| &one["family"]).collect();
    assert_eq!((families.first(), families.last()), (Some(&&"path-traversal".into()), Some(&&"sql-injection".into())));
    let missing = asked_for["missing"].as_array().unwrap();
    assert!(missing.iter().all(|missing| missing["what"] != "log evidence"), "{missing:?}");
    assert_eq!(instance.run(&["investigate", "no-such-alert"]).0, 1);
}
