//! Is the checked-in description of the API the one that the server keeps?

use std::path::Path;

use serde_json::Value;

use tripoint_api::{ActionAnswer, AgentHealth, Client, ClientError};
use tripoint_model::{Exception, Outcome, Timestamp};
use tripoint_server::openapi::{document, routes};
use tripoint_server::permits::{self, Who};

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

/// What a query says and nobody understands is told with what would be understood, on every route of ours.
#[tokio::test]
async fn no_field_of_a_query_is_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let document = document();
    for permit in permits::all() {
        let Some(known) = permit.query else { continue };
        let described = document["paths"][permit.route][permit.method]["parameters"].as_array();
        let in_query = described.into_iter().flatten().filter(|one| one["in"] == "query");
        let described: Vec<&str> = in_query.filter_map(|one| one["name"].as_str()).collect();
        assert_eq!(known, described, "{} {}", permit.method, permit.route);
        if matches!(permit.who, Who::Persons(_) | Who::SignedIn) {
            continue;
        }
        let path = permit.route.replace("{id}", "zz").replace("{name}", "zz");
        let refused = ask(&rig.client, permit.method, &format!("{path}?filtr=x")).await.expect_err(permit.route);
        let ClientError::Problem(problem) = refused else { panic!("{}: {refused}", permit.route) };
        assert_eq!((problem.status, problem.kind.as_str()), (400, "tripoint:unknown-field"), "{}", permit.route);
        assert!(problem.detail.contains("\"filtr\""), "{}", problem.detail);
        assert!(known.iter().all(|field| problem.detail.contains(field)), "{}", problem.detail);
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_wrong_value_is_told_once_with_its_field_and_what_would_be_right() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    for (path, told) in [
        ("/v1/connections?peer=foo", "peer is \"foo\": not an address, network, address:port or domain: \"foo\""),
        ("/v1/connections?direction=up", "direction is \"up\": one of inbound, outbound is wanted"),
        (
            "/v1/queue?sort=zz",
            "sort is \"zz\": one of -score, score, -last_seen, last_seen, -first_seen, first_seen, -changed, due is wanted",
        ),
        ("/v1/queue?limit=many", "limit is \"many\": a whole number is wanted"),
        ("/v1/audit?limit=-1", "limit is \"-1\": a whole number is wanted"),
        ("/v1/connections?since=noon", "since is \"noon\": not an RFC 3339 time: \"noon\""),
        ("/v1/queue?limit=1&limit=2", "duplicate field `limit`"),
    ] {
        let refused = rig.client.get_text(path).await.expect_err(path);
        let ClientError::Problem(problem) = refused else { panic!("{path}: {refused}") };
        assert_eq!((problem.status, problem.detail.as_str()), (400, told), "{path}");
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
