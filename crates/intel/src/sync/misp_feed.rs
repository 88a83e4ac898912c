//! Which events does a MISP feed hold, and which of them changed since the last sync?
//!
//! A feed is a folder on a web server: `manifest.json` names the events and when each was changed, `UUID.json` is one.
//! What came before is kept in `events/` beside the copy in force, so that only what changed is asked for.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tripoint_fetch::{Answer, Body, Fetcher, Request};
use tripoint_model::Timestamp;

use self::manifest::Manifest;
use super::{Content, Copy};
use crate::feed::{Defaults, FeedFormat, Misp, Reading};
use crate::images::NEW_PREFIX;
use crate::rules::Rules;
use crate::store::sha256_hex;

mod manifest;

/// The feed as one document: a list of its newest events. `request` is the one that brought the manifest.
pub(super) fn gather(request: &Request<'_>, manifest: &Body, folder: &Path, fetcher: &Fetcher) -> Result<Copy, String> {
    let host = authority(request.url);
    if authority(&manifest.url) != host {
        return Err(format!("the manifest leads to another server: {}", manifest.url));
    }
    let Manifest { events, mut left_out } = manifest::read(&manifest.bytes, EVENTS_MAX)?;
    let mut cache = Cache::open(folder).map_err(|error| format!("cannot use {}: {error}", folder.display()))?;
    let mut bytes = vec![b'['];
    let (mut missing, mut failures) = (false, 0);
    for event in &events {
        let (body, trouble) = match bring(&event.uuid, event.timestamp, request, fetcher, &mut cache) {
            Ok(body) => (Some(body), None),
            Err(trouble) => (cache.body(&event.uuid), Some(trouble)),
        };
        match trouble {
            None => failures = 0,
            Some(Trouble { reason, is_transient }) => {
                missing = true;
                failures = if is_transient { failures + 1 } else { 0 };
                if failures >= FAILURES_MAX {
                    // What came so far need not come again.
                    cache.save();
                    return Err(format!("{failures} events in a row did not come; the last: {reason}"));
                }
                left_out.push(format!("event {}: {reason}", event.uuid));
            }
        }
        let Some(body) = body else { continue };
        if (bytes.len() + body.len()) as u64 > request.bytes_max {
            left_out
                .push(format!("event {} and older ones: together more than {} bytes", event.uuid, request.bytes_max));
            break;
        }
        if bytes.len() > 1 {
            bytes.push(b',');
        }
        bytes.extend_from_slice(&body);
    }
    bytes.push(b']');
    cache.keep(&events.iter().map(|event| event.uuid.as_str()).collect());
    cache.save();
    // Without a tag the manifest comes again, and with it another try at what is missing.
    let tag = |tag: &Option<String>| tag.clone().filter(|_| !missing);
    let (etag, last_modified) = (tag(&manifest.etag), tag(&manifest.last_modified));
    Ok(Copy { sha256: sha256_hex(&bytes), content: Content::Bytes(bytes), etag, last_modified, left_out })
}

/// Why an event did not come.
struct Trouble {
    reason: String,
    is_transient: bool,
}

