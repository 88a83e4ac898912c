//! What can a bouncer make of a network, and what has to be told it instead?

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use ipnet::IpNet;

use tripoint_model::Timestamp;

use crate::store::Decision;

/// How a bouncer is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It takes networks.
    Networks,
    /// It holds addresses only: a network with at most so many host bits is told as its addresses, a larger one not
    /// at all. What it holds already it does not take again with another end, so that is withdrawn first.
    Addresses { host_bits_max: u8 },
}

impl Way {
    /// By what the bouncer calls itself; `expand_prefix` is the shortest IPv4 prefix that is told as addresses.
    pub(crate) fn of(user_agent: &str, expand_prefix: u8) -> Self {
        match ADDRESSES_ONLY.contains(&name(user_agent)) {
            true => Self::Addresses { host_bits_max: 32_u8.saturating_sub(expand_prefix) },
            false => Self::Networks,
        }
    }

    /// Whether such a bouncer can enforce this.
    pub(crate) fn enforces(self, net: IpNet) -> bool {
        match self {
            Self::Networks => true,
            Self::Addresses { host_bits_max } => net.max_prefix_len() - net.prefix_len() <= host_bits_max,
        }
    }

    /// What is said for `net`, in its order; nothing where it cannot be enforced.
    pub(crate) fn parts(self, net: IpNet) -> Vec<IpNet> {
        match self {
            Self::Networks => vec![net],
            Self::Addresses { .. } if !self.enforces(net) => Vec::new(),
            // `hosts` leaves out first and last of a network, which are attackers like any other.
            Self::Addresses { .. } => match net {
                IpNet::V4(v4) => (u32::from(v4.network())..=u32::from(v4.broadcast()))
                    .map(|address| IpNet::from(IpAddr::V4(address.into())))
                    .collect(),
                IpNet::V6(v6) => (u128::from(v6.network())..=u128::from(v6.broadcast()))
                    .map(|address| IpNet::from(IpAddr::V6(address.into())))
                    .collect(),
            },
        }
    }
}

/// What stands before the version: `crowdsec-firewall-bouncer/v0.0.25`.
pub(crate) fn name(user_agent: &str) -> &str {
    user_agent.split(['/', ' ']).next().unwrap_or_default()
}

/// What stands behind the name.
pub(crate) fn version(user_agent: &str) -> &str {
    user_agent.split_once('/').map_or("", |(_, rest)| rest.split(' ').next().unwrap_or_default())
}

/// With nftables it makes of 198.51.100.0/24 the address 198.51.100.0, and skips addresses that its set holds already
/// (seen with 0.0.25; `normalizedDecisions` and `commitAddedDecisions` in `pkg/nftables/nftables.go`).
const ADDRESSES_ONLY: &[&str] = &["crowdsec-firewall-bouncer"];

/// Until when is an address blocked by all that is in force, networks around it included?
pub(crate) struct Cover {
    ends: HashMap<IpNet, Timestamp>,
    lengths_v4: BTreeSet<u8>,
    lengths_v6: BTreeSet<u8>,
}

impl Cover {
    /// Of decisions in force that this way can enforce.
    pub(crate) fn of(decisions: &[Decision], way: Way) -> Self {
        let mut cover = Self { ends: HashMap::new(), lengths_v4: BTreeSet::new(), lengths_v6: BTreeSet::new() };
        for decision in decisions.iter().filter(|decision| decision.in_force && way.enforces(decision.net)) {
            cover.ends.insert(decision.net, decision.expires);
            let lengths = if decision.net.addr().is_ipv4() { &mut cover.lengths_v4 } else { &mut cover.lengths_v6 };
            lengths.insert(decision.net.prefix_len());
        }
        cover
    }

    /// `None`: nothing in force holds it.
    pub(crate) fn until(&self, address: IpAddr) -> Option<Timestamp> {
        let lengths = if address.is_ipv4() { &self.lengths_v4 } else { &self.lengths_v6 };
        let around = lengths.iter().filter_map(|length| IpNet::new(address, *length).ok());
        around.filter_map(|net| self.ends.get(&net.trunc()).copied()).max()
    }
}
