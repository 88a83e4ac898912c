//! Is somebody told about a feed in trouble on its first occurrence, once, signed, and again when it is well?

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde_json::Value;

use tripoint_fetch::Settings;
use tripoint_server::Notify;
use tripoint_server::notify_config::{ChannelConfig, NotifyConfig, RouteConfig};

use crate::rig::{Rig, held_feed};

/// What a receiver was told, and whether it takes anything now.
#[derive(Default)]
struct Receiver {
    told: Vec<Value>,
    refused: u32,
    takes: bool,
}

type Shared = Arc<Mutex<Receiver>>;

async fn receive(State(receiver): State<Shared>, request: Request) -> StatusCode {
    let (head, body) = request.into_parts();
    let header = |name: &str| head.headers.get(name).unwrap().to_str().unwrap().to_owned();
    let (seconds, signature) = (header("x-tripoint-timestamp"), header("x-tripoint-signature"));
    assert!(seconds.parse::<u64>().unwrap() > 1_700_000_000 && signature.len() == "sha256=".len() + 64);
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let mut receiver = receiver.lock().unwrap();
    if !receiver.takes {
        receiver.refused += 1;
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    receiver.told.push(serde_json::from_slice(&body).unwrap());
    StatusCode::NO_CONTENT
}

/// A webhook that is told of these kinds.
pub fn one_webhook(folder: &std::path::Path, secret: &str, url: &str, kinds: &[&str]) -> NotifyConfig {
    let secret_file = folder.join("webhook.secret");
    std::fs::write(&secret_file, secret).unwrap();
    let (name, kind) = ("webhook".to_owned(), "webhook".to_owned());
    let channel = ChannelConfig { name, kind, url: url.into(), secret_file, ..ChannelConfig::default() };
    let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
    let route = RouteConfig { kinds, channels: vec!["webhook".into()], ..RouteConfig::default() };
    NotifyConfig { channels: vec![channel], routes: vec![route], ..NotifyConfig::default() }
}

async fn eventually(what: &str, mut probe: impl FnMut() -> bool) {
    for _ in 0..400 {
        if probe() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{what} did not come about");
}

#[tokio::test]
async fn trouble_is_told_once_and_so_is_its_end() {
    let receiver = Shared::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(receive).with_state(Arc::clone(&receiver));
    let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let feeds = Arc::new(Mutex::new(vec![held_feed()]));
    let folder = tempfile::tempdir().unwrap();
    let start = async || {
        let (feeds, url) = (Arc::clone(&feeds), url.clone());
        Rig::start_as(folder.path(), |options| {
            options.feeds = Some(Arc::new(move || feeds.lock().unwrap().clone()));
            let config = one_webhook(folder.path(), "k", &url, &["feeds"]);
            let settings = Settings { total_timeout: Duration::from_secs(2), ..Settings::default() };
            let pace = Duration::from_millis(50);
            options.notify = Some(Notify::new(&config, settings).unwrap().paced(pace, pace, pace));
        })
        .await
    };
    let rig = start().await;
    eventually("a refusal", || receiver.lock().unwrap().refused > 1).await;
    receiver.lock().unwrap().takes = true;
    eventually("the message", || !receiver.lock().unwrap().told.is_empty()).await;
    // Nothing is repeated, also not by the next server.
    rig.stop().await;
    let rig = start().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    {
        let told = &receiver.lock().unwrap().told;
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((&told[0]["type"], &told[0]["feed"]), (&"feed-trouble".into(), &"list\"1".into()));
        assert_eq!(told[0]["trouble"], "it is empty");
    }
    feeds.lock().unwrap()[0].trouble = None;
    eventually("the end", || receiver.lock().unwrap().told.len() == 2).await;
    assert_eq!(receiver.lock().unwrap().told[1]["type"], "feed-recovered");
    rig.stop().await;
    serving.abort();
}
