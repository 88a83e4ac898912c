//! Of whom is an authenticator demanded?

use std::net::IpAddr;

use tripoint_api::SecondFactor;

use super::permits::{Permit, Who};
use crate::access::Peer;

/// What the configuration says, and whether a proxy stands before us.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Demand {
    pub(crate) of: SecondFactor,
    /// Whoever comes through a proxy comes from this host, wherever it sits.
    pub(crate) behind_proxy: bool,
}

impl Demand {
    /// Whether somebody who signed in there by a password has to have one.
    pub(crate) fn is(self, peer: Peer) -> bool {
        match self.of {
            SecondFactor::Required => true,
            SecondFactor::Remote => {
                let is_relayed = matches!(peer, Peer::Relayed(_));
                self.behind_proxy || is_relayed || peer.far().is_some_and(|address| !is_here(address))
            }
            SecondFactor::Optional => false,
        }
    }
}

/// What is open to a session that lacks one: to add it, to sign out, and what a page has to know for that.
pub(crate) fn is_open(permit: &Permit) -> bool {
    permit.who == Who::SignedIn || (permit.method == "get" && permit.route == tripoint_api::path::SESSION)
}

fn is_here(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_demanded_of_whoever_may_sit_elsewhere() {
        let from = |address: &str| Peer::Network(format!("{address}:40000").parse().unwrap());
        let is = |of, behind_proxy, peer| Demand { of, behind_proxy }.is(peer);
        for (peer, remote) in [
            (from("127.0.0.1"), false),
            (from("127.9.9.9"), false),
            (from("[::1]"), false),
            (from("[::ffff:127.0.0.1]"), false),
            (Peer::Local { uid: 0, gid: 0 }, false),
            (Peer::Relayed("127.0.0.1:40000".parse().unwrap()), true),
            (from("192.0.2.1"), true),
            (from("[2001:db8::1]"), true),
            (from("[::ffff:192.0.2.1]"), true),
        ] {
            assert_eq!(is(SecondFactor::Remote, false, peer), remote, "{peer:?}");
            assert!(is(SecondFactor::Remote, true, peer) && is(SecondFactor::Required, false, peer), "{peer:?}");
            assert!(!is(SecondFactor::Optional, true, peer), "{peer:?}");
        }
        assert_eq!(Demand::default().of, SecondFactor::Remote, "safe where nothing is said");
    }
}
