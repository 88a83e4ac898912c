//! How do the kernel's block tables make a plan true?

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use ipnet::IpNet;
use tripoint_linux::bpf::{BlockError, Blocks, Isolation, KernelBlock as Held};
use tripoint_linux::clock::boot_ns;
use tripoint_model::{Cut, Scope, Target, Timestamp};
use tripoint_responder::{Disconnected, Firewall, FirewallError, KernelBlock};

use super::applications::cgroups_of;
use super::ends::{Ends, place, target};
use super::kept::Kept;
use super::sockets::disconnect;

/// Blocks in BPF maps that the connect, send and packet programs read; sockets end by cookie.
pub struct BpfFirewall {
    blocks: Blocks,
    ends: Ends,
    /// Blocks for one application each: the kernel knows them by cgroup only.
    scoped: BTreeMap<(Target, String), Scoped>,
    isolation: Isolation,
    /// The isolation as it was asked for: its end by the wall clock and by the boot clock.
    isolated: Option<(Timestamp, u64)>,
    admitted: Vec<IpNet>,
    kept: Kept,
    /// What others did to the programs, and was put right; nobody has asked yet.
    repairs: Vec<String>,
}

/// A block for one application, as it was asked for.
#[derive(Clone)]
struct Scoped {
    net: IpNet,
    port: u16,
    expires: Timestamp,
    expires_ns: u64,
    /// Every cgroup that it was written for, also those that the application has left.
    cgroups: BTreeSet<u64>,
}

impl BpfFirewall {
    /// Over the maps of the loaded programs.
    pub fn new(blocks: Blocks, isolation: Isolation, name: &str) -> Self {
        let (ends, scoped) = (Ends::default(), BTreeMap::new());
        let (admitted, kept, repairs) = (Vec::new(), Kept::new(name), Vec::new());
        Self { blocks, ends, scoped, isolation, isolated: None, admitted, kept, repairs }
    }

    /// Programs that drop packets outlive us as long as there is something to drop.
    fn follow(&mut self) {
        let in_force = !self.blocks.is_empty() || self.isolation.until_ns() > boot_ns();
        self.kept.follow(&self.blocks, in_force);
    }

    /// Puts back programs that somebody has detached, and files that keep them. Returns whether everything has been
    /// refused all the time.
    fn mend(&mut self) -> Result<bool, FirewallError> {
        if self.kept.mend(&self.blocks) {
            self.repairs.push("what keeps the blocks without an agent was removed; it is back".to_owned());
        }
        let detached = self.blocks.mend().map_err(|error| kernel("put back a program that was detached", error))?;
        if detached.is_empty() {
            return Ok(true);
        }
        self.repairs.extend(detached.iter().map(|program| format!("the program {program} was detached; it is back")));
        // A link that is new is not kept yet.
        self.kept.mend(&self.blocks);
        Ok(false)
    }

    /// Takes out of the tables what has ended by itself.
    fn sweep(&mut self, now_ns: u64) -> Vec<Held> {
        let (held, ended): (Vec<Held>, Vec<Held>) =
            self.blocks.list().into_iter().partition(|held| held.expires_ns > now_ns);
        for ended in ended {
            if let Err(error) = self.blocks.remove(ended.net, ended.port, ended.cgroup_id) {
                tracing::warn!(%error, net = %ended.net, "a block that has ended stays in the kernel's table");
            }
        }
        held
    }
}

impl BpfFirewall {
    /// Without anybody to admit the host would be lost: then it is not isolated.
    fn isolate(&mut self, expires: Timestamp) -> Result<(), FirewallError> {
        if self.admitted.is_empty() {
            let why = "who must stay reachable is not known".to_owned();
            return Err(FirewallError::Unsupported(self.name(), why));
        }
        let before = self.isolated.filter(|(asked, _)| *asked == expires);
        let until_ns = before.map_or_else(|| self.ends.until(expires), |(_, until_ns)| until_ns);
        self.isolation.isolate(&self.admitted, until_ns).map_err(|error| kernel("isolate", error))?;
        self.isolated = Some((expires, until_ns));
        self.follow();
        Ok(())
    }

    /// The isolation, if the kernel holds it as it was given and nobody else is admitted.
    fn isolation(&self, now_ns: u64) -> Option<KernelBlock> {
        let until_ns = self.isolation.until_ns();
        if until_ns <= now_ns {
            return None;
        }
        let (asked, given) = self.isolated?;
        let wanted: BTreeSet<IpNet> = self.admitted.iter().map(IpNet::trunc).collect();
        let found: BTreeSet<IpNet> = self.isolation.admitted().into_iter().collect();
        let as_given = given == until_ns && wanted == found;
        as_given.then_some(KernelBlock { target: Target::Host, scope: Scope::Host, expires: asked })
    }

