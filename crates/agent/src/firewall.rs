//! How do the kernel's block tables and socket destruction make a plan true?

use std::collections::{BTreeMap, HashMap};
use std::io;

use ipnet::IpNet;
use tripoint_linux::bpf::{BlockError, Blocks, KernelBlock as Held};
use tripoint_linux::clock::{BootClock, boot_ns};
use tripoint_linux::sock_diag::{SockDiag, Socket};
use tripoint_model::{Cut, Observable, Protocol, Scope, Target, Timestamp};
use tripoint_responder::{Disconnected, Firewall, FirewallError, KernelBlock};
use tripoint_sensor::namespaces::Namespaces;

/// Blocks in BPF maps that the connect, send and packet programs read; sockets end by cookie.
pub struct BpfFirewall {
    blocks: Blocks,
    clock: BootClock,
    /// The wall-clock end of each block as it was asked for, and the boot-clock end that it was given then: a step of
    /// the wall clock afterwards neither lengthens nor shortens it.
    given: HashMap<(IpNet, u16), (Timestamp, u64)>,
}

impl BpfFirewall {
    /// Over the maps of the loaded programs.
    pub fn new(blocks: Blocks) -> Self {
        Self { blocks, clock: BootClock::new(), given: HashMap::new() }
    }

    fn place(&self, target: &Target, scope: &Scope) -> Result<(IpNet, u16), FirewallError> {
        if *scope != Scope::Host {
            let why = "only the whole host can be blocked so far".to_owned();
            return Err(FirewallError::Unsupported(self.name(), why));
        }
        match (target.net(), target.port()) {
            (Some(net), port) => Ok((net, port.unwrap_or(0))),
            (None, _) => {
                Err(FirewallError::Unsupported(self.name(), format!("{target} is a name; block its addresses")))
            }
        }
    }
}

impl Firewall for BpfFirewall {
    fn name(&self) -> &'static str {
        "bpf"
    }

    fn block(
        &mut self,
        target: &Target,
        scope: &Scope,
        expires: Timestamp,
        _now: Timestamp,
    ) -> Result<(), FirewallError> {
        let (net, port) = self.place(target, scope)?;
        self.clock.refresh();
        let known = self.given.get(&(net, port)).filter(|(asked, _)| *asked == expires).map(|(_, end)| *end);
        let expires_ns = known.unwrap_or_else(|| self.clock.boot(expires));
        let block = Held { net, port, cgroup_id: 0, expires_ns, hits: 0, id: 0 };
        self.blocks.insert(&block).map_err(|error| kernel("block", error))?;
        self.given.insert((net, port), (expires, expires_ns));
        Ok(())
    }

    fn unblock(&mut self, target: &Target, scope: &Scope) -> Result<bool, FirewallError> {
        let (net, port) = self.place(target, scope)?;
        self.given.remove(&(net, port));
        self.blocks.remove(net, port, 0).map_err(|error| kernel("unblock", error))
    }

    fn list(&mut self, _now: Timestamp) -> Result<Vec<KernelBlock>, FirewallError> {
        let now_ns = boot_ns();
        let held = self.blocks.list().into_iter().filter(|held| held.expires_ns > now_ns);
        Ok(held
            .map(|held| {
                let given = self.given.get(&(held.net, held.port)).filter(|(_, end)| *end == held.expires_ns);
                let expires = given.map_or_else(|| self.clock.wall(held.expires_ns), |(asked, _)| *asked);
                KernelBlock { target: target(&held), scope: Scope::Host, expires }
            })
            .collect())
    }

    fn disconnect(&mut self, cuts: &[Cut]) -> Result<Disconnected, FirewallError> {
        disconnect(cuts)
    }
}

fn target(held: &Held) -> Target {
    match held.port {
        0 => Observable::from_net(held.net),
        port => Observable::AddressPort(held.net.addr(), port),
    }
}

fn kernel(action: &str, error: BlockError) -> FirewallError {
    FirewallError::Kernel { action: action.to_owned(), source: io::Error::other(error) }
}

/// Only ends sockets: where the kernel takes no programs.
pub struct SocketsOnly;

