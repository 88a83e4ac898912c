//! What is said about this peer, and by which names was it reached? What others ask of intelligence and of the sensor.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::indicator::{Claim, GuardHit};
use crate::target::Target;

/// Answers what every source says about an address.
pub trait IndicatorLookup: Send + Sync {
    /// Every claim on `address` (canonical) and `port`, expired ones too, both directions,
    /// sorted by feed, then observable. Empty when nothing is known.
    fn claims(&self, address: IpAddr, port: u16) -> Arc<[Claim]>;
    /// Guard lists that hold the address.
    fn guard(&self, address: IpAddr) -> Vec<GuardHit>;
    /// Guard lists that hold the network or any part of it.
    fn guard_net(&self, net: IpNet) -> Vec<GuardHit> {
        self.guard(net.addr())
    }
}

/// Remembers by which names addresses were reached.
pub trait NameLookup: Send + Sync {
    /// Addresses of the network (canonical) that name servers gave to somebody on this host, each with such a name
    /// (lower case, without the final dot).
    fn names(&self, net: IpNet) -> Vec<(IpAddr, String)>;
    /// Addresses (canonical, each once, sorted) that were given for a name that the target means; none where it means
    /// no name.
    fn addresses(&self, target: &Target) -> Vec<IpAddr>;
}