    fn block_for(&mut self, key: &str, target: &Target, expires: Timestamp) -> Result<(), FirewallError> {
        let (net, port) = place(self.name(), target, &Scope::Host)?;
        if net.prefix_len() != net.max_prefix_len() {
            let why = format!("{target} is a network; for one application only addresses can be blocked");
            return Err(FirewallError::Unsupported(self.name(), why));
        }
        let cgroups = self.cgroups(key)?;
        let at = (target.clone(), key.to_owned());
        let before = self.scoped.get(&at).filter(|scoped| scoped.expires == expires);
        let expires_ns = before.map_or_else(|| self.ends.boot(net, port, expires), |scoped| scoped.expires_ns);
        let written =
            self.scoped.entry(at).or_insert(Scoped { net, port, expires, expires_ns, cgroups: BTreeSet::new() });
        (written.expires, written.expires_ns) = (expires, expires_ns);
        for cgroup_id in cgroups {
            let block = Held { net, port, cgroup_id, expires_ns, hits: 0, id: 0 };
            self.blocks.insert(&block).map_err(|error| kernel("block", error))?;
            written.cgroups.insert(cgroup_id);
        }
        self.follow();
        Ok(())
    }

    fn unblock_for(&mut self, key: &str, target: &Target) -> Result<bool, FirewallError> {
        let at = (target.clone(), key.to_owned());
        let Some(scoped) = self.scoped.get(&at) else { return Ok(false) };
        // Also in cgroups that it has left, unless another application's block of the same peer lies there.
        let others: BTreeSet<u64> = self
            .scoped
            .iter()
            .filter(|(other, _)| other.0 == at.0 && other.1 != at.1)
            .flat_map(|(_, other)| other.cgroups.iter().copied())
            .collect();
        for cgroup_id in scoped.cgroups.difference(&others) {
            self.blocks.remove(scoped.net, scoped.port, *cgroup_id).map_err(|error| kernel("unblock", error))?;
        }
        self.scoped.remove(&at);
        Ok(true)
    }

    fn cgroups(&self, key: &str) -> Result<BTreeSet<u64>, FirewallError> {
        cgroups_of(key).map_err(|why| FirewallError::Unsupported(self.name(), why))
    }

    /// Blocks for applications that hold in every cgroup where the application runs now. One that was started anew has
    /// another cgroup: its block is missing then, and is put back.
    fn list_scoped(&mut self, held: &[Held], now_ns: u64) -> Vec<KernelBlock> {
        self.scoped.retain(|_, scoped| scoped.expires_ns > now_ns);
        let holds = |scoped: &Scoped, cgroup_id: u64| {
            held.iter().any(|held| {
                (held.net, held.port, held.cgroup_id) == (scoped.net, scoped.port, cgroup_id)
                    && held.expires_ns == scoped.expires_ns
            })
        };
        let everywhere = |key: &str, scoped: &Scoped| {
            cgroups_of(key).is_ok_and(|cgroups| cgroups.into_iter().all(|id| holds(scoped, id)))
        };
        self.scoped
            .iter()
            .filter(|((_, key), scoped)| everywhere(key, scoped))
            .map(|((target, key), scoped)| KernelBlock {
                target: target.clone(),
                scope: Scope::Application(key.clone()),
                expires: scoped.expires,
            })
            .collect()
    }
}

