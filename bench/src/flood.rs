//! Is every connection of a flood either seen or counted as lost?

use std::collections::HashSet;

use anyhow::{Context, Result};
use tripoint_model::{ConnectionId, ConnectionState, Direction};
use tripoint_sensor::Seen;

use crate::Figure;
use crate::sensing;
use crate::workload;

const SECONDS: &str = "10";

#[derive(Default)]
struct Counted {
    pid: u32,
    made: u64,
    ended: u64,
    inbound: u64,
    listed: HashSet<ConnectionId>,
}

/// UDP at a steady rate above the promise, then UDP and TCP as fast as one core goes.
pub fn run() -> Result<Vec<Figure>> {
    let set = sensing::million()?;
    let mut figures = Vec::new();
    for (name, protocol, rate) in [
        ("udp, paced", "udp", "25000"),
        ("udp, as fast as it goes", "udp", "0"),
        ("tcp, as fast as it goes", "tcp", "0"),
    ] {
        figures.extend(one(name, protocol, rate, &set)?);
    }
    Ok(figures)
}

fn one(name: &str, protocol: &str, rate: &str, set: &tripoint_intel::Index) -> Result<Vec<Figure>> {
    let watch = sensing::Watch::start(sensing::start(set, false)?, Vec::<Ended>::new(), visit)?;
    let (mut child, line) = workload::started(&["flood", protocol, rate, SECONDS])?;
    let mut fields = line.split(' ').map(str::parse::<f64>);
    let mut field = || fields.next().context("the workload said too little")?.context("no number");
    let (made, listed, seconds) = (field()?, field()?, field()?);
    let pid = child.id();
    child.wait()?;
    let (seen, losses) = watch.finish()?;
    let mut counted = Counted { pid, made: made as u64, ..Counted::default() };
    seen.iter().for_each(|ended| counted.add(ended));
    let lost = losses.all();
    let inbound = if protocol == "tcp" { counted.inbound } else { 0 };
    let ends = if protocol == "tcp" { 2 } else { 1 };
    // Every end of every connection is one record; whatever else the host lost is in the counter too.
    let missing = counted.made as i64 * ends - (counted.ended + inbound + lost) as i64;
    let figure = |what: &str, value: f64, unit| Figure::new(format!("{name}: {what}"), value, unit);
    let told = |what: &str, value: Option<u64>| value.map(|value| figure(what, value as f64, ""));
    let figures = vec![
        figure("rate", made / seconds, "connections/s"),
        figure("made", made, ""),
        figure("seen to end, outbound side", counted.ended as f64, ""),
        figure("counted as lost, both sides and all causes", lost as f64, ""),
        figure("neither seen nor counted, both sides", missing as f64, ""),
        figure("to a listed peer", listed, ""),
        figure("to a listed peer, matched", counted.listed.len() as f64, ""),
        figure("beginnings the kernel remembered, whole host", losses.counter("begun") as f64, ""),
        figure("ends, whole host", losses.counter("ended") as f64, ""),
        figure("records sent without a match, whole host", losses.counter("sent_event") as f64, ""),
        figure("matches lost", losses.counter("lost_match") as f64, ""),
        figure("sockets without storage", losses.counter("lost_storage") as f64, ""),
        figure("programs left out by the kernel", losses.missed() as f64, ""),
    ];
    // Left out, not nought, where the kernel keeps its walk over living sockets to itself.
    let living = [
        told("still alive at the end, whole host", losses.alive()),
        told("begun, not ended and not alive, whole host", losses.unaccounted()),
    ];
    Ok(figures.into_iter().chain(living.into_iter().flatten()).collect())
}

/// What is kept of each connection that ended.
struct Ended {
    id: ConnectionId,
    pid: u32,
    outbound: bool,
    matched: bool,
}

fn visit(ended: &mut Vec<Ended>, seen: Seen) {
    let Seen::Connection { connection, matched, .. } = seen else { return };
    if matches!(connection.state, ConnectionState::Closed | ConnectionState::Failed) {
        let pid = connection.process.as_ref().map_or(0, |process| process.key.pid);
        ended.push(Ended { id: connection.id, pid, outbound: connection.direction == Direction::Outbound, matched });
    }
}

impl Counted {
    fn add(&mut self, ended: &Ended) {
        if ended.pid != self.pid {
            return;
        }
        if !ended.outbound {
            self.inbound += 1;
            return;
        }
        self.ended += 1;
        if ended.matched {
            self.listed.insert(ended.id);
        }
    }
}