/// One event: as it is kept when the manifest names no newer one, else from the server.
fn bring(
    uuid: &str,
    timestamp: u64,
    manifest: &Request<'_>,
    fetcher: &Fetcher,
    cache: &mut Cache,
) -> Result<Vec<u8>, Trouble> {
    let kept = cache.body(uuid);
    let known = cache.known.get(uuid).filter(|_| kept.is_some());
    if let (Some(body), Some(known)) = (&kept, known)
        && known.timestamp == timestamp
    {
        return Ok(body.clone());
    }
    let url = format!("{}{uuid}.json", manifest.url.strip_suffix("manifest.json").unwrap_or(manifest.url));
    let request = Request {
        url: &url,
        etag: known.and_then(|known| known.etag.as_deref()),
        last_modified: known.and_then(|known| known.last_modified.as_deref()),
        ..*manifest
    };
    let lasting = |reason: String| Trouble { reason, is_transient: false };
    let answer = fetcher
        .get(&request)
        .map_err(|error| Trouble { is_transient: error.is_transient(), reason: error.to_string() })?;
    match (answer, kept) {
        (Answer::NotModified, Some(body)) => {
            if let Some(known) = cache.known.get_mut(uuid) {
                known.timestamp = timestamp;
            }
            Ok(body)
        }
        (Answer::NotModified, None) => Err(lasting("the server calls it unchanged, and it never came".to_owned())),
        (Answer::Body(body), _) => {
            if authority(&body.url) != authority(manifest.url) {
                return Err(lasting(format!("it leads to another server: {:.128}", body.url)));
            }
            check(&body.bytes).map_err(lasting)?;
            let (etag, last_modified) = (body.etag, body.last_modified);
            cache
                .put(uuid, &body.bytes, Known { timestamp, sha256: sha256_hex(&body.bytes), etag, last_modified })
                .map_err(|error| lasting(format!("cannot keep it: {error}")))?;
            Ok(body.bytes)
        }
    }
}

/// Whether an event can stand in a list with others: one that breaks off would take the rest with it.
fn check(body: &[u8]) -> Result<(), String> {
    let defaults = Defaults::default();
    let mut reading = Reading::new("", &defaults, Rules::default(), Timestamp(0));
    Misp.parse(&mut (&b"["[..]).chain(body).chain(&b"]"[..]), &mut reading);
    reading.broken.map_or(Ok(()), Err)
}

/// The server of a URL, with its port where one stands.
fn authority(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_ascii_lowercase()
}

/// Events as they came last.
struct Cache {
    folder: PathBuf,
    known: BTreeMap<String, Known>,
}

/// What is known of an event that is kept.
#[derive(Serialize, Deserialize)]
struct Known {
    /// As the manifest had it.
    timestamp: u64,
    /// Of its bytes: a file that a crash cut short is not believed.
    sha256: String,
    etag: Option<String>,
    last_modified: Option<String>,
}

impl Cache {
    /// What cannot be read of it comes again.
    fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let index = fs::read(folder.join(INDEX)).unwrap_or_default();
        Ok(Self { folder: folder.to_owned(), known: serde_json::from_slice(&index).unwrap_or_default() })
    }

    fn path(&self, uuid: &str) -> PathBuf {
        self.folder.join(format!("{uuid}.json"))
    }

    fn body(&self, uuid: &str) -> Option<Vec<u8>> {
        let known = self.known.get(uuid)?;
        fs::read(self.path(uuid)).ok().filter(|bytes| sha256_hex(bytes) == known.sha256)
    }

    fn put(&mut self, uuid: &str, bytes: &[u8], known: Known) -> io::Result<()> {
        self.write(&self.path(uuid), bytes)?;
        self.known.insert(uuid.to_owned(), known);
        Ok(())
    }

    /// Not synced to the disk, unlike a copy in force: thousands of events would take minutes, and all can come again.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(NEW_PREFIX).tempfile_in(&self.folder)?;
        file.write_all(bytes)?;
        file.persist(path).map(drop).map_err(|error| error.error)
    }

    /// Forgets every other event, and what a crash left half written.
    fn keep(&mut self, events: &HashSet<&str>) {
        self.known.retain(|uuid, _| events.contains(uuid.as_str()));
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_event = name.strip_suffix(".json").is_some_and(|uuid| self.known.contains_key(uuid));
            if !is_event && name != INDEX {
                // What cannot be removed only takes room.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Without an index all comes again, which is no harm.
    fn save(&self) {
        if let Ok(text) = serde_json::to_vec(&self.known) {
            let _ = self.write(&self.folder.join(INDEX), &text);
        }
    }
}

/// No event is called so: its name is a UUID.
const INDEX: &str = "index.json";
/// Of the newest; the largest public feed has about as many.
const EVENTS_MAX: usize = 2000;
/// A server that is down shall not be asked for thousands of events.
const FAILURES_MAX: u32 = 5;

#[cfg(test)]
mod tests;