impl Firewall for BpfFirewall {
    fn name(&self) -> &'static str {
        "bpf"
    }

    fn gaps(&self) -> &'static [&'static str] {
        const GAPS: &[&str] = &[
            "what this host only forwards: virtual machines, other hosts behind it",
            "packets that a program writes to an interface itself (AF_PACKET)",
            "everything while no agent runs: there is no file system of BPF to keep the programs in",
        ];
        if self.kept.can() { &GAPS[..2] } else { GAPS }
    }

    fn admit(&mut self, nets: &[IpNet]) {
        self.admitted = nets.to_vec();
        // Who came to administer a host that is isolated already is let in at once.
        if let Some((expires, until_ns)) = self.isolated.filter(|(_, until_ns)| *until_ns > boot_ns())
            && let Err(error) = self.isolation.isolate(nets, until_ns)
        {
            tracing::error!(%error, %expires, "who is admitted could not be told to the kernel");
        }
    }

    fn block(
        &mut self,
        target: &Target,
        scope: &Scope,
        expires: Timestamp,
        _now: Timestamp,
    ) -> Result<(), FirewallError> {
        if *target == Target::Host {
            return self.isolate(expires);
        }
        if let Scope::Application(key) = scope {
            return self.block_for(key, target, expires);
        }
        let (net, port) = place(self.name(), target, scope)?;
        let expires_ns = self.ends.boot(net, port, expires);
        let block = Held { net, port, cgroup_id: 0, expires_ns, hits: 0, id: 0 };
        self.blocks.insert(&block).map_err(|error| kernel("block", error))?;
        self.ends.give(net, port, expires, expires_ns);
        self.follow();
        Ok(())
    }

    fn unblock(&mut self, target: &Target, scope: &Scope) -> Result<bool, FirewallError> {
        let lifted = match (target, scope) {
            (Target::Host, _) => {
                self.isolated = None;
                self.isolation.rejoin().map_err(|error| kernel("rejoin", error))
            }
            (_, Scope::Application(key)) => self.unblock_for(key, target),
            _ => {
                let (net, port) = place(self.name(), target, scope)?;
                self.ends.forget(net, port);
                self.blocks.remove(net, port, 0).map_err(|error| kernel("unblock", error))
            }
        };
        self.follow();
        lifted
    }

    /// Also what is not listed now: a block for an application that cannot be told from its neighbours any more.
    fn release(&mut self, _now: Timestamp) -> Result<(), FirewallError> {
        self.scoped.clear();
        self.ends = Ends::default();
        self.isolated = None;
        let rejoined = self.isolation.rejoin();
        let cleared = self.blocks.clear();
        self.follow();
        rejoined.and(cleared.map(|_| true)).map(drop).map_err(|error| kernel("release", error))
    }

    fn list(&mut self, _now: Timestamp) -> Result<Vec<KernelBlock>, FirewallError> {
        let now_ns = boot_ns();
        self.ends.forget_ended(now_ns);
        // Entries that nobody looked at were no blocks: the ledger's comparison shall tell of it.
        if !self.mend()? {
            return Ok(Vec::new());
        }
        let held = self.sweep(now_ns);
        let mut listed = self.list_scoped(&held, now_ns);
        listed.extend(self.isolation(now_ns));
        listed.extend(held.iter().filter(|held| held.cgroup_id == 0).map(|held| KernelBlock {
            target: target(held.net, held.port),
            scope: Scope::Host,
            expires: self.ends.asked(held.net, held.port, held.expires_ns),
        }));
        self.follow();
        Ok(listed)
    }

    fn settled(&mut self) {
        self.kept.settle();
    }

    fn take_repairs(&mut self) -> Vec<String> {
        std::mem::take(&mut self.repairs)
    }

    fn disconnect(&mut self, cuts: &[Cut]) -> Result<Disconnected, FirewallError> {
        disconnect(cuts)
    }
}

fn kernel(action: &str, error: BlockError) -> FirewallError {
    FirewallError::Kernel { action: action.to_owned(), source: io::Error::other(error) }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use tripoint_linux::bpf::{LoadOptions, load, pins};

    use super::super::staged::{Own, Waiting};
    use super::*;

    /// Fails when an application that cannot be told from its neighbours any more counts as one that is nowhere.
    #[test]
    fn lifting_one_applications_block_leaves_that_of_another_in_a_cgroup_shared_since() {
        let loaded = match load(&LoadOptions::default()) {
            Ok(loaded) => loaded,
            Err(error) if std::env::var_os("RUN_KERNEL_TESTS").is_some() => panic!("{error}"),
            Err(error) => return println!("skipped: {error}"),
        };
        let name = format!("tripoint_scoped_{}", std::process::id());
        let mut firewall = BpfFirewall::new(loaded.blocks, loaded.isolation, &name);
        let (Some(first), Some(second)) = (Own::make("first"), Own::make("second")) else { return };
        let (one, two, neighbour) = (Waiting::start("one"), Waiting::start("two"), Waiting::start("neighbour"));
        first.take(&one);
        second.take(&two);
        let target: Target = "203.0.113.77".parse().unwrap();
        let now = || Timestamp::from_system(SystemTime::now());
        let expires = now().plus(Duration::from_secs(60));
        for application in [&one, &two] {
            firewall.block_for(&application.key, &target, expires).unwrap();
        }
        // From now on nobody can say where the second one alone is.
        second.take(&neighbour);
        assert!(cgroups_of(&two.key).is_err());
        assert!(firewall.unblock_for(&one.key, &target).unwrap());
        let held: Vec<u64> = firewall.blocks.list().iter().map(|held| held.cgroup_id).collect();
        assert_eq!(held, [second.id()], "the second one's block stands, the first one's is lifted");
        assert!(firewall.unblock_for(&two.key, &target).unwrap());
        assert!(firewall.blocks.list().is_empty());
        // Nor does anything stay behind that cannot be listed any more.
        firewall.block_for(&one.key, &target, expires).unwrap();
        first.take(&neighbour);
        assert!(cgroups_of(&one.key).is_err() && firewall.list(now()).unwrap().is_empty());
        firewall.release(now()).unwrap();
        assert!(firewall.blocks.list().is_empty() && pins::kept(&name).is_empty());
    }
}
