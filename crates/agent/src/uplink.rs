//! How do alerts and outcomes reach the server, and orders the agent, with nothing lost between?

use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc::UnboundedReceiver;
use tripoint_api::agent::{AgentHealth, AgentIdentity, Answer, BATCH_ITEMS_MAX, Batch, Item, LedgerEntry};
use tripoint_api::client::Client;
use tripoint_api::path;
use tripoint_journal::{Journal, Options};
use tripoint_model::{Alert, AlertId, Outcome, Refusal, Timestamp};

use crate::respond::Ask;

/// Something for the server.
pub enum Report {
    /// A new or changed alert.
    Alert(Box<Alert>),
    /// What the kernel said.
    Outcome(Option<AlertId>, Outcome),
    /// Policy was refused something about an alert.
    Refused(AlertId, Refusal),
    /// The ledger was repaired.
    Ledger(LedgerEntry),
    /// How we are.
    Health(Box<AgentHealth>),
    /// The answer to an order.
    Answer(u64, Answer),
    /// The end: what is left goes to the spool.
    Stop,
}

/// How much may wait on disk while the server is away.
const SPOOL_MAX_BYTES: u64 = 256 << 20;
/// What is sent in one request.
const BATCH_BYTES_MAX: usize = 4 << 20;

/// Sends reports and fetches orders.
pub struct Uplink {
    socket: PathBuf,
    identity: AgentIdentity,
    spool: Journal,
    health: Option<AgentHealth>,
}

impl Uplink {
    /// Opens the spool; what an earlier run could not deliver is still in it.
    pub fn open(socket: PathBuf, folder: &Path, mut identity: AgentIdentity) -> anyhow::Result<Self> {
        let options = Options { max_bytes: SPOOL_MAX_BYTES, ..Options::default() };
        let (spool, recovery) = Journal::open(folder, options)?;
        if recovery.torn_bytes > 0 {
            tracing::warn!(bytes = recovery.torn_bytes, "an interrupted write was cut from the spool");
        }
        identity.boot_id = format!("{}/{}", identity.boot_id, spool_id(folder)?);
        Ok(Self { socket, identity, spool, health: None })
    }

