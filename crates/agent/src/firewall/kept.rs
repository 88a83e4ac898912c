//! Do blocks by kernel programs outlive the agent, and does the next one take over without a gap?

use std::path::PathBuf;

use tripoint_linux::bpf::{Blocks, pins};
use tripoint_linux::clock::boot_ns;

/// What this agent keeps in the kernel, and what agents before it have left there.
pub(super) struct Kept {
    /// `None` where nothing can be kept.
    own: Option<PathBuf>,
    is_kept: bool,
    left: Vec<PathBuf>,
}

impl Kept {
    /// For the instance of this name in the kernel.
    pub(super) fn new(name: &str) -> Self {
        let own = pins::folder(name).map(|folder| folder.join(format!("{:x}", boot_ns())));
        if own.is_none() {
            tracing::warn!("no file system of BPF is mounted: blocks end with the agent, until it is back");
        }
        Self { own, is_kept: false, left: pins::kept(name) }
    }

    /// Whether blocks outlive the agent.
    pub(super) fn can(&self) -> bool {
        self.own.is_some()
    }

    /// Something is in force, or nothing is any more. A block that cannot be kept is in force all the same.
    pub(super) fn follow(&mut self, blocks: &Blocks, in_force: bool) {
        let Some(own) = &self.own else { return };
        if in_force == self.is_kept {
            return;
        }
        let done = if in_force { blocks.keep(own) } else { blocks.let_go(own) };
        match done {
            Ok(()) => self.is_kept = in_force,
            Err(error) => tracing::error!(%error, in_force, "blocks may not outlive the agent"),
        }
    }

    /// Puts back what somebody has removed; says whether that was so.
    pub(super) fn mend(&mut self, blocks: &Blocks) -> bool {
        let Some(own) = self.own.as_ref().filter(|own| self.is_kept && !blocks.is_kept(own)) else { return false };
        if let Err(error) = blocks.keep(own) {
            tracing::error!(%error, "blocks may not outlive the agent");
        }
        true
    }

    /// What was left before is in our tables now, or wanted no more.
    pub(super) fn settle(&mut self) {
        for left in std::mem::take(&mut self.left) {
            if let Err(error) = pins::let_go(&left) {
                tracing::warn!(%error, path = %left.display(), "what an earlier agent kept is still there");
            }
        }
    }
}
