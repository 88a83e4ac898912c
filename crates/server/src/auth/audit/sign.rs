//! When is the end of the audit signed, and does it go on where it ended?

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, watch};

use tripoint_api::AuditEntry;
use tripoint_model::Timestamp;

use super::head::{Head, HeadKey, append, read, read_begin, write_begin};
use super::restored::{Line, heads_since};
use crate::ServeError;
use crate::listen::until;
use crate::state::now;
use crate::store::{Accounts, StoreError};

/// Signs the end of the audit now and then.
#[derive(Clone)]
pub(crate) struct Signer {
    accounts: Accounts,
    key: Arc<HeadKey>,
    folder: PathBuf,
    /// How many rows the last head counts.
    last: Arc<Mutex<u64>>,
}

impl Signer {
    /// Compares the audit with its last head. Where it does not go on from there, that is said and written down: the
    /// server runs all the same, so that nobody can stop it by spoiling a file.
    pub(crate) async fn start(accounts: Accounts, folder: &Path) -> Result<Self, ServeError> {
        let failed = |error| ServeError::Io("read the key of the audit", error);
        let key = HeadKey::load(folder).map_err(failed)?;
        let mut signer =
            Self { accounts, key: Arc::new(key), folder: folder.to_owned(), last: Arc::new(Mutex::new(u64::MAX)) };
        if let Some(trouble) = signer.compare().await? {
            tracing::error!(trouble, "the audit does not go on where it ended; `tripoint audit verify` says more");
            let entry = AuditEntry {
                at: now(),
                who: "tripoint".to_owned(),
                by: "server".to_owned(),
                from: "server".to_owned(),
                what: "start".to_owned(),
                result: trouble,
                ..AuditEntry::default()
            };
            signer.accounts.write_down(entry).await?;
        }
        signer.sign().await;
        Ok(signer)
    }

    async fn compare(&mut self) -> Result<Option<String>, StoreError> {
        let end = self.accounts.audit_end().await?;
        let lines = match read(&self.folder, &self.key.public()) {
            Ok((lines, None)) => lines,
            Ok((_, Some(wrong))) => return Ok(Some(wrong)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && end.rows == 0 => Vec::new(),
            Err(error) => return Ok(Some(format!("the signed heads cannot be read: {error}"))),
        };
        if let [.., restored @ Line::Restored(_), Line::Head(_)] = lines.as_slice() {
            // Its first start since: the machine that the log goes to knows heads of before.
            tracing::info!(target: TARGET, restored = serde_json::to_string(restored).unwrap_or_default(), "audit restored");
        }
        let Some(head) = heads_since(&lines).next_back() else { return Ok(None) };
        *self.last.lock().await = head.number;
        if head.number > end.rows {
            return Ok(Some(format!("{} rows, but {} were signed at {}", end.rows, head.number, head.at)));
        }
        let known = self.accounts.audit_hash(head.number).await?;
        let is_it = head.number == 0 || known.as_deref() == Some(head.hash.as_str());
        Ok((!is_it).then(|| format!("row {} is not the one that was signed at {}", head.number, head.at)))
    }

    /// Signs where the audit ends now, unless that was signed already.
    pub(crate) async fn sign(&self) {
        let mut last = self.last.lock().await;
        let end = match self.accounts.audit_end().await {
            Ok(end) if end.rows == *last => return,
            Ok(end) => end,
            Err(error) => {
                tracing::error!(%error, "the end of the audit cannot be read");
                return;
            }
        };
        let head = self.key.sign(&end, now());
        // The log may go to another machine: there it vouches too, as a line of `audit.heads` does.
        tracing::info!(target: TARGET, head = serde_json::to_string(&head).unwrap_or_default(), "audit head");
        let folder = self.folder.clone();
        let written = tokio::task::spawn_blocking(move || append(&folder, &[Line::Head(head)])).await;
        match written.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(()) => *last = end.rows,
            Err(error) => tracing::error!(%error, "the audit's head could not be written"),
        }
    }

    /// Forgets rows that were all written before a moment, up to a signed head, of those up to `told`; how many rows the
    /// chain has lost in all. The last head's row stays: the chain goes on from there.
    pub(crate) async fn forget(&self, before: Timestamp, told: u64) -> Result<u64, StoreError> {
        let (folder, key) = (self.folder.clone(), Arc::clone(&self.key));
        let begun = tokio::task::spawn_blocking(move || begin(&folder, &key, (before, told)));
        let begun = begun.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        match begun.map_err(|error| StoreError::Database(format!("the audit cannot be forgotten: {error}")))? {
            Some(begin) => self.accounts.forget_audit(begin.number).await.map(|()| begin.number),
            None => Ok(0),
        }
    }

    /// Signs each minute.
    pub(crate) async fn run(self, stopped: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => self.sign().await,
                () = until(stopped.clone()) => return,
            }
        }
    }
}

/// Moves up to where rows are forgotten, where there is a later head that may be; up to where that is now. Nothing is
/// moved while anything is wrong with the heads.
fn begin(folder: &Path, key: &HeadKey, (before, told): (Timestamp, u64)) -> io::Result<Option<Head>> {
    let public = key.public();
    let (lines, None) = read(folder, &public)? else { return Ok(None) };
    let Ok(known) = read_begin(folder, &public)? else { return Ok(None) };
    let last = heads_since(&lines).next_back().map_or(0, |head| head.number);
    let least = known.as_ref().map_or(0, |begin| begin.number);
    let may = |head: &&Head| head.at <= before && head.number < last && head.number <= told && head.number > least;
    let Some(head) = heads_since(&lines).rev().find(may) else { return Ok(known) };
    let begin = key.sign_begin(head, now());
    write_begin(folder, &begin)?;
    Ok(Some(begin))
}

/// What is logged also where nothing else is.
pub(crate) const TARGET: &str = "tripoint::audit";
/// Promise S12.
const EVERY: Duration = Duration::from_secs(60);
