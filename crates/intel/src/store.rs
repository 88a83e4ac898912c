//! What did each feed say last, how is the feed doing, and how do all of them become one image?
//!
//! `DATA/intel/<feed>/indicators.ndjson` is the last good copy, one indicator a line, sealed by
//! a last line with their count and checksum; `status.json` beside it changes with every attempt.

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tripoint_model::{Indicator, Observable, Timestamp};

use crate::feed::SYSTEMS_MAX;
use crate::guardlist;
use crate::image::{Builder, FeedNumber};
use crate::images::{NEW_PREFIX, publish, write_whole};
use crate::import::Context;
use crate::past::{Limits, Remembered, remember};
use crate::rules::Rules;
use crate::systems::Systems;

mod ahead;
mod status;

pub use status::{FeedState, FeedStatus, SystemsStatus};

/// Why the store could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A name that is no file name.
    #[error("{0:?} cannot name a feed: use 1 to 64 letters, digits, '.', '_' and '-', not beginning with '.'")]
    Name(String),
    /// Reading or writing failed.
    #[error("cannot use {path}: {source}")]
    Io {
        /// What was read or written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The name of the folder of guard lists.
    #[error("`guard` cannot name a feed: guard lists lie there")]
    Reserved,
    /// A guard list hinders a new image.
    #[error("{0}")]
    Guard(String),
    /// More feeds than an image numbers.
    #[error("there are more than 65,535 feeds")]
    TooMany,
}

/// The last line of a copy.
#[derive(PartialEq, Serialize, Deserialize)]
pub(crate) struct Seal {
    pub(crate) count: u64,
    pub(crate) sha256: String,
}

/// The feeds' folder, locked for this writer.
pub struct Store {
    pub(crate) data_dir: PathBuf,
    _lock: fs::File,
}

impl Store {
    /// Opens the folder for writing, creating it; waits for another writer.
    pub fn open(data_dir: &Path) -> Result<Self, StoreError> {
        let folder = folder(data_dir);
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        let path = folder.join(".lock");
        let lock = fs::File::create(&path).map_err(at(&path))?;
        lock.lock().map_err(at(&path))?;
        sweep(&crate::images::folder(data_dir));
        Ok(Self { data_dir: data_dir.to_owned(), _lock: lock })
    }

    /// Replaces the copy in force at `now`; gives what is new in it and what became of the past (`past`), where what
    /// goes is remembered. The status follows separately (`set_status`): a crash between the two only makes the next
    /// fetch bring the same copy again.
    pub fn save(&self, feed: &str, indicators: &[Indicator], now: Timestamp) -> Result<Remembered, StoreError> {
        check_name(feed)?;
        let folder = folder(&self.data_dir).join(feed);
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        sweep(&folder);
        let path = folder.join(COPY);
        let remembered = remember(&self.data_dir, feed, indicators, Limits::default(), now).map_err(at(&folder))?;
        write_copy(&path, indicators).map_err(at(&path))?;
        Ok(remembered)
    }

    /// Puts what a TAXII server gave beside the copy that was read from it.
    pub(crate) fn keep_bundle(&self, feed: &str, bundle: crate::taxii::Kept) -> Result<(), StoreError> {
        let path = feed_folder(&self.data_dir, feed);
        bundle.put_in_force().map_err(at(&path))
    }

    /// Records how a feed is doing.
    pub fn set_status(&self, status: &FeedStatus) -> Result<(), StoreError> {
        check_name(&status.feed)?;
        let folder = folder(&self.data_dir).join(&status.feed);
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        let path = folder.join(STATUS);
        let text = serde_json::to_vec_pretty(status).map_err(|error| at(&path)(error.into()))?;
        write_whole(&path, |file| file.write_all(&text)).map_err(at(&path))
    }

    /// Builds an image from every copy in force and publishes it; gives its generation. Entries that
    /// `rules` refuse by now are left out. A copy that is damaged is left out whole, because
    /// a flipped bit accuses a stranger, and its feed is marked.
    pub fn rebuild(&self, now: Timestamp, rules: Rules<'_>) -> Result<u64, StoreError> {
        let mut builder = Builder::default();
        let mut copies = Vec::new();
        for status in list(&self.data_dir) {
            let path = folder(&self.data_dir).join(&status.feed).join(COPY);
            if path.exists() {
                let number = builder.feed(&status.feed).ok_or(StoreError::TooMany)?;
                builder.source(number, status.source(now));
                copies.push((path, number, status));
            }
        }
        let paths: Vec<PathBuf> = copies.iter().map(|(path, ..)| path.clone()).collect();
        let mut systems: Vec<Vec<Indicator>> = vec![Vec::new(); copies.len()];
        let damaged = ahead::read_all(&paths, rules, &mut |at, indicator| match indicator.observable {
            Observable::System(_) if systems[at].len() < SYSTEMS_MAX => systems[at].push(indicator.clone()),
            Observable::System(_) => {}
            _ => builder.add(copies[at].1, indicator),
        });
        for (at, source) in damaged {
            let status = &mut copies[at].2;
            status.state = FeedState::Failed;
            status.alarm = Some(format!("the stored copy is damaged: {source}"));
            status.etag = None;
            status.last_modified = None;
            self.set_status(status)?;
            systems[at].clear();
        }
        let named = copies.into_iter().zip(systems).map(|((_, number, status), entries)| (number, status, entries));
        self.add_systems(named.collect(), &mut builder, rules)?;
        guardlist::store::add(&self.data_dir, &mut builder)?;
        let path = crate::images::folder(&self.data_dir);
        publish(&self.data_dir, &builder.finish(now)).map_err(at(&path))
    }
}

