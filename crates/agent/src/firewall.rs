//! Which mechanisms make a plan true in the kernel? One file each; `choice` takes the best that this host has.

mod applications;
mod bpf;
mod choice;
mod dry_run;
mod ends;
mod ipset;
mod nft;
mod release;
mod sockets;
#[cfg(test)]
mod tests;

pub use bpf::BpfFirewall;
pub use choice::{Mechanism, NoMechanism, choose};
pub use dry_run::DryRun;
pub use ipset::IpsetFirewall;
pub use nft::NftFirewall;
pub use release::{Released, release};
pub use sockets::SocketsOnly;
