//! What must a store be able to keep, and what may its callers rely on?

use futures_util::future::BoxFuture;
use serde_json::Value;

use tripoint_api::context::Related;
use tripoint_api::filter::Filter;
use tripoint_api::queue::{AlertSummary, Facets, QueuePage, QueueRow, Sort};
use tripoint_api::series::{Series, SeriesBy};
use tripoint_api::views::OwnedView;
use tripoint_api::work::{BulkAnswer, Work};
use tripoint_api::{
    AgentStatus, AlertList, AlertQuery, Answer, Batch, ConnectionList, ConnectionQuery, KeptException, NumberedOrder,
    Order,
};
use tripoint_model::confidence::Trust;
use tripoint_model::{Alert, AlertId, AlertStatus, Exception, ServiceLevels, Timestamp};

mod accounts;
mod alerts;
mod answered;
mod audit;
mod audit_told;
pub mod backup;
mod blocks;
mod bouncers;
mod contacts;
mod counts;
mod decisions;
mod deliveries;
mod digest;
mod divide;
mod exceptions;
mod file;
pub(crate) mod foreign;
mod hold;
mod judged;
mod layout;
mod notes;
mod open;
mod outbox;
mod queue;
mod read;
pub mod reseal;
mod resets;
mod retire;
mod room;
mod rows;
mod series;
pub(crate) mod sessions;
mod sla;
mod sqlite;
pub(crate) mod tokens;
pub(crate) mod users;
mod verdicts;
mod views;
mod work;
mod worked;
mod writer;

pub(crate) use accounts::Accounts;
pub use answered::Kept;
pub(crate) use audit::AuditFile;
pub use bouncers::{Bouncer, Metered, Pull, Sent};
pub use contacts::{KeepContacts, Met};
pub use decisions::{Decision, Which};
pub(crate) use deliveries::{Deliveries, Delivery, Ended, Routed};
pub use hold::Hold;
pub(crate) use judged::{Due, Judgements};
pub use outbox::{Message, Messages, Tell};
pub use series::Stretches;
pub use sqlite::Sqlite;

/// Why the store did not do it. What failed has left no trace.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused.
    #[error("database: {0}")]
    Database(String),
    /// The disk has no room for it.
    #[error("the disk is full")]
    Full,
    /// Something stored cannot be read back.
    #[error("stored {what} is unreadable: {why}")]
    Unreadable {
        /// What kind of thing.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// The file is not what was written.
    #[error(
        "{0} is damaged: {1}; bring a backup back with `tripoint server restore FILE`, which keeps this one beside it"
    )]
    Damaged(String, String),
    /// A restore was cut off between taking away what was there and putting the backup in its place.
    #[error(
        "a restore was cut off: {0} is still there. Run `tripoint server restore FILE` again; what was there before it \
         lies beside it as `before-TIME`"
    )]
    Unfinished(String),
    /// It was made by a newer version.
    #[error("the database has layout {found}, this version knows up to {known}")]
    TooNew {
        /// Its layout.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// It took too long and was broken off.
    #[error("it takes too long")]
    Late,
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|error| error.code());
        match code.as_deref() {
            Some(FULL | SHORT_OF_SHARED_MEMORY) => Self::Full,
            Some(NOT_ITS_SUM) => Self::Damaged("the database".into(), "a page is not what was written".into()),
            Some(INTERRUPTED) => Self::Late,
            _ => Self::Database(error.to_string()),
        }
    }
}

/// `SQLITE_FULL`.
const FULL: &str = "13";
/// `SQLITE_INTERRUPT`.
const INTERRUPTED: &str = "9";
/// `SQLITE_IOERR_SHMSIZE`: the index of the write-ahead log lies on the same disk.
const SHORT_OF_SHARED_MEMORY: &str = "4874";

/// `SQLITE_IOERR_DATA`: a page and its sum differ.
const NOT_ITS_SUM: &str = "8202";

/// What is kept beyond what everybody needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// How many connections.
    pub contacts: KeepContacts,
    /// What is written down to be told.
    pub tell: Tell,
    /// What people have promised about alerts.
    pub levels: ServiceLevels,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ingested {
    /// The highest durable sequence number of its boot id.
    pub acknowledged: u64,
    /// Alerts it raised or changed, as stored.
    pub changed: Vec<Alert>,
    /// Whether it opened a closed alert again, so that verdicts changed.
    pub untaught: bool,
    /// Who was in contact with whom.
    pub met: Met,
}

