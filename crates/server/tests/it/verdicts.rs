//! Do verdicts teach, can it be taken back, and is an alert surer whose peer was met before?

use std::fs;

use serde_json::json;
use tripoint_api::work::BulkAnswer;
use tripoint_api::{ReopenRequest, ResolveRequest, Resolved, path};
use tripoint_model::{Alert, Claim, Factor, Resolution, Severity};

use crate::rig::{Rig, alert};

fn claimed(id: &str, score: i16, at: i64) -> Alert {
    let claim = |feed: &str, category: &str| -> Claim {
        let text = format!(
            r#"{{"feed":"{feed}","matched":"203.0.113.66","category":"{category}","direction":"both","confidence":90,
            "first_seen":null,"last_seen":null,"valid_until":null}}"#
        );
        serde_json::from_str(&text).unwrap()
    };
    let mut alert = alert(id, score, at);
    alert.first_seen = alert.last_seen;
    alert.confidence_why = vec![Factor { name: "claim".into(), points: 90, reason: String::new() }];
    alert.claims = vec![claim("a", "c2"), claim("a", "c2"), claim("b", "scanner")];
    alert
}

#[tokio::test]
async fn a_false_alert_lowers_its_sources_until_it_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let trust = || fs::read_to_string(folder.path().join("run/trust")).unwrap();
    assert_eq!(trust(), "");
    rig.report("web1", 1, &[claimed("aa", 50, 1), claimed("bb", 50, 2)]).await;
    let resolve = async |id: &str, resolution| -> Resolved {
        let request = ResolveRequest { resolution, comment: None };
        rig.client.post(&path::alert_work(id, "resolve"), &request).await.unwrap()
    };
    let closed = resolve("aa", Resolution::FalsePositive).await;
    let proposed = closed.exception.expect("an exception is offered");
    assert!(proposed.command.contains("--application unit:app.service --direction outbound --for 30d"));
    assert_eq!(trust(), "c2\t0\t1\ta\nscanner\t0\t1\tb\n");
    assert_eq!(resolve("bb", Resolution::TruePositiveRemediated).await.exception, None);
    assert_eq!(trust(), "c2\t1\t1\ta\nscanner\t1\t1\tb\n");
    // Said twice is said once; another word replaces the first.
    resolve("aa", Resolution::FalsePositive).await;
    resolve("bb", Resolution::Expected).await;
    assert_eq!(trust(), "c2\t0\t1\ta\nscanner\t0\t1\tb\n");
    let reopen = ReopenRequest { comment: None };
    rig.client.post::<Alert>(&path::alert_work("aa", "reopen"), &reopen).await.unwrap();
    assert_eq!(trust(), "");
    // So does whoever says how it stands, by whatever way.
    for ids in [None, Some(["aa"])] {
        resolve("aa", Resolution::FalsePositive).await;
        assert_ne!(trust(), "");
        let open = json!({"do": "status", "status": "investigating"});
        match ids {
            None => drop(rig.client.post::<Alert>(&path::alert_work("aa", "work"), &open).await.unwrap()),
            Some(ids) => {
                let bulk = json!({"ids": ids, "work": open});
                rig.client.post::<BulkAnswer>(path::QUEUE_WORK, &bulk).await.unwrap();
            }
        }
        assert_eq!(trust(), "", "{ids:?}");
    }
    // An escalation opens it as well.
    resolve("aa", Resolution::FalsePositive).await;
    assert_ne!(trust(), "");
    let mut worse = claimed("aa", 50, 3);
    worse.severity = Severity::sum(vec![Factor { name: "x".into(), points: 95, reason: String::new() }]);
    rig.report("web1", 2, &[worse]).await;
    assert_eq!(trust(), "");
    // What was kept is written anew by the next run.
    resolve("aa", Resolution::FalsePositive).await;
    rig.stop().await;
    fs::remove_file(folder.path().join("run/trust")).unwrap();
    let rig = Rig::start(folder.path()).await;
    assert_eq!(trust(), "c2\t0\t1\ta\nscanner\t0\t1\tb\n");
    rig.stop().await;
}

#[tokio::test]
async fn a_peer_met_before_is_surer_unless_it_was_called_false() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 1, &[claimed("aa", 50, 1)]).await;
    rig.report("web2", 1, &[claimed("bb", 50, 2)]).await;
    let show = async |id: &str| -> Alert { rig.client.get(&path::alert(id)).await.unwrap() };
    assert_eq!(show("aa").await.confidence, 90, "the first one was met by nobody before");
    let later = show("bb").await;
    assert_eq!((later.confidence, later.confidence_why.last().unwrap().points), (92, 2));
    // Reported again it is not counted twice, and not at all when the former one was false.
    rig.report("web2", 2, &[claimed("bb", 50, 3)]).await;
    assert_eq!(show("bb").await.confidence, 92);
    let wrong = ResolveRequest { resolution: Resolution::FalsePositive, comment: None };
    rig.client.post::<Resolved>(&path::alert_work("aa", "resolve"), &wrong).await.unwrap();
    rig.report("web2", 3, &[claimed("bb", 50, 4)]).await;
    assert_eq!(show("bb").await.confidence, 90);
    rig.stop().await;
}
