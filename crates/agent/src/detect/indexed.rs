//! What do new indicators change?

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tripoint_intel::Index;
use tripoint_linux::bpf::SetParts;
use tripoint_model::{Alert, AlertId, Edition, Fact, Sighting, Timestamp, What};

use super::{Detector, now};
use crate::respond::Ask;

impl Detector {
    /// New indicators: into the kernel first, then every connection on record is asked about again, and every open one.
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
        self.look_again(&index, now());
        self.enforce();
        let _ = self.doors.actions.send(Ask::Index(index));
        self.doors.shared.sweep.store(true, Ordering::Relaxed);
        self.doors.shared.matching.store(true, Ordering::Release);
    }

    /// What is on record is judged with what lists say now, also where a connection is over; each alert is told once.
    fn look_again(&mut self, index: &Index, at: Timestamp) {
        let otherwise = |(connection, said): (&Arc<_>, &Sighting)| {
            let (claims, guard) = (index.claims_of(connection), index.guard_of(connection));
            let connection = said.connection;
            (claims != said.claims || guard != said.guard).then_some(Sighting { connection, claims, guard })
        };
        let news: Vec<Sighting> = self.correlator.sightings().filter_map(otherwise).collect();
        let mut changed: BTreeMap<AlertId, Alert> = BTreeMap::new();
        for sighting in news {
            let alerts = self.correlator.observe(&Fact { at, what: What::Sighting { sighting } });
            changed.extend(alerts.into_iter().map(|alert| (alert.id.clone(), alert)));
        }
        if !changed.is_empty() {
            tracing::info!(alerts = changed.len(), "alerts judged anew with new indicators");
        }
        self.tell(changed.into_values().collect());
    }
}
