//! Is the checked-in description of the API the one that the server keeps?

use std::path::Path;

use serde_json::Value;

use tripoint_api::{ActionAnswer, AgentHealth, Client, ClientError};
use tripoint_model::{Exception, Outcome, Timestamp};
use tripoint_server::openapi::{document, routes};

use crate::rig::{Rig, alert};

#[test]
fn the_checked_in_document_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi/tripoint.json");
    let fresh = format!("{}\n", serde_json::to_string_pretty(&document()).unwrap());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &fresh).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == fresh, "openapi/tripoint.json is stale; UPDATE=1 rewrites it");
}

#[tokio::test]
async fn every_route_in_it_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    for route in routes().filter(|route| !route.path.ends_with("watch")) {
        let path = route.path.replace("{id}", "zz").replace("{name}", "zz").replace("{number}", "999");
        let path = if route.path.ends_with("orders") { format!("{path}?host=h") } else { path };
        let result = ask(&rig.client, route.method, &path).await;
        if let Err(ClientError::Problem(problem)) = result {
            assert_ne!(problem.status, 405, "{} {path}", route.method);
            assert!(!problem.detail.contains("nothing at this path"), "{} {path}", route.method);
        }
    }
    rig.stop().await;
}

async fn ask(client: &Client, method: &str, path: &str) -> Result<(), ClientError> {
    match method {
        "get" => client.get_text(path).await.map(drop),
        "delete" => client.delete(path).await,
        _ => client.post::<Value>(path, &Value::Object(Default::default())).await.map(drop),
    }
}

#[test]
fn what_is_sent_has_no_field_that_it_does_not_name() {
    let document = document();
    let outcome: Outcome = serde_json::from_str(
        r#"{"id":"b","action":"block","target":"203.0.113.66","mechanism":"bpf","state":"applied","verified":true,
        "detail":"x","at":"2026-11-20T03:00:00Z","expires":"2026-11-20T04:00:00Z"}"#,
    )
    .unwrap();
    let exception = Exception {
        id: "x".into(),
        target: Some("203.0.113.66".parse().unwrap()),
        networks: vec!["203.0.113.0/24".parse().unwrap()],
        application: Some("unit:a.service".into()),
        hosts: Some("web-*".into()),
        direction: Some(tripoint_model::Direction::Inbound),
        rule: Some("bad_peer".into()),
        indicator: Some("203.0.113.66".parse().unwrap()),
        cves: vec!["CVE-2026-1".into()],
        ticket: Some("T-1".into()),
        reason: "r".into(),
        owner: "o".into(),
        created: Timestamp(0),
        expires: Timestamp(1),
    };
    let answer = ActionAnswer { errors: vec!["e".into()], ..ActionAnswer::default() };
    let health = AgentHealth { counters: [("c".to_owned(), 1)].into(), ..AgentHealth::default() };
    for (name, value) in [
        ("Alert", serde_json::to_value(alert("aa", 50, 1)).unwrap()),
        ("Outcome", serde_json::to_value(outcome).unwrap()),
        ("Exception", serde_json::to_value(exception).unwrap()),
        ("ActionAnswer", serde_json::to_value(answer).unwrap()),
        ("AgentHealth", serde_json::to_value(health).unwrap()),
    ] {
        let properties = &document["components"]["schemas"][name]["properties"];
        for field in value.as_object().unwrap().keys() {
            assert!(properties.get(field).is_some(), "{name}.{field} is not in the document");
        }
    }
}
