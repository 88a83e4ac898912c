//! What does Tripoint cost, and does it see everything: figures that anyone can take again.
//!
//! # Start here
//! Each benchmark is one file with a `run` that returns figures. `cargo xtask bench NAME` builds and runs it, as root.
//!
//! # What it never knows
//! How the figures should be: the promises stand in `docs/benchmarks.md`.
//!
//! # Why it is so
//! It stands apart from the chores, so that those stay quick to build, and from the crates, so that nothing in them
//! exists for measuring only.

mod alert_latency;
mod attribution;
mod audit_verify;
mod blocking;
mod channels;
mod evidence;
mod flood;
mod found_open;
mod instance;
mod intel_delta;
mod intel_index;
mod inventory;
mod kernel_set;
mod package_change;
mod parser_time;
mod queue;
mod sensing;
mod sensor_cost;
mod statistics;
mod vuln_db;
mod workload;

use std::process::ExitCode;

use anyhow::{Result, bail};
use serde::Serialize;

/// One measured number.
#[derive(Serialize)]
pub struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
}

impl Figure {
    fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit }
    }

    fn count(name: impl Into<String>, value: usize, unit: &'static str) -> Self {
        Self::new(name, value as f64, unit)
    }
}

type Benchmark = fn() -> Result<Vec<Figure>>;

/// Those that load kernel programs need root.
const UNPRIVILEGED: &[&str] = &[
    "audit-verify",
    "channels",
    "evidence",
    "intel-delta",
    "intel-index",
    "inventory",
    "parser-time",
    "queue",
    "vuln-db",
];

const BENCHMARKS: &[(&str, Benchmark, &str)] = &[
    ("alert-latency", alert_latency::run, "from a connect to its alert in the API, while the host is busy"),
    ("sensor-cost", sensor_cost::run, "what a connection costs with and without the kernel programs"),
    ("kernel-set", kernel_set::run, "what a stranger costs in the kernel, and how long a million entries load"),
    ("blocking", blocking::run, "how long blocks take to be in force, to be read back and to be gone, by mechanism"),
    ("attribution", attribution::run, "10,000 processes of a few milliseconds: is each named rightly?"),
    ("flood", flood::run, "as many connections as a core can make: is each seen or counted as lost?"),
    ("open", found_open::run, "connections that were open before: how soon are they known?"),
    ("intel-index", intel_index::run, "how fast an address is looked up among millions, beside other structures"),
    ("intel-delta", intel_delta::run, "what a change of a million indicators costs: as a delta, and to refresh a feed"),
    ("inventory", inventory::run, "what an inventory costs, beside syft and trivy"),
    ("package-change", package_change::run, "from a change of the package database to the alert that follows"),
    ("vuln-db", vuln_db::run, "how fast advisories are answered from, beside a walk over all of them"),
    ("evidence", evidence::run, "how fast a log is searched for attacks, beside others with the same patterns"),
    ("audit-verify", audit_verify::run, "how long it takes to know that nothing in an audit was changed"),
    ("queue", queue::run, "a hundred thousand alerts: pages, searches, counts, and fifty people who watch"),
    ("channels", channels::run, "do channels to receivers that sleep, drip, fail or flood delay an alert?"),
    ("parser-time", parser_time::run, "twice as much hostile input: does it take twice as long?"),
];

fn main() -> Result<ExitCode> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let json = words.contains(&"--json");
    let Some(name) = words.iter().find(|word| **word != "--json") else {
        BENCHMARKS.iter().for_each(|(name, _, what)| println!("{name:<14} {what}"));
        return Ok(ExitCode::SUCCESS);
    };
    if *name == "workload" {
        return workload::run(&words[1..]).map(|()| ExitCode::SUCCESS);
    }
    let Some((_, run, _)) = BENCHMARKS.iter().find(|(known, ..)| known == name) else {
        bail!("no benchmark `{name}`; without a name they are listed");
    };
    if !UNPRIVILEGED.contains(name) && !tripoint_linux::capability::is_root() {
        bail!("kernel programs need root");
    }
    let figures = run()?;
    if json {
        println!("{}", serde_json::to_string(&figures)?);
    } else {
        figures.iter().for_each(|figure| println!("{:<64} {:>14.3} {}", figure.name, figure.value, figure.unit));
    }
    Ok(ExitCode::SUCCESS)
}
