//! What do all requests share?

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use std::{fs, io};

use tokio::sync::{broadcast, watch};

use tripoint_api::{Confinement, FeedHealth, Order};
use tripoint_model::confidence::trust::FILE;
use tripoint_model::{Alert, ServiceLevels, Timestamp};

use crate::access::Access;
use crate::auth::Auth;
use crate::auth::caller::Caller;
use crate::entrance::Watch;
use crate::images::Images;
use crate::lapi::push::PushState;
use crate::live::Changed;
use crate::notify::Board;
use crate::oidc::Oidc;
use crate::rejudge::Judging;
use crate::route::once::UnderWay;
use crate::store::{Accounts, Deliveries, Judgements, Met, OfHosts, Sqlite, Store, StoreError};
use crate::taxii::indicators::Indicators;
use crate::{FindSystem, ReadFeeds};

/// An alert as it is shown to whoever watches.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) host: Arc<str>,
    /// As JSON.
    pub(crate) text: Arc<str>,
}

/// The store, who may ask, and how waiting requests are woken.
pub(crate) struct App {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) access: Access,
    /// Who else may ask, and what was done.
    pub(crate) accounts: Accounts,
    pub(crate) auth: Auth,
    pub(crate) stopped: watch::Receiver<bool>,
    /// Alerts, for everybody who watches.
    pub(crate) alerts: broadcast::Sender<Shown>,
    /// Lines of the queue that changed, for everybody who watches it.
    pub(crate) live: broadcast::Sender<Changed>,
    /// Contacts of a batch, for everybody who watches connections.
    pub(crate) met: broadcast::Sender<Arc<Met>>,
    /// Counts changes of alerts, to wake who tells of them.
    pub(crate) changes: watch::Sender<u64>,
    /// Requests with a key that are being done.
    pub(crate) under_way: UnderWay,
    /// Counts new orders.
    pub(crate) orders: watch::Sender<u64>,
    /// Numbers of orders that were answered.
    pub(crate) answers: broadcast::Sender<u64>,
    /// When each agent was last heard of.
    heard: Mutex<BTreeMap<String, Timestamp>>,
    /// What the feeds in force call bad, where that can be told.
    pub(crate) indicators: Option<Indicators>,
    feeds: Option<ReadFeeds>,
    /// The images for agents with data folders of their own.
    pub(crate) images: Option<Arc<Images>>,
    /// The shortest IPv4 prefix that bouncers which hold addresses only are told as addresses.
    pub(crate) expand_prefix: u8,
    /// How handing our blocks to a CrowdSec goes, where that is configured.
    pub(crate) push: Option<PushState>,
    /// Counts messages that were written down, to wake who sends them.
    pub(crate) messages: watch::Sender<u64>,
    /// Who is told, and how that goes, where anybody is.
    pub(crate) notify: Option<Arc<Board>>,
    /// What is on its way to them.
    pub(crate) deliveries: Deliveries,
    /// With which images alerts were judged.
    pub(crate) judgements: Judgements,
    /// Signs people in whom another server knows.
    pub(crate) oidc: Option<Arc<Oidc>>,
    /// How browsers ask, where the server has an address.
    pub(crate) url: Option<String>,
    /// What can be told of who is connected over TCP.
    pub(crate) door: Option<Watch>,
    /// Which networks an autonomous system has, where that can be told.
    pub(crate) systems: Option<FindSystem>,
    /// What people have promised about alerts.
    pub(crate) levels: ServiceLevels,
    /// What the process has given up to touch.
    pub(crate) confined: Option<Confinement>,
    /// Judges alerts anew, where that can be done.
    pub(crate) judging: Option<Arc<Judging>>,
    /// Where what verdicts taught is written.
    trust: tokio::sync::Mutex<PathBuf>,
}

impl App {
    pub(crate) fn new(
        store: Sqlite,
        (access, auth): (Access, Auth),
        stopped: watch::Receiver<bool>,
        indicators: Option<Indicators>,
        feeds: Option<ReadFeeds>,
        data_dir: &Path,
    ) -> Self {
        let (accounts, deliveries, judgements) = (store.accounts(), store.deliveries(), store.judgements());
        Self {
            store: Arc::new(store),
            access,
            accounts,
            auth,
            stopped,
            alerts: broadcast::channel(WATCH_QUEUE).0,
            live: broadcast::channel(WATCH_QUEUE).0,
            met: broadcast::channel(MET_QUEUE).0,
            changes: watch::channel(0).0,
            under_way: UnderWay::default(),
            orders: watch::channel(0).0,
            answers: broadcast::channel(ANSWERS_QUEUE).0,
            heard: Mutex::default(),
            indicators,
            feeds,
            images: None,
            expand_prefix: EXPAND_PREFIX,
            push: None,
            messages: watch::channel(0).0,
            notify: None,
            deliveries,
            judgements,
            oidc: None,
            url: None,
            door: None,
            systems: None,
            levels: ServiceLevels::default(),
            confined: None,
            judging: None,
            trust: tokio::sync::Mutex::new(data_dir.join(FILE)),
        }
    }

