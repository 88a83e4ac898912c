//! Who says that an older state was brought back, and from where does the chain go on since?
//!
//! A restore takes rows back that signed heads count. It is written among the heads, signed like them: heads from before
//! it that count more rows than it are given up, all others hold on.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use tripoint_api::AuditEntry;
use tripoint_model::Timestamp;

use super::chain::Chain;
use super::head::{BEGIN, Head, HeadKey, PublicKey, append, read, read_begin, write_begin};

/// That a backup was brought back, signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// The backup, as it was named.
    pub restored_from: String,
    /// Rows in it.
    pub number: u64,
    /// The hash of the last of them; zeros where there was none.
    pub hash: String,
    /// Rows that the last head of before counts; 0 where there was none.
    pub before: u64,
    /// The hash which that head says.
    pub before_hash: String,
    /// When it was brought back.
    pub at: Timestamp,
    /// Ed25519 over all of it, base64.
    pub signature: String,
}

impl Restored {
    fn said(&self) -> Vec<u8> {
        let Self { restored_from, number, hash, before, before_hash, at, .. } = self;
        format!("tripoint audit restored\n{number}\n{hash}\n{before}\n{before_hash}\n{}\n{restored_from}", at.0)
            .into_bytes()
    }

    /// Whether it was written behind this head: signed once, it says nothing at another place.
    pub(super) fn follows(&self, last: Option<&Head>) -> bool {
        (self.before, self.before_hash.clone()) == place(last)
    }

    /// Whether this key signed it.
    pub fn is_signed(&self, key: &PublicKey) -> bool {
        key.proves(&self.said(), &self.signature)
    }
}

/// Rows that a head counts, and their hash.
fn place(head: Option<&Head>) -> (u64, String) {
    head.map_or_else(|| (0, Chain::default().hash()), |head| (head.number, head.hash.clone()))
}

/// A line of the file of heads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Line {
    /// From here on the chain goes on from a backup.
    Restored(Restored),
    /// The end of the chain at a moment.
    Head(Head),
}

impl Line {
    /// Rows that it counts.
    pub fn number(&self) -> u64 {
        match self {
            Self::Head(head) => head.number,
            Self::Restored(restored) => restored.number,
        }
    }

    pub(super) fn is_signed(&self, key: &PublicKey) -> bool {
        match self {
            Self::Head(head) => key.check(head),
            Self::Restored(restored) => restored.is_signed(key),
        }
    }
}

/// The heads since the last restore, or all where there was none.
pub(super) fn heads_since(lines: &[Line]) -> impl DoubleEndedIterator<Item = &Head> {
    let first = lines.iter().rposition(|line| matches!(line, Line::Restored(_))).map_or(0, |at| at + 1);
    lines[first..].iter().filter_map(|line| match line {
        Line::Head(head) => Some(head),
        Line::Restored(_) => None,
    })
}

/// What a restore is about to write down.
pub(crate) struct Restoring {
    key: HeadKey,
    said: Restored,
    /// The first row of the backup.
    first: u64,
    /// The head up to which it has forgotten its rows, where that is known.
    forgotten: Option<Head>,
    /// The row that tells of it, to be added to the backup.
    pub(crate) entry: AuditEntry,
}

impl Restoring {
    /// Of a backup whose audit has this first row and ends there, into the folder of the server.
    pub(crate) fn begin(
        folder: &Path,
        (from, first, end): (&Path, u64, &Chain),
        (who, at): (String, Timestamp),
    ) -> io::Result<Self> {
        let key = HeadKey::load(folder)?;
        let lines = match read(folder, &key.public()) {
            // What is wrong with the file stays in it: `verify` goes on telling it.
            Ok((lines, _)) => lines,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let forgotten = lines.iter().find_map(|line| match line {
            Line::Head(head) if first > 1 && head.number + 1 == first => Some(head.clone()),
            _ => None,
        });
        let (before, before_hash) = place(heads_since(&lines).next_back());
        let mut said = Restored {
            restored_from: from.display().to_string(),
            number: end.rows,
            hash: end.hash(),
            before,
            before_hash,
            at,
            signature: String::new(),
        };
        said.signature = key.seal(&said.said());
        let ends = |rows: u64, hash: &str| serde_json::json!({"rows": rows, "hash": hash}).to_string();
        let entry = AuditEntry {
            at,
            who,
            by: "command".to_owned(),
            from: "this host".to_owned(),
            what: "server restore".to_owned(),
            target: said.restored_from.clone(),
            before: ends(said.before, &said.before_hash),
            after: ends(said.number, &said.hash),
            result: "done".to_owned(),
            ..AuditEntry::default()
        };
        Ok(Self { key, said, first, forgotten, entry })
    }

    /// Writes it among the heads, with the end of the chain once its row is in it; durable when it returns.
    pub(crate) fn write(&self, folder: &Path, end: &Chain) -> io::Result<()> {
        let head = self.key.sign(end, self.said.at);
        append(folder, &[Line::Restored(self.said.clone()), Line::Head(head)])?;
        let Ok(begin) = read_begin(folder, &self.key.public())? else { return Ok(()) };
        let (begin, end) = (begin.map_or(0, |begin| begin.number), self.said.number);
        // What was forgotten since is there again; what the backup has forgotten is not.
        match &self.forgotten {
            _ if self.first <= begin + 1 && begin <= end => Ok(()),
            Some(head) => write_begin(folder, &self.key.sign_begin(head, self.said.at)),
            None if self.first <= 1 => fs::remove_file(folder.join(BEGIN)),
            None => Ok(()),
        }
    }
}
