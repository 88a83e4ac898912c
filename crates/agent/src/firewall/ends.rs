//! When does a block end by the kernel's clock, whatever happens to the wall clock meanwhile?

use std::collections::HashMap;

use ipnet::IpNet;
use tripoint_linux::clock::BootClock;
use tripoint_model::{Observable, Scope, Target, Timestamp};
use tripoint_responder::FirewallError;

/// The wall-clock end of each block as it was asked for, and the boot-clock end that it was given then: a step of the
/// wall clock afterwards neither lengthens nor shortens it.
#[derive(Default)]
pub(super) struct Ends {
    clock: BootClock,
    given: HashMap<(IpNet, u16), (Timestamp, u64)>,
}

/// Kernels count in units of their own (4 ms, a second); what is read back may be off by that much.
const UNIT_NS: u64 = 1_500_000_000;

impl Ends {
    /// The boot-clock end of a block that shall end at `expires`: asked again, it is the same.
    pub(super) fn boot(&mut self, net: IpNet, port: u16, expires: Timestamp) -> u64 {
        self.clock.refresh();
        let known = self.given.get(&(net, port)).filter(|(asked, _)| *asked == expires).map(|(_, end)| *end);
        known.unwrap_or_else(|| self.clock.boot(expires))
    }

    /// The boot-clock moment of a wall-clock one.
    pub(super) fn until(&mut self, expires: Timestamp) -> u64 {
        self.clock.refresh();
        self.clock.boot(expires)
    }

    /// Remembers what the kernel was given.
    pub(super) fn give(&mut self, net: IpNet, port: u16, expires: Timestamp, end_ns: u64) {
        self.given.insert((net, port), (expires, end_ns));
    }

    pub(super) fn forget(&mut self, net: IpNet, port: u16) {
        self.given.remove(&(net, port));
    }

    /// Forgets what has ended by itself.
    pub(super) fn forget_ended(&mut self, now_ns: u64) {
        self.given.retain(|_, (_, end)| *end > now_ns);
    }

    /// The wall-clock end of a block that the kernel holds until `end_ns`: what was asked for, if that is what it got.
    pub(super) fn asked(&self, net: IpNet, port: u16, end_ns: u64) -> Timestamp {
        let given = self.given.get(&(net, port)).filter(|(_, given)| given.abs_diff(end_ns) <= UNIT_NS);
        given.map_or_else(|| self.clock.wall(end_ns), |(asked, _)| *asked)
    }
}

/// Network and port (0 = all) of what shall be blocked, where the kernel can hold it.
pub(super) fn place(mechanism: &'static str, target: &Target, scope: &Scope) -> Result<(IpNet, u16), FirewallError> {
    if *scope != Scope::Host {
        let why = "it blocks for the whole host only".to_owned();
        return Err(FirewallError::Unsupported(mechanism, why));
    }
    let why = match target {
        Target::Peer(peer) => match peer.net() {
            Some(net) => return Ok((net, peer.port().unwrap_or(0))),
            None => format!("{peer} is a name; block its addresses"),
        },
        Target::Beneath(name) => format!("*.{name} is a name; block its addresses"),
        Target::Application(_) => "it halts no processes".to_owned(),
        Target::Host => "it cannot isolate the host; kernel programs can (response.mechanism)".to_owned(),
    };
    Err(FirewallError::Unsupported(mechanism, why))
}

/// The target that lies in the kernel as this network and port.
pub(super) fn target(net: IpNet, port: u16) -> Target {
    match port {
        0 => Observable::from_net(net).into(),
        port => Observable::AddressPort(net.addr(), port).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use tripoint_linux::clock::boot_ns;

    use super::*;

    #[test]
    fn what_was_asked_is_told_while_the_kernel_has_what_it_was_given() {
        let mut ends = Ends::default();
        let net: IpNet = "203.0.113.7/32".parse().unwrap();
        let asked = Timestamp::from_system(SystemTime::now()).plus(Duration::from_secs(600));
        let end = ends.boot(net, 0, asked);
        assert!(end.abs_diff(boot_ns() + 600_000_000_000) < 1_000_000_000);
        ends.give(net, 0, asked, end - 300_000_000_000);
        assert_eq!(ends.asked(net, 0, end - 300_000_000_000 + UNIT_NS), asked);
        assert_eq!(ends.boot(net, 0, asked), end - 300_000_000_000, "asked again");
        assert_ne!(ends.asked(net, 0, end - 100_000_000_000), asked, "the kernel has something else");
        ends.forget(net, 0);
        assert_eq!(ends.boot(net, 0, asked), end);
    }
}
