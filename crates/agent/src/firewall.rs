//! Which mechanisms make a plan true in the kernel? One file each; `choice` takes the best that this host has.

mod applications;
mod bpf;
mod choice;
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
