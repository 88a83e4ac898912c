//! Is what happened over time counted right, and only for whom it concerns? Is an alert told in sound STIX?

use std::process::Command;

use serde_json::{Value, json};

use tripoint_api::agent::Item;
use tripoint_api::series::Series;
use tripoint_api::{Role, path};
use tripoint_model::contact::HOUR;
use tripoint_model::{Alert, Application, ApplicationKind, Contact, Direction, Protocol, Timestamp};

use crate::browser::{Browser, add_user};
use crate::rig::{Rig, alert};

async fn ask(rig: &Rig, path: &str) -> Series {
    rig.client.get(path).await.unwrap()
}

fn lines(series: &Series) -> Vec<(&str, Vec<u64>)> {
    series.lines.iter().map(|line| (line.name.as_str(), line.counts.clone())).collect()
}

#[tokio::test]
async fn alerts_are_counted_by_when_they_began_and_how_bad_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let at = |id: &str, score: i16, minute: i64| {
        let mut alert = alert(id, score, 1);
        alert.first_seen = Timestamp(alert.first_seen.0 + minute * 60_000_000);
        alert.last_seen = alert.first_seen;
        alert
    };
    rig.report("web1", 1, &[at("aa", 90, 0), at("bb", 90, 9), at("cc", 50, 10), at("dd", 50, 29), at("ee", 50, 30)])
        .await;
    rig.report("db1", 1, &[Alert { host: "db1".into(), ..at("ff", 10, 29) }]).await;
    let span = "since=2026-11-20T03:00:00Z&until=2026-11-20T03:30:00Z&buckets=3";
    let series = ask(&rig, &format!("{}?{span}", path::QUEUE_SERIES)).await;
    assert_eq!(series.step_s, 600);
    let wanted = [("critical", vec![2, 0, 0]), ("medium", vec![0, 1, 1]), ("low", vec![0, 0, 1])];
    let found = lines(&series);
    assert_eq!(found[..2], wanted[..2], "the end is not in it");
    assert_eq!(found[2].1, wanted[2].1);
    let series = ask(&rig, &format!("{}?{span}&filter=host%3Aweb*%20score%3C60", path::QUEUE_SERIES)).await;
    assert_eq!(lines(&series), [("medium", vec![0, 1, 1])]);
    // Whoever sees some hosts is not told how many alerts the others have.
    let group = json!({ "name": "web", "hosts": ["web*"] });
    let _: Value = rig.client.post(path::GROUPS, &group).await.unwrap();
    add_user(&rig.client, "eve", Role::Viewer, &["web"]).await;
    let heard = Browser::signed_in(&rig, "eve").await.get(&format!("{}?{span}", path::QUEUE_SERIES)).await;
    let seen: Series = serde_json::from_str(&heard.body).unwrap();
    assert_eq!(lines(&seen), wanted[..2]);
    for bad in ["filter=hots%3Aa", "since=2026-11-20T03:00:00Z&until=2026-11-20T03:00:00Z", "since=x", "buckets=-1"] {
        assert!(rig.client.get::<Series>(&format!("{}?{bad}", path::QUEUE_SERIES)).await.is_err(), "{bad}");
    }
    let most = ask(&rig, &format!("{}?{}", path::QUEUE_SERIES, span.replace("=3", "=4000000"))).await;
    assert!(most.lines.iter().all(|line| line.counts.len() == 400));
    rig.stop().await;
}

