//! How is a server put up for a test, and what does an agent say to it?

use std::path::Path;
use std::process;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use tripoint_api::agent::Item;
use tripoint_api::{AgentIdentity, Batch, BatchAnswer, Client, FeedHealth, path};
use tripoint_model::{Alert, Timestamp};
use tripoint_server::{ReadImages, Ready, ServeError, ServerOptions, serve, socket_path};

/// A feed that something is wrong with.
pub fn held_feed() -> FeedHealth {
    FeedHealth {
        feed: "list\"1".into(),
        state: "held".into(),
        count: 7,
        last_success: Some(Timestamp(0)),
        trouble: Some("it is empty".into()),
        ..FeedHealth::default()
    }
}

/// A running server.
pub struct Rig {
    pub client: Client,
    pub ready: Ready,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServeError>>,
}

impl Rig {
    /// Starts a server on a data folder.
    pub async fn start(data_dir: &Path) -> Self {
        Self::start_with(data_dir, None).await
    }

    /// The same with images for agents.
    pub async fn start_with(data_dir: &Path, images: Option<Arc<dyn ReadImages>>) -> Self {
        Self::start_as(data_dir, |options| options.images = images).await
    }

    /// The same with other options.
    pub async fn start_as(data_dir: &Path, change: impl FnOnce(&mut ServerOptions)) -> Self {
        let mut options = ServerOptions {
            data_dir: data_dir.to_owned(),
            listen: Some("127.0.0.1:0".parse().unwrap()),
            ready_file: Some(data_dir.join("ready")),
            agent_uids: vec![own_uid()],
            feeds: Some(Arc::new(|| vec![held_feed()])),
            systems: Some(Arc::new(networks_of)),
            ..ServerOptions::default()
        };
        change(&mut options);
        Self::try_start(options).await.unwrap()
    }

    /// Starts one that may not start.
    pub async fn try_start(mut options: ServerOptions) -> Result<Self, ServeError> {
        let (tell, told) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        options.ready = Some(tell);
        let client = Client::unix(&socket_path(&options.data_dir));
        let task = tokio::spawn(serve(options, async { drop(stopped.await) }));
        match told.await {
            Ok(ready) => Ok(Self { client, ready, stop, task }),
            Err(_) => Err(task.await.unwrap().unwrap_err()),
        }
    }

    /// Through TCP, with the server's token.
    pub fn tcp(&self) -> Client {
        Client::tcp(self.ready.address.unwrap(), &self.token())
    }

    /// The server's token.
    pub fn token(&self) -> String {
        std::fs::read_to_string(self.ready.socket.with_file_name("token")).unwrap().trim().to_owned()
    }

    /// Ends it in order.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        self.task.await.unwrap().unwrap();
    }

    /// Cuts it off in the middle of whatever it does.
    pub async fn abort(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// Reports alerts as the agent of `host`.
    pub async fn report(&self, host: &str, sequence: u64, alerts: &[Alert]) -> BatchAnswer {
        self.report_items(
            host,
            sequence,
            alerts.iter().map(|alert| Item::Alert { alert: Box::new(alert.clone()) }).collect(),
        )
        .await
    }

    /// Reports anything as the agent of `host`.
    pub async fn report_items(&self, host: &str, sequence: u64, items: Vec<Item>) -> BatchAnswer {
        let batch = Batch { agent: identity(host), sequence, items };
        self.client.post(path::AGENT_BATCH, &batch).await.unwrap()
    }
}

pub fn identity(host: &str) -> AgentIdentity {
    AgentIdentity { host: host.into(), boot_id: format!("boot-of-{host}"), version: "1".into(), started: Timestamp(1) }
}

pub fn own_uid() -> u32 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(format!("/proc/{}", process::id())).unwrap().uid()
}

/// An alert with this id and score, as an agent would write it.
pub fn alert(id: &str, score: i16, at: i64) -> Alert {
    let json = format!(
        r#"{{"schema":1,"id":"{id}","rule":"bad_server_of_vulnerable_app","title":"app@web1 connected","host":"web1",
        "application":{{"kind":"unit","id":"app.service","name":"app"}},"indicator":"203.0.113.66","direction":"outbound",
        "severity":{{"score":{score},"level":"{level}","factors":[]}},"confidence":90,
        "first_seen":"2026-11-20T03:00:00Z","last_seen":"2026-11-20T03:00:{at:02}Z","count":1,"bytes_in":0,"bytes_out":0,
        "still_open":true,"connections":[],"claims":[],"findings":[]}}"#,
        level =
            serde_json::to_string(&tripoint_model::Level::of(u8::try_from(score).unwrap())).unwrap().trim_matches('"'),
    );
    serde_json::from_str(&json).unwrap()
}

/// AS64500 has one network, AS64502 more than an exception takes.
fn networks_of(number: u32) -> Result<Vec<ipnet::IpNet>, String> {
    match number {
        64500 => Ok(vec!["203.0.113.0/24".parse().unwrap()]),
        64502 => Ok(vec!["203.0.113.0/24".parse().unwrap(); 4097]),
        _ => Err("the owners' table gives it no network".to_owned()),
    }
}
