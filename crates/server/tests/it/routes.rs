//! Do routes, digests, maintenance and escalations bring each message to whom it is for, once, and lose none?

use std::time::Duration;

use serde_json::{Value, json};

use tripoint_api::agent::Item;
use tripoint_api::path;
use tripoint_model::{Alert, AlertId, Investigation, Timestamp, Verdict};
use tripoint_server::notify_config::{ChannelConfig, MaintenanceConfig, RouteConfig, StepConfig};

use crate::browser::sql;
use crate::channels::{channel, config, secret, serve, status, to, types, until, webhook};
use crate::receiver::{Came, Manner, Receiver};
use crate::rig::{Rig, alert};

async fn work(rig: &Rig, id: &str, what: &str, body: Value) {
    let _: Value = rig.client.post(&path::alert_work(id, what), &body).await.unwrap();
}

#[tokio::test]
async fn whoever_keeps_a_state_is_told_of_each_change_of_it_and_nobody_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let (pager, hook) = (Receiver::new(Manner::Says(202)).await, Receiver::new(Manner::Says(200)).await);
    let key = secret(folder.path(), "pager");
    let channels = vec![
        ChannelConfig { token_file: key, ..channel("pager", "pagerduty", &pager.url) },
        webhook(folder.path(), "hook", &hook.url),
    ];
    let high = RouteConfig { filter: "severity>=high".into(), ..to(&["pager"]) };
    let rig = serve(folder.path(), &config(channels, vec![high, to(&["hook"])])).await;
    rig.report("web1", 1, &[alert("aa", 85, 1), alert("low", 25, 1)]).await;
    until("both", async || hook.came().len() == 2 && pager.came().len() == 1).await;
    work(&rig, "low", "resolve", json!({ "resolution": "expected" })).await;
    work(&rig, "aa", "assign", json!({ "assignee": "ada" })).await;
    work(&rig, "aa", "resolve", json!({ "resolution": "true-positive-remediated" })).await;
    work(&rig, "aa", "reopen", json!({})).await;
    work(&rig, "aa", "resolve", json!({ "resolution": "testing" })).await;
    until("five events", async || pager.came().len() == 5).await;
    let events: Vec<(String, String)> = pager
        .came()
        .iter()
        .map(|came| {
            let event = came.json();
            let text = |name: &str| event[name].as_str().unwrap().to_owned();
            (text("event_action"), text("dedup_key"))
        })
        .collect();
    let wanted = ["trigger", "acknowledge", "resolve", "trigger", "resolve"];
    assert_eq!(events, wanted.map(|action| (action.to_owned(), "tripoint/aa".to_owned())));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(types(&hook.came())[2..], ["alert-escalated aa"]);
    rig.stop().await;
}

/// Alertmanager takes for over what nobody repeats.
#[tokio::test]
async fn what_goes_on_is_repeated_to_whoever_would_forget_it() {
    let folder = tempfile::tempdir().unwrap();
    let manager = Receiver::new(Manner::Says(200)).await;
    let channels = vec![channel("am", "alertmanager", &manager.url)];
    let rig = serve(folder.path(), &config(channels, vec![to(&["am"])])).await;
    rig.report("web1", 1, &[alert("aa", 50, 1), alert("bb", 50, 1)]).await;
    until("both", async || manager.came().len() == 2).await;
    work(&rig, "bb", "resolve", json!({ "resolution": "expected" })).await;
    until("the end of one", async || manager.came().len() == 3).await;
    sql(folder.path(), "UPDATE followed SET told = told - 6 * 3600 * 1000000").await;
    until("a repetition", async || manager.came().len() == 4).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let told: Vec<(Value, Value)> = manager
        .came()
        .iter()
        .map(|came| (came.json()[0]["labels"].clone(), came.json()[0]["endsAt"].clone()))
        .collect();
    assert_eq!((told.len(), &told[3].0), (4, &told[0].0), "the same alert, and no other");
    assert!(told[3].1.as_str() > told[0].1.as_str(), "it ends later");
    assert!(told[0].0["rule"].is_null(), "what may change tells no alerts apart");
    rig.stop().await;
}

