//! What do new indicators change?

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tripoint_intel::Index;
use tripoint_linux::bpf::SetParts;

use super::Detector;
use crate::respond::Ask;

impl Detector {
    /// New indicators: into the kernel first, then every open connection is asked about again.
    pub(super) fn swap(&mut self, index: Arc<Index>) {
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
        self.enforce();
        let _ = self.doors.actions.send(Ask::Index(index));
        self.doors.shared.sweep.store(true, Ordering::Relaxed);
        self.doors.shared.matching.store(true, Ordering::Release);
    }
}
