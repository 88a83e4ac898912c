//! Which sensor does this kernel allow, and how large are its maps?

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use tripoint_intel::Index;
use tripoint_linux::bpf::{self, LoadOptions, Loaded};
use tripoint_model::Timestamp;
use tripoint_responder::Firewall;
use tripoint_sensor::bpf::BpfSensor;
use tripoint_sensor::diag::DiagSensor;

use crate::config::{Config, SensorKind};
use crate::detect::Wake;
use crate::firewall;
use crate::sense::{self, Shared};

/// Runs the sensor until told to stop.
pub fn look(
    kernel: Option<BpfSensor>,
    counters: Option<Arc<Mutex<bpf::Counters>>>,
    poll: Duration,
    shared: &Shared,
    wake: &mpsc::SyncSender<Wake>,
) {
    match (kernel, counters) {
        (Some(sensor), Some(counters)) => sense::run_bpf(sensor, counters, poll, shared, wake),
        _ => sense::run_diag(DiagSensor::new("/"), shared, wake),
    }
}

/// What the kernel gave us.
pub struct Eyes {
    /// The sensor over the kernel programs.
    pub kernel: Option<BpfSensor>,
    /// The kernel's set of listed addresses.
    pub set: Option<bpf::SetMaps>,
    /// What can refuse and end connections here.
    pub firewall: Box<dyn Firewall>,
    /// The programs' counts.
    pub counters: Option<Arc<Mutex<bpf::Counters>>>,
    /// The kernel's account of the programs: how often one was left out.
    pub account: Option<bpf::Account>,
    /// Programs that the kernel did not take.
    pub missing: Vec<bpf::Missing>,
    /// Kernel memory of the set.
    pub kernel_map_bytes: u64,
}

/// Takes the best sensor that this kernel allows, and says what is lost with a lesser one.
/// `name` is what ours is called in the kernel.
pub fn open(config: &Config, index: Option<&Index>, name: &str) -> anyhow::Result<Eyes> {
    let loaded = match config.sensor.kind {
        SensorKind::SockDiag => None,
        SensorKind::Bpf => Some(bpf::load(&options(config, index)).context("sensor.kind is bpf")?),
        SensorKind::Auto => bpf::load(&options(config, index))
            .inspect_err(|error| tracing::warn!(%error, "no kernel programs here: sockets are polled instead"))
            .ok(),
    };
    let Some(Loaded { programs, matches, events, set, blocks, isolation, counters, missing }) = loaded else {
        return Ok(Eyes {
            kernel: None,
            set: None,
            firewall: firewall::choose(config.response.mechanism, None, name)?,
            counters: None,
            account: None,
            missing: Vec::new(),
            kernel_map_bytes: 0,
        });
    };
    for missing in &missing {
        tracing::warn!(
            program = missing.program,
            lost = missing.lost,
            reason = missing.reason,
            "kernel program missing"
        );
    }
    let account = programs.account();
    let drops = missing.iter().all(|missing| !matches!(missing.program, "tp_egress" | "tp_ingress"));
    let firewall = firewall::choose(config.response.mechanism, drops.then_some((blocks, isolation)), name)?;
    Ok(Eyes {
        account: Some(account),
        kernel: Some(BpfSensor::new(programs, matches, events, "/")),
        kernel_map_bytes: set.memory_bytes(),
        set: Some(set),
        firewall,
        counters: Some(Arc::new(Mutex::new(counters))),
        missing,
    })
}

/// Room for a quarter more than is listed now, so that ordinary growth needs no restart.
fn options(config: &Config, index: Option<&Index>) -> LoadOptions {
    let defaults = LoadOptions::default();
    let (nodes, blocks) = index.map_or((0, 0), |index| {
        let set = index.kernel_set();
        (set.nodes.len() / 4, set.blocks.len() / 32)
    });
    let preempts = config.response.refuses_ahead();
    let enforceable = index.filter(|_| preempts).map_or(0, |index| {
        index.enforceable(config.response.min_confidence, Timestamp::from_system(SystemTime::now())).len()
    });
    let room = |now: usize, least: u32| u32::try_from(now + now / 4).unwrap_or(u32::MAX).max(least);
    LoadOptions {
        nodes_capacity: room(nodes, defaults.nodes_capacity).max(config.sensor.indicators_max),
        blocks_capacity: room(blocks, defaults.blocks_capacity),
        events_bytes: config.sensor.events_mib.clamp(1, 256).next_power_of_two() << 20,
        enforce_capacity: room(enforceable, defaults.enforce_capacity),
        dns: config.sensor.dns,
        ..defaults
    }
}
