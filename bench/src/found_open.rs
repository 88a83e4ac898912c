//! How soon are connections known that were open before the sensor?

use std::collections::HashMap;
use std::time::Instant;

use anyhow::Result;
use tripoint_model::Direction;
use tripoint_sensor::Seen;
use tripoint_sensor::bpf::BpfSensor;

use crate::{Figure, sensing, workload};

/// A process may often hold no more than four thousand files: two for each connection here.
const HELD_EACH: usize = 1_000;

/// A thousand connections of one process, and ten thousand of ten.
pub fn run() -> Result<Vec<Figure>> {
    let set = sensing::million()?;
    let mut figures = Vec::new();
    for holders in [1usize, 10] {
        let held = HELD_EACH.to_string();
        let holders: Vec<_> = (0..holders).map(|_| workload::started(&["hold", &held])).collect::<Result<_>>()?;
        let ports: HashMap<u32, u16> =
            holders.iter().map(|(child, port)| Ok((child.id(), port.parse()?))).collect::<Result<_>>()?;
        let begun = Instant::now();
        let loaded = sensing::start(&set, false)?;
        let ready = begun.elapsed();
        let mut sensor = BpfSensor::new(loaded.programs, loaded.matches, loaded.events, "/");
        let seen = sensor.start()?;
        let known = begun.elapsed();
        let ours = |seen: &&Seen| match seen {
            Seen::Connection { connection, .. } => {
                let owner = connection.process.as_ref().map_or(0, |process| process.key.pid);
                connection.direction == Direction::Outbound && ports.get(&owner) == Some(&connection.remote.port())
            }
            _ => false,
        };
        let (count, found) = (holders.len() * HELD_EACH, seen.iter().filter(ours).count());
        for (mut child, _) in holders {
            drop(child.stdin.take());
            child.wait()?;
        }
        figures.extend([
            Figure::count(format!("{count} open: found with owner and direction"), found, ""),
            Figure::new(format!("{count} open: programs loaded, set in force"), ready.as_secs_f64() * 1e3, "ms"),
            Figure::new(
                format!("{count} open: finding them and every process"),
                (known - ready).as_secs_f64() * 1e3,
                "ms",
            ),
            Figure::new(format!("{count} open: all known, from the start"), known.as_secs_f64() * 1e3, "ms"),
        ]);
    }
    Ok(figures)
}
