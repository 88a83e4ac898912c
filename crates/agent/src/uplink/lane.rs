//! How is one kind of report kept on disk until the server has it?

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tripoint_api::agent::{AgentHealth, AgentIdentity, BATCH_ITEMS_MAX, Batch, BatchAnswer, Item};
use tripoint_api::client::Client;
use tripoint_api::path;
use tripoint_journal::kept::{self, KeptError};
use tripoint_journal::{AppendError, Journal, Options, Recovery};
use tripoint_model::Timestamp;

/// A spool and its way to the server. Each has a sequence of its own, so that none waits for another.
pub(super) struct Lane {
    identity: AgentIdentity,
    spool: Journal,
    folder: PathBuf,
    batch_bytes_max: usize,
    /// Places of it that were found damaged: what stood there is lost.
    damaged: u64,
}

/// The server did not take it; it stays in the spool.
#[derive(Debug)]
pub(super) struct Refused;

impl Lane {
    /// Opens the spool in `folder`; what an earlier run could not deliver is still in it.
    pub(super) fn open(
        folder: &Path,
        mut identity: AgentIdentity,
        max_bytes: u64,
        batch_bytes_max: usize,
    ) -> anyhow::Result<Self> {
        let (spool, recovery) = Journal::open(folder, Options { max_bytes, ..Options::default() })?;
        let damaged = say(folder, &recovery);
        // Offsets that begin anew may have been used before: the server would take what comes for old news.
        let begins_anew = recovery.position_lost && spool.end() == 0;
        identity.boot_id = format!("{}/{}", identity.boot_id, spool_id(folder, begins_anew)?);
        Ok(Self { identity, spool, folder: folder.to_owned(), batch_bytes_max, damaged })
    }

    /// Places of the spool that were damaged; what stood there is lost.
    pub(super) fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Whether something waits.
    pub(super) fn has_rest(&self) -> bool {
        self.spool.end() > self.spool.acknowledged()
    }

    /// Into the spool first: whatever happens next, it is not lost.
    pub(super) fn keep(&mut self, item: &Item) -> Result<(), AppendError> {
        match serde_json::to_vec(item) {
            Ok(bytes) => self.spool.append(&bytes).map(drop),
            Err(error) => {
                tracing::error!(%error, "an item cannot be written as JSON");
                Ok(())
            }
        }
    }

    /// The same for what is never dropped quietly.
    pub(super) fn keep_or_say(&mut self, item: &Item) {
        if let Err(error) = self.keep(item) {
            tracing::error!(%error, "the spool takes no more; an item is lost");
        }
    }

    /// Sends one batch of what the spool holds, with `health`; says whether there is more.
    pub(super) async fn push(&mut self, client: &Client, health: Option<AgentHealth>) -> Result<bool, Refused> {
        let records = self.spool.read_from(self.spool.acknowledged(), self.batch_bytes_max).map_err(|error| {
            tracing::error!(%error, "the spool cannot be read");
            Refused
        })?;
        let records: Vec<_> = records.into_iter().take(BATCH_ITEMS_MAX).collect();
        let damaged: u64 = records.iter().map(|record| record.damaged_before).sum();
        let mut items: Vec<Item> = records.iter().filter_map(|r| serde_json::from_slice(&r.bytes).ok()).collect();
        let foreign = records.len() - items.len();
        let end = records.last().map_or(self.spool.acknowledged(), |record| record.next);
        if let Some(health) = health {
            let at = Timestamp::from_system(SystemTime::now());
            items.push(Item::Health { at, health });
        }
        if items.is_empty() {
            return Ok(false);
        }
        let batch = Batch { agent: self.identity.clone(), sequence: end, items };
        let sent: Result<BatchAnswer, _> = client.post(path::AGENT_BATCH, &batch).await;
        sent.map_err(|error| {
            tracing::debug!(%error, "the server did not take the batch; it stays in the spool");
            Refused
        })?;
        if damaged > 0 || foreign > 0 {
            tracing::error!(bytes = damaged, items = foreign, "what was damaged in the spool did not reach the server");
            // `open` has counted what was damaged then.
            self.damaged = self.damaged.max(1);
        }
        if let Err(error) = self.spool.acknowledge(end) {
            tracing::error!(%error, "the spool cannot be shortened");
        }
        Ok(end < self.spool.end())
    }

    /// What an earlier run has written down with `owe`.
    pub(super) fn owed(&self) -> u64 {
        match kept::read(&self.folder.join(OWED)) {
            Ok(count) => count.and_then(|text| String::from_utf8(text).ok()?.parse().ok()).unwrap_or(0),
            Err(error) => {
                tracing::error!(%error, "it is not known any more how many connections were dropped");
                0
            }
        }
    }

    /// Writes down a count that could not be told.
    pub(super) fn owe(&self, count: u64) {
        if let Err(error) = kept::write(&self.folder.join(OWED), count.to_string().as_bytes()) {
            tracing::error!(%error, count, "it is forgotten how many connections were dropped");
        }
    }

    pub(super) fn sync(&mut self) {
        if let Err(error) = self.spool.sync() {
            tracing::error!(%error, "the spool could not be made durable");
        }
    }
}

/// What is damaged was lost, and is told; copies of it lie in the folder `aside`. How many places it were: the end of
/// the spool is none, for what a crash interrupted looks the same.
fn say(folder: &Path, recovery: &Recovery) -> u64 {
    let spool = folder.display();
    if recovery.torn_bytes > 0 {
        let bytes = recovery.torn_bytes;
        tracing::warn!(%spool, bytes, "the end of the spool was cut: an interrupted write, or damage to the newest items");
    }
    for damage in &recovery.corrupt {
        tracing::error!(%spool, bytes = damage.bytes, offset = damage.offset, "the spool is damaged; what stood there is lost");
    }
    if recovery.position_lost {
        tracing::error!(%spool, "how much of the spool the server has is not known any more; some is sent once more");
    }
    recovery.corrupt.len() as u64
}

/// The spool's own id: with a new spool the sequence begins anew, and nobody may take that for old news.
fn spool_id(folder: &Path, begins_anew: bool) -> anyhow::Result<String> {
    let path = folder.join("id");
    let known = match kept::read(&path) {
        Err(error @ KeptError::Io(..)) => return Err(error.into()),
        Err(error) => {
            tracing::error!(%error, "the spool gets a new id");
            None
        }
        Ok(known) => known.filter(|_| !begins_anew),
    };
    if let Some(id) = known.and_then(|bytes| String::from_utf8(bytes).ok()).filter(|id| !id.is_empty()) {
        return Ok(id);
    }
    let id = std::fs::read_to_string("/proc/sys/kernel/random/uuid")?.trim().to_owned();
    kept::write_durably(&path, id.as_bytes())?;
    Ok(id)
}

const OWED: &str = "owed";

#[cfg(test)]
#[path = "lane_tests.rs"]
mod tests;