    /// Runs until `Report::Stop`.
    pub fn run(self, reports: UnboundedReceiver<Report>, orders: Sender<Ask>) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let socket = self.socket.clone();
        let host = self.identity.host.clone();
        runtime.block_on(async move {
            let fetching = tokio::spawn(fetch_orders(socket, host, orders));
            self.deliver(reports).await;
            fetching.abort();
        });
        Ok(())
    }

    async fn deliver(mut self, mut reports: UnboundedReceiver<Report>) {
        let client = Client::unix(&self.socket);
        let mut waiting = Vec::with_capacity(BATCH_ITEMS_MAX);
        let mut back_off = Duration::from_millis(20);
        loop {
            let has_rest = self.spool.end() > self.spool.acknowledged() || self.health.is_some();
            let received = if has_rest {
                match tokio::time::timeout(back_off, reports.recv_many(&mut waiting, BATCH_ITEMS_MAX)).await {
                    Ok(count) => count,
                    Err(_) => usize::MAX,
                }
            } else {
                reports.recv_many(&mut waiting, BATCH_ITEMS_MAX).await
            };
            if received == 0 {
                break;
            }
            let mut stop = false;
            let mut answers = Vec::new();
            for report in waiting.drain(..) {
                match report {
                    Report::Stop => stop = true,
                    Report::Answer(number, answer) => answers.push((number, answer)),
                    Report::Health(health) => self.health = Some(*health),
                    Report::Alert(alert) => self.keep(&Item::Alert { alert }),
                    Report::Outcome(alert, outcome) => self.keep(&Item::Outcome { alert, outcome }),
                    Report::Refused(alert, refusal) => self.keep(&Item::Refusal { alert, refusal }),
                    Report::Ledger(entry) => self.keep(&Item::Ledger { entry }),
                }
            }
            for (number, answer) in answers {
                let sent: Result<serde::de::IgnoredAny, _> = client.post(&path::order_answer(number), &answer).await;
                if let Err(error) = sent {
                    tracing::warn!(number, %error, "the answer to an order was not delivered");
                }
            }
            back_off = if self.push(&client).await {
                Duration::from_millis(20)
            } else {
                (back_off * 2).min(Duration::from_secs(5))
            };
            if stop {
                break;
            }
        }
        if let Err(error) = self.spool.sync() {
            tracing::error!(%error, "the spool could not be made durable");
        }
    }

    /// Into the spool first: whatever happens next, it is not lost.
    fn keep(&mut self, item: &Item) {
        let bytes = match serde_json::to_vec(item) {
            Ok(bytes) => bytes,
            Err(error) => return tracing::error!(%error, "an item cannot be written as JSON"),
        };
        if let Err(error) = self.spool.append(&bytes) {
            tracing::error!(%error, "the spool takes no more; an item is lost");
        }
    }

    /// Sends what the spool holds; says whether the server took everything offered.
    async fn push(&mut self, client: &Client) -> bool {
        loop {
            let records = match self.spool.read_from(self.spool.acknowledged(), BATCH_BYTES_MAX) {
                Ok(records) => records,
                Err(error) => {
                    tracing::error!(%error, "the spool cannot be read");
                    return false;
                }
            };
            let records: Vec<_> = records.into_iter().take(BATCH_ITEMS_MAX).collect();
            let mut items: Vec<Item> = records.iter().filter_map(|r| serde_json::from_slice(&r.bytes).ok()).collect();
            let end = records.last().map_or(self.spool.acknowledged(), |record| record.next);
            let more = end < self.spool.end();
            if let Some(health) = self.health.take() {
                items.push(Item::Health { at: Timestamp::from_system(SystemTime::now()), health });
            }
            if items.is_empty() {
                return true;
            }
            let batch = Batch { agent: self.identity.clone(), sequence: end, items };
            let sent: Result<tripoint_api::agent::BatchAnswer, _> = client.post(path::AGENT_BATCH, &batch).await;
            match sent {
                Ok(_) => {
                    if let Err(error) = self.spool.acknowledge(end) {
                        tracing::error!(%error, "the spool cannot be shortened");
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "the server did not take the batch; it stays in the spool");
                    return false;
                }
            }
            if !more {
                return true;
            }
        }
    }
}

/// Holds one request open for orders and passes them on in their order.
async fn fetch_orders(socket: PathBuf, host: String, orders: Sender<Ask>) {
    let client = Client::unix(&socket);
    let mut after = 0;
    let mut told_exceptions = false;
    loop {
        // Orders carry only changes; what was excepted before is asked for once.
        if !told_exceptions {
            let known: Result<tripoint_api::ExceptionList, _> = client.get(path::EXCEPTIONS).await;
            if let Ok(known) = known {
                told_exceptions = true;
                let _ = orders.send(Ask::Exceptions(known.exceptions.into_iter().map(|kept| kept.exception).collect()));
            }
        }
        let query = format!("{}?host={}&after={after}&wait_s=25", path::AGENT_ORDERS, path::segment(&host));
        let answer: Result<tripoint_api::agent::Orders, _> = client.get(&query).await;
        match answer {
            Ok(answer) => {
                for numbered in answer.orders {
                    after = after.max(numbered.number);
                    if orders.send(Ask::Order(numbered.number, Box::new(numbered.order))).is_err() {
                        return;
                    }
                }
            }
            Err(error) => {
                tracing::debug!(%error, "no orders: the server is away");
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        }
    }
}

/// The spool's own id: with a new spool the sequence begins anew, and nobody may take that for old news.
fn spool_id(folder: &Path) -> anyhow::Result<String> {
    let path = folder.join("id");
    if let Ok(id) = std::fs::read_to_string(&path)
        && !id.is_empty()
    {
        return Ok(id);
    }
    let id = std::fs::read_to_string("/proc/sys/kernel/random/uuid")?.trim().to_owned();
    std::fs::write(&path, &id)?;
    Ok(id)
}