impl Firewall for SocketsOnly {
    fn name(&self) -> &'static str {
        "sock-destroy"
    }

    fn block(&mut self, _: &Target, _: &Scope, _: Timestamp, _: Timestamp) -> Result<(), FirewallError> {
        Err(FirewallError::Unsupported(self.name(), "this kernel takes no programs, so nothing can be blocked".into()))
    }

    fn unblock(&mut self, _: &Target, _: &Scope) -> Result<bool, FirewallError> {
        Ok(false)
    }

    fn list(&mut self, _: Timestamp) -> Result<Vec<KernelBlock>, FirewallError> {
        Ok(Vec::new())
    }

    fn disconnect(&mut self, cuts: &[Cut]) -> Result<Disconnected, FirewallError> {
        disconnect(cuts)
    }
}

/// Ends each connection in the network namespace it lives in, by its cookie.
fn disconnect(cuts: &[Cut]) -> Result<Disconnected, FirewallError> {
    let mut by_namespace: BTreeMap<u64, Vec<&Cut>> = BTreeMap::new();
    for cut in cuts {
        by_namespace.entry(cut.netns).or_default().push(cut);
    }
    let namespaces = Namespaces::find();
    let mut total = Disconnected::default();
    for (inode, cuts) in by_namespace {
        let Some(namespace) = namespaces.get(inode) else {
            // The namespace is gone, and its sockets with it.
            total.gone += cuts.len() as u64;
            continue;
        };
        match namespace.run(|| end_all(&cuts)).and_then(|done| done) {
            Ok(done) => {
                total.ended += done.ended;
                total.gone += done.gone;
                total.failed += done.failed;
            }
            Err(error) => {
                tracing::warn!(namespace = inode, %error, "connections could not be ended");
                total.failed += cuts.len() as u64;
            }
        }
    }
    Ok(total)
}

fn end_all(cuts: &[&Cut]) -> io::Result<Disconnected> {
    let mut diag = SockDiag::open()?;
    let mut done = Disconnected::default();
    let mut dump: Option<Vec<Socket>> = None;
    for cut in cuts {
        let mut ended = end(&mut diag, cut);
        // What we know of the tuple may be incomplete: the cookie is the identity, the kernel's dump has the rest.
        if ended.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            if dump.is_none() {
                dump = Some(diag.all()?);
            }
            let found = dump.iter().flatten().find(|socket| socket.cookie == cut.connection.cookie);
            if let Some(socket) = found {
                ended = diag.destroy(socket);
            }
        }
        match ended {
            Ok(()) => done.ended += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => done.gone += 1,
            Err(error) => {
                tracing::warn!(remote = %cut.remote, %error, "connection could not be ended");
                done.failed += 1;
            }
        }
    }
    Ok(done)
}

/// An IPv4 peer may belong to a socket of either family.
fn end(diag: &mut SockDiag, cut: &Cut) -> io::Result<()> {
    let mut socket = Socket {
        protocol: match cut.protocol {
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
        },
        family: if cut.remote.is_ipv4() { 2 } else { 10 },
        state: 1,
        local: cut.local,
        remote: cut.remote,
        cookie: cut.connection.cookie,
        inode: 0,
        uid: 0,
        cgroup_id: 0,
        bytes_in: 0,
        bytes_out: 0,
        identity: None,
    };
    match diag.destroy(&socket) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && socket.family == 2 => {
            socket.family = 10;
            diag.destroy(&socket)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use tripoint_linux::bpf::{LoadOptions, load};
    use tripoint_model::Timestamp;
    use tripoint_responder::testing::conformance;

    use super::*;

    #[test]
    fn the_kernels_tables_pass_the_suite_of_every_firewall() {
        let loaded = match load(&LoadOptions::default()) {
            Ok(loaded) => loaded,
            Err(error) if std::env::var_os("RUN_KERNEL_TESTS").is_some() => panic!("{error}"),
            Err(error) => return println!("skipped: {error}"),
        };
        let mut clock = |wait: Duration| {
            std::thread::sleep(wait);
            Timestamp::from_system(SystemTime::now())
        };
        conformance(&mut BpfFirewall::new(loaded.blocks), &mut clock);
    }
}
