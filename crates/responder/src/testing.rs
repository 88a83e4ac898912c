//! Does a firewall keep its word? A suite that every one must pass, and one that lives in memory.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tripoint_model::{ConnectionId, Cut, Observable, Protocol, Scope, Target, Timestamp};

use crate::firewall::{Disconnected, Firewall, FirewallError, KernelBlock};

/// The memory of a `FakeFirewall`: shared between its clones, so that it outlives a responder as
/// the kernel does.
#[derive(Debug, Default)]
pub struct FakeKernel {
    /// Blocks and their expiry.
    pub blocks: BTreeMap<(Target, Scope), Timestamp>,
    /// Cookies of open connections.
    pub open: Vec<u64>,
    /// How many more calls of `block` succeed; `None` = all.
    pub blocks_left: Option<usize>,
    /// Calls that changed something.
    pub changes: u64,
}

/// A firewall in memory.
#[derive(Clone, Debug, Default)]
pub struct FakeFirewall(Arc<Mutex<FakeKernel>>);

impl FakeFirewall {
    /// The memory, to look at and to disturb.
    pub fn kernel(&self) -> MutexGuard<'_, FakeKernel> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Firewall for FakeFirewall {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn block(&mut self, target: &Target, scope: &Scope, expires: Timestamp, _: Timestamp) -> Result<(), FirewallError> {
        let mut kernel = self.kernel();
        match &mut kernel.blocks_left {
            Some(0) => return Err(FirewallError::Full),
            Some(left) => *left -= 1,
            None => {}
        }
        kernel.changes += 1;
        kernel.blocks.insert((target.clone(), scope.clone()), expires);
        Ok(())
    }

    fn unblock(&mut self, target: &Target, scope: &Scope) -> Result<bool, FirewallError> {
        let mut kernel = self.kernel();
        let found = kernel.blocks.remove(&(target.clone(), scope.clone())).is_some();
        kernel.changes += u64::from(found);
        Ok(found)
    }

    fn list(&mut self, now: Timestamp) -> Result<Vec<KernelBlock>, FirewallError> {
        let kernel = self.kernel();
        let held = kernel.blocks.iter().filter(|(_, expires)| **expires > now);
        Ok(held
            .map(|((target, scope), expires)| KernelBlock {
                target: target.clone(),
                scope: scope.clone(),
                expires: *expires,
            })
            .collect())
    }

    fn disconnect(&mut self, cuts: &[Cut]) -> Result<Disconnected, FirewallError> {
        let mut kernel = self.kernel();
        let mut counts = Disconnected::default();
        for cut in cuts {
            let before = kernel.open.len();
            kernel.open.retain(|cookie| *cookie != cut.connection.cookie);
            if kernel.open.len() < before { counts.ended += 1 } else { counts.gone += 1 }
        }
        Ok(counts)
    }
}

/// Checks a firewall that holds no block yet; leaves it empty. `clock` lets the given time pass and
/// says what time it is then. Panics with what went wrong.
pub fn conformance(firewall: &mut dyn Firewall, clock: &mut dyn FnMut(Duration) -> Timestamp) {
    let targets: Vec<Target> = [
        "203.0.113.66",
        "203.0.113.0/24",
        "203.0.113.128/25",
        "198.51.100.7:443",
        "2001:db8::66",
        "2001:db8:1::/48",
        "[2001:db8::67]:53",
    ]
    .iter()
    .filter_map(|text| text.parse().ok())
    .collect();
    let now = clock(Duration::ZERO);
    let hour = now.plus(Duration::from_secs(3600));
    assert_eq!(held(firewall, now), [], "begins empty");
    for target in &targets {
        assert!(!unblock(firewall, target), "lifting what is not there says so");
        block(firewall, target, hour, now);
        block(firewall, target, hour, now);
    }
    let listed = held(firewall, now);
    assert_eq!(listed.len(), targets.len(), "blocking twice is blocking once: {listed:?}");
    for target in &targets {
        let found = listed.iter().find(|block| block.target == *target).unwrap_or_else(|| panic!("{target} is listed"));
        assert_near(found.expires, hour, "the expiry is read back");
    }
    let later = hour.plus(Duration::from_secs(3600));
    block(firewall, &targets[0], later, now);
    let extended = held(firewall, now).into_iter().find(|block| block.target == targets[0]);
    assert_near(extended.map_or(now, |block| block.expires), later, "blocking again extends the time");
    for target in &targets {
        assert!(unblock(firewall, target), "{target} is lifted");
        assert!(!unblock(firewall, target), "{target} is lifted once");
    }
    many(firewall, &targets, hour, now);
    firewall.release(now).unwrap_or_else(|error| panic!("release: {error}"));
    assert_eq!(held(firewall, now), [], "nothing is left");
    firewall.release(now).unwrap_or_else(|error| panic!("release twice: {error}"));
    block(firewall, &targets[0], now.plus(Duration::from_secs(2)), now);
    let now = clock(Duration::from_secs(3));
    assert_eq!(held(firewall, now), [], "a block ends by itself");
    unblock(firewall, &targets[0]);
    let stranger = Cut {
        connection: ConnectionId { cookie: u64::MAX - 1, peer: 0 },
        protocol: Protocol::Tcp,
        local: (IpAddr::from([127, 0, 0, 1]), 9).into(),
        remote: (IpAddr::from([203, 0, 113, 66]), 9).into(),
        netns: 0,
        pid: 0,
        application: String::new(),
    };
    let counts = firewall.disconnect(&[stranger]).expect("disconnecting a stranger is no error");
    assert_eq!(counts, Disconnected { ended: 0, gone: 1, failed: 0 }, "a stranger is already gone");
}

/// Many at once: what cannot be done is told of its own block alone, the rest is in force.
fn many(firewall: &mut dyn Firewall, targets: &[Target], expires: Timestamp, now: Timestamp) {
    let name = Target::Peer(Observable::Domain("bad.example".into()));
    let all: Vec<KernelBlock> = targets
        .iter()
        .chain(std::iter::once(&name))
        .map(|target| KernelBlock { target: target.clone(), scope: Scope::Host, expires })
        .collect();
    for _ in 0..2 {
        let done = firewall.block_many(&all, now);
        let refused: Vec<bool> = done.iter().map(Result::is_err).collect();
        assert_eq!(done.len(), all.len(), "one result for each block");
        assert!(!refused[..targets.len()].contains(&true), "what can be blocked is: {done:?}");
        let held: Vec<Target> = held(firewall, now).into_iter().map(|block| block.target).collect();
        for target in targets {
            assert!(held.contains(target), "{target} is held");
        }
        if refused[targets.len()] {
            assert!(!held.contains(&name), "what was refused is not held");
        }
    }
}

fn block(firewall: &mut dyn Firewall, target: &Target, expires: Timestamp, now: Timestamp) {
    firewall.block(target, &Scope::Host, expires, now).unwrap_or_else(|error| panic!("block {target}: {error}"));
}

fn unblock(firewall: &mut dyn Firewall, target: &Target) -> bool {
    firewall.unblock(target, &Scope::Host).unwrap_or_else(|error| panic!("unblock {target}: {error}"))
}

fn held(firewall: &mut dyn Firewall, now: Timestamp) -> Vec<KernelBlock> {
    firewall.list(now).unwrap_or_else(|error| panic!("list: {error}"))
}

fn assert_near(a: Timestamp, b: Timestamp, what: &str) {
    let apart = a.since(b).max(b.since(a));
    assert!(apart <= Duration::from_secs(2), "{what}: {a} is not {b}");
}
