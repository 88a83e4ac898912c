//! What was agreed to, how much of a quota is used, and which answers are still fresh?
//!
//! `DATA/online/<service>.json`, readable by its owner alone: it tells whom somebody asked about.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tripoint_model::Timestamp;

use super::Said;

/// Answers kept of one service; the oldest go first.
const ANSWERS_MAX: usize = 10_000;
/// Largest file that is read, bytes: four times what the answers need.
const FILE_BYTES_MAX: u64 = 128 << 20;
const DAY: Duration = Duration::from_secs(24 * 3600);
const DAY_MICROS: i64 = 24 * 3600 * 1_000_000;

/// Why nothing could be kept.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {path}: {source}")]
pub struct KeepError {
    path: PathBuf,
    source: io::Error,
}

/// An answer at hand.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    pub address: IpAddr,
    pub at: Timestamp,
    pub said: Said,
}

/// What is known of one service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
    #[serde(default)]
    accepted: bool,
    /// Days since 1970, in UTC.
    #[serde(default)]
    day: i64,
    #[serde(default)]
    used: u32,
    #[serde(default)]
    pub blocked_until: Option<Timestamp>,
    #[serde(default)]
    answers: Vec<Kept>,
}

impl State {
    pub fn fresh(&self, address: IpAddr, cache_for: Duration, now: Timestamp) -> Option<&Kept> {
        // One from the future is one of a clock that was wrong.
        self.answers.iter().find(|kept| kept.address == address && kept.at <= now && now < kept.at.plus(cache_for))
    }

    /// Takes one question from today's quota.
    pub fn take(&mut self, per_day: u32, now: Timestamp) -> Result<(), String> {
        if let Some(until) = self.blocked_until.filter(|until| now < *until && *until <= now.plus(DAY)) {
            return Err(quota_reached(until));
        }
        let today = now.0.div_euclid(DAY_MICROS);
        if self.day != today {
            (self.day, self.used) = (today, 0);
        }
        if self.used >= per_day {
            return Err(quota_reached(tomorrow(now)));
        }
        self.used += 1;
        self.blocked_until = None;
        Ok(())
    }

    pub fn keep(&mut self, address: IpAddr, said: Said, cache_for: Duration, now: Timestamp) {
        self.answers.retain(|kept| kept.address != address && kept.at <= now && now < kept.at.plus(cache_for));
        if self.answers.len() >= ANSWERS_MAX {
            self.answers.remove(0);
        }
        self.answers.push(Kept { address, at: now, said });
    }
}

/// Until when a service that said "too many" is left alone: as long as it wishes, a day at most.
pub(super) fn pause(retry_after_s: Option<u64>, now: Timestamp) -> Timestamp {
    retry_after_s.map_or_else(|| tomorrow(now), |seconds| now.plus(Duration::from_secs(seconds).min(DAY)))
}

pub(super) fn quota_reached(until: Timestamp) -> String {
    format!("quota reached until {until}")
}

fn tomorrow(now: Timestamp) -> Timestamp {
    Timestamp((now.0.div_euclid(DAY_MICROS) + 1) * DAY_MICROS)
}

/// Whether somebody agreed that the service is asked.
pub fn is_accepted(data_dir: &Path, service: &str) -> bool {
    read(data_dir, service).accepted
}

/// Somebody agrees.
pub fn accept(data_dir: &Path, service: &str) -> Result<(), KeepError> {
    change(data_dir, service, &mut |state| state.accepted = true)
}

/// What is kept; nothing of a damaged file.
pub(super) fn read(data_dir: &Path, service: &str) -> State {
    let mut bytes = Vec::new();
    let file = fs::File::open(path(data_dir, service));
    let read = file.and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes));
    read.ok().and_then(|_| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// Changes what is kept, alone.
pub(super) fn change<T>(data_dir: &Path, service: &str, what: &mut dyn FnMut(&mut State) -> T) -> Result<T, KeepError> {
    let path = path(data_dir, service);
    let fail = |source| KeepError { path: path.clone(), source };
    let folder = path.parent().unwrap_or(data_dir);
    fs::create_dir_all(folder).map_err(fail)?;
    let lock = fs::File::create(folder.join(".lock")).map_err(fail)?;
    lock.lock().map_err(fail)?;
    let mut state = read(data_dir, service);
    let value = what(&mut state);
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder).map_err(fail)?;
    let text = serde_json::to_vec(&state).map_err(|error| fail(error.into()))?;
    file.write_all(&text).map_err(fail)?;
    file.persist(&path).map_err(|error| fail(error.error))?;
    Ok(value)
}

fn path(data_dir: &Path, service: &str) -> PathBuf {
    data_dir.join("online").join(format!("{service}.json"))
}