impl Store {
    /// Adds what is meant by the autonomous systems that feeds name, and notes what became of them.
    fn add_systems(
        &self,
        named: Vec<(FeedNumber, FeedStatus, Vec<Indicator>)>,
        builder: &mut Builder,
        rules: Rules<'_>,
    ) -> Result<(), StoreError> {
        let entries = named.iter().flat_map(|(.., entries)| entries);
        let numbers = entries.filter_map(|entry| match entry.observable {
            Observable::System(number) => Some(number),
            _ => None,
        });
        let systems = Systems::find(&self.data_dir, &numbers.collect(), rules);
        for (number, status, entries) in named {
            let found = (!entries.is_empty()).then(|| systems.add(number, entries, builder));
            if found != status.systems {
                self.set_status(&FeedStatus { systems: found, ..status })?;
            }
        }
        Ok(())
    }

    /// As `rebuild`, when no feed has changed: the image stays as old as the newest of its feeds.
    pub(crate) fn publish_again(&self, context: &Context<'_>) -> Result<u64, StoreError> {
        let newest = list(&self.data_dir).iter().filter_map(|status| status.last_success).max();
        self.rebuild(newest.unwrap_or(context.now).min(context.now), context.rules())
    }
}

/// Removes what a crash left half written; nobody else writes while we hold the lock.
pub(crate) fn sweep(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(NEW_PREFIX)) {
        // What cannot be removed only takes room.
        let _ = fs::remove_file(entry.path());
    }
}

const COPY: &str = "indicators.ndjson";
const STATUS: &str = "status.json";

/// The status of a feed; a fresh one when it was never seen.
pub fn status(data_dir: &Path, feed: &str) -> Result<FeedStatus, StoreError> {
    check_name(feed)?;
    let known = read_status(&folder(data_dir).join(feed));
    Ok(known.unwrap_or_else(|| FeedStatus { feed: feed.to_owned(), ..FeedStatus::default() }))
}

/// The status of every feed, by name.
pub fn list(data_dir: &Path) -> Vec<FeedStatus> {
    let Ok(entries) = fs::read_dir(folder(data_dir)) else { return Vec::new() };
    let mut feeds: Vec<FeedStatus> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            check_name(&name).ok()?;
            entry.path().is_dir().then(|| {
                read_status(&entry.path()).unwrap_or_else(|| FeedStatus { feed: name, ..FeedStatus::default() })
            })
        })
        .collect();
    feeds.sort_by(|a, b| a.feed.cmp(&b.feed));
    feeds
}

/// Where all that belongs to a feed lies.
pub(crate) fn feed_folder(data_dir: &Path, feed: &str) -> PathBuf {
    folder(data_dir).join(feed)
}

/// Where a feed's copy lies.
pub(crate) fn copy_path(data_dir: &Path, feed: &str) -> PathBuf {
    folder(data_dir).join(feed).join(COPY)
}

/// Where a feed of many files keeps them.
pub(crate) fn events_path(data_dir: &Path, feed: &str) -> PathBuf {
    folder(data_dir).join(feed).join("events")
}

/// Whether a copy is whole.
pub(crate) fn check_copy(path: &Path) -> io::Result<()> {
    let mut hash = Sha256::new();
    let mut count = 0;
    let seal = each_line(path, &mut |line| {
        hash.update(line);
        count += 1;
        Ok(())
    })?;
    if seal == Some(Seal { count, sha256: hex(&hash.finalize()) }) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "its checksum does not hold"))
}

/// Shows every indicator of a copy.
pub(crate) fn read_copy(path: &Path, show: &mut dyn FnMut(&Indicator)) -> io::Result<()> {
    each_line(path, &mut |line| {
        show(&serde_json::from_slice(line)?);
        Ok(())
    })?;
    Ok(())
}

/// Writes a copy whole: a line for each indicator, then the seal.
pub(crate) fn write_copy(path: &Path, indicators: &[Indicator]) -> io::Result<()> {
    write_whole(path, |file| {
        let mut hash = Sha256::new();
        let mut line = Vec::new();
        for indicator in indicators {
            line.clear();
            serde_json::to_writer(&mut line, indicator)?;
            line.push(b'\n');
            hash.update(&line);
            file.write_all(&line)?;
        }
        let seal = Seal { count: indicators.len() as u64, sha256: hex(&hash.finalize()) };
        serde_json::to_writer(file, &seal)?;
        Ok(())
    })
}

