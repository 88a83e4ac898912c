//! Which mechanisms make a plan true in the kernel? One file each; `choice` takes the best that this host has.

use tripoint_model::Timestamp;
use tripoint_responder::{Firewall, FirewallError, KernelBlock};

mod applications;
mod bpf;
mod choice;
#[cfg(test)]
mod disturbed;
mod dry_run;
mod ends;
mod frozen;
mod ipset;
mod kept;
mod ladder;
mod nft;
mod release;
mod sockets;
#[cfg(test)]
mod staged;
#[cfg(test)]
mod tests;

pub use bpf::BpfFirewall;
pub use choice::{Mechanism, NoMechanism, choose};
pub use dry_run::DryRun;
pub use frozen::{Frozen, WATCH, folder as frozen_folder, thaw_when_due};
pub use ipset::IpsetFirewall;
pub use ladder::Ladder;
pub use nft::NftFirewall;
pub use release::{Released, release};
pub use sockets::SocketsOnly;

/// A single block, for those that put in many at once. Where nothing is said of it, it is not in force.
fn one_of_many(firewall: &mut dyn Firewall, block: KernelBlock, now: Timestamp) -> Result<(), FirewallError> {
    let name = firewall.name();
    let silent = || Err(FirewallError::Unsupported(name, "it said nothing of the block".to_owned()));
    firewall.block_many(&[block], now).pop().unwrap_or_else(silent)
}
