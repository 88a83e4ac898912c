//! What does the audit of a data folder say, with or without a server?

use std::path::Path;

use serde::Serialize;

use tripoint_api::{AuditList, AuditRow};
use tripoint_model::Timestamp;

use super::chain::{Broken, Row, Verifier};
use super::head::{PublicKey, read, read_begin};
use super::restored::{Line, heads_since};
use crate::store::{AuditFile, StoreError};

/// Why nothing could be said.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The database.
    #[error("read {0}")]
    Store(String, #[source] StoreError),
    /// The heads or their key.
    #[error("read the signed heads below {0}")]
    Heads(String, #[source] std::io::Error),
}

/// What a look at the whole chain found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Rows that fit, up to this number.
    pub rows: u64,
    /// The number of the first row that is kept, and when those before it were forgotten; nothing where none were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub begins: Option<(u64, Timestamp)>,
    /// Of those, how many a signed head vouches for.
    pub vouched: u64,
    /// When the last head was signed.
    pub last_head: Option<Timestamp>,
    /// What heads are checked with, hex.
    pub public_key: String,
    /// Backups that were brought back, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub restored: Vec<RestoredAt>,
    /// What is wrong; nothing where all is as it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broken: Option<Broken>,
}

/// Where the chain goes on from a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RestoredAt {
    /// The last row of the backup.
    pub row: u64,
    /// When it was brought back.
    pub at: Timestamp,
    /// The backup.
    pub from: String,
    /// First and last of the signed rows that were given up; nothing where there were none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_up: Option<(u64, u64)>,
}

fn restored(lines: &[Line]) -> Vec<RestoredAt> {
    let each = lines.iter().filter_map(|line| match line {
        Line::Restored(restored) => Some(restored),
        Line::Head(_) => None,
    });
    each.map(|one| RestoredAt {
        row: one.number,
        at: one.at,
        from: one.restored_from.clone(),
        given_up: (one.before > one.number).then_some((one.number + 1, one.before)),
    })
    .collect()
}

/// Looks at every row and every head of a data folder.
pub async fn verify_folder(data_dir: &Path) -> Result<Verified, AuditError> {
    let folder = data_dir.join("server");
    let at = || folder.display().to_string();
    let key = PublicKey::read(&folder).map_err(|error| AuditError::Heads(at(), error))?;
    let (lines, wrong) = read(&folder, &key).map_err(|error| AuditError::Heads(at(), error))?;
    let begin = read_begin(&folder, &key).map_err(|error| AuditError::Heads(at(), error))?;
    let (begin, wrong) = match begin {
        Ok(begin) => (begin, wrong),
        Err(why) => (None, Some(why)),
    };
    let file = open(data_dir).await?;
    let (mut verifier, mut broken) = match begin.as_ref().map(|begin| Verifier::behind(begin, &lines)) {
        Some(Err(found)) => (Verifier::new(&lines), Some(found)),
        Some(Ok(verifier)) => (verifier, None),
        None => (Verifier::new(&lines), None),
    };
    // Where forgetting was cut off, some of what is forgotten may lie there still.
    let mut rows = begin.as_ref().map_or(0, |begin| begin.number);
    'all: while broken.is_none() {
        let page =
            file.after((rows > 0).then_some(rows), PAGE).await.map_err(|error| AuditError::Store(at(), error))?;
        if page.is_empty() {
            break;
        }
        for row in &page {
            if let Err(found) = verifier.take(row) {
                broken = Some(found);
                break 'all;
            }
            rows += 1;
        }
    }
    let mut vouched = 0;
    match (&broken, verifier.end()) {
        (None, Ok((_, up_to))) => vouched = up_to,
        (None, Err(found)) => broken = Some(found),
        _ => {}
    }
    let broken = broken.or_else(|| wrong.map(|why| Broken { row: vouched + 1, why }));
    let last_head = heads_since(&lines).next_back().map(|head| head.at);
    let begins = begin.map(|begin| (begin.number + 1, begin.at));
    let restored = restored(&lines);
    Ok(Verified { rows, begins, vouched, last_head, public_key: key.text(), restored, broken })
}

/// A page of a data folder's audit, the newest first.
pub async fn list_folder(data_dir: &Path, limit: u32, after: Option<u64>) -> Result<AuditList, AuditError> {
    let at = || data_dir.display().to_string();
    open(data_dir).await?.page(limit, after).await.map_err(|error| AuditError::Store(at(), error))
}

async fn open(data_dir: &Path) -> Result<AuditFile, AuditError> {
    let path = data_dir.join("server/server.sqlite");
    AuditFile::open(&path).await.map_err(|error| AuditError::Store(path.display().to_string(), error))
}

/// A row as people are shown it. One that cannot be read is shown as it is: the chain says whether it was changed.
pub(crate) fn shown(row: Row) -> AuditRow {
    let unread = || tripoint_api::AuditEntry { result: format!("unreadable: {}", row.body), ..Default::default() };
    let entry = serde_json::from_str(&row.body).unwrap_or_else(|_| unread());
    AuditRow { number: row.number, entry, hash: row.hash }
}

const PAGE: u32 = 10_000;