/// Shows every line that ends; gives what stands after the last of them.
pub(crate) fn each_line(path: &Path, show: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<Option<Seal>> {
    let mut reader = BufReader::with_capacity(256 << 10, fs::File::open(path)?);
    let mut line = Vec::new();
    loop {
        line.clear();
        // A line is one indicator, written by us: labels and CVEs are bounded.
        reader.by_ref().take(1 << 20).read_until(b'\n', &mut line)?;
        if !line.ends_with(b"\n") {
            return Ok(serde_json::from_slice(&line).ok());
        }
        show(&line)?;
    }
}

fn read_status(folder: &Path) -> Option<FeedStatus> {
    let mut bytes = Vec::new();
    fs::File::open(folder.join(STATUS)).ok()?.take(1 << 20).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Whether a text can name a feed, and with it a folder.
pub fn check_name(name: &str) -> Result<(), StoreError> {
    let fits = (1..=64).contains(&name.len())
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if name == guardlist::store::FOLDER {
        return Err(StoreError::Reserved);
    }
    if fits { Ok(()) } else { Err(StoreError::Name(name.chars().take(80).collect())) }
}

/// SHA-256 in hex.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("intel")
}

pub(crate) fn at(path: &Path) -> impl Fn(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use tripoint_model::{AppliesTo, Category};

    use super::*;
    use crate::images::open_newest;

    #[test]
    fn a_copy_comes_back_and_a_damaged_one_is_marked() {
        let data = tempfile::tempdir().unwrap();
        let store = Store::open(data.path()).unwrap();
        let permit = ["203.0.113.0/24".parse().unwrap()];
        let rules = Rules { permit_ranges: &permit, own: &[] };
        for (feed, text) in [("a", "203.0.113.1"), ("b", "203.0.113.2")] {
            let one = Indicator::new(text.parse().unwrap(), Category::C2, AppliesTo::Out, 5);
            store.save(feed, &[one], Timestamp(1)).unwrap();
            store
                .set_status(&FeedStatus { feed: feed.into(), state: FeedState::Ok, count: 1, ..FeedStatus::default() })
                .unwrap();
        }
        assert_eq!(store.rebuild(Timestamp(1), rules).unwrap(), 1);
        assert_eq!(open_newest(data.path()).unwrap().1.len(), 2);
        let half = data.path().join("images").join(format!("{NEW_PREFIX}half"));
        fs::write(&half, b"x").unwrap();
        drop(store);
        let store = Store::open(data.path()).unwrap();
        assert!(!half.exists());
        let path = data.path().join("intel/b").join(COPY);
        let torn = fs::read(&path).unwrap();
        fs::write(&path, &torn[..torn.len() - 9]).unwrap();
        assert_eq!(store.rebuild(Timestamp(2), rules).unwrap(), 2);
        assert_eq!(open_newest(data.path()).unwrap().1.len(), 1);
        let states: Vec<FeedState> = list(data.path()).iter().map(|status| status.state).collect();
        assert_eq!(states, [FeedState::Ok, FeedState::Failed]);
    }

    /// Fails when a copy in which a bit turned, or that was cut, passes for whole. Nobody reads one that does not.
    #[test]
    fn d8_a_copy_that_is_not_what_was_written_is_refused() {
        let flips: usize = std::env::var("TRIPOINT_FLIPS").map_or(300, |flips| flips.parse().unwrap());
        let data = tempfile::tempdir().unwrap();
        let one = |at: u8| Indicator::new(format!("203.0.113.{at}").parse().unwrap(), Category::C2, AppliesTo::Out, 5);
        Store::open(data.path()).unwrap().save("a", &(0..50).map(one).collect::<Vec<_>>(), Timestamp(1)).unwrap();
        let path = copy_path(data.path(), "a");
        let whole = fs::read(&path).unwrap();
        let turned = |flip: usize| {
            let bit = flip.wrapping_mul(2_654_435_761) % (whole.len() * 8);
            let mut turned = whole.clone();
            turned[bit / 8] ^= 1 << (bit % 8);
            turned
        };
        let cuts = (0..100).map(|percent| whole[..whole.len() * percent / 100].to_vec());
        for (round, bytes) in (0..flips).map(turned).chain(cuts).enumerate() {
            fs::write(&path, &bytes).unwrap();
            assert!(check_copy(&path).is_err(), "round {round}");
        }
        println!("{flips} of {flips} turned bits found, 100 of 100 cuts");
    }

    #[test]
    fn names_cannot_climb() {
        for name in ["..", "a/b", "", ".hidden", "a b", "guard", &"x".repeat(65)] {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(check_name("Feodo_c2-1.0").is_ok());
    }
}
