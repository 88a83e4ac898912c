//! Is it shown what goes where, as it is configured, without secrets and without other people's hosts?

use std::time::Duration;

use serde_json::{Value, json};

use tripoint_api::{Role, path};
use tripoint_fetch::Settings;
use tripoint_model::ServiceLevels;
use tripoint_server::Notify;
use tripoint_server::notify_config::{MaintenanceConfig, NotifyConfig, RouteConfig, StepConfig};

use crate::browser::{Browser, add_user};
use crate::channels::{channel, to, webhook};
use crate::rig::{Rig, alert};

/// Two routes, a window that is over, one that is open; nothing is listening at the channels.
async fn serve(folder: &std::path::Path) -> Rig {
    let team = RouteConfig {
        name: "team".into(),
        filter: "severity>=medium host:web*".into(),
        kinds: vec!["alerts".into(), "overdue".into()],
        digest: "15m".into(),
        quiet: vec!["sat-sun 00:00-24:00".into()],
        zone: "+01:00".into(),
        escalate: vec![StepConfig { after: "30m".into(), when: "unassigned".into(), to: vec!["hook".into()] }],
        ..to(&["ops"])
    };
    let window = |name: &str, until: &str| MaintenanceConfig {
        name: name.into(),
        filter: "host:db*".into(),
        from: "2020-01-01T00:00:00Z".into(),
        until: until.into(),
    };
    let config = NotifyConfig {
        channels: vec![
            channel("ops", "slack", "http://127.0.0.1:9/key-of-ops"),
            webhook(folder, "hook", "http://127.0.0.1:9/key-of-hook"),
        ],
        routes: vec![team, RouteConfig { kinds: vec!["feeds".into()], ..to(&["hook"]) }],
        maintenance: vec![window("old", "2020-02-01T00:00:00Z"), window("move", "2999-01-01T00:00:00Z")],
    };
    let notify = Notify::new(&config, Settings::default()).unwrap();
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    Rig::start_as(folder, |options| {
        options.notify = Some(notify);
        options.levels = ServiceLevels {
            respond: [None, None, None, None, seconds(900)],
            resolve: [None, None, seconds(60), None, None],
        };
    })
    .await
}

#[tokio::test]
async fn routes_windows_and_promises_are_shown_as_they_are_configured() {
    let folder = tempfile::tempdir().unwrap();
    let rig = serve(folder.path()).await;
    let text = rig.client.get_text(path::ROUTING).await.unwrap();
    for secret in ["key-of-ops", "key-of-hook", "secret", "127.0.0.1"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    let routing: Value = serde_json::from_str(&text).unwrap();
    let mut team = routing["routes"][0].clone();
    // Whether it is the weekend is not for this test to say.
    team.as_object_mut().unwrap().remove("quiet_until");
    let wanted = json!({
        "name": "team", "filter": "severity>=medium host:web*", "kinds": ["alerts", "overdue"], "channels": ["ops"],
        "quiet": ["sat-sun 00:00-24:00"], "zone": "+01:00", "digest_s": 900,
        "escalate": [{"after_s": 1800, "if": "unassigned", "to": ["hook"]}],
    });
    assert_eq!(team, wanted);
    assert_eq!(routing["routes"][1], json!({"name": "route 2", "kinds": ["feeds"], "channels": ["hook"]}));
    let windows = routing["maintenance"].as_array().unwrap().iter().map(|one| (&one["name"], &one["state"]));
    assert_eq!(windows.collect::<Vec<_>>(), [(&json!("move"), &json!("active")), (&json!("old"), &json!("over"))]);
    assert_eq!(
        routing["promises"],
        json!([{"level": "critical", "respond_s": 900}, {"level": "medium", "resolve_s": 60}])
    );
    rig.stop().await;
    // A server that tells nobody says so.
    let rig = Rig::start(folder.path()).await;
    let routing: Value = rig.client.get(path::ROUTING).await.unwrap();
    assert_eq!(
        (&routing["routes"], &routing["maintenance"], &routing["promises"]),
        (&json!([]), &json!([]), &json!([]))
    );
    rig.stop().await;
}

#[tokio::test]
async fn filters_are_not_shown_to_who_sees_some_hosts_alone_and_alerts_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let rig = serve(folder.path()).await;
    rig.report("web1", 1, &[alert("aa", 50, 1)]).await;
    rig.client.post::<Value>(path::GROUPS, &json!({"name": "db", "hosts": ["db*"]})).await.unwrap();
    add_user(&rig.client, "vera", Role::Viewer, &[]).await;
    add_user(&rig.client, "dora", Role::Viewer, &["db"]).await;
    let (vera, dora) = (Browser::signed_in(&rig, "vera").await, Browser::signed_in(&rig, "dora").await);
    let heard = dora.get(path::ROUTING).await;
    assert!(heard.status == 200 && !heard.body.contains("web*") && !heard.body.contains("db*"), "{heard:?}");
    assert!(heard.body.contains("\"filters_hidden\":true") && heard.body.contains("team"), "{heard:?}");
    let heard = vera.get(path::ROUTING).await;
    assert!(heard.body.contains("host:web*") && !heard.body.contains("filters_hidden"), "{heard:?}");
    assert_eq!(dora.get(&path::alert_routing("aa")).await.status, 404);
    let heard = vera.get(&path::alert_routing("aa")).await;
    let told: Value = serde_json::from_str(&heard.body).unwrap();
    assert_eq!(told["channels"].as_array().map(Vec::len), Some(1), "{told}");
    assert_eq!(told["channels"][0]["channel"], json!("ops"));
    assert!(told["channels"][0]["held_for"].as_str().is_some_and(|why| why.ends_with(" of team")), "{told}");
    assert_eq!((&told["routes"][0]["takes"], &told["routes"][1]["takes"]), (&json!(true), &json!(false)));
    rig.stop().await;
}
