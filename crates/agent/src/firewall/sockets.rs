//! How do open connections end, and what can be done where nothing can be blocked?

use std::collections::BTreeMap;
use std::io;

use tripoint_linux::netns::NetNs;
use tripoint_linux::sock_diag::{SockDiag, Socket};
use tripoint_model::{Cut, Protocol, Scope, Target, Timestamp};
use tripoint_responder::{Disconnected, Firewall, FirewallError, KernelBlock};
use tripoint_sensor::namespaces::Namespaces;

/// Only ends sockets: where the kernel has neither programs nor tables for us.
pub struct SocketsOnly;

impl Firewall for SocketsOnly {
    fn name(&self) -> &'static str {
        "sock-destroy"
    }

    fn gaps(&self) -> &'static [&'static str] {
        &["everything new: only connections that are open are ended"]
    }

    fn block(&mut self, _: &Target, _: &Scope, _: Timestamp, _: Timestamp) -> Result<(), FirewallError> {
        Err(FirewallError::Unsupported(
            self.name(),
            "this host has neither kernel programs nor nftables nor ipset, so nothing can be blocked".into(),
        ))
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
pub(super) fn disconnect(cuts: &[Cut]) -> Result<Disconnected, FirewallError> {
    let mut by_namespace: BTreeMap<u64, Vec<&Cut>> = BTreeMap::new();
    for cut in cuts {
        by_namespace.entry(cut.netns).or_default().push(cut);
    }
    let own = NetNs::of_thread().and_then(|own| own.inode()).unwrap_or(0);
    // Looking through every process for the others' costs more than all the rest.
    let mut others: Option<Namespaces> = None;
    let mut total = Disconnected::default();
    for (inode, cuts) in by_namespace {
        let found = if inode == 0 || inode == own {
            NetNs::of_thread().ok()
        } else {
            others.get_or_insert_with(Namespaces::find).get(inode)
        };
        let Some(namespace) = found else {
            // The namespace is gone, and its sockets with it.
            total.gone += cuts.len() as u64;
            continue;
        };
        match namespace.run(|| end_all(&cuts)).and_then(|done| done) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                let why = "this kernel was built without the ending of sockets (CONFIG_INET_DIAG_DESTROY)".to_owned();
                return Err(FirewallError::Unsupported(SocketsOnly.name(), why));
            }
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
            // None can be ended then.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => return Err(error),
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
