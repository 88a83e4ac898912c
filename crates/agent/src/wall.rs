//! Did the wall clock go back? Blocks end at wall-clock moments: they must not last longer for it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tripoint_journal::kept;
use tripoint_linux::clock::boot_ns;
use tripoint_model::Timestamp;

/// Smaller steps are the daily work of time synchronisation.
const STEP_LEAST: Duration = Duration::from_secs(1);

/// Both clocks at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Clocks {
    boot_id: String,
    boot_ns: u64,
    wall: Timestamp,
}

impl Clocks {
    fn now() -> Self {
        let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let wall = Timestamp::from_system(SystemTime::now());
        Self { boot_id: boot_id.trim().to_owned(), boot_ns: boot_ns(), wall }
    }

    /// How far behind the wall clock is at `now`. Within one boot the boot clock tells how much time
    /// has passed; over a reboot at least none can have been taken back.
    fn back(&self, now: &Self) -> Duration {
        let passed = if self.boot_id == now.boot_id { now.boot_ns.saturating_sub(self.boot_ns) } else { 0 };
        let back = self.wall.plus(Duration::from_nanos(passed)).since(now.wall);
        if back < STEP_LEAST { Duration::ZERO } else { back }
    }
}

/// Keeps both clocks in a file, so that a step is noticed also when it happens while the agent is away.
pub struct WallClock {
    path: PathBuf,
    last: Option<Clocks>,
}

impl WallClock {
    /// Reads what was kept in the file; one that is missing or damaged means that nothing is known.
    pub fn open(path: &Path) -> Self {
        let read = kept::read(path).inspect_err(|error| tracing::error!(%error, "it is not known what time it was"));
        let last = read.ok().flatten().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { path: path.to_owned(), last }
    }

    /// How far the wall clock has gone back since the last look; keeps the clocks for the next one.
    pub fn look(&mut self) -> Duration {
        let now = Clocks::now();
        let back = self.last.as_ref().map_or(Duration::ZERO, |last| last.back(&now));
        if let Err(error) = self.keep(&now) {
            tracing::warn!(%error, path = %self.path.display(), "the clocks could not be kept");
        }
        self.last = Some(now);
        back
    }

    /// Written whole and renamed: a crash leaves the former state.
    fn keep(&self, now: &Clocks) -> io::Result<()> {
        kept::write(&self.path, &serde_json::to_vec(now)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(boot_id: &str, boot_s: u64, wall_s: i64) -> Clocks {
        Clocks { boot_id: boot_id.into(), boot_ns: boot_s * 1_000_000_000, wall: Timestamp::from_seconds(wall_s) }
    }

    #[test]
    fn only_a_step_back_counts() {
        let last = at("a", 100, 1_000);
        for (now, back) in [
            (at("a", 160, 1_060), 0),
            (at("a", 160, 1_000), 60),
            (at("a", 160, 90_000), 0),
            (at("b", 5, 1_010), 0),
            (at("b", 5, 400), 600),
        ] {
            assert_eq!(last.back(&now), Duration::from_secs(back), "{now:?}");
        }
    }

    /// Fails when a reboot, or a clock that was set meanwhile, gives a block more time than it had when the clocks were
    /// last kept, or than the wall clock of its end allows.
    #[test]
    fn r4_no_boot_and_no_step_leaves_more_than_was_left() {
        let mut seed = 1_u64;
        let mut dice = |end: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % end
        };
        for _ in 0..100_000 {
            let last = at("a", dice(10_000), 1_000_000 + i64::try_from(dice(10_000)).unwrap());
            let boot_id = ["a", "b"][usize::from(dice(2) == 1)];
            let passed = dice(5_000);
            let boot_s = if boot_id == "a" { last.boot_ns / 1_000_000_000 + passed } else { dice(100) };
            let now = at(boot_id, boot_s, 1_000_000 + i64::try_from(dice(20_000)).unwrap() - 5_000);
            let expires = last.wall.plus(Duration::from_secs(1 + dice(8_000)));
            let moved = expires.minus(last.back(&now));
            let left = moved.since(now.wall);
            let passed = if boot_id == "a" { Duration::from_secs(passed) } else { Duration::ZERO };
            let most = expires.since(now.wall).min(expires.since(last.wall).saturating_sub(passed));
            assert!(left <= most + STEP_LEAST, "{last:?} {now:?}: {left:?} of {most:?}");
        }
    }

    #[test]
    fn a_step_is_noticed_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clocks.json");
        assert_eq!(WallClock::open(&path).look(), Duration::ZERO, "nothing is known");
        assert_eq!(WallClock::open(&path).look(), Duration::ZERO);
        let mut ahead = Clocks::now();
        ahead.wall = ahead.wall.plus(Duration::from_secs(3_600));
        kept::write(&path, &serde_json::to_vec(&ahead).unwrap()).unwrap();
        let back = WallClock::open(&path).look();
        assert!(back > Duration::from_secs(3_590) && back < Duration::from_secs(3_610), "{back:?}");
        assert_eq!(WallClock::open(&path).look(), Duration::ZERO, "told once");
        fs::write(&path, "{").unwrap();
        assert_eq!(WallClock::open(&path).look(), Duration::ZERO);
    }
}
