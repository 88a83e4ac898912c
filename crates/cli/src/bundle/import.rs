//! How does a bundle come into force: all of it, or nothing?

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use tripoint_model::Timestamp;

use super::content::{Staging, sweep};
use super::counter::{self, Last};
use super::key::PublicKey;
use super::manifest::Manifest;
use super::read::{Seen, read};
use super::{BundleError, folder, io};

/// What the person agreed to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Consent {
    /// A lower counter than the last of its key.
    pub older: bool,
    /// After its end.
    pub expired: bool,
    /// Leave rules and descriptors as they are.
    pub without_rules: bool,
}

/// What came into force.
#[derive(Debug, Serialize)]
pub struct Imported {
    /// The file.
    pub file: PathBuf,
    /// The key that it was signed with.
    pub key: String,
    /// Its counter.
    pub counter: u64,
    /// When it was made.
    pub created: Timestamp,
    /// Seconds since then.
    pub age: u64,
    /// Until when it is good.
    pub expires: Timestamp,
    /// Feeds and their indicators.
    pub feeds: Vec<Brought>,
    /// Sources of advisories and their records.
    pub advisories: Vec<Brought>,
    /// Files of rules and descriptors.
    pub rules: Vec<String>,
}

/// One feed or source.
#[derive(Debug, Serialize)]
pub struct Brought {
    /// Its name.
    pub name: String,
    /// Indicators or records.
    pub count: u64,
    /// When the exporter last had it from its publisher.
    pub last_success: Option<Timestamp>,
}

/// Verifies every byte, reads every member to its end, builds what they make, and only then lets it take force.
pub fn import(
    file: &Path,
    keys: &[PublicKey],
    consent: Consent,
    context: &tripoint_intel::Context<'_>,
) -> Result<Imported, BundleError> {
    let (data_dir, now) = (context.data_dir, context.now);
    sweep(data_dir);
    let last = counter::imported(data_dir)?;
    let mut staging = Staging::new(data_dir)?;
    let mut judge = |manifest: &Manifest, seen: &str, key: &str| timely(manifest, seen, last.get(key), consent, now);
    let seen = read(file, keys, &mut judge, &mut |number, _, piece| staging.take(number, piece))?;
    let refused = |reason: String| BundleError::Refused { path: file.to_owned(), reason };
    let mut content = staging.check(&seen.manifest).map_err(refused)?;
    if consent.without_rules {
        content.rules.clear();
    }
    let prepared = content.prepare(data_dir, now).map_err(refused)?;
    let imported = report(file, &seen, &content, now);
    let marker = folder(data_dir).join(MARKER);
    fs::write(&marker, file.display().to_string()).map_err(io(&marker))?;
    content.commit(prepared, context)?;
    let Seen { manifest, key, manifest_sha256 } = seen;
    // An older one that was taken on purpose does not open the door to others.
    let counter = last.get(&key).map_or(manifest.counter, |last| last.counter.max(manifest.counter));
    if counter == manifest.counter {
        let last = Last { counter, manifest_sha256, created: manifest.created, imported: now };
        counter::set_imported(data_dir, &key, last)?;
    }
    fs::remove_file(&marker).map_err(io(&marker))?;
    Ok(imported)
}

/// There while a verified bundle takes force; left behind by a power cut in these moments.
const MARKER: &str = "importing";

/// The bundle whose import was cut short, if there is one: importing it again completes it.
pub fn unfinished(data_dir: &Path) -> Option<String> {
    fs::read_to_string(folder(data_dir).join(MARKER)).ok()
}

/// A bundle from further ahead than this was made by a wrong clock, or by somebody who wants to shut out all that follow.
const AHEAD_MAX: Duration = Duration::from_secs(2 * 86_400);

fn timely(
    manifest: &Manifest,
    sha256: &str,
    last: Option<&Last>,
    consent: Consent,
    now: Timestamp,
) -> Result<(), String> {
    let latest = now.plus(AHEAD_MAX);
    if manifest.created > latest || manifest.counter > u64::try_from(latest.0 / 1_000_000).unwrap_or(0) {
        return Err(format!(
            "it is from the future: made at {}, its counter is {}. If a clock was wrong: set it where the bundle was \
             made, remove bundle/exported.json there and export again",
            manifest.created, manifest.counter
        ));
    }
    if let Some(last) = last {
        let counter = manifest.counter;
        if counter < last.counter && !consent.older {
            return Err(format!(
                "it is older than the last one of its key: its counter is {counter}, the last was {} (made {}); \
                 --allow-older takes it all the same",
                last.counter, last.created
            ));
        }
        if counter == last.counter && sha256 != last.manifest_sha256 {
            return Err(format!("another bundle of its key has the same counter {counter}"));
        }
    }
    if manifest.expires < now && !consent.expired {
        return Err(format!("it expired at {}; --allow-expired takes it all the same", manifest.expires));
    }
    Ok(())
}

fn report(file: &Path, seen: &Seen, content: &super::content::Content, now: Timestamp) -> Imported {
    let feed = |copy: &tripoint_intel::carry::FeedCopy| Brought {
        name: copy.status.feed.clone(),
        count: copy.status.count,
        last_success: copy.status.last_success,
    };
    let source = |copy: &tripoint_vuln::carry::SourceCopy| Brought {
        name: copy.status.source.clone(),
        count: copy.status.records,
        last_success: copy.status.last_success,
    };
    Imported {
        file: file.to_owned(),
        key: seen.key.clone(),
        counter: seen.manifest.counter,
        created: seen.manifest.created,
        age: now.since(seen.manifest.created).as_secs(),
        expires: seen.manifest.expires,
        feeds: content.feeds.iter().map(feed).collect(),
        advisories: content.sources.iter().map(source).collect(),
        rules: content.rules.iter().map(|(name, _)| name.clone()).collect(),
    }
}
