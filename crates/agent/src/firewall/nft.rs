//! How does an nftables table of our own make a plan true?

use std::io;
use std::time::Duration;

use ipnet::IpNet;
use tripoint_linux::clock::boot_ns;
use tripoint_linux::nft::{Block, Hold, NftError, Table};
use tripoint_model::{Cut, Scope, Target, Timestamp};
use tripoint_responder::{Disconnected, Firewall, FirewallError, KernelBlock};

use super::ends::{Ends, place, target};
use super::one_of_many;
use super::sockets::disconnect;

/// What packets can still pass a table of nftables.
pub(super) const GAPS: &[&str] = &[
    "containers on interfaces that bypass this host's (macvlan, ipvlan, a card passed through)",
    "frames that a bridge passes on without routing; flows that a flowtable has taken over",
    "packets that a program writes to an interface itself (AF_PACKET)",
];

/// Blocks as elements of the table `inet NAME`, whose ends the kernel keeps; sockets end by cookie.
pub struct NftFirewall {
    table: Table,
    ends: Ends,
}

impl NftFirewall {
    /// Makes the table, or takes over the one that an earlier life left.
    pub fn open(name: &str) -> Result<Self, NftError> {
        let table = Table::open(name)?;
        if table.hold() == Hold::Open {
            tracing::warn!(table = name, "this kernel lets others take the table away; it is put back when they do");
        }
        Ok(Self::over(table))
    }

    /// Over a table that is open.
    pub fn over(table: Table) -> Self {
        Self { table, ends: Ends::default() }
    }

    /// As the contract has them, until when they were asked for.
    fn told(&self, held: Vec<Block>) -> Vec<KernelBlock> {
        let now_ns = boot_ns();
        let told = |block: Block| {
            let end_ns = now_ns.saturating_add(u64::try_from(block.left.as_nanos()).unwrap_or(u64::MAX));
            let expires = self.ends.asked(block.net, block.port, end_ns);
            KernelBlock { target: target(block.net, block.port), scope: Scope::Host, expires }
        };
        held.into_iter().map(told).collect()
    }
}

impl Firewall for NftFirewall {
    fn name(&self) -> &'static str {
        "nft"
    }

    fn gaps(&self) -> &'static [&'static str] {
        GAPS
    }

    fn block(
        &mut self,
        target: &Target,
        scope: &Scope,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<(), FirewallError> {
        one_of_many(self, KernelBlock { target: target.clone(), scope: scope.clone(), expires }, now)
    }

    /// What the table can hold goes in as one transaction.
    fn block_many(&mut self, blocks: &[KernelBlock], _now: Timestamp) -> Vec<Result<(), FirewallError>> {
        let places: Vec<Result<(IpNet, u16), FirewallError>> =
            blocks.iter().map(|block| place(self.name(), &block.target, &block.scope)).collect();
        let mut elements = Vec::new();
        let mut given = Vec::new();
        for (block, place) in blocks.iter().zip(&places) {
            let Ok((net, port)) = *place else { continue };
            let end_ns = self.ends.boot(net, port, block.expires);
            let left = Duration::from_nanos(end_ns.saturating_sub(boot_ns()));
            elements.push(Block { net, port, left });
            given.push((net, port, block.expires, end_ns));
        }
        let done = self.table.insert(&elements);
        if done.is_ok() {
            for (net, port, expires, end_ns) in given {
                self.ends.give(net, port, expires, end_ns);
            }
        }
        let outcome = |place: Result<(IpNet, u16), FirewallError>| {
            place?;
            done.as_ref().map_err(|error| kernel("block", error)).copied()
        };
        places.into_iter().map(outcome).collect()
    }

    fn unblock(&mut self, target: &Target, scope: &Scope) -> Result<bool, FirewallError> {
        let (net, port) = place(self.name(), target, scope)?;
        self.ends.forget(net, port);
        self.table.remove(net, port).map_err(|error| kernel("unblock", &error))
    }

    /// The table goes; the next block makes it anew.
    fn release(&mut self, _now: Timestamp) -> Result<(), FirewallError> {
        self.ends = Ends::default();
        self.table.destroy().map(drop).map_err(|error| kernel("release", &error))
    }

    fn list(&mut self, _now: Timestamp) -> Result<Vec<KernelBlock>, FirewallError> {
        let held = self.table.list().map_err(|error| kernel("list", &error))?;
        self.ends.forget_ended(boot_ns());
        Ok(self.told(held))
    }

    fn held(&mut self, asked: &[(&Target, &Scope)], _now: Timestamp) -> Result<Vec<KernelBlock>, FirewallError> {
        // What the table cannot hold, it does not hold.
        let places: Vec<(IpNet, u16)> =
            asked.iter().filter_map(|(target, scope)| place(self.name(), target, scope).ok()).collect();
        let held = self.table.held(&places).map_err(|error| kernel("look for", &error))?;
        Ok(self.told(held))
    }

    fn disconnect(&mut self, cuts: &[Cut]) -> Result<Disconnected, FirewallError> {
        disconnect(cuts)
    }
}

/// The error as the contract has it. One error may concern many blocks, hence by reference.
fn kernel(action: &str, error: &NftError) -> FirewallError {
    let source = match std::error::Error::source(error) {
        Some(source) => io::Error::other(format!("{error}: {source}")),
        None => io::Error::other(error.to_string()),
    };
    FirewallError::Kernel { action: action.to_owned(), source }
}