#[tokio::test]
async fn connections_are_counted_hour_by_hour_and_the_rest_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let now = Timestamp::from_system(std::time::SystemTime::now());
    let contact = |name: &str, hours: u32, count: u64, direction: Direction| {
        let hour = Contact::hour_of(now.minus(HOUR * hours));
        Contact {
            hour,
            application: Some(Application { kind: ApplicationKind::Unit, id: name.to_owned(), name: name.to_owned() }),
            direction,
            protocol: Protocol::Tcp,
            peer: "203.0.113.9".parse().unwrap(),
            port: 443,
            name: None,
            count,
            carried: 0,
            bytes_in: 0,
            bytes_out: 0,
            first_seen: hour,
            last_seen: hour,
        }
    };
    let mut all: Vec<Contact> = (0..8).map(|n| contact(&format!("app{n}"), 1, 10 + n, Direction::Outbound)).collect();
    all.push(contact("app7", 2, 5, Direction::Inbound));
    rig.report_items("web1", 1, vec![Item::Contacts { contacts: all, dropped: 0 }]).await;
    let since = Contact::hour_of(now.minus(HOUR * 3));
    let until = Contact::hour_of(now);
    let span = format!("since={since}&until={until}");
    let series = ask(&rig, &format!("{}?{span}", path::CONNECTIONS_SERIES)).await;
    assert_eq!((series.since, series.step_s), (since, 3600));
    let found = lines(&series);
    assert_eq!(found[0], ("app7", vec![0, 5, 17]), "the most frequent first");
    assert_eq!(found.last().unwrap(), &("", vec![0, 0, 21]), "app0 and app1 together");
    assert_eq!(found.len(), 7);
    let series = ask(&rig, &format!("{}?{span}&by=direction", path::CONNECTIONS_SERIES)).await;
    assert_eq!(lines(&series), [("outbound", vec![0, 0, 108]), ("inbound", vec![0, 5, 0])]);
    let series = ask(&rig, &format!("{}?{span}&application=app7&direction=inbound", path::CONNECTIONS_SERIES)).await;
    assert_eq!(lines(&series), [("app7", vec![0, 5, 0])]);
    let none = ask(&rig, &format!("{}?{span}&peer=203.0.113.10", path::CONNECTIONS_SERIES)).await;
    assert_eq!(lines(&none), []);
    assert!(rig.client.get::<Series>(&format!("{}?{span}&by=colour", path::CONNECTIONS_SERIES)).await.is_err());
    rig.stop().await;
}

#[tokio::test]
async fn an_alert_is_a_bundle_whose_references_lead_somewhere() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let mut own = alert("aa", 90, 1);
    let finding = json!({ "purl": "pkg:deb/debian/x@1", "id": "D-1", "cves": ["CVE-2026-10001", "CVE-<script>", "CVE-2026-10001"],
        "state": "affected", "fixed": null, "source": "osv", "paths": [], "known_exploited": true });
    own.findings = vec![serde_json::from_value(finding).unwrap()];
    rig.report("web1", 1, &[own]).await;
    let bundle: Value = rig.client.get("/v1/alerts/aa/stix").await.unwrap();
    assert_eq!(bundle["type"], "bundle");
    let objects = bundle["objects"].as_array().unwrap();
    let kinds: Vec<&str> = objects.iter().map(|object| object["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["identity", "indicator", "ipv4-addr", "observed-data", "sighting", "vulnerability", "note"]);
    let ids: Vec<&str> = objects.iter().map(|object| object["id"].as_str().unwrap()).collect();
    for object in objects {
        let id = object["id"].as_str().unwrap();
        assert!(id.starts_with(&format!("{}--", object["type"].as_str().unwrap())) && id.len() > 36, "{id}");
        let named =
            object.as_object().unwrap().iter().filter(|(name, _)| name.ends_with("_ref") || name.ends_with("_refs"));
        for (name, value) in named {
            let refs = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
            assert!(refs.iter().all(|one| ids.contains(&one.as_str().unwrap())), "{name} of {id}: {value}");
        }
    }
    assert_eq!(objects[5]["external_references"][0]["external_id"], "CVE-2026-10001");
    assert!(rig.client.get::<Value>("/v1/alerts/zz/stix").await.is_err());
    rig.stop().await;
    judged(&bundle);
}

/// By a program that others wrote, where it is there.
fn judged(bundle: &Value) {
    let needs = Command::new("python3").args(["-c", "import stix2validator"]).output();
    if !needs.is_ok_and(|output| output.status.success()) {
        println!("skipped: no Python with stix2-validator");
        return;
    }
    let output = Command::new("python3").args(["-c", JUDGE, &bundle.to_string()]).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
}

const JUDGE: &str = r#"
import json, sys
from stix2validator import ValidationOptions, validate_instance
bundle = json.loads(sys.argv[1])
assert validate_instance(bundle, ValidationOptions(version="2.1")).is_valid
for object in bundle["objects"]:
    result = validate_instance(object, ValidationOptions(version="2.1"))
    assert result.is_valid and not result.warnings, (object, result.errors, result.warnings)
"#;
