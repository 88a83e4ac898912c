//! Does a Local API get every block once it can be reached, and is it said while it cannot?

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::{Value, json};

use tripoint_api::{CrowdsecHealth, ServerHealth, path};
use tripoint_fetch::{Fetcher, Settings};
use tripoint_server::Push;

use crate::lapi::{blocked, lifted};
use crate::rig::Rig;

/// What a Local API was told, and how it behaves.
#[derive(Default)]
struct Api {
    seen: Vec<(String, Value)>,
    sign_ins: u32,
    /// The token that is taken now.
    token: u32,
    /// Refuse alerts with this.
    broken: Option<StatusCode>,
}

type Shared = Arc<Mutex<Api>>;

async fn serve(State(api): State<Shared>, request: Request) -> Response {
    let what = format!("{} {}", request.method(), request.uri());
    let said = request.headers().get("authorization").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut api = api.lock().unwrap();
    if what == "POST /v1/watchers/login" {
        api.sign_ins += 1;
        let good = body["machine_id"] == "tripoint" && body["password"] == "secret";
        let status = if good { StatusCode::OK } else { StatusCode::FORBIDDEN };
        return (status, Json(json!({ "code": 200, "token": format!("t{}", api.token) }))).into_response();
    }
    if said != Some(format!("Bearer t{}", api.token)) {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "message": "token is expired" }))).into_response();
    }
    if let Some(status) = api.broken {
        return (status, Json(json!({ "message": "not now" }))).into_response();
    }
    api.seen.push((what, body));
    (StatusCode::CREATED, Json(json!(["1"]))).into_response()
}

async fn health(rig: &Rig) -> CrowdsecHealth {
    rig.client.get::<ServerHealth>(path::HEALTH).await.unwrap().crowdsec.unwrap()
}

async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..400 {
        if let Some(found) = probe().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{what} did not come about");
}

fn push(url: &str, password: &str) -> Push {
    let settings = Settings { total_timeout: Duration::from_secs(2), ..Settings::default() };
    Push {
        url: url.into(),
        machine: "tripoint".into(),
        password: password.into(),
        fetcher: Fetcher::new(settings).unwrap(),
    }
}

#[tokio::test]
async fn blocks_are_handed_over_again_until_they_are_taken_and_released_alone() {
    let api = Shared::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(serve).with_state(Arc::clone(&api));
    let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start_as(folder.path(), |options| options.push = Some(push(&url, "secret"))).await;
    api.lock().unwrap().broken = Some(StatusCode::INTERNAL_SERVER_ERROR);
    rig.report_items("a", 1, vec![blocked("203.0.113.66", 600), blocked("203.0.113.0/24", 600)]).await;
    let trouble = eventually("trouble", async || health(&rig).await.trouble).await;
    assert!(trouble.contains("status 500") && trouble.contains("not now"), "{trouble}");
    // Its token runs out meanwhile.
    {
        let mut api = api.lock().unwrap();
        (api.broken, api.token) = (None, 1);
    }
    eventually("all is handed over", async || (health(&rig).await.pushed == 2).then_some(())).await;
    assert_eq!((health(&rig).await.state.as_str(), health(&rig).await.trouble), ("ok", None));
    {
        let api = api.lock().unwrap();
        let alerts = api.seen.last().unwrap();
        assert_eq!((alerts.0.as_str(), alerts.1.as_array().unwrap().len()), ("POST /v1/alerts", 2));
        let decision = &alerts.1[1]["decisions"][0];
        assert_eq!((&decision["scope"], &decision["value"]), (&json!("Range"), &json!("203.0.113.0/24")));
    }
    rig.report_items("a", 2, vec![lifted("203.0.113.66")]).await;
    eventually("the release", async || (health(&rig).await.released == 1).then_some(())).await;
    assert_eq!(
        api.lock().unwrap().seen.last().unwrap().0,
        "DELETE /v1/decisions?value=203.0.113.66&type=ban&scenario=tripoint%2Fblock"
    );
    // What was taken is not handed over again after a restart.
    rig.stop().await;
    let before = api.lock().unwrap().seen.len();
    let rig = Rig::start_as(folder.path(), |options| options.push = Some(push(&url, "secret"))).await;
    eventually("a round", async || health(&rig).await.last_success).await;
    assert_eq!(api.lock().unwrap().seen.len(), before);
    rig.stop().await;
    // A wrong password is known before the first block, and said without the password.
    let other = tempfile::tempdir().unwrap();
    let rig = Rig::start_as(other.path(), |options| options.push = Some(push(&url, "wrong-word"))).await;
    let trouble = eventually("trouble", async || health(&rig).await.trouble).await;
    assert!(trouble.contains("sign-in") && !trouble.contains("wrong-word"), "{trouble}");
    rig.stop().await;
    serving.abort();
    // Nobody there: said, and the server works.
    let rig = Rig::start_as(other.path(), |options| options.push = Some(push("http://127.0.0.1:1", "secret"))).await;
    eventually("trouble", async || health(&rig).await.trouble).await;
    assert_eq!(rig.client.get::<ServerHealth>(path::HEALTH).await.unwrap().status, "ok");
    rig.stop().await;
}
