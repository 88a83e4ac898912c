//! What must a mechanism be able to do, so that blocks and disconnects can be made true with it?

use std::io;

use ipnet::IpNet;
use tripoint_model::{Cut, Scope, Target, Timestamp};

/// A block as the kernel has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelBlock {
    /// Who is refused.
    pub target: Target,
    /// How far.
    pub scope: Scope,
    /// Until when the kernel itself will hold it.
    pub expires: Timestamp,
}

/// What became of connections that were to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disconnected {
    /// Ended by us, as the kernel confirmed.
    pub ended: u64,
    /// Already gone.
    pub gone: u64,
    /// Still there: the kernel refused.
    pub failed: u64,
}

/// Why the mechanism did not do it.
#[derive(Debug, thiserror::Error)]
pub enum FirewallError {
    /// This mechanism cannot do that at all.
    #[error("{0} cannot do this: {1}")]
    Unsupported(&'static str, String),
    /// Its tables are full.
    #[error("no room for another block")]
    Full,
    /// The kernel refused.
    #[error("{action}")]
    Kernel {
        /// What was attempted.
        action: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

/// A mechanism in the kernel. Every call may be repeated without harm. A block must hold in both
/// directions, for containers too, and must end by itself at its expiry even when we are dead.
pub trait Firewall: Send {
    /// Its name in outcomes (`bpf`).
    fn name(&self) -> &'static str;
    /// The name of what holds this target, where that is not the same for all.
    fn name_for(&self, _target: &Target) -> &'static str {
        self.name()
    }
    /// Ways past it, in words: what a block of this mechanism does not refuse.
    fn gaps(&self) -> &'static [&'static str] {
        &[]
    }
    /// Whether it changes anything at all. One that does not is only told what would be done.
    fn acts(&self) -> bool {
        true
    }
    /// Who stays reachable while the host is isolated; an isolation in force follows at once.
    fn admit(&mut self, _nets: &[IpNet]) {}
    /// Puts a hold on `target` until `expires`: a peer is refused, an application's processes are halted, the host
    /// speaks only with whom `admit` named. For one that is blocked already, the expiry is replaced.
    fn block(
        &mut self,
        target: &Target,
        scope: &Scope,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<(), FirewallError>;
    /// Refuses all of these; one result each, in their order. At once where the mechanism can do that, so that no
    /// moment sees a part.
    fn block_many(&mut self, blocks: &[KernelBlock], now: Timestamp) -> Vec<Result<(), FirewallError>> {
        blocks.iter().map(|block| self.block(&block.target, &block.scope, block.expires, now)).collect()
    }
    /// Lifts the block; says whether there was one.
    fn unblock(&mut self, target: &Target, scope: &Scope) -> Result<bool, FirewallError>;
    /// Takes everything of ours out, known or not; where it can, at once and with whatever held it.
    fn release(&mut self, now: Timestamp) -> Result<(), FirewallError> {
        for block in self.list(now)? {
            self.unblock(&block.target, &block.scope)?;
        }
        Ok(())
    }
    /// Every block of ours that holds at `now`, as read from the kernel.
    fn list(&mut self, now: Timestamp) -> Result<Vec<KernelBlock>, FirewallError>;
    /// Those of `asked` that hold at `now`, and possibly others, as read from the kernel: where a mechanism can ask for
    /// single ones, a few are not paid for with a walk over all.
    fn held(&mut self, asked: &[(&Target, &Scope)], now: Timestamp) -> Result<Vec<KernelBlock>, FirewallError> {
        let _ = asked;
        self.list(now)
    }
    /// The kernel holds what the ledger wants: whatever an earlier agent left may go now.
    fn settled(&mut self) {}
    /// What somebody did to whatever holds the blocks, in words, since this was last asked; it has been put right, or
    /// the words say that it could not be.
    fn take_repairs(&mut self) -> Vec<String> {
        Vec::new()
    }
    /// Ends these connections, each by its cookie, never a listener.
    fn disconnect(&mut self, cuts: &[Cut]) -> Result<Disconnected, FirewallError>;
}

/// Stands in where the kernel offers nothing: lists nothing and refuses with the reason.
#[derive(Clone, Debug)]
pub struct Unavailable {
    /// Why there is no mechanism.
    pub why: String,
}

impl Unavailable {
    fn error(&self) -> FirewallError {
        FirewallError::Unsupported("this host", self.why.clone())
    }
}

impl Firewall for Unavailable {
    fn name(&self) -> &'static str {
        "none"
    }

    fn block(&mut self, _: &Target, _: &Scope, _: Timestamp, _: Timestamp) -> Result<(), FirewallError> {
        Err(self.error())
    }

    fn unblock(&mut self, _: &Target, _: &Scope) -> Result<bool, FirewallError> {
        Ok(false)
    }

    fn list(&mut self, _: Timestamp) -> Result<Vec<KernelBlock>, FirewallError> {
        Ok(Vec::new())
    }

    fn disconnect(&mut self, _: &[Cut]) -> Result<Disconnected, FirewallError> {
        Err(self.error())
    }
}
