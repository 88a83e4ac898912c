//! What is blocked, as a plain list for firewalls that read one?

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use sha2::{Digest, Sha256};

use tripoint_model::Observable;

/// A list and how it is known again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct List {
    /// One address or network a line.
    pub(crate) text: String,
    /// The same list has the same tag.
    pub(crate) etag: String,
    /// Entries left out because there was no room.
    pub(crate) left_out: usize,
}

/// Which addresses are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

/// The same addresses in the fewest networks, in their order. `newest` begins with what changed last, which is what
/// stays where there is room for `limit` only.
pub(crate) fn list(newest: &[IpNet], family: Option<Family>, limit: usize) -> List {
    let of_family = |net: &&IpNet| family.is_none_or(|family| (family == Family::V4) == net.addr().is_ipv4());
    let wanted: Vec<IpNet> = newest.iter().filter(of_family).copied().collect();
    let mut kept = aggregate(&wanted);
    let whole = kept.len();
    if whole > limit {
        kept = aggregate(&wanted[..limit.min(wanted.len())]);
    }
    let text: String = kept.iter().map(|net| format!("{}\n", Observable::from_net(*net))).collect();
    let etag = Sha256::digest(&text).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    List { text, etag, left_out: whole.saturating_sub(kept.len()) }
}

fn aggregate(nets: &[IpNet]) -> Vec<IpNet> {
    let v4: Vec<Ipv4Net> =
        nets.iter().filter_map(|net| if let IpNet::V4(net) = net { Some(*net) } else { None }).collect();
    let v6: Vec<Ipv6Net> =
        nets.iter().filter_map(|net| if let IpNet::V6(net) = net { Some(*net) } else { None }).collect();
    let v4 = Ipv4Net::aggregate(&v4).into_iter().map(IpNet::V4);
    v4.chain(Ipv6Net::aggregate(&v6).into_iter().map(IpNet::V6)).collect()
}
