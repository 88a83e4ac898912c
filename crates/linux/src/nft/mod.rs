//! How are addresses refused by an nftables table of our own, which the kernel empties by itself?
//!
//! One table `inet NAME`, written by raw netlink. Every block is one element of a hash set, with its own end, which the
//! kernel's clock keeps: `hosts4`, `hosts6`, `ports4`, `ports6` (address . port), and for networks one set for each
//! length of prefix in use, `nets4_24` (why not intervals: docs/decisions/0024). The chain `from` drops by source, `to`
//! by destination; `input` looks at the first, `output` at the second, `forward` at both.

mod layout;
mod rule;
mod set;
mod table;
#[cfg(test)]
mod tests;

use std::io;
use std::time::Duration;

use ipnet::IpNet;

pub use table::{Drops, Table, destroy, is_offered};

/// A block in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Block {
    /// Who is refused.
    pub net: IpNet,
    /// Only this port of TCP, UDP, SCTP, DCCP and UDP-Lite; 0 = everything.
    pub port: u16,
    /// For how long yet, by the kernel's clock (it stands still while the host sleeps). Kept to the millisecond.
    pub left: Duration,
}

/// How the table is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Flags owner and persist: nobody else can change it while we live, and it stays when we die. Linux 6.9 and later.
    Owned,
    /// No flags, for older kernels: `nft flush ruleset` takes it away, and it has to be put back.
    Open,
}

/// Why the table did not do it.
#[derive(Debug, thiserror::Error)]
pub enum NftError {
    /// A name that no table of ours can have.
    #[error("{0:?} is no name for a table: letters, digits and _ only, at most 40")]
    Name(String),
    /// The name is taken.
    #[error("the table inet {name} is not ours ({why}); it is left as it is")]
    Foreign {
        /// The table.
        name: String,
        /// What shows it.
        why: String,
    },
    /// A shape that no set can hold.
    #[error("{net} port {port}: a port can only be blocked for one address")]
    Shape {
        /// The network.
        net: IpNet,
        /// The port.
        port: u16,
    },
    /// The kernel refused.
    #[error("nftables: {action}")]
    Kernel {
        /// What was attempted.
        action: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

impl NftError {
    /// Whether the table, or a part of it, is not there.
    fn is_absent(&self) -> bool {
        matches!(self, Self::Kernel { source, .. } if source.raw_os_error() == Some(libc::ENOENT))
    }

    fn is_double(&self) -> bool {
        matches!(self, Self::Kernel { source, .. } if source.raw_os_error() == Some(libc::EEXIST))
    }
}

/// For `map_err`: what was attempted when the kernel refused.
fn failed(action: &'static str) -> impl Fn(io::Error) -> NftError {
    move |source| NftError::Kernel { action, source }
}

/// Whether the kernel said that it has no nftables at all.
pub fn is_unknown(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EPROTONOSUPPORT | libc::EAFNOSUPPORT | libc::EOPNOTSUPP | libc::EINVAL))
}
