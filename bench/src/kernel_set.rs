//! What does the kernel's question "is it listed?" cost for a stranger, and how long is a million on its way there?

use std::time::Instant;

use anyhow::{Context, Result};
use tripoint_linux::bpf::Loaded;

use crate::Figure;
use crate::sensing::{self, Chance, Stats};
use crate::statistics::{median, median_bounds};
use crate::workload::udp_once;

const PAIRS: usize = 15;
const CONNECTIONS: usize = 40_000;

/// The connect program's own time with a million listed, less that with nothing listed; peers are strangers.
pub fn run() -> Result<Vec<Figure>> {
    let index = sensing::million()?;
    let (mut differences, mut loads) = (Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        let mut times = [0.0; 2];
        // Which comes first changes, so that a drift of the machine falls on both.
        for with in [pair % 2, 1 - pair % 2] {
            let mut loaded = sensing::bare(&index)?;
            if with == 1 {
                let begun = Instant::now();
                sensing::fill(&mut loaded, &index)?;
                loads.push(begun.elapsed().as_secs_f64() * 1e3);
            }
            times[with] = connect_time(loaded)?;
        }
        differences.push(times[1] - times[0]);
    }
    let (low, high) = median_bounds(&differences);
    Ok(vec![
        Figure::new("a million entries into the kernel's maps, median", median(&loads), "ms"),
        Figure::new("a stranger's look-up, median of paired differences", median(&differences), "ns"),
        Figure::new("a stranger's look-up, 95 % from", low, "ns"),
        Figure::new("a stranger's look-up, 95 % to", high, "ns"),
    ])
}

/// Nanoseconds of the connect program for each connection.
fn connect_time(loaded: Loaded) -> Result<f64> {
    let programs = loaded.programs.account();
    let watch = sensing::Watch::start(loaded, (), |(), _| {})?;
    let mut chance = Chance::new(11);
    (0..CONNECTIONS / 10).try_for_each(|_| udp_once(&mut chance, 9, false))?;
    let stats = Stats::on()?;
    let spent = sensing::spent(&programs, || (0..CONNECTIONS).try_for_each(|_| udp_once(&mut chance, 9, false)))?;
    drop(stats);
    watch.finish()?;
    let own = spent.iter().find(|(program, ..)| program == "tp_connect4").context("the connect program")?;
    Ok(own.1 as f64 / own.2 as f64)
}