/// What was so before is no news, and a closing that is taken back calls nobody.
#[tokio::test]
async fn opening_what_is_open_and_undoing_a_closing_are_told_to_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let hook = Receiver::new(Manner::Says(200)).await;
    let all = RouteConfig { kinds: vec!["alerts".into(), "work".into()], ..to(&["hook"]) };
    let rig = serve(folder.path(), &config(vec![webhook(folder.path(), "hook", &hook.url)], vec![all])).await;
    rig.report("web1", 1, &[alert("aa", 50, 1)]).await;
    work(&rig, "aa", "reopen", json!({})).await;
    work(&rig, "aa", "resolve", json!({ "resolution": "expected" })).await;
    work(&rig, "aa", "resolve", json!({ "resolution": "testing" })).await;
    work(&rig, "aa", "work", json!({ "do": "status", "status": "investigating" })).await;
    work(&rig, "aa", "reopen", json!({})).await;
    work(&rig, "aa", "assign", json!({ "assignee": "ada" })).await;
    until("three messages", async || hook.came().len() >= 3).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(types(&hook.came()), ["alert-new aa", "alert-resolved aa", "alert-acknowledged aa"]);
    rig.stop().await;
}

#[tokio::test]
async fn only_escalations_are_told_again_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let hook = Receiver::new(Manner::Says(200)).await;
    let config = config(vec![webhook(folder.path(), "hook", &hook.url)], vec![to(&["hook"])]);
    let rig = serve(folder.path(), &config).await;
    let exploited = |cve: &str, known: bool| -> Alert {
        let mut alert = alert("aa", 50, 2);
        let finding = json!({ "purl": "pkg:deb/debian/x@1", "id": "D-1", "cves": [cve], "state": "affected", "fixed": null,
            "source": "osv", "paths": [], "known_exploited": known });
        alert.findings = vec![serde_json::from_value(finding).unwrap()];
        alert
    };
    let found = |verdict| {
        let mut found = Box::new(Investigation { at: Timestamp(1), ..Investigation::default() });
        found.logs.verdict = Some(verdict);
        Item::Investigation { alert: AlertId("aa".into()), found }
    };
    let mut sequence = 0;
    let mut next = || {
        sequence += 1;
        sequence
    };
    rig.report("web1", next(), &[alert("aa", 50, 1)]).await;
    rig.report("web1", next(), &[exploited("CVE-2024-1", false)]).await;
    rig.report("web1", next(), &[exploited("CVE-2024-1", true)]).await;
    rig.report("web1", next(), &[exploited("CVE-2024-1", true)]).await;
    rig.report_items("web1", next(), vec![found(Verdict::Attempted)]).await;
    rig.report_items("web1", next(), vec![found(Verdict::LikelySucceeded)]).await;
    rig.report_items("web1", next(), vec![found(Verdict::LikelySucceeded)]).await;
    work(&rig, "aa", "work", json!({ "do": "severity", "level": "critical", "reason": "it is the till" })).await;
    rig.report("web1", next(), &[Alert { severity: alert("aa", 65, 3).severity, ..exploited("CVE-2024-1", true) }])
        .await;
    until("four", async || hook.came().len() >= 4).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let why: Vec<String> = hook.came().iter().map(|came| came.json()["why"].to_string()).collect();
    assert_eq!(why, ["null", r#"["newly-exploited"]"#, r#"["likely-succeeded"]"#, r#"["severity"]"#]);
    rig.stop().await;
}

/// Nothing is lost: what is held back is counted and told, also by the next server.
#[tokio::test]
async fn digests_rates_and_maintenance_sum_up_what_they_hold_back() {
    let folder = tempfile::tempdir().unwrap();
    let hook = Receiver::new(Manner::Says(200)).await;
    let soon = Timestamp::from_system(std::time::SystemTime::now()).plus(Duration::from_secs(4));
    let mut config = config(
        vec![
            webhook(folder.path(), "digest", &hook.url),
            ChannelConfig { per_minute: Some(2), ..webhook(folder.path(), "rate", &hook.url) },
            webhook(folder.path(), "muted", &hook.url),
        ],
        vec![
            RouteConfig { name: "d".into(), filter: "id:d*".into(), digest: "2s".into(), ..to(&["digest"]) },
            RouteConfig { name: "r".into(), filter: "id:r*".into(), ..to(&["rate"]) },
            RouteConfig { name: "m".into(), filter: "id:m*".into(), ..to(&["muted"]) },
        ],
    );
    config.maintenance = vec![MaintenanceConfig {
        name: "move".into(),
        filter: "id:m*".into(),
        until: soon.to_string(),
        ..MaintenanceConfig::default()
    }];
    let rig = serve(folder.path(), &config).await;
    let alerts: Vec<Alert> =
        (0..5).flat_map(|at| ["d", "r", "m"].map(|kind| alert(&format!("{kind}{at}"), 50 + 10 * at, 1))).collect();
    rig.report("web1", 1, &alerts).await;
    until("the digest", async || hook.came().iter().any(|came| came.json()["type"] == "digest")).await;
    assert_eq!((status(&rig, "rate").await.delivered, status(&rig, "rate").await.held), (2, 3));
    assert_eq!((status(&rig, "muted").await.delivered, status(&rig, "muted").await.held), (0, 5));
    assert_eq!(status(&rig, "muted").await.held_for, ["maintenance move"]);
    rig.abort().await;
    // Without the entry, what it holds is still told at the time that it said.
    config.maintenance.clear();
    let rig = serve(folder.path(), &config).await;
    until("the sum", async || status(&rig, "muted").await.delivered == 1).await;
    let digests: Vec<Value> =
        hook.came().iter().map(Came::json).filter(|message| message["type"] == "digest").collect();
    let of = |why: &str| digests.iter().find(|digest| digest["digest"]["why"] == why).unwrap()["digest"].clone();
    for why in ["digest of d", "maintenance move"] {
        let digest = of(why);
        assert_eq!(
            (&digest["count"], &digest["types"]["alert-new"], &digest["left_out"]),
            (&5.into(), &5.into(), &0.into())
        );
        assert_eq!(digest["levels"], json!({ "medium": 1, "high": 2, "critical": 2 }));
        assert_eq!(digest["lines"][4], "critical: app@web1 connected");
    }
    assert_eq!(status(&rig, "rate").await.held, 3);
    rig.stop().await;
}

#[tokio::test]
async fn what_nobody_looks_at_is_told_to_the_next_and_what_somebody_took_up_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (Receiver::new(Manner::Says(200)).await, Receiver::new(Manner::Says(200)).await);
    let channels = vec![webhook(folder.path(), "first", &first.url), webhook(folder.path(), "second", &second.url)];
    let step = StepConfig { after: "2s".into(), when: "open".into(), to: vec!["second".into()] };
    let route = RouteConfig { name: "r".into(), escalate: vec![step], ..to(&["first"]) };
    let config = config(channels, vec![route]);
    let rig = serve(folder.path(), &config).await;
    rig.report("web1", 1, &[alert("aa", 50, 1), alert("bb", 50, 1)]).await;
    until("both", async || first.came().len() == 2).await;
    work(&rig, "bb", "assign", json!({ "assignee": "ada" })).await;
    // A step outlives the server.
    rig.stop().await;
    let rig = serve(folder.path(), &config).await;
    until("the step", async || !second.came().is_empty()).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(types(&second.came()), ["alert-unattended aa"]);
    assert_eq!(second.came()[0].json()["why"][0], "nobody has looked");
    rig.stop().await;
}
