//! What can this agent do here, what has it lost, and how fresh is its data?

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use tripoint_api::agent::{AgentHealth, Capability, DataSource, Gap};
use tripoint_linux::bpf::{Account, Counters, Missing};
use tripoint_linux::capability;
use tripoint_model::Timestamp;
use tripoint_sensor::diag;
use tripoint_vuln::{Patience, SourceInfo, SourceStatus};

use crate::config::Config;
use crate::content::Loaded;
use crate::pull::Fetched;
use crate::respond::Blocking;
use crate::sense::Shared;

/// Data older than this is called stale, seconds.
pub const STALE_S: u64 = 48 * 3600;

/// How the fetching of images is called among the data.
pub const FROM_SERVER: &str = "intel from the server";

/// Everything that a health report is made from.
pub struct Health {
    /// `bpf` or `sock_diag`.
    pub sensor: &'static str,
    /// What blocks here.
    pub blocking: Blocking,
    /// `advise` or `enforce`.
    pub mode: &'static str,
    /// Programs that the kernel did not take.
    pub missing: Vec<Missing>,
    /// What a sensor without programs cannot do.
    pub lost: Vec<&'static str>,
    /// The kernel programs' counts.
    pub counters: Option<Arc<Mutex<Counters>>>,
    /// How often the kernel left a program out.
    pub account: Option<Account>,
    /// The data folder.
    pub data: PathBuf,
    /// How old advisories may be.
    pub patience: Patience,
    /// Loaded content.
    pub loaded: Arc<Mutex<Loaded>>,
    /// The sensing thread's counts.
    pub shared: Arc<Shared>,
    /// Bytes of kernel memory for the list.
    pub kernel_map_bytes: u64,
    /// What has been lost so far, and when.
    pub gaps: Mutex<Gaps>,
}

/// What opening the sensor told.
pub struct Opened {
    /// Whether the kernel took the programs.
    pub by_programs: bool,
    /// Programs that it did not take.
    pub missing: Vec<Missing>,
    /// Their counts.
    pub counters: Option<Arc<Mutex<Counters>>>,
    /// How often it left one out.
    pub account: Option<Account>,
    /// Bytes of kernel memory for the list.
    pub kernel_map_bytes: u64,
}

impl Health {
    /// Nothing lost so far.
    pub fn new(
        opened: Opened,
        blocking: Blocking,
        config: &Config,
        data: &Path,
        loaded: Arc<Mutex<Loaded>>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            sensor: if opened.by_programs { "bpf" } else { "sock_diag" },
            blocking,
            mode: config.response.mode.as_str(),
            missing: opened.missing,
            lost: if opened.by_programs { Vec::new() } else { diag::LOST.to_vec() },
            counters: opened.counters,
            account: opened.account,
            data: data.to_owned(),
            patience: config.patience(),
            loaded,
            shared,
            kernel_map_bytes: opened.kernel_map_bytes,
            gaps: Mutex::new(Gaps::new(Timestamp::from_system(SystemTime::now()))),
        }
    }
}

/// Losses as they were at the last look, and the stretches of time in which they grew.
#[derive(Debug)]
pub struct Gaps {
    looked: Timestamp,
    losses: BTreeMap<String, u64>,
    found: Vec<Gap>,
}

/// How many gaps are kept; older ones are still in the counters.
const GAPS_MAX: usize = 100;

impl Gaps {
    /// Nothing lost before `start`.
    pub fn new(start: Timestamp) -> Self {
        Self { looked: start, losses: BTreeMap::new(), found: Vec::new() }
    }

    /// Compares with the last look; every counter that grew makes a gap.
    fn look(&mut self, losses: &BTreeMap<String, u64>, now: Timestamp) -> Vec<Gap> {
        for (why, total) in losses {
            let count = total.saturating_sub(self.losses.get(why).copied().unwrap_or(0));
            if count > 0 {
                self.found.push(Gap { from: self.looked, to: now, count, why: why.clone() });
            }
        }
        self.found.drain(..self.found.len().saturating_sub(GAPS_MAX));
        self.looked = now;
        self.losses.clone_from(losses);
        self.found.clone()
    }
}

impl Health {
    /// The report as of now.
    pub fn report(&self) -> AgentHealth {
        let counted = self.counters.as_ref().and_then(|c| c.lock().ok().map(|c| c.read())).unwrap_or_default();
        let (mut losses, mut counters): (BTreeMap<String, u64>, BTreeMap<String, u64>) = counted
            .into_iter()
            .map(|(name, count)| (name.to_owned(), count))
            .partition(|(name, _)| name.starts_with("lost_"));
        let missed: u64 = self.account.iter().flat_map(Account::read).map(|program| program.missed).sum();
        losses.insert("lost_missed_runs".into(), missed);
        losses.insert("lost_unreadable".into(), self.shared.unreadable.load(Ordering::Relaxed));
        losses.insert("lost_unaccounted".into(), self.shared.unaccounted.load(Ordering::Relaxed));
        for (name, count) in
            ["inbound_tcp", "inbound_udp", "outbound_tcp", "outbound_udp"].iter().zip(&self.shared.seen)
        {
            counters.insert(format!("connections_{name}"), count.load(Ordering::Relaxed));
        }
        counters.insert("connections_not_kept".into(), self.shared.uncounted.load(Ordering::Relaxed));
        counters.insert("kernel_map_bytes".into(), self.kernel_map_bytes);
        counters.extend(self.fetched());
        let now = Timestamp::from_system(SystemTime::now());
        let gaps = self.gaps.lock().map(|mut gaps| gaps.look(&losses, now)).unwrap_or_default();
        AgentHealth {
            gaps,
            kernel: capability::kernel_release(),
            sensor: self.sensor.to_owned(),
            firewall: self.blocking.mechanism.to_owned(),
            mode: self.mode.to_owned(),
            capabilities: self.capabilities(),
            data: self.data(),
            losses,
            counters,
        }
    }

