//! `tripoint demo`: a real attack, staged in network namespaces of its own, caught and contained.

mod actor;
pub mod app;
mod material;
mod replay;
mod report;
mod stage;
mod story;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tripoint_linux::{capability, child};

use crate::context::Context;
use crate::exit::Exit;
use report::Report;

/// Plays the story live where kernel and rights allow it, else replays the recorded one. `keep` leaves it running, with the
/// console at this address or `none`.
pub fn run(context: &Context, keep: Option<&str>, replay_only: bool) -> anyhow::Result<Exit> {
    let stop = Arc::new(AtomicBool::new(false));
    child::on_stop_signal(Arc::clone(&stop))?;
    let lacking = lacking();
    let mut report = Report::new(context);
    if replay_only || !lacking.is_empty() {
        report.degraded = lacking;
        replay::play(&mut report)?;
    } else {
        story::play(&mut report, keep, &stop);
    }
    report.finish()
}

/// What the live demonstration needs and does not have here.
fn lacking() -> Vec<String> {
    let needed = ["root", "btf", "cap_bpf", "cap_net_admin", "cgroup_v2", "sock_diag", "network_namespaces"];
    let missing = capability::probe().into_iter().filter(|c| !c.present && needed.contains(&c.name));
    missing.map(|c| format!("no {}: {}", c.name, c.lost)).collect()
}
