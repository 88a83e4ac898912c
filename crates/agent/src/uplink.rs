//! How do alerts and outcomes reach the server, and orders the agent, with nothing lost between?

mod lane;
mod orders;

use std::path::PathBuf;
use std::sync::mpsc::{Sender, SyncSender};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tripoint_api::agent::{
    AgentHealth, AgentIdentity, Answer, BATCH_ITEMS_MAX, Item, LedgerEntry, NumberedOrder, Order,
};
use tripoint_api::client::{Client, ClientError};
use tripoint_api::path;
use tripoint_model::judgement::Software;
use tripoint_model::{Alert, AlertId, Contact, Investigation, Outcome, Refusal};

use crate::findings::Request;
use crate::investigate::{self, Case};
use crate::place::Place;
use crate::respond::Ask;
use lane::{Lane, Refused};

/// Something for the server.
pub enum Report {
    /// A new or changed alert.
    Alert(Box<Alert>),
    /// What the kernel said.
    Outcome(Option<AlertId>, Outcome),
    /// Policy was refused something about an alert.
    Refused(AlertId, Refusal),
    /// What was found out about an alert.
    Investigation(AlertId, Box<Investigation>),
    /// What became of the software of an alert of which nothing else is on record.
    Software(AlertId, Software),
    /// The ledger was repaired.
    Ledger(LedgerEntry),
    /// Who was in contact with whom, and how many connections are in none of them.
    Contacts(Vec<Contact>, u64),
    /// How we are.
    Health(Box<AgentHealth>),
    /// The answer to an order.
    Answer(u64, Answer),
    /// The end: what is left goes to the spool.
    Stop,
}

/// Who carries out orders.
pub struct Doors {
    /// Everything that touches the kernel.
    pub actions: Sender<Ask>,
    /// What looks into alerts.
    pub cases: SyncSender<investigate::Ask>,
    /// What looks after the software of alerts.
    pub findings: Sender<Request>,
}

impl Doors {
    /// Whether somebody took it.
    fn pass_on(&self, NumberedOrder { number, order, .. }: NumberedOrder) -> bool {
        match order {
            Order::Investigate { alert } => {
                let case = Box::new(Case::of(&alert));
                self.cases.try_send(investigate::Ask::Order(number, case)).is_ok()
                    || self.actions.send(Ask::Order(number, Box::new(Order::Investigate { alert }))).is_ok()
            }
            order => self.actions.send(Ask::Order(number, Box::new(order))).is_ok(),
        }
    }
}

/// How much may wait on disk while the server is away.
const SPOOL_MAX_BYTES: u64 = 256 << 20;
/// What is sent in one request.
const BATCH_BYTES_MAX: usize = 4 << 20;
/// The same of contacts, which can wait: some hours of a busy host.
const CONTACTS_MAX_BYTES: u64 = 32 << 20;
/// Little at a time, so that an alert that comes meanwhile is hardly held up: some seven hundred contacts, which the
/// server writes in less than a tenth of a second.
const CONTACTS_BATCH_BYTES_MAX: usize = 128 << 10;

/// Sends reports and fetches orders.
pub struct Uplink {
    socket: PathBuf,
    host: String,
    items: Lane,
    /// What is sent when there is nothing else to send.
    contacts: Lane,
    /// Connections whose contacts found no place in their lane.
    uncounted: u64,
    health: Option<AgentHealth>,
}

impl Uplink {
    /// Opens the spools; what an earlier run could not deliver is still in them.
    pub fn open(socket: PathBuf, place: &Place, identity: AgentIdentity) -> anyhow::Result<Self> {
        let host = identity.host.clone();
        let items = Lane::open(&place.spool(), identity.clone(), SPOOL_MAX_BYTES, BATCH_BYTES_MAX)?;
        let contacts = Lane::open(&place.contacts(), identity, CONTACTS_MAX_BYTES, CONTACTS_BATCH_BYTES_MAX)?;
        let uncounted = contacts.owed();
        Ok(Self { socket, host, items, contacts, uncounted, health: None })
    }

    /// Runs until `Report::Stop`.
    pub fn run(self, reports: UnboundedReceiver<Report>, doors: Doors) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let socket = self.socket.clone();
        let host = self.host.clone();
        runtime.block_on(async move {
            let fetching = tokio::spawn(orders::fetch(socket, host, doors));
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
            let has_rest = self.items.has_rest() || self.contacts.has_rest() || self.health.is_some();
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
                    Report::Alert(alert) => self.items.keep_or_say(&Item::Alert { alert }),
                    Report::Outcome(alert, outcome) => self.items.keep_or_say(&Item::Outcome { alert, outcome }),
                    Report::Refused(alert, refusal) => self.items.keep_or_say(&Item::Refusal { alert, refusal }),
                    Report::Contacts(contacts, dropped) => self.keep_contacts(contacts, dropped),
                    Report::Investigation(alert, found) => {
                        self.items.keep_or_say(&Item::Investigation { alert, found });
                    }
                    Report::Software(alert, software) => self.items.keep_or_say(&Item::Software { alert, software }),
                    Report::Ledger(entry) => self.items.keep_or_say(&Item::Ledger { entry }),
                }
            }
            for (number, answer) in answers {
                if let Err(error) = answered(&client, number, &answer).await {
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
        self.items.sync();
        self.contacts.sync();
        self.contacts.owe(self.uncounted);
    }

    /// Contacts may be lost where there is no room, but not without being counted.
    fn keep_contacts(&mut self, contacts: Vec<Contact>, dropped: u64) {
        let connections = contacts.iter().map(|contact| contact.count).sum::<u64>();
        let dropped = dropped + std::mem::take(&mut self.uncounted);
        if let Err(error) = self.contacts.keep(&Item::Contacts { contacts, dropped }) {
            self.uncounted = dropped.saturating_add(connections);
            tracing::warn!(%error, connections, "no room for contacts; they are counted as dropped");
        }
    }

    /// Sends everything but contacts, then a portion of those; says whether the server took everything offered.
    async fn push(&mut self, client: &Client) -> bool {
        loop {
            let mut health = self.health.take();
            let damaged = self.items.damaged() + self.contacts.damaged();
            if let Some(health) = health.as_mut().filter(|_| damaged > 0) {
                health.losses.insert("spool_damaged".to_owned(), damaged);
            }
            let more = match self.items.push(client, health).await {
                Ok(more) => more,
                Err(Refused) => return false,
            };
            if !more {
                let sent = self.contacts.push(client, None).await;
                if self.uncounted > 0 && matches!(sent, Ok(false)) {
                    self.keep_contacts(Vec::new(), 0);
                }
                return sent.is_ok();
            }
        }
    }
}

/// Answers an order; where the answer is longer than the server takes, whoever asked is told at least that.
async fn answered(client: &Client, number: u64, answer: &Answer) -> Result<(), ClientError> {
    let path = path::order_answer(number);
    match client.post(&path, answer).await {
        Err(ClientError::Problem(problem)) if problem.status == TOO_LONG => {
            let (outcomes, standing) = (answer.outcomes.len(), answer.standing.len());
            let error = format!("the answer is too long to be sent: {outcomes} outcomes, {standing} blocks in force");
            client.post(&path, &Answer { error: Some(error), ..Answer::default() }).await
        }
        other => other,
    }
}

/// What HTTP calls content too large.
const TOO_LONG: u16 = 413;
