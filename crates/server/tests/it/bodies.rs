//! Is a body with a field that nobody knows refused, with the field's name, before anything is done?

use serde_json::{Value, json};

use tripoint_api::{ClientError, path};

use crate::queue::rig;

#[tokio::test]
async fn a_mistyped_field_is_refused_by_its_name_and_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig(folder.path()).await;
    let password = "a long word for a test";
    let typos = [
        (
            path::USERS.to_owned(),
            json!({"name": "t", "role": "viewer", "password": password, "group": ["web"]}),
            "group",
        ),
        (
            path::TOKENS.to_owned(),
            json!({"name": "t", "role": "viewer", "expires": "2030-01-01T00:00:00Z", "scope": ["alerts:read"]}),
            "scope",
        ),
        (path::GROUPS.to_owned(), json!({"name": "t", "hosts": ["*"], "host": "x"}), "host"),
        (
            path::ACTIONS.to_owned(),
            json!({"kind": "block", "target": "203.0.113.9", "reason": "r", "dryrun": true}),
            "dryrun",
        ),
        (path::EXCEPTIONS.to_owned(), json!({"target": "203.0.113.9", "reason": "r", "for": 60}), "for"),
        (path::QUEUE_WORK.to_owned(), json!({"ids": ["aa"], "version": {}, "work": {"do": "split"}}), "version"),
        (path::alert_work("aa", "work"), json!({"do": "comment", "text": "x", "txt": "y"}), "txt"),
        (path::alert_work("aa", "resolve"), json!({"resolution": "expected", "coment": "y"}), "coment"),
    ];
    for (route, body, field) in typos {
        let answer = rig.client.post::<Value>(&route, &body).await;
        let Err(ClientError::Problem(problem)) = &answer else { panic!("{route}: {answer:?}") };
        assert_eq!(problem.status, 400, "{route}: {problem}");
        assert!(problem.detail.contains(field), "{route}: {problem}");
    }
    let users: Value = rig.client.get(path::USERS).await.unwrap();
    assert!(!users.to_string().contains("\"t\""), "{users}");
    let alert: Value = rig.client.get(&path::alert("aa")).await.unwrap();
    assert_eq!(
        (&alert["work"]["status"], alert["work"]["comments"].as_array()),
        (&json!("open"), Some(&vec![])),
        "{alert}"
    );
    rig.stop().await;
}