    /// How the feeds are. Reads files.
    pub(crate) async fn feeds(&self) -> Vec<FeedHealth> {
        let Some(read) = self.feeds.clone() else { return Vec::new() };
        tokio::task::spawn_blocking(move || read()).await.unwrap_or_default()
    }

    fn heard(&self) -> MutexGuard<'_, BTreeMap<String, Timestamp>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An agent has spoken.
    pub(crate) fn hear(&self, host: &str) {
        let mut heard = self.heard();
        if heard.len() < HOSTS_MAX || heard.contains_key(host) {
            heard.insert(host.to_owned(), now());
        }
    }

    /// Agents heard of within the last minute.
    pub(crate) fn connected_hosts(&self) -> Vec<String> {
        let now = now();
        self.heard().iter().filter(|(_, at)| now.since(**at) < CONNECTED).map(|(host, _)| host.clone()).collect()
    }

    /// Connected agents of hosts that the caller sees.
    pub(crate) fn connected_to(&self, caller: &Caller) -> Vec<String> {
        let mut hosts = self.connected_hosts();
        hosts.retain(|host| caller.sees.host(host));
        hosts
    }

    /// Hosts that the caller sees, of all that are known; `None` = every one.
    pub(crate) async fn seen_by(&self, caller: &Caller) -> Result<OfHosts, StoreError> {
        if caller.sees.all() { Ok(None) } else { Ok(caller.sees.among(self.accounts.hosts().await?)) }
    }

    /// When an agent was last heard of by this run of the server.
    pub(crate) fn last_heard(&self, host: &str) -> Option<Timestamp> {
        self.heard().get(host).copied()
    }

    /// Gives an order to these agents and wakes them; the orders' numbers.
    pub(crate) async fn give(&self, hosts: &[String], order: Order) -> Result<Vec<u64>, StoreError> {
        let numbers = self.store.give(hosts.to_vec(), order, now()).await?;
        self.wake_agents();
        Ok(numbers)
    }

    /// Orders wait for agents.
    pub(crate) fn wake_agents(&self) {
        self.orders.send_modify(|count| *count += 1);
    }

    /// Hands what verdicts taught on to whoever looks up. It can be made anew at any time, so a failure is only said.
    pub(crate) async fn hand_on_trust(&self) {
        // Held while it is written, so that what was asked later is not overwritten.
        let path = self.trust.lock().await;
        let written = match self.store.verdicts().await {
            Ok(trust) => {
                let (path, text) = (path.clone(), trust.text());
                let written = tokio::task::spawn_blocking(move || write_trust(&path, &text)).await;
                written.map_err(io::Error::from).flatten().map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = written {
            tracing::warn!(error, "what verdicts taught about the feeds could not be handed on");
        }
    }

    /// Shows changed alerts to everybody who watches.
    pub(crate) fn show(&self, alerts: &[Alert]) {
        self.changes.send_modify(|count| *count += 1);
        for alert in alerts {
            if let Ok(text) = serde_json::to_string(alert) {
                // No receiver is no error.
                let _ = self.alerts.send(Shown { host: alert.host.as_str().into(), text: text.into() });
            }
        }
    }
}

/// Whole or not at all; readable for every user, like the feeds themselves.
fn write_trust(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, text)?;
    fs::set_permissions(&new, fs::Permissions::from_mode(0o644))?;
    fs::rename(&new, path)
}

/// The server's clock, read in this one place.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

/// How long after its last word an agent counts as connected; it asks for orders every 25 seconds.
pub(crate) const CONNECTED: Duration = Duration::from_secs(60);
/// Alerts that a slow watcher may lag behind before it misses some.
/// Whoever waits for one and was too slow asks for all.
const ANSWERS_QUEUE: usize = 4_096;
const WATCH_QUEUE: usize = 1024;
/// Batches of contacts that one may lag behind; each holds up to 500.
const MET_QUEUE: usize = 32;
/// 256 addresses for a network.
pub(crate) const EXPAND_PREFIX: u8 = 24;
const HOSTS_MAX: usize = 10_000;
