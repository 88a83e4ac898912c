//! How is the sensor started for a benchmark, with a set of a million addresses?

use std::fs;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use ipnet::IpNet;
use tripoint_intel::Index;
use tripoint_intel::image::Builder;
use tripoint_linux::bpf::{Account, Counters, LoadOptions, Loaded, SetParts, load};
use tripoint_model::{AppliesTo, Category, Indicator, Observable, Timestamp};
use tripoint_sensor::Seen;
use tripoint_sensor::bpf::BpfSensor;

/// Peers in here are listed; everything else on the loopback network is not.
pub const LISTED: Ipv4Addr = Ipv4Addr::new(127, 66, 0, 0);

/// A small generator of numbers that look random (xorshift), the same in every run.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as u32
    }
}

/// A million single addresses all over the address space, and `LISTED`/16.
pub fn million() -> Result<Index> {
    let mut chance = Chance::new(7);
    let random = std::iter::repeat_with(move || Ipv4Addr::from(chance.next()))
        .filter(|address| !address.is_loopback())
        .take(1_000_000)
        .map(|address| Observable::Address(address.into()));
    let listed = Observable::from_net(IpNet::new(LISTED.into(), 16)?);
    let mut builder = Builder::default();
    let feed = builder.feed("bench").context("a feed")?;
    for observable in random.chain([listed]) {
        builder.add(feed, &Indicator::new(observable, Category::C2, AppliesTo::Both, 50));
    }
    Ok(Index::open(Arc::new(builder.finish(Timestamp::default())))?)
}

/// Loads the programs and gives them the set.
pub fn start(index: &Index, dns: bool) -> Result<Loaded> {
    let mut loaded = with_room(index, dns)?;
    fill(&mut loaded, index)?;
    Ok(loaded)
}

/// Loads the programs with room for the set; nothing is listed.
pub fn bare(index: &Index) -> Result<Loaded> {
    with_room(index, false)
}

fn with_room(index: &Index, dns: bool) -> Result<Loaded> {
    let set = index.kernel_set();
    let capacity = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let options = LoadOptions {
        nodes_capacity: capacity(set.nodes.len() / 4),
        blocks_capacity: capacity(set.blocks.len() / 32),
        dns,
        ..LoadOptions::default()
    };
    Ok(load(&options)?)
}

/// Gives the programs the set.
pub fn fill(loaded: &mut Loaded, index: &Index) -> Result<()> {
    let set = index.kernel_set();
    let exact = loaded.set.swap(&SetParts {
        bitmap: set.bitmap,
        rank: set.rank,
        nodes: set.nodes,
        blocks: set.blocks,
        filter6_32: set.filter6_32,
        filter6_48: set.filter6_48,
    })?;
    anyhow::ensure!(exact, "the set did not fit");
    Ok(())
}

/// A sensor at work on its own thread, handing everything seen to a function.
pub struct Watch<T> {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(T, Option<u64>)>,
    losses: Losses,
}

/// Every way in which the kernel side can have lost a record.
pub struct Losses {
    counters: Counters,
    account: Account,
    /// Ends, before the start, of connections that were open before.
    before: u64,
    /// Conversations begun and not ended when the last record was read, in the whole host.
    alive: Option<u64>,
}

impl Losses {
    /// Lost in all: full rings, sockets without storage for their owner, programs left out.
    pub fn all(&self) -> u64 {
        let counted = self.counters.read();
        let lost = counted.iter().filter(|(name, _)| name.starts_with("lost_"));
        let lost = lost.inspect(|(name, value)| {
            if *value > 0 {
                eprintln!("note: {name} stands at {value}");
            }
        });
        lost.map(|(_, value)| value).sum::<u64>() + self.missed() - self.before
    }

    /// Conversations alive at the end; `None` where the kernel does not tell.
    pub fn alive(&self) -> Option<u64> {
        self.alive
    }

    /// Conversations that began, did not end and are not alive; known only where the living are.
    pub fn unaccounted(&self) -> Option<u64> {
        Some(self.counter("begun").saturating_sub(self.counter("ended") + self.alive?))
    }

    /// How often the kernel left a program out because it was at work already.
    pub fn missed(&self) -> u64 {
        self.account.read().iter().map(|program| program.missed).sum()
    }

    /// One counter of the programs.
    pub fn counter(&self, name: &str) -> u64 {
        self.counters.read().iter().find(|(known, _)| *known == name).map_or(0, |(_, value)| *value)
    }
}

impl<T: Send + 'static> Watch<T> {
    /// `visit` is called with everything that was seen; its state comes back from `finish`.
    pub fn start(loaded: Loaded, mut state: T, visit: fn(&mut T, Seen)) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let mut losses =
            Losses { before: 0, alive: None, account: loaded.programs.account(), counters: loaded.counters };
        let mut sensor = BpfSensor::new(loaded.programs, loaded.matches, loaded.events, "/");
        sensor.start()?;
        losses.before = losses.all();
        let thread = std::thread::spawn(move || {
            let mut seen = Vec::new();
            let mut last = false;
            while !last {
                last = stopped.load(Ordering::Acquire);
                if sensor.poll(Duration::from_millis(10), &mut seen).is_err() {
                    break;
                }
                seen.drain(..).for_each(|seen| visit(&mut state, seen));
            }
            (state, sensor.alive().ok())
        });
        Ok(Self { stop, thread, losses })
    }

    /// Reads what is left and ends.
    pub fn finish(mut self) -> Result<(T, Losses)> {
        // Ends of connections come a little after their beginnings.
        std::thread::sleep(Duration::from_millis(300));
        self.stop.store(true, Ordering::Release);
        let (state, alive) = self.thread.join().map_err(|_| anyhow::anyhow!("the sensor's thread panicked"))?;
        self.losses.alive = alive;
        Ok((state, self.losses))
    }
}

/// Has the kernel measure the run time of programs, as long as this lives.
pub struct Stats {
    before: String,
}

const STATS: &str = "/proc/sys/kernel/bpf_stats_enabled";

impl Stats {
    pub fn on() -> Result<Self> {
        let before = fs::read_to_string(STATS).with_context(|| format!("cannot read {STATS}"))?;
        fs::write(STATS, "1").with_context(|| format!("cannot write {STATS}"))?;
        Ok(Self { before })
    }
}

impl Drop for Stats {
    fn drop(&mut self) {
        let _ = fs::write(STATS, self.before.trim());
    }
}

/// Nanoseconds and runs of each program between two looks.
pub fn spent(account: &Account, work: impl FnOnce() -> Result<()>) -> Result<Vec<(String, u64, u64)>> {
    let before = account.read();
    work()?;
    let after = account.read();
    let difference = before
        .into_iter()
        .zip(after)
        .map(|(before, after)| (after.program, after.nanoseconds - before.nanoseconds, after.runs - before.runs));
    Ok(difference.collect())
}
