//! Which rung does an action stand on: are peers refused by a mechanism, or an application's processes halted?

use std::path::Path;

use ipnet::IpNet;
use tripoint_model::{Cut, Scope, Target, Timestamp};
use tripoint_responder::{Disconnected, Firewall, FirewallError, KernelBlock};

use super::frozen::{Frozen, folder};

/// A mechanism for peers and the host, and the freezer for applications, as one.
pub struct Ladder {
    wall: Box<dyn Firewall>,
    frozen: Frozen,
}

impl Ladder {
    /// Over a mechanism and the freezer of the instance in this data folder; goes on with what an earlier agent halted.
    pub fn over(wall: Box<dyn Firewall>, data: &Path) -> Box<dyn Firewall> {
        let mut frozen = Frozen::new(folder(data));
        if wall.acts() {
            frozen.resume();
        }
        Box::new(Self { wall, frozen })
    }
}

impl Firewall for Ladder {
    fn name(&self) -> &'static str {
        self.wall.name()
    }

    fn name_for(&self, target: &Target) -> &'static str {
        match target {
            // One that only tells halts nothing either.
            Target::Application(_) if self.wall.acts() => Frozen::NAME,
            _ => self.wall.name_for(target),
        }
    }

    fn gaps(&self) -> &'static [&'static str] {
        self.wall.gaps()
    }

    fn acts(&self) -> bool {
        self.wall.acts()
    }

    fn admit(&mut self, nets: &[IpNet]) {
        self.wall.admit(nets);
    }

    fn block(&mut self, target: &Target, scope: &Scope, end: Timestamp, now: Timestamp) -> Result<(), FirewallError> {
        match target {
            Target::Application(key) => self.frozen.freeze(key, end),
            Target::Peer(_) | Target::Beneath(_) | Target::Host => self.wall.block(target, scope, end, now),
        }
    }

    fn block_many(&mut self, blocks: &[KernelBlock], now: Timestamp) -> Vec<Result<(), FirewallError>> {
        // Together only where all are for the mechanism; orders are of one kind anyway.
        if blocks.iter().any(|block| matches!(block.target, Target::Application(_))) {
            return blocks.iter().map(|one| self.block(&one.target, &one.scope, one.expires, now)).collect();
        }
        self.wall.block_many(blocks, now)
    }

    fn unblock(&mut self, target: &Target, scope: &Scope) -> Result<bool, FirewallError> {
        match target {
            Target::Application(key) => self.frozen.thaw(key),
            Target::Peer(_) | Target::Beneath(_) | Target::Host => self.wall.unblock(target, scope),
        }
    }

    fn release(&mut self, now: Timestamp) -> Result<(), FirewallError> {
        // One that fails must not keep the rest in force.
        let thawed: Result<Vec<bool>, FirewallError> =
            self.frozen.release().into_iter().map(|(_, done)| done).collect();
        self.wall.release(now)?;
        thawed.map(drop)
    }

    fn list(&mut self, now: Timestamp) -> Result<Vec<KernelBlock>, FirewallError> {
        let mut listed = self.wall.list(now)?;
        listed.extend(self.frozen.list());
        Ok(listed)
    }

    fn held(&mut self, asked: &[(&Target, &Scope)], now: Timestamp) -> Result<Vec<KernelBlock>, FirewallError> {
        let mut held = self.wall.held(asked, now)?;
        held.extend(self.frozen.list());
        Ok(held)
    }

    fn settled(&mut self) {
        self.wall.settled();
    }

    fn take_repairs(&mut self) -> Vec<String> {
        self.wall.take_repairs()
    }

    fn disconnect(&mut self, cuts: &[Cut]) -> Result<Disconnected, FirewallError> {
        self.wall.disconnect(cuts)
    }
}
