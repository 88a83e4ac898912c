//! What do new indicators change?

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tripoint_correlator::has_same_weight;
use tripoint_intel::Index;
use tripoint_linux::bpf::SetParts;
use tripoint_model::{Edition, Sighting, Timestamp};

use super::{Detector, now};
use crate::respond::Ask;

impl Detector {
    /// New indicators: into the kernel and to whoever acts on them first, then every connection on record is asked about
    /// again, and every open one.
    pub(super) fn swap(&mut self, index: Arc<Index>, number: u64) {
        if let Some(set) = &mut self.set {
            let parts = index.kernel_set();
            let parts = SetParts {
                bitmap: parts.bitmap,
                rank: parts.rank,
                nodes: parts.nodes,
                blocks: parts.blocks,
                filter6_32: parts.filter6_32,
                filter6_48: parts.filter6_48,
            };
            match set.swap(&parts) {
                Ok(true) => {}
                Ok(false) => {
                    tracing::warn!("the list outgrew the kernel's room; restart the agent to make it exact again")
                }
                Err(error) => tracing::error!(%error, "the kernel did not take the list"),
            }
        }
        let names = index.has_names();
        if let Some(set) = &mut self.set {
            set.set_hello(self.sni && names);
        }
        if let Ok(mut known) = self.doors.shared.names.write() {
            *known = names.then(|| Arc::clone(&index));
        }
        tracing::info!(indicators = index.len(), built = %index.built(), "indicators in force");
        self.index = Some(Arc::clone(&index));
        self.judged.intel = Some(Edition { built: index.built(), number: Some(number) });
        self.enforce();
        let _ = self.doors.actions.send(Ask::Index(Arc::clone(&index)));
        self.doors.shared.sweep.store(true, Ordering::Relaxed);
        self.doors.shared.matching.store(true, Ordering::Release);
        // Last: with many alerts it takes a while.
        self.look_again(&index, now());
    }

    /// What is on record is judged with what lists say now, also where a connection is over; each alert is told once.
    fn look_again(&mut self, index: &Index, at: Timestamp) {
        let otherwise = |(of, said): (&Arc<_>, &Sighting)| {
            let (claims, guard) = (index.claims_of(of), index.guard_of(of));
            let connection = said.connection;
            let is_same = guard == said.guard && has_same_weight(of, &said.claims, &claims, at);
            (!is_same).then_some(Sighting { connection, claims, guard })
        };
        let news: Vec<Sighting> = self.correlator.sightings().filter_map(otherwise).collect();
        let changed = self.correlator.look_again(at, &news);
        if !changed.is_empty() {
            tracing::info!(alerts = changed.len(), "alerts judged anew with new indicators");
        }
        self.tell(changed);
    }
}

#[cfg(test)]
#[path = "indexed_tests.rs"]
mod tests;
