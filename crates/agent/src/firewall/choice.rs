//! Which mechanism refuses connections on this host, and what else of ours is left from another one?

use serde::Deserialize;
use tripoint_linux::bpf::{Blocks, Isolation};
use tripoint_linux::sock_diag::SockDiag;
use tripoint_responder::{Firewall, Unavailable};

use super::{BpfFirewall, DryRun, IpsetFirewall, NftFirewall, SocketsOnly, release};

/// `response.mechanism`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mechanism {
    /// The first that works of bpf, nft, ipset; else only sockets are ended.
    Auto,
    /// Kernel programs.
    Bpf,
    /// An nftables table of our own.
    Nft,
    /// Sets of ipset, and iptables rules that look into them.
    Ipset,
    /// Nothing is done, everything is told.
    DryRun,
}

/// The mechanism that the configuration names does not work here.
#[derive(Debug, thiserror::Error)]
#[error("response.mechanism is {mechanism}, which does not work here: {why}")]
pub struct NoMechanism {
    mechanism: &'static str,
    why: String,
}

/// Opens the wanted mechanism. `walls` are the tables of the kernel programs, where those are loaded and look at
/// packets; `name` is what ours is called in the kernel. What another mechanism of this instance left is taken away:
/// nobody would lift it any more, and the ledger puts its blocks back into the new one.
pub fn choose(
    wanted: Mechanism,
    walls: Option<(Blocks, Isolation)>,
    name: &str,
) -> Result<Box<dyn Firewall>, NoMechanism> {
    let chosen = open(wanted, walls, name)?;
    // One that only tells takes nothing away either.
    let others = if chosen.acts() { release::release_others(name, chosen.name()) } else { Vec::new() };
    for left in others {
        match left {
            Ok(left) if left.blocks.is_empty() => {}
            Ok(left) => {
                tracing::warn!(
                    mechanism = left.mechanism,
                    blocks = left.blocks.len(),
                    "blocks of another mechanism were moved"
                );
            }
            Err(error) => tracing::warn!(error, "what another mechanism left could not be looked at"),
        }
    }
    for gap in chosen.gaps() {
        tracing::info!(mechanism = chosen.name(), gap, "not covered by blocks");
    }
    Ok(chosen)
}

fn open(wanted: Mechanism, walls: Option<(Blocks, Isolation)>, name: &str) -> Result<Box<dyn Firewall>, NoMechanism> {
    let nft = || match NftFirewall::open(name) {
        Ok(opened) => Ok(Box::new(opened) as Box<dyn Firewall>),
        Err(error) => Err(chain(&error)),
    };
    let ipset = || match IpsetFirewall::open(name) {
        Ok(opened) => Ok(Box::new(opened) as Box<dyn Firewall>),
        Err(error) => Err(chain(&error)),
    };
    match (wanted, walls) {
        (Mechanism::DryRun, _) => Ok(Box::new(DryRun)),
        (Mechanism::Bpf | Mechanism::Auto, Some((blocks, isolation))) => {
            Ok(Box::new(BpfFirewall::new(blocks, isolation, name)))
        }
        (Mechanism::Bpf, None) => {
            let why = "the programs that drop packets are not in the kernel".to_owned();
            Err(NoMechanism { mechanism: "bpf", why })
        }
        (Mechanism::Auto, None) => Ok(first(&[("nft", &nft), ("ipset", &ipset)])),
        (Mechanism::Nft, _) => nft().map_err(|why| NoMechanism { mechanism: "nft", why }),
        (Mechanism::Ipset, _) => ipset().map_err(|why| NoMechanism { mechanism: "ipset", why }),
    }
}

type Open<'a> = &'a dyn Fn() -> Result<Box<dyn Firewall>, String>;

/// The first that opens; without any, what at least ends sockets.
fn first(candidates: &[(&'static str, Open<'_>)]) -> Box<dyn Firewall> {
    for (mechanism, open) in candidates {
        match open() {
            Ok(opened) => return opened,
            Err(error) => tracing::warn!(mechanism, error, "this mechanism does not work here"),
        }
    }
    match SockDiag::open().map(|mut diag| diag.can_destroy()) {
        Ok(true) => Box::new(SocketsOnly),
        Ok(false) => Box::new(Unavailable { why: "this kernel cannot end sockets either".to_owned() }),
        Err(error) => Box::new(Unavailable { why: format!("sockets cannot be ended either: {error}") }),
    }
}

pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let source = error.source().map(|source| format!(": {}", chain(source)));
    format!("{error}{}", source.unwrap_or_default())
}