/// What became of a person's work on an alert.
#[derive(Clone, Debug, PartialEq)]
pub enum Worked {
    /// Done; the alert first, then what changed with it. And when the alert changed by it.
    Done(Vec<Alert>, Timestamp),
    /// There is no such alert.
    Missing,
    /// It has changed since the person looked.
    Changed,
    /// It cannot be done, and why.
    Refused(String),
}

/// How an order stands.
#[derive(Clone, Debug, PartialEq)]
pub enum OrderState {
    /// Not handed out yet.
    Waiting,
    /// Handed out, not answered.
    Handed,
    /// Answered.
    Answered(Answer),
    /// Taken back before it was handed out.
    Withdrawn,
}

/// How many alerts stand how.
pub type StatusCounts = Vec<(AlertStatus, u64)>;

/// Hosts that are meant; `None` = every one.
pub type OfHosts = Option<Vec<String>>;

/// The answer of a store.
pub type Stored<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Keeps everything the server knows. When a changing call returns, its change is durable.
pub trait Store: Send + Sync {
    /// Takes a batch; one that was taken before changes nothing.
    fn ingest(&self, batch: Batch, now: Timestamp) -> Stored<'_, Ingested>;
    /// A page of alerts of these hosts, newest `last_seen` first; shorter than asked for when the alerts are long.
    fn alerts(&self, query: AlertQuery, of: OfHosts) -> Stored<'_, AlertList>;
    /// The next alerts by when they last changed, and by id where that is the same, after such a place; at least
    /// one where there is one. No two changes since this version have the same moment.
    fn changed(&self, after: (Timestamp, String)) -> Stored<'_, Vec<(Timestamp, Alert)>>;
    /// A page of the queue of these hosts, at most so many lines after a place; `None` when that is no place in it.
    fn queue_page(
        &self,
        filter: Filter,
        of: OfHosts,
        sort: Sort,
        which: (Option<u32>, Option<String>),
    ) -> Stored<'_, Option<QueuePage>>;
    /// How many alerts of these hosts the filter takes, and by what.
    fn queue_facets(&self, filter: Filter, of: OfHosts) -> Stored<'_, Facets>;
    /// How many alerts of these hosts that the filter takes began when, by severity.
    fn alert_series(&self, filter: Filter, of: OfHosts, when: Stretches) -> Stored<'_, Series>;
    /// How many connections of these hosts there were when.
    fn contact_series(&self, only: ConnectionQuery, of: OfHosts, how: (SeriesBy, Stretches)) -> Stored<'_, Series>;
    /// At most `limit` lines of the queue that changed after a moment, in the order in which they did, with their words.
    fn queue_changed(&self, after: Timestamp, limit: u32) -> Stored<'_, Vec<QueueRow>>;
    /// Writes down of alerts that became overdue that they are, where that is told; how many, at most 256.
    fn warn_overdue(&self, now: Timestamp) -> Stored<'_, u64>;
    /// Forgets closed alerts that have not changed since; how many, at most 50.
    fn forget_closed(&self, before: Timestamp) -> Stored<'_, u64>;
    /// How many closed alerts were ever forgotten.
    fn forgotten(&self) -> Stored<'_, u64>;
    /// How many alerts are overdue.
    fn overdue(&self, now: Timestamp) -> Stored<'_, u64>;
    /// Whether the disk is full, as far as is known: reading goes on, and what can be kept is kept.
    fn is_full(&self) -> bool;
    /// The last moment at which an alert changed.
    fn last_change(&self) -> Stored<'_, Timestamp>;
    /// One alert.
    fn alert(&self, id: String) -> Stored<'_, Option<Alert>>;
    /// Writes a person's work down; with `expected`, only if the alert has not changed since that moment.
    fn work(&self, id: String, work: Work, by: (String, Option<Timestamp>), now: Timestamp) -> Stored<'_, Worked>;
    /// The same for many: each for itself, all in one transaction. What changed comes with the answer.
    fn work_on(
        &self,
        ids: Vec<(AlertId, Option<Timestamp>)>,
        work: Work,
        author: String,
        now: Timestamp,
    ) -> Stored<'_, (BulkAnswer, Vec<Alert>)>;
    /// What has something in common with an alert, of these hosts, and what is part of it.
    fn around(&self, own: AlertSummary, of: OfHosts) -> Stored<'_, (Vec<Related>, Vec<AlertSummary>)>;
    /// The searches that somebody keeps, and those that others share.
    fn views(&self, owner: String) -> Stored<'_, Vec<OwnedView>>;
    /// Keeps a search, or changes it; says whether there was room.
    fn put_view(&self, view: OwnedView) -> Stored<'_, bool>;
    /// Drops a search of somebody; says whether there was one.
    fn remove_view(&self, owner: String, name: String) -> Stored<'_, bool>;
    /// What was answered to a request that may have been sent before.
    fn answered(&self, key: String) -> Stored<'_, Option<Kept>>;
    /// Keeps that; without an answer, forgets that it was done: it may be tried again.
    fn keep_answer(&self, key: String, answer: Option<Kept>, now: Timestamp) -> Stored<'_, ()>;
    /// When an alert last changed.
    fn version(&self, id: String) -> Stored<'_, Option<Timestamp>>;
    /// What closed alerts say of the sources they rest on.
    fn verdicts(&self) -> Stored<'_, Trust>;
    /// How many alerts of these hosts stand how.
    fn counts(&self, of: OfHosts) -> Stored<'_, StatusCounts>;
    /// Exceptions that have not expired at `now`, soonest end first, with what came of them.
    fn exceptions(&self, now: Timestamp) -> Stored<'_, Vec<KeptException>>;
    /// Keeps an exception and queues the order to keep it for these hosts: both or neither.
    fn add_exception(&self, exception: Exception, hosts: Vec<String>, now: Timestamp) -> Stored<'_, ()>;
    /// Drops an exception and queues the order to drop it; says whether there was one.
    fn remove_exception(&self, id: String, hosts: Vec<String>, now: Timestamp) -> Stored<'_, bool>;
    /// Every agent that ever reported.
    fn agents(&self) -> Stored<'_, Vec<AgentStatus>>;
    /// Queues the order once for each host; its numbers, in the order of the hosts.
    fn give(&self, hosts: Vec<String>, order: Order, now: Timestamp) -> Stored<'_, Vec<u64>>;
    /// Unanswered orders of a host after a number, marked as handed out. Actions that have waited
    /// for more than a minute are withdrawn instead: whoever asked has given up.
    fn hand_out(&self, host: String, after: u64, now: Timestamp) -> Stored<'_, Vec<NumberedOrder>>;
    /// Keeps an agent's answer and lays it over the alerts that caused the order; `None` when
    /// there is no such order. A second answer changes nothing.
    fn answer(&self, number: u64, answer: Answer, now: Timestamp) -> Stored<'_, Option<Vec<Alert>>>;
    /// How an order stands.
    fn order(&self, number: u64) -> Stored<'_, Option<OrderState>>;
    /// Takes an order back unless it was handed out; says how it stands.
    fn withdraw(&self, number: u64) -> Stored<'_, Option<OrderState>>;
    /// At most `limit` of the blocks that hosts hold, and of those that they held. What ended by itself is a change too.
    fn decisions(&self, which: Which, limit: u32, now: Timestamp) -> Stored<'_, Vec<Decision>>;
    /// Keeps a bouncer by the hash of its key; says whether the name was free and there was room.
    fn add_bouncer(&self, name: String, hash: String, now: Timestamp) -> Stored<'_, bool>;
    /// Drops a bouncer and with it its key; says whether there was one.
    fn remove_bouncer(&self, name: String) -> Stored<'_, bool>;
    /// Every bouncer, by name.
    fn bouncers(&self) -> Stored<'_, Vec<Bouncer>>;
    /// Whose key has this hash.
    fn bouncer(&self, hash: String) -> Stored<'_, Option<Bouncer>>;
    /// Writes down that a bouncer asked.
    fn pulled(&self, pull: Pull, now: Timestamp) -> Stored<'_, ()>;
    /// Adds what a bouncer says it did.
    fn metered(&self, name: String, done: Metered, now: Timestamp) -> Stored<'_, ()>;
    /// How far a reader of decisions that is no bouncer has come.
    fn cursor(&self, name: String) -> Stored<'_, u64>;
    /// Writes that down.
    fn move_cursor(&self, name: String, value: u64) -> Stored<'_, ()>;
    /// A page of contacts of these hosts, the newest report first.
    fn contacts(&self, query: ConnectionQuery, of: OfHosts, now: Timestamp) -> Stored<'_, ConnectionList>;
    /// Writes down something to be told; says whether there was room.
    fn queue(&self, body: Value, now: Timestamp) -> Stored<'_, bool>;
    /// How telling goes.
    fn messages(&self) -> Stored<'_, Messages>;
}