    /// Counts of what came from the server.
    fn fetched(&self) -> Vec<(String, u64)> {
        let fetched = self.loaded.lock().ok().and_then(|loaded| loaded.fetched.clone());
        let counts = |of: Fetched| {
            [("deltas", of.deltas), ("wholes", of.wholes), ("failures", of.failures), ("bytes", of.bytes)]
                .map(|(name, count)| (format!("intel_fetched_{name}"), count))
        };
        fetched.map(counts).into_iter().flatten().collect()
    }

    fn capabilities(&self) -> Vec<Capability> {
        let mut all: Vec<Capability> = host_capabilities();
        all.extend(self.missing.iter().map(|missing| Capability {
            name: missing.program.to_owned(),
            status: "missing".into(),
            lost: missing.lost.to_owned(),
        }));
        all.extend(self.blocking.gaps.iter().map(|gap| Capability {
            name: format!("blocking by {}", self.blocking.mechanism),
            status: "partial".into(),
            lost: (*gap).to_owned(),
        }));
        all.extend(self.lost.iter().map(|lost| Capability {
            name: "sensor".into(),
            status: "degraded".into(),
            lost: (*lost).to_owned(),
        }));
        all
    }

    fn data(&self) -> Vec<DataSource> {
        let loaded = self.loaded.lock().map(|loaded| loaded.clone()).unwrap_or_default();
        let now = Timestamp::from_system(SystemTime::now());
        let mut all = vec![source("intel", loaded.intel, now, "no intelligence loaded: run `tripoint intel sync`")];
        if let Some(fetched) = loaded.fetched {
            let age = fetched.confirmed.map(|at| now.since(at).as_secs());
            let status = fetched.trouble.unwrap_or_else(|| "ok".into());
            all.push(DataSource { source: FROM_SERVER.into(), age, status });
        }
        if loaded.vuln.is_none_or(|(_, packages)| packages == 0) {
            all.push(source("vuln", None, now, "no advisories loaded: run `tripoint vulns sync`"));
        }
        all.extend(loaded.rules.map(|rules| rules.health(now)));
        all.extend(advisory_sources(&self.data, &loaded.sources, &self.patience, now));
        all
    }
}

/// Each source of advisories with its age and what is wrong with it, as `doctor` prints it.
pub fn advisory_sources(data: &Path, image: &[SourceInfo], patience: &Patience, now: Timestamp) -> Vec<DataSource> {
    let one = |source: SourceStatus| DataSource {
        age: source.age(now).map(|age| age.as_secs()),
        status: source
            .trouble(patience, now)
            .unwrap_or_else(|| format!("ok, {} record{}", source.records, if source.records == 1 { "" } else { "s" })),
        source: format!("advisories {}", source.source),
    };
    tripoint_vuln::status::all(data, image).into_iter().map(one).collect()
}

/// What the host offers, as `doctor` prints it.
pub fn host_capabilities() -> Vec<Capability> {
    let one = |c: capability::Capability| Capability {
        name: c.name.to_owned(),
        status: if c.present { "ok" } else { "missing" }.to_owned(),
        lost: if c.present { String::new() } else { c.lost.to_owned() },
    };
    capability::probe().into_iter().map(one).collect()
}

fn source(name: &str, loaded: Option<(Timestamp, usize)>, now: Timestamp, absent: &str) -> DataSource {
    match loaded {
        None => DataSource { source: name.into(), age: None, status: absent.into() },
        Some((_, 0)) => DataSource { source: name.into(), age: None, status: absent.into() },
        Some((built, _)) => {
            let age = now.since(built).as_secs();
            let status = if age > STALE_S { "stale" } else { "ok" };
            DataSource { source: name.into(), age: Some(age), status: status.into() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_growth_of_a_loss_is_a_gap_with_its_bounds() {
        let losses = |events: u64| BTreeMap::from([("lost_event".to_owned(), events), ("lost_match".to_owned(), 0)]);
        let mut gaps = Gaps::new(Timestamp(10));
        assert!(gaps.look(&losses(0), Timestamp(20)).is_empty());
        let gap = Gap { from: Timestamp(20), to: Timestamp(30), count: 5, why: "lost_event".into() };
        assert_eq!(gaps.look(&losses(5), Timestamp(30)), std::slice::from_ref(&gap));
        assert_eq!(gaps.look(&losses(5), Timestamp(40)), [gap], "it is told until it is forgotten");
        for round in 0..300 {
            gaps.look(&losses(6 + round), Timestamp(50));
        }
        assert_eq!(gaps.found.len(), GAPS_MAX);
    }
}
