//! How do the kernel's block tables make a plan true?

use std::io;

use tripoint_linux::bpf::{BlockError, Blocks, KernelBlock as Held};
use tripoint_linux::clock::boot_ns;
use tripoint_model::{Cut, Scope, Target, Timestamp};
use tripoint_responder::{Disconnected, Firewall, FirewallError, KernelBlock};

use super::ends::{Ends, place, target};
use super::sockets::disconnect;

/// Blocks in BPF maps that the connect, send and packet programs read; sockets end by cookie.
pub struct BpfFirewall {
    blocks: Blocks,
    ends: Ends,
}

impl BpfFirewall {
    /// Over the maps of the loaded programs.
    pub fn new(blocks: Blocks) -> Self {
        Self { blocks, ends: Ends::default() }
    }
}

impl Firewall for BpfFirewall {
    fn name(&self) -> &'static str {
        "bpf"
    }

    fn gaps(&self) -> &'static [&'static str] {
        &[
            "what this host only forwards: virtual machines, other hosts behind it",
            "packets that a program writes to an interface itself (AF_PACKET)",
        ]
    }

    fn block(
        &mut self,
        target: &Target,
        scope: &Scope,
        expires: Timestamp,
        _now: Timestamp,
    ) -> Result<(), FirewallError> {
        let (net, port) = place(self.name(), target, scope)?;
        let expires_ns = self.ends.boot(net, port, expires);
        let block = Held { net, port, cgroup_id: 0, expires_ns, hits: 0, id: 0 };
        self.blocks.insert(&block).map_err(|error| kernel("block", error))?;
        self.ends.give(net, port, expires, expires_ns);
        Ok(())
    }

    fn unblock(&mut self, target: &Target, scope: &Scope) -> Result<bool, FirewallError> {
        let (net, port) = place(self.name(), target, scope)?;
        self.ends.forget(net, port);
        self.blocks.remove(net, port, 0).map_err(|error| kernel("unblock", error))
    }

    fn list(&mut self, _now: Timestamp) -> Result<Vec<KernelBlock>, FirewallError> {
        let now_ns = boot_ns();
        self.ends.forget_ended(now_ns);
        let held = self.blocks.list().into_iter().filter(|held| held.expires_ns > now_ns);
        Ok(held
            .map(|held| KernelBlock {
                target: target(held.net, held.port),
                scope: Scope::Host,
                expires: self.ends.asked(held.net, held.port, held.expires_ns),
            })
            .collect())
    }

    fn disconnect(&mut self, cuts: &[Cut]) -> Result<Disconnected, FirewallError> {
        disconnect(cuts)
    }
}

fn kernel(action: &str, error: BlockError) -> FirewallError {
    FirewallError::Kernel { action: action.to_owned(), source: io::Error::other(error) }
}
