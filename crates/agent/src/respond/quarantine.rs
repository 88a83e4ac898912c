//! Whom does policy leave alone because blocking them broke something?

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tripoint_journal::kept;
use tripoint_model::Timestamp;
use tripoint_model::address::canonical;

/// Long enough for a person to look at the alert.
const HOLDS: Duration = Duration::from_secs(24 * 3600);
/// Twenty a minute at most, for a day.
const PEERS_MAX: usize = 28_800;

/// Peers and until when, kept over a restart.
pub struct Quarantine {
    path: PathBuf,
    until: BTreeMap<IpAddr, Timestamp>,
}

impl Quarantine {
    /// Reads what was kept; a file that is missing or damaged holds nobody.
    pub fn open(path: &Path) -> Self {
        let until = read(path).unwrap_or_else(|error| {
            tracing::error!(%error, path = %path.display(), "it is not known any more whose blocks were rolled back");
            BTreeMap::new()
        });
        Self { path: path.to_owned(), until }
    }

    /// Until when policy leaves the peer alone.
    pub fn holds(&self, peer: IpAddr, now: Timestamp) -> Option<Timestamp> {
        // A clock that went back lengthens nothing.
        self.until.get(&canonical(peer)).map(|until| (*until).min(now.plus(HOLDS))).filter(|until| *until > now)
    }

    /// From now on, for a day.
    pub fn add(&mut self, peer: IpAddr, now: Timestamp) -> Timestamp {
        let until = now.plus(HOLDS);
        self.until.retain(|_, until| *until > now);
        while self.until.len() >= PEERS_MAX {
            self.until.pop_first();
        }
        self.until.insert(canonical(peer), until);
        if let Err(error) = self.keep() {
            tracing::error!(%error, path = %self.path.display(), "a rolled back block is not remembered over a restart");
        }
        until
    }

    /// Written whole and renamed: a crash leaves the former state.
    fn keep(&self) -> std::io::Result<()> {
        kept::write(&self.path, &serde_json::to_vec(&self.until)?)
    }
}

fn read(path: &Path) -> std::io::Result<BTreeMap<IpAddr, Timestamp>> {
    Ok(kept::read(path)?.map(|bytes| serde_json::from_slice(&bytes)).transpose()?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_a_day_and_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quarantine.json");
        let (peer, now) = ("203.0.113.66".parse().unwrap(), Timestamp::from_seconds(1_000));
        assert_eq!(Quarantine::open(&path).holds(peer, now), None);
        let until = Quarantine::open(&path).add("::ffff:203.0.113.66".parse().unwrap(), now);
        let kept = Quarantine::open(&path);
        assert_eq!(kept.holds(peer, now), Some(until));
        assert_eq!(kept.holds(peer, Timestamp::from_seconds(1_000 + 86_399)), Some(until));
        assert_eq!(kept.holds(peer, Timestamp::from_seconds(1_000 + 86_400)), None);
        assert_eq!(kept.holds("203.0.113.67".parse().unwrap(), now), None);
        std::fs::write(&path, "{").unwrap();
        assert_eq!(Quarantine::open(&path).holds(peer, now), None);
    }
}
